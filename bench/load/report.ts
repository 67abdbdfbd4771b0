// From runs to what people read: the summary that is saved as JSON, the table on the terminal, the table in
// README.md. Everything here is pure.

import type { Entry, FigureName, Figures } from './measure.ts';
import { fileBytes, type Scenario } from './scenarios.ts';
import { ratioSpread, type Spread, spreadOf } from './statistics.ts';

export interface Machine {
  cpu: string;
  coreCount: number;
  kernel: string;
  memoryBytes: number;
}

export interface EntrySummary {
  peer: string;
  kind: string;
  version: string;
  isLogging: boolean;
  failure: string;
  figures: Partial<Record<FigureName, Spread>>;
  ratios: Partial<Record<FigureName, Spread>>; // to the reference peer of the same round and variant
  ratiosToQuiet: Partial<Record<FigureName, Spread>>; // logging only: to the same peer without logging, same round
  runs: Figures[];
}

export interface CaseSummary {
  name: string;
  title: string;
  kind: Scenario['kind'];
  isBulk: boolean;
  bodyBytes: number;
  headline: FigureName; // what the ratio in tables and chart is about
  entries: EntrySummary[];
}

export interface BenchResult {
  date: string; // ISO 8601
  machine: Machine;
  node: string;
  loadTool: string;
  origin: string;
  reference: string; // name of the peer that ratios are to; '' without one
  roundCount: number;
  secondsPerRun: number;
  connectionCount: number;
  idleCount: number;
  cases: CaseSummary[];
}

/** The figure that the case is about. */
export function headlineOf(scenario: Scenario): FigureName {
  if (scenario.kind === 'idle') return 'rssBytesPerConnection';
  return scenario.isBulk ? 'cpuUsPerMib' : 'cpuUsPerRequest';
}

/** Summary of one case: medians and spreads, and ratios to the entry of `reference` with the same variant. */
export function summarizeCase(scenario: Scenario, entries: readonly Entry[], reference: string): CaseSummary {
  return {
    name: scenario.name,
    title: scenario.title,
    kind: scenario.kind,
    isBulk: scenario.isBulk,
    bodyBytes: fileBytes[scenario.file],
    headline: headlineOf(scenario),
    entries: entries.map((entry) => {
      const rival = entries.find((other) => other.peer.name === reference && other.isLogging === entry.isLogging);
      const quiet = entries.find((other) => other.peer.name === entry.peer.name && !other.isLogging);
      return {
        peer: entry.peer.name,
        kind: entry.peer.kind,
        version: entry.peer.version,
        isLogging: entry.isLogging,
        failure: entry.failure,
        figures: figureSpreads(entry),
        ratios: rival ? ratiosOf(entry, rival) : {},
        ratiosToQuiet: entry.isLogging && quiet ? ratiosOf(entry, quiet) : {},
        runs: entry.runs,
      };
    }),
  };
}

function figureNames(entry: Entry): FigureName[] {
  return entry.runs.length === 0 ? [] : (Object.keys(entry.runs[0]!) as FigureName[]);
}

function valuesOf(entry: Entry, name: FigureName): number[] {
  return entry.runs.map((run) => run[name] ?? 0);
}

function figureSpreads(entry: Entry): Partial<Record<FigureName, Spread>> {
  const spreads: Partial<Record<FigureName, Spread>> = {};
  for (const name of figureNames(entry)) spreads[name] = spreadOf(valuesOf(entry, name));
  return spreads;
}

function ratiosOf(ours: Entry, theirs: Entry): Partial<Record<FigureName, Spread>> {
  const ratios: Partial<Record<FigureName, Spread>> = {};
  for (const name of figureNames(ours)) {
    const spread = ratioSpread(valuesOf(ours, name), valuesOf(theirs, name));
    if (spread) ratios[name] = spread;
  }
  return ratios;
}

// --- words and numbers ---

const dash = '–';

/** 3 significant digits, thousands separated: 41 200, 14.1, 0.705. */
export function short(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= 1_000) {
    return Math.round(Number(value.toPrecision(3)))
      .toLocaleString('en-US')
      .replaceAll(',', ' ');
  }
  return magnitude >= 100 ? value.toFixed(0) : magnitude >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function cell(spread: Spread | undefined, divisor = 1): string {
  return spread ? short(spread.median / divisor) : dash;
}

/** `0.71 (0.68–0.75)`. */
export function ratioText(spread: Spread | undefined): string {
  if (!spread) return dash;
  return `${spread.median.toFixed(2)} (${spread.min.toFixed(2)}–${spread.max.toFixed(2)})`;
}

function entryName(entry: EntrySummary): string {
  return entry.isLogging ? `${entry.peer} + log` : entry.peer;
}

/** The reference with itself is 1 by definition: a dash says more. */
function ratioCell(entry: EntrySummary, name: FigureName, reference: string): string {
  return entry.peer === reference ? dash : ratioText(entry.ratios[name]);
}

/** One case's rows, the first being the column heads. */
export function caseRows(one: CaseSummary, reference: string): string[][] {
  const to = reference === '' ? 'ratio' : `ratio to ${reference}`;
  if (one.kind === 'idle') {
    const head = ['', 'KiB/connection', `${to} (min–max)`, 'base MiB', 'with clients MiB', 'open files'];
    return [head, ...one.entries.map((entry) => (entry.failure === '' ? idleCells(entry, reference) : failed(entry)))];
  }
  const unit = one.isBulk ? 'CPU µs/MiB' : 'CPU µs/request';
  const head = [
    '',
    one.isBulk ? 'MiB/s' : 'req/s',
    'p50 ms',
    'p99 ms',
    unit,
    `${to} (min–max)`,
    'p99 ratio',
    'RSS MiB',
  ];
  return [
    head,
    ...one.entries.map((entry) => (entry.failure === '' ? loadCells(one, entry, reference) : failed(entry))),
  ];
}

function failed(entry: EntrySummary): string[] {
  return [entryName(entry), `failed: ${entry.failure.split('\n')[0]}`];
}

function idleCells(entry: EntrySummary, reference: string): string[] {
  const { figures } = entry;
  return [
    entryName(entry),
    cell(figures.rssBytesPerConnection, 1024),
    ratioCell(entry, 'rssBytesPerConnection', reference),
    cell(figures.baseRssBytes, 2 ** 20),
    cell(figures.rssBytes, 2 ** 20),
    figures.fdCount ? String(figures.fdCount.median) : dash,
  ];
}

function loadCells(one: CaseSummary, entry: EntrySummary, reference: string): string[] {
  const { figures } = entry;
  return [
    entryName(entry),
    cell(one.isBulk ? figures.mibPerSecond : figures.requestsPerSecond),
    cell(figures.p50Us, 1_000),
    cell(figures.p99Us, 1_000),
    cell(figures[one.headline]),
    ratioCell(entry, one.headline, reference),
    ratioCell(entry, 'p99Us', reference),
    cell(figures.rssBytes, 2 ** 20),
  ];
}

/** What the rows do not say: errors, and what logging costs. One line each. */
export function caseNotes(one: CaseSummary): string[] {
  const notes: string[] = [];
  for (const entry of one.entries) {
    const errorCountMax = entry.figures.errorCount?.max ?? 0;
    if (errorCountMax > 0) notes.push(`${entryName(entry)}: up to ${errorCountMax} errors in a run`);
    if (!entry.isLogging || entry.failure !== '') continue;
    const rate = entry.ratiosToQuiet.requestsPerSecond;
    const cpu = entry.ratiosToQuiet.cpuUsPerRequest;
    if (!rate || !cpu) continue;
    const change = (spread: Spread): string => `${((spread.median - 1) * 100).toFixed(1)} %`;
    const requests = entry.runs.reduce((sum, run) => sum + (run.logLineCount ?? 0) + (run.logLostCount ?? 0), 0);
    const lost = entry.runs.reduce((sum, run) => sum + (run.logLostCount ?? 0), 0);
    const dropped = entry.runs.reduce((sum, run) => sum + (run.logDroppedCount ?? 0), 0);
    notes.push(
      `${entry.peer}: logging changes throughput by ${change(rate)} (ratio ${ratioText(rate)}) ` +
        `and CPU per request by ${change(cpu)} (ratio ${ratioText(cpu)}); ` +
        `${lost} of ${requests} lines lost, ${dropped} of them dropped at the sink's socket`,
    );
  }
  return notes;
}

/** Rows as text with aligned columns: the first column left, the rest right. */
export function alignRows(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    if (row.length === 2 && row[1]!.startsWith('failed: ')) continue; // may run over the columns
    row.forEach((text, column) => {
      widths[column] = Math.max(widths[column] ?? 0, text.length);
    });
  }
  const nameWidth = Math.max(...rows.map((row) => row[0]!.length));
  return rows.map((row) =>
    row
      .map((text, column) => (column === 0 ? text.padEnd(nameWidth) : text.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** One case as lines for the terminal. */
export function caseText(one: CaseSummary, reference: string): string[] {
  const lines = alignRows(caseRows(one, reference)).map((line) => `  ${line}`);
  return [one.title, ...lines, ...caseNotes(one).map((note) => `  ${note}`)];
}

/** Who, where, when and how: the line without which figures say nothing. */
export function describeRun(result: BenchResult): string {
  const { machine } = result;
  return (
    `${result.date.slice(0, 10)}, ${machine.cpu}, ${machine.coreCount} cores, Linux ${machine.kernel}, Node ${result.node}; ` +
    `load ${result.loadTool} with ${result.connectionCount} clients, origin ${result.origin}; ` +
    `one proxy thread each, ${result.roundCount} alternating rounds of ${result.secondsPerRun} s, medians`
  );
}

const versionsOf = (result: BenchResult): string => {
  const versions = new Map<string, string>();
  for (const one of result.cases) for (const entry of one.entries) versions.set(entry.peer, entry.version);
  return [...versions].map(([name, version]) => `${name} ${version}`).join(', ');
};

/** The published table, in Markdown. */
export function markdownReport(result: BenchResult): string {
  const parts = [`${describeRun(result)}. Peers: ${versionsOf(result)}.`];
  for (const one of result.cases) {
    const [head, ...rows] = caseRows(one, result.reference);
    const width = head!.length;
    const line = (row: readonly string[]): string => {
      const cells = [...row, ...Array<string>(Math.max(0, width - row.length)).fill('')];
      return `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
    };
    const rule = `|---|${'---:|'.repeat(width - 1)}`;
    const notes = caseNotes(one).map((note) => `- ${note}`);
    const table = [line(head!), rule, ...rows.map(line)].join('\n');
    parts.push([`### ${one.title}`, table, ...(notes.length > 0 ? [notes.join('\n')] : [])].join('\n\n'));
  }
  return `${parts.join('\n\n')}\n`;
}

const MARK_BEGIN = '<!-- bench:begin -->';
const MARK_END = '<!-- bench:end -->';

/** `readme` with what stands between the two marks replaced by `report`. Throws when the marks are not there. */
export function replaceBetweenMarks(readme: string, report: string): string {
  const begin = readme.indexOf(MARK_BEGIN);
  const end = readme.indexOf(MARK_END);
  if (begin < 0 || end < begin) throw new Error(`README.md lacks ${MARK_BEGIN} … ${MARK_END}`);
  return `${readme.slice(0, begin + MARK_BEGIN.length)}\n${report}${readme.slice(end)}`;
}
