import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RULE_CONTINUE, RULE_INTERNAL } from './contract.ts';
import { RuleBench, requestText } from './fixture-actions.ts';

const GET = 'GET /x?y=1 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-B: 2\r\nX-A: 3\r\n\r\n';

test('add-header puts a line at the end and keeps those that are there', () => {
  assert.equal(
    new RuleBench().edit(GET, 'add-header X-A new-%[path]'),
    'GET /x?y=1 HTTP/1.1|host: h|x-a: 1|x-b: 2|x-a: 3|x-a: new-/x',
  );
});

test('A constant line is the same every time, also for want of room', () => {
  const bench = new RuleBench();
  const action = bench.compile('http-request', "set-header X-A 'max-age=1; b'");
  for (let round = 0; round < 3; round++) {
    const subject = bench.request(GET);
    assert.equal(action(subject, bench.run), RULE_CONTINUE);
    assert.equal(requestText(subject).split('\r\n').slice(1, 5).join('|'), 'host: h|x-b: 2|x-a: max-age=1; b|');
  }
  const full = bench.request(GET);
  full.editEnd = full.editAt + 10;
  assert.equal(action(full, bench.run), RULE_INTERNAL);
  assert.equal(requestText(full).match(/x-a: [13]/g)?.length, 2);
  const host = bench.compile('http-request', 'set-header host const');
  for (let round = 0; round < 2; round++) {
    const subject = bench.request('GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n');
    assert.equal(host(subject, bench.run), RULE_CONTINUE);
    assert.equal(requestText(subject), 'GET http://const/ HTTP/1.1\r\nhost: const\r\n\r\n');
  }
});

test('set-header takes all lines of that name away, and may use their old value', () => {
  assert.equal(
    new RuleBench().edit(GET, 'set-header X-A %[hdr(x-a)]-%[hdr(x-b)]', 'set-header new v'),
    'GET /x?y=1 HTTP/1.1|host: h|x-b: 2|x-a: 3-2|new: v',
  );
});

test('A value with control characters is percent-encoded, so that it cannot end its line', () => {
  const request = 'GET /?a=1%0d%0aevil:%00x HTTP/1.1\r\nHost: h\r\n\r\n';
  assert.equal(
    new RuleBench().edit(request, 'set-header x %[query,url_dec]'),
    'GET /?a=1%0d%0aevil:%00x HTTP/1.1|host: h|x: a=1%0D%0Aevil:%00x',
  );
});

test('A pseudo-header is never sent', () => {
  assert.equal(new RuleBench().edit(GET, 'del-header x-', 'set-header :path v').includes('path'), false);
});

test('del-header compares names whole, or by beginning, end, part or expression', () => {
  const bench = new RuleBench();
  const text = 'GET / HTTP/1.1\r\nHost: h\r\nAb: 1\r\nAbc: 2\r\nBc: 3\r\nCab: 4\r\n\r\n';
  const left = (line: string): string => bench.edit(text, line).replace('GET / HTTP/1.1|host: h', '');
  assert.equal(left('del-header AB'), '|abc: 2|bc: 3|cab: 4');
  assert.equal(left('del-header Ab -m str'), '|abc: 2|bc: 3|cab: 4');
  assert.equal(left('del-header aB -m beg'), '|bc: 3|cab: 4');
  assert.equal(left('del-header BC -m end'), '|ab: 1|cab: 4');
  assert.equal(left('del-header ab -m sub'), '|bc: 3');
  assert.equal(left('del-header ^(ab|bc)$ -m reg'), '|abc: 2|cab: 4');
  assert.equal(left('del-header AB -m reg'), '|ab: 1|abc: 2|bc: 3|cab: 4');
  assert.equal(left('del-header nothing'), '|ab: 1|abc: 2|bc: 3|cab: 4');
});

test('replace-header works on whole values, commas and all, with what the groups found', () => {
  const text = 'GET / HTTP/1.1\r\nHost: h\r\nX: a=1, b=2\r\nX: other\r\nX: a=5\r\n\r\n';
  assert.equal(
    new RuleBench().edit(text, 'replace-header X a=([0-9])(.*) <\\2|\\1>\\x21\\\\'),
    'GET / HTTP/1.1|host: h|x: <, b=2|1>!\\|x: other|x: <|5>!\\',
  );
});

test('replace-value works on each element between commas, blanks around it included', () => {
  const text = 'GET / HTTP/1.1\r\nHost: h\r\nX: a1, b2 , "a,3" ,a4,\r\nX: a5\r\n\r\n';
  assert.equal(
    new RuleBench().edit(text, 'replace-value X ^a(.) z\\1'),
    'GET / HTTP/1.1|host: h|x: z1, b2 , "a,3" ,z4,|x: z5',
  );
  assert.equal(
    new RuleBench().edit(text, 'replace-value X ^$ e'),
    'GET / HTTP/1.1|host: h|x: a1, b2 , "a,3" ,a4,e|x: a5',
  );
});

test('A replacement may use values of the message', () => {
  assert.equal(
    new RuleBench().edit(GET, 'replace-header x-b .* \\0-%[hdr(host)]'),
    'GET /x?y=1 HTTP/1.1|host: h|x-a: 1|x-b: 2-h|x-a: 3',
  );
});

test('A rewrite that would end its line is refused: an error, or under strict-mode off nothing', () => {
  const bench = new RuleBench();
  const subject = bench.request(GET);
  assert.equal(bench.apply(subject, 'http-request', 'replace-header x-b .* a\\x0d\\x0aevil:1'), RULE_INTERNAL);
  assert.deepEqual(bench.asked, ['rewriteFailed']);
  bench.run.strict = false;
  assert.equal(bench.apply(subject, 'http-request', 'replace-value x-b .* a\\x00b'), RULE_CONTINUE);
  assert.equal(requestText(subject), GET.toLowerCase().replace('get', 'GET').replace('http/', 'HTTP/'));
});

test('A head that has no room for the rewrite stays as it was, but for the lines that set-header was to replace', () => {
  const bench = new RuleBench();
  for (const line of ['set-header x-a %[path]', 'replace-header x-a .* %[path]', 'replace-value x-a .* %[path]']) {
    const subject = bench.request(GET);
    subject.editEnd = subject.editAt + 7;
    assert.equal(bench.apply(subject, 'http-request', line), RULE_INTERNAL, line);
    const left = requestText(subject).match(/x-a: [13]/g)?.length ?? 0;
    assert.equal(left, line.startsWith('set-header') ? 0 : 2, line);
  }
});

test('A head that is full of lines takes no further one', () => {
  const bench = new RuleBench();
  const subject = bench.request(GET);
  bench.run.strict = false;
  const action = bench.compile('http-request', 'add-header n v');
  const count = subject.request!.headerCountMax - subject.request!.headerCount;
  for (let index = 0; index < count; index++) action(subject, bench.run);
  assert.deepEqual(bench.asked, []);
  action(subject, bench.run);
  assert.deepEqual(bench.asked, ['rewriteFailed']);
});

test('Responses are edited by the same actions', () => {
  const text = 'HTTP/1.1 200 OK\r\nServer: s\r\nX: 1\r\nContent-Length: 0\r\n\r\n';
  assert.equal(
    new RuleBench().editResponse(text, 'set-header Server w', 'del-header x', 'replace-header server w (\\0)'),
    'HTTP/1.1 200 OK|content-length: 0|server: (w)',
  );
});

test('A changed Host becomes the authority of a target that has one', () => {
  const bench = new RuleBench();
  const absolute = 'GET http://u@a.b:81/p?q HTTP/1.1\r\nHost: a.b:81\r\n\r\n';
  assert.equal(bench.edit(absolute, 'set-header Host new'), 'GET http://u@new/p?q HTTP/1.1|host: new');
  assert.equal(bench.edit(absolute, 'replace-header host :.* :9'), 'GET http://u@:9/p?q HTTP/1.1|host: :9');
  assert.equal(bench.edit(absolute, 'replace-value host ^a(.*) z\\1'), 'GET http://u@z.b:81/p?q HTTP/1.1|host: z.b:81');
  assert.equal(bench.edit(absolute, 'del-header host'), 'GET http://u@a.b:81/p?q HTTP/1.1');
  assert.equal(bench.edit(GET, 'set-header host n').split('|')[0], 'GET /x?y=1 HTTP/1.1');
  const connect = 'CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n\r\n';
  assert.equal(bench.edit(connect, 'set-header Host n:1'), 'CONNECT n:1 HTTP/1.1|host: n:1');
});

const LIST = (pairs: readonly (readonly [string, string])[]): string =>
  Buffer.concat(
    [...pairs, ['', ''] as const].flatMap(([name, value]) => [
      Buffer.from([name.length]),
      Buffer.from(name),
      Buffer.from([value.length]),
      Buffer.from(value),
    ]),
  ).toString('hex');

test('set-headers-bin and add-headers-bin take names and values from a binary list', () => {
  const bench = new RuleBench();
  const list = LIST([
    ['x-a', 'new'],
    ['Connection', 'close'],
    ['content-length', '9'],
    ['p-q', ''],
  ]);
  assert.equal(bench.edit(GET, `set-headers-bin bin(${list})`), 'GET /x?y=1 HTTP/1.1|host: h|x-b: 2|x-a: new|p-q: ');
  assert.equal(
    bench.edit(GET, `add-headers-bin bin(${list}) prefix x-`),
    'GET /x?y=1 HTTP/1.1|host: h|x-a: 1|x-b: 2|x-a: 3|x-a: new',
  );
});

test('del-headers-bin takes names alone', () => {
  const names = Buffer.from('\x03X-A\x04host\x07upgrade\x00', 'latin1').toString('hex');
  const bench = new RuleBench();
  assert.equal(bench.edit(GET, `del-headers-bin bin(${names})`), 'GET /x?y=1 HTTP/1.1|x-b: 2');
  const part = Buffer.from('\x02X-\x00', 'latin1').toString('hex');
  assert.equal(bench.edit(GET, `del-headers-bin bin(${part}) -m beg`), 'GET /x?y=1 HTTP/1.1|host: h');
});

test('A binary list that is cut is a failed rewrite, one without an end an internal error', () => {
  const bench = new RuleBench();
  bench.run.strict = false;
  const verdictOf = (hex: string, action = 'add-headers-bin'): number =>
    bench.apply(bench.request(GET), 'http-request', `${action} bin(${hex})`);
  const whole = LIST([['a', 'b']]);
  for (let length = 2; length < whole.length - 4; length += 2) {
    bench.asked.length = 0;
    assert.equal(verdictOf(whole.slice(0, length)), length === 8 ? RULE_INTERNAL : RULE_CONTINUE, `${length}`);
    assert.deepEqual(bench.asked, length === 8 ? [] : ['rewriteFailed']);
  }
  assert.equal(verdictOf(`${whole.slice(0, -4)}0001`), RULE_CONTINUE);
  assert.equal(verdictOf('fffffffffffffffffffff0'), RULE_CONTINUE);
  assert.equal(verdictOf('0161', 'del-headers-bin'), RULE_INTERNAL);
});

test('A name from a list that could not stand on a line is refused', () => {
  const bench = new RuleBench();
  const subject = bench.request(GET);
  const list = LIST([['a: b\r\nc', 'v']]);
  assert.equal(bench.apply(subject, 'http-request', `set-headers-bin bin(${list})`), RULE_INTERNAL);
  const evil = LIST([['a', 'v\r\nc: d']]);
  assert.equal(bench.apply(subject, 'http-request', `set-headers-bin bin(${evil})`), RULE_INTERNAL);
  assert.equal(requestText(subject).includes('c'), false);
});

test('Lines that cannot be understood are refused in HAProxy’s words', () => {
  const bench = new RuleBench();
  const problem = (line: string): string => {
    const text = bench.problem('http-request', line);
    return text.replace(/^error detected in proxy 'px' while parsing 'http-request \S+' rule : /, '');
  };
  assert.equal(problem('set-header x'), 'expects exactly 2 arguments.');
  assert.equal(problem('del-header'), 'expects at least 1 argument.');
  assert.equal(problem('del-header x -m'), '-m flag expects exactly 1 argument.');
  assert.equal(problem('del-header x -m found'), "-m with unsupported matching method 'found'.");
  assert.match(
    problem('del-header ( -m reg'),
    /^regex '\(' is invalid \(error=missing closing parenthesis, erroffset=1\)/,
  );
  assert.equal(problem('replace-header x y'), 'expects exactly 3 arguments.');
  assert.match(problem('replace-value x [ y'), /^regex '\[' is invalid/);
  assert.equal(problem('add-headers-bin'), 'expects exactly one argument or three arguments <headers> prefix <pfx>.');
  assert.equal(
    problem('set-headers-bin bin(00) prefix'),
    'expects 1 argument: <headers>; or 3 arguments: <headers> prefix <pfx>.',
  );
  assert.equal(
    problem('del-headers-bin bin(00) -m reg'),
    '-m reg is unsupported with del-headers-bin due to performance reasons.',
  );
  assert.match(problem('set-header x %[res.hdr(y)]'), /which is not available here/);
  assert.notEqual(bench.parse('http-request', "set-header 'a b' c"), null);
  assert.deepEqual(bench.warnings, ["header name 'a b' contains forbidden character ' '."]);
});
