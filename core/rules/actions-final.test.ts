// Goal: the answers that rules give are HAProxy's byte for byte, and so are its words about wrong ones. Method: rules parsed,
// compiled and run on parsed requests; the expected texts were taken from HAProxy 3.4.

import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import {
  RULE_CLOSE,
  RULE_CONTINUE,
  RULE_DENY,
  RULE_INTERNAL,
  RULE_REPLY,
  RULE_SILENT_DROP,
  RULE_STOP,
  RULE_TARPIT,
  RULE_YIELD,
} from './contract.ts';
import { AnswerBench, bytesOf, errorFile } from './fixture-answers.ts';
import { errorRepliesOf } from './reply.ts';
import { actionRow } from './rows.ts';

const PAGE_404 = 'HTTP/1.1 404 Not here\r\nConnection: close\r\nX-A: b\r\nContent-Length: 4\r\n\r\nabcd';
const SENT_404 = 'HTTP/1.1 404 Not here\nx-a: b\ncontent-length: 4\n\nabcd';

const lines = (...each: string[]): string => each.join('\n');

test('return has headers first, then the length and the type, then the body', () => {
  const bench = new AnswerBench();
  const rule = "return status 200 content-type text/plain string 'hello' hdr X-Foo 'bar' hdr Empty %[req.hdr(nope)]";
  strictEqual(bench.outcome(rule), RULE_REPLY);
  strictEqual(
    bench.answer,
    lines('HTTP/1.1 200 OK', 'x-foo: bar', 'content-length: 5', 'content-type: text/plain', '', 'hello'),
  );
  strictEqual(bench.run.reply.status, 200);
  strictEqual(bench.run.reply.closes, false);
});

test('return writes what its formats make of the request', () => {
  const bench = new AnswerBench();
  strictEqual(
    bench.reply('return content-type text/plain lf-string %[path]-%[method] hdr X-M %[method]'),
    lines('HTTP/1.1 200 OK', 'x-m: GET', 'content-length: 8', 'content-type: text/plain', '', '/a/b-GET'),
  );
  bench.files.set('/f', 'p=%[path]');
  strictEqual(
    bench.reply('return status 500 content-type a/b lf-file /f'),
    lines('HTTP/1.1 500 Internal Server Error', 'content-length: 6', 'content-type: a/b', '', 'p=/a/b'),
  );
});

test('return without a body says so, and a file is taken as it is', () => {
  const bench = new AnswerBench();
  strictEqual(bench.reply('return'), lines('HTTP/1.1 200 OK', 'content-length: 0', '', ''));
  strictEqual(bench.reply('return status 204'), lines('HTTP/1.1 204 No Content', 'content-length: 0', '', ''));
  bench.files.set('/f', '%[path]\0\xff');
  strictEqual(
    bench.reply('return content-type x/y file /f'),
    lines('HTTP/1.1 200 OK', 'content-length: 9', 'content-type: x/y', '', '%[path]\0\xff'),
  );
});

test('errorfiles are written anew: lower case, without their Connection line, which counts all the same', () => {
  const bench = new AnswerBench({}, {}, [{ name: 'e', replies: [{ status: 404, reply: errorFile(404, PAGE_404) }] }]);
  bench.files.set('/404', PAGE_404);
  strictEqual(bench.reply('return status 410 errorfile /404'), SENT_404);
  strictEqual(bench.run.reply.status, 410, 'the rule’s status is logged');
  strictEqual(bench.run.reply.closes, true);
  strictEqual(bench.reply('return status 404 errorfiles e'), SENT_404);
  strictEqual(
    bench.reply('return status 503 errorfiles e'),
    lines('HTTP/1.1 503 Service Unavailable', 'content-length: 0', '', ''),
    'a status the section lacks has no body',
  );
});

test('an empty errorfile closes without a word', () => {
  const bench = new AnswerBench();
  bench.files.set('/dev/null', '');
  strictEqual(bench.outcome('deny errorfile /dev/null'), RULE_DENY);
  strictEqual(bench.run.reply.length, 0);
  strictEqual(bench.run.reply.closes, true);
});

const DEFAULT_403 = lines(
  ...['HTTP/1.1 403 Forbidden', 'content-length: 93', 'cache-control: no-cache', 'content-type: text/html', ''],
  ...['<html><body><h1>403 Forbidden</h1>', 'Request forbidden by administrative rules.', '</body></html>', ''],
);

test('deny answers with the page of the backend, else of the frontend, else HAProxy’s', () => {
  const page = (text: string) => ({ errorReplies: [{ status: 403, reply: errorFile(403, text) }] });
  const message = (name: string): string => `HTTP/1.1 403 ${name}\r\nContent-length: 0\r\n\r\n`;
  strictEqual(new AnswerBench().reply('deny'), DEFAULT_403);
  const both = new AnswerBench(page(message('Front')), page(message('Back')));
  strictEqual(both.reply('deny'), 'HTTP/1.1 403 Front\ncontent-length: 0\n\n');
  both.isBackend = true;
  strictEqual(both.reply('deny'), 'HTTP/1.1 403 Back\ncontent-length: 0\n\n');
  const front = new AnswerBench(page(message('Front')));
  front.isBackend = true;
  strictEqual(front.reply('deny'), 'HTTP/1.1 403 Front\ncontent-length: 0\n\n');
});

test('deny and tarpit take a status or a whole answer', () => {
  const bench = new AnswerBench();
  strictEqual(bench.outcome('deny deny_status 429'), RULE_DENY);
  strictEqual(bench.run.reply.status, 429);
  ok(bench.answer.startsWith('HTTP/1.1 429 Too Many Requests\ncontent-length: 117\ncache-control: no-cache\n'));
  strictEqual(
    bench.reply('deny status 404 content-type x string a'),
    lines('HTTP/1.1 404 Not Found', 'content-length: 1', 'content-type: x', '', 'a'),
  );
  strictEqual(
    bench.reply('deny deny_status 405 hdr a b'),
    lines('HTTP/1.1 405 Method Not Allowed', 'a: b', 'content-length: 0', '', ''),
  );
  strictEqual(bench.outcome('tarpit'), RULE_TARPIT);
  strictEqual(bench.run.reply.status, 500);
  strictEqual(bench.outcome('deny', bench.request(), 'http-response'), RULE_DENY);
  strictEqual(bench.run.reply.status, 502);
});

test('auth adds its header to the page of 401', () => {
  const bench = new AnswerBench();
  const page = (realm: string): string =>
    lines(
      ...['HTTP/1.1 401 Unauthorized', 'content-length: 112', 'cache-control: no-cache', 'content-type: text/html'],
      ...[`www-authenticate: Basic realm="${realm}"`, '', '<html><body><h1>401 Unauthorized</h1>'],
      ...['You need a valid user and password to access this content.', '</body></html>', ''],
    );
  strictEqual(bench.outcome(`auth realm my"realm`), RULE_REPLY);
  strictEqual(bench.answer, page('my"realm'));
  strictEqual(bench.reply('auth'), page('fe'), 'without a realm, the section’s name');
  bench.isBackend = true;
  strictEqual(bench.reply('auth'), page('be'));
  const message = 'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest\r\nX: y\r\nContent-length: 2\r\n\r\nhi';
  const own = new AnswerBench({ errorFiles: [{ status: 401, body: bytesOf(message), path: '/x' }] });
  strictEqual(
    own.reply('auth realm r'),
    lines('HTTP/1.1 401 No', 'x: y', 'content-length: 2', 'www-authenticate: Basic realm="r"', '', 'hi'),
  );
});

test('pages are found by status, one without a page of its own gets that of 500', () => {
  const file = { status: 503, body: bytesOf('HTTP/1.1 503 Gone fishing\r\nContent-length: 0\r\n\r\n'), path: '/x' };
  const bench = new AnswerBench({ errorFiles: [file] });
  const errors = errorRepliesOf(bench.linker);
  strictEqual(errors, errorRepliesOf(bench.linker), 'one a thread');
  ok(errors.find(503, 0, -1).write(bench.request(), bench.run.reply));
  strictEqual(bench.answer, 'HTTP/1.1 503 Gone fishing\ncontent-length: 0\n\n');
  ok(errors.find(777, 0, -1).write(bench.request(), bench.run.reply));
  ok(bench.answer.startsWith('HTTP/1.1 500 Internal Server Error\n'));
});

test('an answer that does not fit is an internal error', () => {
  const bench = new AnswerBench();
  bench.files.set('/big', 'x'.repeat(16_384));
  strictEqual(bench.outcome('return content-type a/b file /big'), RULE_INTERNAL);
  strictEqual(bench.outcome('return content-type a/b file /big hdr a b'), RULE_INTERNAL);
  strictEqual(bench.warnings.length, 2, 'and the configuration was warned about');
});

// Rule, request line, then the status line, location and further lines.
const REDIRECTS: readonly (readonly [string, string, string, ...string[]])[] = [
  ['redirect location http://x/', 'GET /a?b', '302 Found', 'http://x/', 'cache-control: no-cache'],
  ['redirect location http://x/%[path] code 301', 'GET /a?b', '301 Moved Permanently', 'http://x//a'],
  ['redirect location /x keep-query code 308', 'GET /a?b=c', '308 Permanent Redirect', '/x?b=c'],
  ['redirect location /x?y=z keep-query code 301', 'GET /a?b=c', '301 Moved Permanently', '/x?y=z&b=c'],
  ['redirect location /x? keep-query code 301', 'GET /a?b=c', '301 Moved Permanently', '/x?b=c'],
  ['redirect location /x keep-query code 301', 'GET /a?', '301 Moved Permanently', '/x'],
  ['redirect location /x keep-query code 301', 'GET /a', '301 Moved Permanently', '/x'],
  ['redirect prefix http://x code 301', 'GET /a?b=c', '301 Moved Permanently', 'http://x/a?b=c'],
  ['redirect prefix http://x code 301 drop-query', 'GET /a?b=c', '301 Moved Permanently', 'http://x/a'],
  ['redirect prefix http://x code 301 drop-query append-slash', 'GET /a?b', '301 Moved Permanently', 'http://x/a/'],
  ['redirect prefix http://x code 301 append-slash', 'GET /a/', '301 Moved Permanently', 'http://x/a/'],
  ['redirect prefix / append-slash code 301', 'GET /a?z', '301 Moved Permanently', '/a?z/'],
  ['redirect prefix /%[method] code 307', 'GET /a', '307 Temporary Redirect', '/GET/a', 'cache-control: no-cache'],
  ['redirect prefix http://x code 301', 'OPTIONS *', '301 Moved Permanently', 'http://x/'],
  ['redirect scheme https code 301', 'GET /a?b', '301 Moved Permanently', 'https://h.example:81/a?b'],
  ['redirect scheme https code 301 drop-query', 'GET /a?b', '301 Moved Permanently', 'https://h.example:81/a'],
  ['redirect scheme https code 301', 'GET http://h.example:81/q', '301 Moved Permanently', 'https://h.example:81/q'],
  [
    ...(['redirect location / set-cookie SEEN=1 code 303', 'GET /', '303 See Other', '/'] as const),
    ...['cache-control: no-cache', 'set-cookie: SEEN=1; path=/;'],
  ],
  [
    ...(['redirect location / clear-cookie USER= code 301', 'GET /', '301 Moved Permanently', '/'] as const),
    'set-cookie: USER=; path=/; Max-Age=0;',
  ],
  [
    ...(['redirect location / set-cookie-fmt A=%[path] code 301', 'GET /q', '301 Moved Permanently', '/'] as const),
    'set-cookie: A=/q; path=/;',
  ],
];

for (const [rule, request, status, location, ...more] of REDIRECTS) {
  test(`${rule} sends ${request} to ${location}`, () => {
    const bench = new AnswerBench();
    const subject = bench.request(`${request} HTTP/1.1\r\nHost: h.example:81\r\n\r\n`);
    strictEqual(bench.outcome(rule, subject), RULE_REPLY);
    strictEqual(
      bench.answer,
      lines(`HTTP/1.1 ${status}`, 'content-length: 0', `location: ${location}`, ...more, '', ''),
    );
    strictEqual(bench.run.reply.status, Number(status.slice(0, 3)));
  });
}

test('ignore-empty passes over a location that turns out empty, and only that', () => {
  const bench = new AnswerBench();
  strictEqual(bench.outcome('redirect location %[req.hdr(nope)] ignore-empty'), RULE_CONTINUE);
  strictEqual(bench.outcome('redirect location %[req.hdr(nope)]'), RULE_REPLY);
  strictEqual(bench.outcome('redirect location %[path] ignore-empty'), RULE_REPLY);
});

test('rules that decide about the connection give their verdicts', () => {
  const bench = new AnswerBench();
  strictEqual(bench.outcome('allow'), RULE_STOP);
  strictEqual(bench.outcome('reject'), RULE_CLOSE);
  strictEqual(bench.outcome('accept', bench.request(), 'tcp-request content'), RULE_STOP);
  strictEqual(bench.outcome('reject', bench.request(), 'tcp-request connection'), RULE_CLOSE);
  strictEqual(bench.outcome('silent-drop rst-ttl 0x10'), RULE_SILENT_DROP);
  strictEqual(bench.run.silentDropTtl, 16);
  strictEqual(bench.outcome('silent-drop', bench.request(), 'tcp-request session'), RULE_SILENT_DROP);
  strictEqual(bench.run.silentDropTtl, 0);
  strictEqual(bench.outcome('wait-for-handshake'), RULE_CONTINUE);
  strictEqual(bench.outcome('expect-proxy layer4', bench.request(), 'tcp-request connection'), RULE_CONTINUE);
  bench.outcome('do-log');
  bench.outcome('do-log', bench.request(), 'tcp-request connection');
  const tcp = bench.request();
  Object.assign(tcp.stream!, { http: false });
  strictEqual(bench.outcome('switch-mode http', tcp, 'tcp-request content'), RULE_STOP);
  strictEqual(bench.outcome('switch-mode http proto h1', bench.request(), 'tcp-request content'), RULE_STOP);
  bench.isBackend = true;
  strictEqual(bench.outcome('close', bench.request(), 'tcp-response content'), RULE_STOP);
  deepStrictEqual(bench.asked, [
    ...['expectProxy', 'logNow http-req', 'logNow tcp-req-conn', 'switchToHttp', 'closeBack'],
  ]);
});

test('strict-mode sets how failed rewrites are taken', () => {
  const bench = new AnswerBench();
  bench.outcome('strict-mode off');
  strictEqual(bench.run.strict, false);
  bench.outcome('strict-mode ON');
  strictEqual(bench.run.strict, true);
});

test('pause waits for its time, fixed or by expression', () => {
  const bench = new AnswerBench();
  const { run, clock } = bench;
  strictEqual(bench.outcome('pause 2s'), RULE_YIELD);
  strictEqual(run.waitUntilMs, clock.nowMs + 2_000);
  run.resumed = true;
  run.yieldedSinceMs = clock.nowMs;
  clock.nowMs += 1_999;
  strictEqual(bench.outcome('pause 2s'), RULE_YIELD);
  clock.nowMs++;
  strictEqual(bench.outcome('pause 2s'), RULE_CONTINUE);
  run.resumed = false;
  strictEqual(bench.outcome('pause int(50)'), RULE_YIELD);
  strictEqual(run.waitUntilMs, clock.nowMs + 50);
  strictEqual(bench.outcome('pause req.hdr(nope)'), RULE_CONTINUE);
});

test('early-hint rules that follow one another make one response', () => {
  const bench = new AnswerBench();
  const subject = bench.request();
  const rule = (line: string, last: boolean): number => {
    const ast = bench.parse('http-request', line)!;
    const row = { ...ast, options: { ...ast.options, last } };
    return compile(row)(subject, bench.run);
  };
  const compile = (ast: Parameters<typeof row.compile>[0]) => row.compile(ast, bench.linker);
  const row = earlyHint();
  strictEqual(rule('early-hint Link <a>;rel=b', false), RULE_CONTINUE);
  deepStrictEqual(bench.asked, []);
  strictEqual(rule('early-hint Link %[path]', true), RULE_CONTINUE);
  strictEqual(rule('early-hint A b', true), RULE_CONTINUE);
  deepStrictEqual(bench.asked, [
    'HTTP/1.1 103 Early Hints\r\nlink: <a>;rel=b\r\nlink: /a/b\r\n\r\n',
    'HTTP/1.1 103 Early Hints\r\na: b\r\n\r\n',
  ]);
  const old = bench.request('GET / HTTP/1.0\r\n\r\n');
  strictEqual(bench.outcome('early-hint A b', old), RULE_CONTINUE);
  strictEqual(bench.asked.length, 2, 'a client of HTTP/1.0 knows no interim responses');
});

function earlyHint() {
  return actionRow('http-request', 'early-hint')!;
}

test('wait-for-body waits until it is there, or enough of it, or too long', () => {
  const bench = new AnswerBench();
  const head = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n';
  const cut = (body: string) => {
    const subject = bench.request(head + body);
    subject.requestData.complete = false;
    return subject;
  };
  const subject = cut('abc');
  strictEqual(bench.outcome('wait-for-body time 1s', subject), RULE_YIELD);
  deepStrictEqual(bench.asked, ['HTTP/1.1 100 Continue\r\n\r\n']);
  strictEqual(bench.run.waitUntilMs, bench.clock.nowMs + 1_000);
  strictEqual(bench.outcome('wait-for-body time 1s', subject), RULE_YIELD);
  strictEqual(bench.asked.length, 1, 'the client is told once');
  strictEqual(bench.outcome('wait-for-body time 1s at-least 3', cut('abc')), RULE_CONTINUE);
  strictEqual(bench.outcome('wait-for-body time 1s', cut('abcdefghij')), RULE_CONTINUE);
  strictEqual(bench.outcome('wait-for-body time 1s', bench.request()), RULE_CONTINUE);
  bench.run.resumed = true;
  bench.run.yieldedSinceMs = bench.clock.nowMs;
  bench.clock.nowMs += 1_000;
  strictEqual(bench.outcome('wait-for-body time 1s', subject), RULE_REPLY);
  strictEqual(bench.run.timedOut, true);
  ok(bench.answer.startsWith('HTTP/1.1 408 Request Time-out\n'));
});

// HAProxy's words, taken from HAProxy 3.4 (the place in front left out).
const WRONG: readonly (readonly [string, string])[] = [
  ['return status 99', "Unexpected status code '99'"],
  ['return status', "'status' expects <status_code> as argument"],
  ['return content-type', "'content-type' expects <ctype> as argument"],
  ['return string a', 'a content type must be defined when non-empty payload is configured'],
  ['return lf-string a', 'a content type must be defined with a log-format payload'],
  ['return string a file b', "unexpected 'file' argument, 'string' already defined"],
  ['return status 204 content-type a string b', 'No body expected for 204 responses'],
  ['return status 304 content-type a lf-string b', 'No body expected for 304 responses'],
  ['return file /nope', "error opening file '/nope'"],
  ['return hdr a', "'hdr' expects <name> and <value> as arguments"],
  [
    'return status 418 default-errorfiles',
    "status code '418' not handled by default with 'default-errorfiles' argument.",
  ],
  ['deny deny_status 418', "status code '418' not handled by default with 'default-errorfiles' argument."],
  ['deny deny_status', "'status' expects <status_code> as argument"],
  ['auth realm', 'missing realm value.\n'],
  ['redirect code 302', "redirection type expected ('prefix', 'location', or 'scheme')"],
  ['redirect location', "missing argument for 'location'"],
  ['redirect location / code 300', "'code': unsupported HTTP code '300' (must be one of 301, 302, 303, 307 or 308)"],
  ['silent-drop rst-ttl', 'missing rst-ttl value\n'],
  ['silent-drop rst-ttl 256', 'valid rst-ttl values are [1-255]\n'],
  ['silent-drop rst-ttl 1x', "invalid character starting at 'x' (value 1-255 expected)\n"],
  ['pause 0', "null value is not valid for a 'pause' rule"],
  ['pause nope', "unexpected character 'n' in rule 'pause'"],
  ['wait-for-body', 'expects time <time> [ at-least <bytes> ]'],
  ['wait-for-body time 1x', "unexpected character 'x'"],
  ['strict-mode', 'expects exactly 1 arguments'],
  ['strict-mode maybe', "Unexpected value 'maybe'. Only 'on' and 'off' are supported"],
  ['early-hint a', 'expects exactly 2 arguments'],
];

for (const [rule, words] of WRONG) {
  test(`http-request ${rule} is refused in HAProxy’s words`, () => {
    const action = rule.split(' ')[0];
    const expected = `error detected in frontend 'fe' while parsing 'http-request ${action}' rule : ${words}.`;
    strictEqual(new AnswerBench().problem('http-request', rule), expected);
  });
}

test('what a reply ignores is warned about', () => {
  const bench = new AnswerBench();
  bench.files.set('/404', PAGE_404);
  bench.files.set('/empty', '');
  bench.parse('http-request', 'return content-type a/b');
  bench.parse('http-request', 'return content-type a/b errorfile /404 hdr a b');
  bench.parse('http-request', 'return content-type a/b file /empty');
  bench.parse('http-request', 'return hdr Content-Length 5');
  deepStrictEqual(bench.warnings, [
    "content-type 'a/b' ignored by the http reply because neither errorfile nor payload defined.",
    "content-type 'a/b' ignored by the http reply when used with an errorfile.",
    'hdr parameters ignored by the http reply when used with an errorfile.',
    "content-type 'a/b' ignored by the http reply when used with an empty payload.",
    "header 'Content-Length' always ignored by the http reply.",
  ]);
});
