import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Peer, PeerKind } from '../rig/peers.ts';
import { escapeXml, svgChart } from './chart.ts';
import type { Entry, Figures } from './measure.ts';
import {
  alignRows,
  type BenchResult,
  type CaseSummary,
  caseNotes,
  caseText,
  markdownReport,
  replaceBetweenMarks,
  short,
  summarizeCase,
} from './report.ts';
import { chooseScenarios } from './scenarios.ts';

const hostileName = '<b>"&|\u0000';

function peer(name: string, kind: PeerKind): Peer {
  return { name, kind, path: `/bin/${kind}`, version: '1.2', canTcp: true, streamModule: '' };
}

function entry(name: string, kind: PeerKind, isLogging: boolean, runs: Figures[], failure = ''): Entry {
  return { peer: peer(name, kind), isLogging, runs, failure };
}

const run = (cpuUsPerRequest: number, requestsPerSecond = 1_000): Figures => ({
  requestsPerSecond,
  p50Us: 1_000,
  p99Us: 2_000,
  cpuUsPerRequest,
  rssBytes: 2 ** 20,
  pssBytes: 2 ** 20,
  errorCount: 0,
});

const logged = (cpu: number, rate: number): Figures => ({
  ...run(cpu, rate),
  logLineCount: 990,
  logLostCount: 10,
  logDroppedCount: 7,
});

const one = (name: string, entries: Entry[]): CaseSummary =>
  summarizeCase(chooseScenarios([name])[0]!, entries, 'haproxy');

const keepAlive = (): CaseSummary =>
  one('keep-alive', [
    entry('weir', 'weir', false, [run(14), run(30), run(16)]),
    entry('haproxy', 'haproxy', false, [run(20), run(40), run(20)]),
    entry(hostileName, 'nginx', false, [], 'it <ended>\nsecond line'),
  ]);

const logging = (): CaseSummary =>
  one('logging', [
    entry('weir', 'weir', false, [run(10, 1_000), run(20, 500)]),
    entry('weir', 'weir', true, [logged(11, 900), logged(22, 450)]),
    entry('haproxy', 'haproxy', false, [run(20), run(40)]),
    entry('haproxy', 'haproxy', true, [logged(22, 1_000), logged(44, 1_000)]),
  ]);

const idle = (): CaseSummary =>
  one('idle', [
    entry('nginx', 'nginx', false, [
      { baseRssBytes: 2 ** 20, rssBytes: 2 ** 21, rssBytesPerConnection: 512, fdCount: 9 },
    ]),
  ]);

const result = (cases: CaseSummary[]): BenchResult => ({
  date: '2026-01-02T03:04:05.000Z',
  machine: { cpu: `Fast & <Cheap> ${hostileName}`, coreCount: 2, kernel: '6.1', memoryBytes: 2 ** 30 },
  node: 'v22',
  loadTool: 'wrk 4',
  origin: 'nginx 1',
  reference: 'haproxy',
  roundCount: 3,
  secondsPerRun: 4,
  connectionCount: 64,
  idleCount: 10_000,
  cases,
});

test('the ratio shown is the median of the ratios of each round, with the smallest and the largest', () => {
  const weir = keepAlive().entries[0]!;
  assert.deepEqual(weir.figures.cpuUsPerRequest, { median: 16, min: 14, max: 30 });
  assert.deepEqual(weir.ratios.cpuUsPerRequest, { median: 0.75, min: 0.7, max: 0.8 });
  assert.match(caseText(keepAlive(), 'haproxy').join('\n'), /weir .* 0\.75 \(0\.70–0\.80\)/);
});

test('a peer that failed has its reason in its row and no figures', () => {
  const lines = caseText(keepAlive(), 'haproxy');
  assert.ok(lines.some((line) => line.includes('failed: it <ended>') && !line.includes('second line')));
});

test('logging is compared with the same peer without logging, and lost lines are told', () => {
  const [weirNote] = caseNotes(logging());
  assert.match(weirNote!, /^weir: logging changes throughput by -10\.0 % .* CPU per request by 10\.0 %/);
  assert.match(weirNote!, /20 of 2000 lines lost, 14 of them dropped at the sink/);
  const loggingWeir = logging().entries[1]!;
  assert.deepEqual(loggingWeir.ratios.cpuUsPerRequest, { median: 0.5, min: 0.5, max: 0.5 });
});

test('errors of a run are told', () => {
  const summary = one('keep-alive', [entry('haproxy', 'haproxy', false, [{ ...run(1), errorCount: 3 }, run(1)])]);
  assert.deepEqual(caseNotes(summary), ['haproxy: up to 3 errors in a run']);
});

test('numbers keep three digits', () => {
  assert.deepEqual([41_234, 1_000, 410.4, 14.12, 0.7049, 0].map(short), [
    '41 200',
    '1 000',
    '410',
    '14.1',
    '0.70',
    '0.00',
  ]);
});

test('columns of a table are aligned', () => {
  assert.deepEqual(
    alignRows([
      ['', 'x'],
      ['name', '10'],
      ['n', '9'],
    ]),
    ['       x', 'name  10', 'n      9'],
  );
});

test('the Markdown table has the same number of cells in every row, whatever a peer is called', () => {
  const text = markdownReport(result([keepAlive(), logging(), idle()]));
  const tables = text.split('\n\n').filter((part) => part.startsWith('|'));
  assert.equal(tables.length, 3);
  for (const table of tables) {
    const counts = table
      .trim()
      .split('\n')
      .map((line) => line.replaceAll('\\|', '').split('|').length);
    assert.equal(new Set(counts).size, 1, table);
  }
});

test('only what stands between the marks of README.md is replaced', () => {
  const readme = 'head\n<!-- bench:begin -->\nold\n<!-- bench:end -->\ntail\n';
  assert.equal(replaceBetweenMarks(readme, 'new\n'), 'head\n<!-- bench:begin -->\nnew\n<!-- bench:end -->\ntail\n');
  assert.throws(() => replaceBetweenMarks('no marks', 'new'));
});

// A small reader of XML: tags nest and close, attributes are quoted and unique, text holds no raw `<` or `&`.
function checkXml(text: string): number {
  const open: string[] = [];
  let elementCount = 0;
  let at = 0;
  const checkText = (part: string): void => {
    assert.doesNotMatch(part.replaceAll(/&(?:amp|lt|gt|quot|#\d+);/g, ''), /[&<]/);
    assert.doesNotMatch(part, /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/);
  };
  for (const match of text.matchAll(/<(\/?)([a-zA-Z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g)) {
    checkText(text.slice(at, match.index));
    at = match.index + match[0].length;
    const [, isEnd, name, attributes, isEmpty] = match;
    const names = [...attributes!.matchAll(/([\w:-]+)="/g)].map((attribute) => attribute[1]);
    assert.equal(new Set(names).size, names.length, 'an attribute is given twice');
    for (const attribute of attributes!.matchAll(/="([^"]*)"/g)) checkText(attribute[1]!);
    if (isEnd) assert.equal(open.pop(), name);
    else {
      elementCount++;
      assert.ok(open.length > 0 || elementCount === 1, 'there is one root');
      if (!isEmpty) open.push(name!);
    }
  }
  checkText(text.slice(at));
  assert.deepEqual(open, []);
  return elementCount;
}

test('the chart is well-formed XML with hostile names in it, and shows every case', () => {
  const svg = svgChart(result([keepAlive(), logging(), idle()]));
  assert.ok(checkXml(svg) > 20);
  for (const title of ['HTTP keep-alive, small', 'logging', 'Idle keep-alive clients']) assert.ok(svg.includes(title));
  assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
  assert.match(svg, /width="-?[\d.]+" height="18"/);
  assert.doesNotMatch(svg, /width="-/);
});

test('the chart of nothing, of no reference, and of an enormous ratio is well-formed too', () => {
  checkXml(svgChart(result([])));
  checkXml(svgChart({ ...result([keepAlive()]), reference: '' }));
  const huge = one('keep-alive', [
    entry('weir', 'weir', false, [run(1e9)]),
    entry('haproxy', 'haproxy', false, [run(1e-3)]),
  ]);
  const svg = svgChart(result([huge]));
  checkXml(svg);
  assert.match(svg, /\(cut\)/);
});

test('the XML reader of this test sees what is wrong', () => {
  for (const bad of ['<a>', '<a></b>', '<a>&</a>', '<a b="1" b="2"/>', '<a>\u0001</a>', '<a/><b/>', '<a>x < y</a>']) {
    assert.throws(() => checkXml(bad), bad);
  }
  assert.equal(escapeXml('a<b>&"\u0000'), 'a&lt;b&gt;&amp;&quot;');
});
