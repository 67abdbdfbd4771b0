// Goal: the parts of an explanation that no golden file shows: addresses, line ends, marks, waits, maps that rules change,
// variables, hostile bytes. Method: small configurations in memory-like files, looked at field by field.

import { deepEqual, equal, ok } from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Prng } from '../../core/base/prng.ts';
import type { Model } from '../../core/model/model.ts';
import { fuzz } from '../../core/testing/fuzz.ts';
import { makeFolder } from '../../core/testing/weir-process.ts';
import type { Explanation, RuleReport } from './explanation.ts';
import { type Asked, clientHello, explained, loadModel } from './fixture-explain.ts';
import { parseFrom, parseIp, viewText, withLineEnds } from './input.ts';
import { renderText } from './render.ts';
import { styleFor, wrap } from './style.ts';

process.chdir(fileURLToPath(new URL('golden/', import.meta.url))); // the fuzzer's configurations

const HEAD = `defaults
    timeout connect 1s
    timeout client 1s
    timeout server 1s
`;

/** Of a frontend with these lines before a backend with those. */
function explainLines(
  context: TestContext,
  lines: readonly string[],
  request: string | Uint8Array,
  asked: Asked & { back?: readonly string[]; mode?: string; files?: Record<string, string> } = {},
): Explanation {
  const folder = makeFolder(context);
  const { back = ['server one 127.0.0.1:9001'], mode = 'http', files = {}, ...rest } = asked;
  for (const [name, text] of Object.entries(files)) folder.file(name, text);
  const write = (words: readonly string[]): string => words.map((line) => `    ${line}\n`).join('');
  const front = `frontend web\n    bind 127.0.0.1:8080\n    mode ${mode}\n${write(lines)}    default_backend app\n`;
  const text = `${HEAD}${front}backend app\n    mode ${mode}\n${write(back)}`;
  const path = folder.file('t.cfg', text.replaceAll('DIR', folder.path));
  return explained(loadModel([path]), request, rest);
}

const ruleAt = ({ stages }: Explanation, index: number): RuleReport => stages.flatMap(({ rules }) => rules)[index]!;

const GET = 'GET /a HTTP/1.1\nHost: example.org\n';

test('addresses are read in every form that people write them', () => {
  const said = (text: string): string => viewText(parseFrom(text)!.view);
  equal(said('192.0.2.1:80'), '192.0.2.1:80');
  equal(said('192.0.2.1'), '192.0.2.1:50000');
  equal(said('2001:db8::1'), '[2001:db8::1]:50000');
  equal(said('[2001:db8::1]:81'), '[2001:db8::1]:81');
  equal(said('::ffff:192.0.2.1'), '[::ffff:c000:201]:50000');
  equal(said('unix'), 'unix');
  equal(parseFrom(undefined)!.assumed, 'address');
  for (const text of ['', 'x', '1.2.3', '1.2.3.4:99999', '[::1', '1.2.3.4:', 'fe80::1%eth0'])
    equal(parseFrom(text), null, text);
  equal(parseIp('255.255.255.255', 1)!.word0, -1);
});

test('LF line ends become CRLF in the head alone, and a missing empty line is added', () => {
  const turned = (text: string): string =>
    Buffer.from(withLineEnds(Buffer.from(text, 'latin1')).bytes).toString('latin1');
  equal(turned('GET / HTTP/1.1\nA: b\n\nx\ny'), 'GET / HTTP/1.1\r\nA: b\r\n\r\nx\ny');
  equal(turned('GET / HTTP/1.1'), 'GET / HTTP/1.1');
  equal(turned('GET / HTTP/1.1\nA: b'), 'GET / HTTP/1.1\r\nA: b\r\n\r\n');
  equal(turned('GET / HTTP/1.1\r\nA: b\n\n'), 'GET / HTTP/1.1\r\nA: b\n\n');
});

test('values say when a running process would have others', (context) => {
  const lines = [
    'http-request set-header a b if { be_conn(app) lt 5 } { date gt 0 } { rand(10) lt 10 } { src_port gt 0 } { path /a }',
  ];
  const { condition } = ruleAt(explainLines(context, lines, GET, { from: '192.0.2.1' }), 0);
  const marks = condition!.groups[0]!.map(({ tests }) => tests[0]!.mark);
  deepEqual(marks, ['at rest', 'now', 'random', 'assumed', '']);
});

test('every value of a fetch with several is told, also those after the one that matched', (context) => {
  const lines = ['http-request deny if { req.hdr(x) -m str two }'];
  const explanation = explainLines(context, lines, `${GET}X: one, two, three\n`);
  const [test1] = ruleAt(explanation, 0).condition!.groups[0]![0]!.tests;
  deepEqual(
    test1!.values.map(({ text, matched }) => [text, matched]),
    [
      ['"one"', false],
      ['"two"', true],
      ['"three"', null],
    ],
  );
});

test('what each converter made of a value is told, and which had none', (context) => {
  const lines = [
    'http-request set-header a b if { req.hdr(host),upper,length gt 3 }',
    'http-request set-header a b if { path,map(DIR/m.map),upper -m found }',
  ];
  const explanation = explainLines(context, lines, GET, { files: { 'm.map': '/b two\n' } });
  const steps = ruleAt(explanation, 0).condition!.groups[0]![0]!.tests[0]!.values[0]!.steps;
  deepEqual(
    steps.map(({ name, text }) => [name, text]),
    [
      ['req.hdr', '"example.org"'],
      ['upper', '"EXAMPLE.ORG"'],
      ['length', '11'],
    ],
  );
  const missed = ruleAt(explanation, 1).condition!.groups[0]![0]!.tests[0]!;
  equal(missed.noValueAfter, 'map');
  equal(missed.lookups[0]!.found, null);
});

test('a map that a rule changes is looked up as changed by the rules after it', (context) => {
  const lines = [
    'http-request set-map(DIR/m.map) %[path] new',
    'http-request set-header x-m %[path,map(DIR/m.map)]',
    'http-request del-map(DIR/m.map) %[path]',
    'http-request set-header x-m2 %[path,map(DIR/m.map,none)]',
  ];
  const explanation = explainLines(context, lines, GET, { files: { 'm.map': '/b old\n' } });
  const effects = [0, 1, 2, 3].map((index) =>
    ruleAt(explanation, index).changes.map(({ kind, after }) => [kind, after]),
  );
  deepEqual(effects, [[['map', '/a new']], [['header-added', 'new']], [['map', null]], [['header-added', 'none']]]);
  const lookup = ruleAt(explanation, 1).lookups[0]!;
  deepEqual([lookup.found!.pattern, lookup.found!.line, lookup.value], ['/a', 0, 'new']);
});

test('variables, captures, timeouts and log levels that rules set are told', (context) => {
  const lines = [
    'http-request set-var(txn.a) int(7)',
    'http-request set-var(txn.a) str(x)',
    'http-request unset-var(txn.a)',
    'http-request capture req.hdr(host) len 4',
    'http-request set-log-level err',
    'http-request set-src hdr(x-ip)',
    'http-request set-header a b if { always_false }',
  ];
  const explanation = explainLines(context, lines, `${GET}X-Ip: 192.0.2.9\n`, { from: '10.0.0.1:1' });
  const changes = explanation.stages[0]!.rules.map((rule) =>
    rule.changes.map(({ kind, name, before, after }) => [kind, name, before, after]),
  );
  deepEqual(changes, [
    [['variable-set', 'txn.a', null, '7']],
    [['variable-set', 'txn.a', '7', '"x"']],
    [['variable-unset', 'txn.a', '"x"', null]],
    [['capture', 'request 0', null, 'exam']],
    [['log', 'level', null, 'err']],
    [['source', '', '10.0.0.1:1', '192.0.2.9:1']],
    [],
  ]);
});

test('rules that wait are told with how long, and no time passes', (context) => {
  const startedMs = performance.now();
  const lines = ['http-request pause 1h', 'http-request wait-for-body time 2h', 'http-request deny'];
  const explanation = explainLines(context, lines, 'POST / HTTP/1.1\nHost: a\nContent-Length: 5\n\nab');
  ok(performance.now() - startedMs < 5_000);
  equal(ruleAt(explanation, 0).waitedMs, 3_600_000);
  equal(ruleAt(explanation, 1).waitedMs, 7_200_000);
  equal(explanation.request.bodyComplete, false);
  equal(explanation.outcome.status, 408);
});

test('content rules that miss bytes wait for the inspection’s end, then go on', (context) => {
  const lines = ['tcp-request inspect-delay 3s', 'tcp-request content reject if { req.payload(0,40) -m found }'];
  const explanation = explainLines(context, lines, 'short', { mode: 'tcp' });
  equal(explanation.stages[0]!.waitedMs, 3_000);
  equal(explanation.outcome.kind, 'forwarded');
});

test('switch-mode http goes on as a request', (context) => {
  const lines = [
    'tcp-request inspect-delay 1s',
    'tcp-request content switch-mode http if HTTP',
    'http-request deny if { path /a }',
  ];
  const back = ['mode http', 'server one 127.0.0.1:9001'];
  const explanation = explainLines(context, lines, GET.replaceAll('\n', '\r\n').concat('\r\n'), { mode: 'tcp', back });
  ok(explanation.notes.some((note) => note.startsWith('switch-mode http')));
  deepEqual([explanation.outcome.status, explanation.outcome.backend], [403, '']);
});

test('a server that cannot be used is not chosen, and an example is called one', (context) => {
  const back = ['balance random', 'server a 127.0.0.1:1 disabled', 'server b 127.0.0.1:2', 'server c 127.0.0.1:3'];
  const explanation = explainLines(context, [], GET, { back });
  equal(explanation.server!.certain, false);
  ok(['b', 'c'].includes(explanation.server!.name));
  deepEqual(
    explanation.backend!.servers.map(({ eligible, state }) => [eligible, state]),
    [
      [false, 'maint'],
      [true, 'up'],
      [true, 'up'],
    ],
  );
  const none = explainLines(context, [], GET, { back: ['server a 127.0.0.1:1 disabled'] });
  deepEqual([none.outcome.status, none.server!.name], [503, '']);
});

test('a response that cannot be read is answered with 502', (context) => {
  const explanation = explainLines(context, [], GET, { response: 'HTTP/1.1 200 OK\nBad Header: 1\n' });
  equal(explanation.outcome.status, 502);
  equal(explanation.response!.refusal!.excerpt, 'Bad Header: 1');
});

test('terminal control characters of a request are not passed on to the terminal', (context) => {
  const lines = ['http-request set-header x-copy %[req.hdr(x)]', 'http-request deny if { req.hdr(x) -m sub bell }'];
  const explanation = explainLines(context, lines, `${GET}X: \x1b[31mred\x07 bell\n`);
  const text = renderText(explanation, { color: false, unicode: true, width: 100 });
  equal(/[\x00-\x09\x0b-\x1f\x7f]/.test(text), false);
});

test('colours need a terminal that wants them, other signs a UTF-8 locale', () => {
  equal(styleFor({ TERM: 'xterm', LANG: 'en_US.UTF-8' }, true, false).color, true);
  equal(styleFor({ TERM: 'xterm', NO_COLOR: '1' }, true, false).color, false);
  equal(styleFor({ TERM: 'dumb' }, true, false).color, false);
  equal(styleFor({ TERM: 'xterm' }, false, false).color, false);
  equal(styleFor({ TERM: 'xterm' }, true, true).color, false);
  equal(styleFor({ LANG: 'en_US.UTF-8' }, true, false).unicode, true);
  equal(styleFor({ LANG: 'en_US.UTF-8', LC_ALL: 'C' }, true, false).unicode, false);
});

test('lines are broken at blanks, and words that are too long stay whole', () => {
  deepEqual(wrap('aaaa bbbb cccc', 9, 2), ['aaaa bbbb', '  cccc']);
  deepEqual(wrap('a'.repeat(30), 9, 2), ['a'.repeat(30)]);
});

let models: Model[] | null = null;

fuzz(
  'explain: any bytes are explained, in mode http and tcp',
  (prng) => {
    const request = spoiled(prng);
    models ??= ['deny', 'tarpit', 'sni'].map((name) => loadModel([`${name}.cfg`]));
    for (const model of models) {
      const explanation = explained(model, request, prng.below(2) === 0 ? {} : { response: spoiled(prng) });
      ok(renderText(explanation, { color: true, unicode: true, width: 100 }).length > 0);
      JSON.parse(JSON.stringify(explanation));
    }
  },
  20,
);

const SEEDS = [
  Buffer.from('POST /a/b?c=d HTTP/1.1\r\nHost: example.org\r\nContent-Length: 5\r\nCookie: s=1\r\n\r\nhello'),
  Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\r\nok'),
  Buffer.from('GET / HTTP/1.1\nHost: a\n'),
  clientHello('example.org'),
];

function spoiled(prng: Prng): Uint8Array {
  const bytes = Uint8Array.from(prng.pick(SEEDS));
  for (let count = prng.below(6); count > 0; count--) bytes[prng.below(bytes.length)] = prng.below(256);
  return bytes.subarray(0, prng.below(4) === 0 ? prng.below(bytes.length + 1) : bytes.length);
}
