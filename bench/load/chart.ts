// The chart: one SVG file that needs nothing else. One panel a case, one bar a peer, its length the ratio to the
// reference peer (the dashed line at 1), a whisker from the best round to the worst, the figure itself in words.

import { type BenchResult, type CaseSummary, describeRun, type EntrySummary, short } from './report.ts';
import type { Spread } from './statistics.ts';

const WIDTH = 960;
const LEFT = 250; // names end here
const RIGHT = 190; // figures begin here, counted from the right edge
const BAR = 18;
const BAR_GAP = 6;
const PANEL_HEAD = 34;
const TOP = 96;
const BOTTOM = 30;
const RATIO_MAX = 4; // longer bars are cut, and say so

const colours: Readonly<Record<string, string>> = { weir: '#0b7285', haproxy: '#868e96', nginx: '#c2a83e' };

/** Text as XML character data or attribute value: hostile names stay text, characters XML forbids are dropped. */
export function escapeXml(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/g, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

interface Bar {
  name: string;
  colour: string;
  ratio: number;
  ratioMin: number;
  ratioMax: number;
  figure: string;
}

interface Panel {
  title: string;
  bars: Bar[];
}

/** `result` as a standalone SVG document. Cases or peers without figures are left out. */
export function svgChart(result: BenchResult): string {
  const panels = result.cases.map((one) => panelOf(one, result.reference)).filter((panel) => panel.bars.length > 0);
  const ratios = panels.flatMap((panel) => panel.bars.map((bar) => bar.ratioMax));
  const scaleMax = Math.min(RATIO_MAX, Math.max(1.25, ...ratios));
  const parts: string[] = [];
  let y = TOP;
  for (const panel of panels) y = drawPanel(parts, panel, y, scaleMax);
  const height = y + BOTTOM;
  const title =
    result.reference === '' ? 'What each proxy spends' : `What each proxy spends, compared with ${result.reference}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" ` +
      `font-family="system-ui, sans-serif" font-size="13" fill="#212529">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="24" y="34" font-size="20" font-weight="600">${escapeXml(title)}</text>`,
    ...wrapWords(describeRun(result), 135).map(
      (line, index) => `<text x="24" y="${56 + index * 16}" font-size="12" fill="#495057">${escapeXml(line)}</text>`,
    ),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function panelOf(one: CaseSummary, reference: string): Panel {
  const bars = one.entries
    .filter((entry) => entry.figures[one.headline] !== undefined)
    .map((entry) => barOf(one, entry, reference));
  return { title: `${one.title}: ${headlineWords(one)} (shorter is better)`, bars };
}

function headlineWords(one: CaseSummary): string {
  if (one.kind === 'idle') return 'memory per connection';
  return one.isBulk ? 'CPU per MiB' : 'CPU per request';
}

// Without any reference peer the first peer's median is the measure; where the reference has no figure in this
// case there is nothing to compare with, and the bar has no length.
function fallbackRatio(one: CaseSummary, entry: EntrySummary, reference: string): Spread {
  const first = one.entries.find((other) => other.figures[one.headline] && other.isLogging === entry.isLogging);
  const measure = reference === '' ? (first?.figures[one.headline]?.median ?? 0) : 0;
  const ratio = measure > 0 ? entry.figures[one.headline]!.median / measure : 0;
  return { median: ratio, min: ratio, max: ratio };
}

function barOf(one: CaseSummary, entry: EntrySummary, reference: string): Bar {
  const median = entry.figures[one.headline]!.median;
  const ratio = entry.ratios[one.headline] ?? fallbackRatio(one, entry, reference);
  const figure = one.kind === 'idle' ? `${short(median / 1024)} KiB` : `${short(median)} µs`;
  return {
    name: entry.isLogging ? `${entry.peer}, logging` : entry.peer,
    colour: colours[entry.kind] ?? '#495057',
    ratio: Math.max(0, ratio.median),
    ratioMin: Math.max(0, ratio.min),
    ratioMax: Math.max(0, ratio.max),
    figure: entry.ratios[one.headline] ? `${figure}  ·  ${ratio.median.toFixed(2)}` : figure,
  };
}

/** Draws `panel` from `y` down and returns where the next begins. */
function drawPanel(parts: string[], panel: Panel, y: number, scaleMax: number): number {
  const plotWidth = WIDTH - LEFT - RIGHT;
  const x = (ratio: number): number => LEFT + (Math.min(ratio, scaleMax) / scaleMax) * plotWidth;
  const one = x(1).toFixed(1);
  const top = y + PANEL_HEAD;
  const bottom = top + panel.bars.length * (BAR + BAR_GAP);
  parts.push(`<text x="24" y="${y + 24}" font-weight="600">${escapeXml(panel.title)}</text>`);
  panel.bars.forEach((bar, index) => {
    const barY = top + index * (BAR + BAR_GAP);
    const textY = barY + BAR - 4.5;
    const middle = barY + BAR / 2;
    const end = x(bar.ratio);
    parts.push(
      `<text x="${LEFT - 10}" y="${textY}" text-anchor="end">${escapeXml(bar.name)}</text>`,
      `<rect x="${LEFT}" y="${barY}" width="${(end - LEFT).toFixed(1)}" height="${BAR}" rx="2" fill="${bar.colour}"/>`,
      `<text x="${WIDTH - RIGHT + 14}" y="${textY}">${escapeXml(bar.figure)}${bar.ratio > scaleMax ? ' (cut)' : ''}</text>`,
    );
    if (bar.ratioMax > bar.ratioMin) {
      const from = x(bar.ratioMin).toFixed(1);
      const to = x(bar.ratioMax).toFixed(1);
      parts.push(
        `<path d="M${from} ${middle}H${to}M${from} ${middle - 4}v8M${to} ${middle - 4}v8" stroke="#212529" fill="none"/>`,
      );
    }
  });
  parts.push(
    `<path d="M${one} ${top - 4}V${bottom}" stroke="#212529" stroke-dasharray="3 3" stroke-opacity="0.6" fill="none"/>`,
  );
  return bottom + 8;
}

function wrapWords(text: string, lengthMax: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > lengthMax) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return line === '' ? lines : [...lines, line];
}
