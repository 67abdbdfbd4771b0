// Actions that change something other than the message: variables, tables, captures, addresses, the stream.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAMILY_INET, FAMILY_INET6, FAMILY_NONE, FAMILY_UNIX, type Subject } from '../sample/subject.ts';
import { RULE_CONTINUE } from './contract.ts';
import { giveCaptures, RuleBench, requestText, streamOf } from './fixture-actions.ts';

const GET = 'GET /x?y=1 HTTP/1.1\r\nHost: h\r\nN: 7\r\nE:\r\n\r\n';

/** What `var(name)` is after the rules, as the header v. */
function variable(name: string, ...lines: readonly string[]): string {
  const bench = new RuleBench();
  return bench.edit(GET, ...lines, `set-header v <%[var(${name})]>`).replace(/^.*\|v: /, '');
}

test('set-var keeps a value, set-var-fmt a text, unset-var takes it away', () => {
  assert.equal(variable('txn.a', 'set-var(txn.a) req.hdr(n)'), '<7>');
  assert.equal(variable('sess.a', 'set-var-fmt(sess.a) %[path]-%[query]'), '</x-y=1>');
  assert.equal(variable('proc.a', 'set-var(proc.a) int(5)', 'unset-var(proc.a)'), '<>');
  assert.equal(variable('req.a', 'set-var(req.a) int(5),add(2)'), '<7>');
  assert.equal(variable('res.a', 'set-var(res.a) int(5)'), '<>', 'a request has no variables of the response');
  assert.equal(variable('txn.a', 'set-var(txn.a) int(1)', 'set-var(txn.a) req.hdr(nope)'), '<1>');
});

test('set-var-fmt does not percent-encode', () => {
  const bench = new RuleBench();
  const subject = bench.request('GET /?a=%0a%c3 HTTP/1.1\r\nHost: h\r\n\r\n');
  const lines = ['set-var-fmt(txn.a) %[query,url_dec]', 'set-header v %[var(txn.a),hex]'];
  assert.equal(bench.apply(subject, 'http-request', ...lines), RULE_CONTINUE);
  assert.match(requestText(subject), /\r\nv: 613D0AC3\r\n/);
});

test('set-var looks at all of its conditions', () => {
  const after = (conditions: string, ...first: readonly string[]): string =>
    variable('txn.a', ...first, `set-var(txn.a,${conditions}) int(5)`);
  const text = (conditions: string, header: string): string =>
    variable('txn.a', `set-var(txn.a,${conditions}) req.hdr(${header})`);
  const three = 'set-var(txn.a) int(3)';
  const nine = 'set-var(txn.a) int(9)';
  assert.equal(after('ifexists'), '<>');
  assert.equal(after('ifexists', three), '<5>');
  assert.equal(after('ifnotexists', three), '<3>');
  assert.equal(after('ifnotexists'), '<5>');
  assert.equal(after('ifset'), '<>');
  assert.equal(after('ifnotset', three), '<3>');
  assert.equal(after('ifnotset', three, 'unset-var(txn.a)'), '<5>');
  assert.equal(after('ifgt', three), '<3>');
  assert.equal(after('ifgt', nine), '<5>');
  assert.equal(after('iflt', three), '<5>');
  assert.equal(after('iflt', nine), '<9>');
  assert.equal(after('ifgt'), '<5>');
  assert.equal(after('ifempty'), '<>', 'a number is not empty');
  assert.equal(after('ifexists,ifgt', nine), '<5>');
  assert.equal(after('ifnotset,ifgt', nine), '<9>');
  assert.equal(text('ifempty', 'n'), '<>');
  assert.equal(text('ifnotempty', 'n'), '<7>');
  assert.equal(variable('txn.a', 'set-var(txn.a) int(1)', 'set-var(txn.a,ifnotempty) req.hdr(e)'), '<1>');
  assert.equal(variable('txn.a', 'set-var(txn.a) int(1)', 'set-var(txn.a,ifempty) req.hdr(e)'), '<>');
  assert.equal(variable('proc.a', 'set-var(proc.a,ifexists) int(5)'), '<5>', 'the configuration names it: it exists');
});

test('Other threads are told of a proc variable, when it was set', () => {
  const bench = new RuleBench();
  bench.apply(bench.request(GET), 'http-request', 'set-var(proc.a) int(1)', 'set-var(proc.a,ifnotset) int(2)');
  bench.apply(bench.request(GET), 'http-request', 'unset-var(proc.a)', 'set-var(txn.b) int(1)');
  assert.deepEqual(bench.changes, ['proc 0', 'proc 0']);
});

test('Variables work in every set of rules', () => {
  const bench = new RuleBench();
  const sets = ['tcp-request connection', 'tcp-request session', 'tcp-request content', 'http-request'] as const;
  for (const set of [...sets, 'tcp-response content', 'http-response', 'http-after-response'] as const) {
    const lines = ['set-var(sess.a) int(1)', 'set-var-fmt(sess.b) x', 'unset-var(sess.a)'];
    assert.equal(bench.apply(bench.request(GET), set, ...lines), RULE_CONTINUE, set);
  }
});

test('Wrong names and conditions of variables are refused in HAProxy’s words', () => {
  const bench = new RuleBench();
  const problem = (line: string): string =>
    bench
      .problem('http-request', line)
      .replace(/^error detected in proxy 'px' while parsing 'http-request .*' rule : /, '');
  const forms = "Expects 'set-var(<var-name>)', 'set-var-fmt(<var-name>)' or 'unset-var(<var-name>)'";
  assert.equal(problem('set-var int(1)'), `invalid or incomplete action 'set-var'. ${forms}.`);
  assert.equal(problem('set-var(txn.a int(1)'), `incomplete argument after action 'set-var(txn.a'. ${forms}.`);
  assert.equal(problem('set-var(txn.a,ifbig) int(1)'), 'unknown condition "ifbig".');
  assert.match(
    problem('set-var(foo) int(1)'),
    /^invalid variable name 'foo'\. A variable name must start with its scope/,
  );
  assert.equal(problem('set-var(txn.a-b) int(1)'), "invalid syntax at char '-'.");
  assert.match(problem('unset-var(txn.a,ifset)'), /^unset-var does not expect parameters after the variable name/);
  assert.match(problem('set-var(txn.a) nope'), /unknown fetch method 'nope'/);
});

test('Maps and ACLs that the configuration uses are changed by name', () => {
  const bench = new RuleBench();
  bench.addRef('', false);
  bench.addRef('/etc/hosts.map', true);
  bench.addRef('/etc/list.acl', false);
  const lines = [
    'set-map(/etc/hosts.map) %[req.hdr(host)] %[path]',
    'set-map(/etc/hosts.map) h other',
    'del-map(/etc/hosts.map) %[req.hdr(host)]',
    'add-acl(/etc/list.acl) %[query]',
    'add-acl(/etc/list.acl) y=1',
    'del-acl(/etc/list.acl) y=1',
  ];
  assert.equal(bench.apply(bench.request(GET), 'http-request', ...lines), RULE_CONTINUE);
  assert.deepEqual(bench.changes, [
    ...['add 1 h=/x', 'add 1 h=other', 'del 1 h='],
    ...['add 2 y=1=', 'add 2 y=1=', 'del 2 y=1='],
  ]);
});

test('A file that no ACL and no map uses is not there for rules', () => {
  const bench = new RuleBench();
  bench.addRef('', true);
  const lines = ['set-map(/other) a b', 'del-map(/other) a', 'add-acl(/other) a', 'del-acl(/other) a'];
  assert.equal(bench.apply(bench.request(GET), 'http-request', ...lines), RULE_CONTINUE);
  assert.deepEqual(bench.changes, []);
  const after = ['set-map(/other) a b', 'del-map(/other) a', 'del-acl(/other) a'];
  assert.equal(bench.apply(bench.request(GET), 'http-after-response', ...after), RULE_CONTINUE);
  assert.match(bench.problem('http-request', 'set-map(/x) a'), /expects exactly 2 arguments/);
  assert.match(bench.problem('http-request', 'del-acl(/x)'), /expects exactly 1 arguments/);
});

test('capture keeps the beginning of a value in a slot', () => {
  const bench = new RuleBench();
  const subject = bench.request(GET);
  const { request } = giveCaptures(subject, [3, 3]);
  const lines = ['capture req.hdr(host) len 3', 'capture pathq len 3', 'capture req.hdr(nope) id 0'];
  assert.equal(bench.apply(subject, 'http-request', ...lines, 'capture int(7) id 5'), RULE_CONTINUE);
  assert.deepEqual(bench.captureLengths, [3, 3]);
  const text = (slot: number): string =>
    Buffer.from(request.bytesOf(slot).subarray(0, request.lengthOf(slot))).toString('latin1');
  assert.deepEqual([text(0), text(1)], ['h', '/x?']);
  bench.apply(subject, 'tcp-request content', 'capture int(42) len 9');
  assert.deepEqual(bench.captureLengths, [3, 3, 9]);
});

test('Responses are captured into slots that were declared', () => {
  const bench = new RuleBench();
  const subject = bench.response('HTTP/1.1 200 OK\r\nServer: apache\r\n\r\n');
  const { response } = giveCaptures(subject, [4]);
  assert.equal(bench.apply(subject, 'http-response', 'capture res.hdr(server) id 0'), RULE_CONTINUE);
  assert.equal(response.lengthOf(0), 4);
  assert.equal(bench.apply(subject, 'http-after-response', 'capture status id 0'), RULE_CONTINUE);
  assert.equal(response.lengthOf(0), 3);
});

test('Captures without a slot of that number are refused where the slots are known', () => {
  const bench = new RuleBench();
  const count = { name: 'px', front: true, requestCaptureCount: 1, responseCaptureCount: 2 };
  const check = (set: 'http-request' | 'http-response', line: string, front = true): string | null =>
    bench.check(bench.parse(set, line)!, { ...count, front });
  assert.equal(check('http-request', 'capture path id 0'), null);
  assert.equal(
    check('http-request', 'capture path id 1'),
    "unable to find capture id '1' referenced by http-request capture rule",
  );
  assert.equal(check('http-request', 'capture path id 1', false), null);
  assert.equal(check('http-response', 'capture status id 1'), null);
  assert.equal(
    check('http-response', 'capture status id 2'),
    "unable to find capture id '2' referenced by http-response capture rule",
  );
  assert.equal(check('http-request', 'capture path len 9'), null);
});

test('Wrong captures are refused in HAProxy’s words', () => {
  const bench = new RuleBench();
  const problem = (line: string, set: 'http-request' | 'http-response' | 'tcp-request content' = 'http-request') =>
    bench.problem(set, line).replace(/^error detected in \S+ 'px' while parsing 'http-\S+ capture' rule : /, '');
  assert.equal(problem('capture path'), "expects <expression> [ 'len' <length> | id <idx> ].");
  assert.equal(problem('capture path if TRUE'), "expects <expression> [ 'len' <length> | id <idx> ].");
  assert.equal(problem('capture path by 3'), "expects 'len' or 'id', found 'by'.");
  assert.equal(problem('capture path len 0'), 'length must be > 0.');
  assert.equal(problem('capture path id 1x'), "cannot parse id '1x'.");
  assert.equal(problem('capture status id', 'http-response'), 'expects <expression> id <idx>.');
  assert.equal(problem('capture status len 3', 'http-response'), "expects 'id', found 'len'.");
  assert.equal(
    problem('capture src', 'tcp-request content'),
    "'tcp-request content capture' : a positive 'len' argument is mandatory",
  );
  assert.equal(
    problem('capture src len x', 'tcp-request content'),
    "'tcp-request content capture' : length must be > 0",
  );
  bench.kind = { front: false, back: true };
  assert.equal(problem('capture path len 3'), "proxy 'px' has no frontend capability.");
  assert.equal(
    problem('capture src len 3', 'tcp-request content'),
    "'tcp-request content capture' : proxy 'px' has no frontend capability",
  );
});

const address = (subject: Subject): readonly [number, number, number] => {
  const { sourceFamily, sourcePort, source0 } = subject.front!;
  return [sourceFamily, sourcePort, source0];
};

test('set-src and its kin change the stream’s address and leave the connection’s', () => {
  const bench = new RuleBench();
  const subject = bench.request(GET.replace('N: 7', 'X: 192.0.2.9\r\nV6: 2001:db8::1\r\nP: 70000'));
  const before = address(subject);
  const apply = (line: string): void => {
    assert.equal(bench.apply(subject, 'http-request', line), RULE_CONTINUE);
  };
  apply('set-src req.hdr(x)');
  const view = streamOf(subject);
  assert.deepEqual(
    { ...view.sourceSet },
    {
      ...{ family: FAMILY_INET, port: 1234, word0: 0xc0000209 | 0, word1: 0, word2: 0, word3: 0 },
    },
  );
  apply('set-src-port req.hdr(p)');
  assert.equal(view.sourceSet?.port, 70_000 & 0xffff);
  assert.equal(view.sourceSet?.word0, 0xc0000209 | 0);
  apply('set-src req.hdr(v6)');
  assert.deepEqual(
    { ...view.sourceSet },
    {
      ...{ family: FAMILY_INET6, port: 70_000 & 0xffff, word0: 0x20010db8, word1: 0, word2: 0, word3: 1 },
    },
  );
  apply('set-src req.hdr(host)');
  assert.equal(view.sourceSet?.word3, 1, 'what is no address changes nothing');
  apply('set-dst src,ipmask(8)');
  apply('set-dst-port int(99)');
  assert.equal(view.targetSet?.port, 99);
  assert.deepEqual(address(subject), before);
});

test('Rules on connections change the connection’s own addresses', () => {
  const bench = new RuleBench();
  const subject = bench.request(GET);
  subject.stream = null;
  bench.apply(subject, 'tcp-request connection', 'set-src ipv4(10.0.0.1)', 'set-src-port int(5)');
  assert.deepEqual(address(subject), [FAMILY_INET, 5, 0x0a000001]);
  bench.apply(subject, 'tcp-request session', 'set-dst ipv6(::2)', 'set-dst-port int(6)');
  const { targetFamily, targetPort, target3 } = subject.front!;
  assert.deepEqual([targetFamily, targetPort, target3], [FAMILY_INET6, 6, 2]);
  subject.front!.sourceFamily = FAMILY_UNIX;
  bench.apply(subject, 'tcp-request connection', 'set-src-port int(7)');
  assert.deepEqual(address(subject), [FAMILY_INET, 7, 0]);
});

test('Addresses that nobody has asked the kernel for yet are learnt first', () => {
  const bench = new RuleBench();
  const subject = bench.request(GET);
  subject.front!.sourceFamily = FAMILY_NONE;
  const lines = ['set-src ipv4(10.0.0.1)'];
  assert.equal(bench.apply(subject, 'http-request', ...lines), RULE_CONTINUE);
  assert.equal(streamOf(subject).sourceSet, null, 'the kernel knows none: nothing is set');
  bench.learnt = { family: FAMILY_INET, port: 77 };
  assert.equal(bench.apply(subject, 'http-request', ...lines), RULE_CONTINUE);
  assert.equal(streamOf(subject).sourceSet?.port, 77);
});

test('What a stream or its connections are asked reaches the proxy', () => {
  const bench = new RuleBench();
  const asked = (set: Parameters<RuleBench['compile']>[0], line: string): string => {
    bench.asked.length = 0;
    assert.equal(bench.apply(bench.request(GET), set, line), RULE_CONTINUE, line);
    return bench.asked.join(', ');
  };
  assert.equal(asked('http-request', 'set-log-level err'), 'setLogLevel 3');
  assert.equal(asked('http-after-response', 'set-log-level silent'), 'setLogLevel -1');
  assert.equal(asked('http-request', 'set-nice 10'), '');
  assert.equal(asked('tcp-request connection', 'set-mark 0x10'), 'setMark true 16');
  assert.equal(asked('tcp-response content', 'set-fc-mark 017'), 'setMark true 15');
  assert.equal(asked('http-request', 'set-bc-mark req.hdr(n)'), 'setMark false 7');
  assert.equal(asked('http-request', 'set-bc-mark 4294967295'), 'setMark false 4294967295');
  assert.equal(asked('http-response', 'set-tos 46'), 'setTos true 46');
  assert.equal(asked('tcp-request session', 'set-fc-tos 0'), 'setTos true 0');
  assert.equal(asked('tcp-request content', 'set-bc-tos int(8)'), 'setTos false 8');
  assert.equal(asked('http-request', 'set-bc-tos req.hdr(nope)'), '');
  assert.equal(asked('http-request', 'set-priority-class int(5000)'), 'setPriorityClass 2047');
  assert.equal(asked('http-request', 'set-priority-class int(-9999)'), 'setPriorityClass -2047');
  assert.equal(asked('tcp-request content', 'set-priority-offset int(600000)'), 'setPriorityOffsetMs 524287');
  assert.equal(asked('http-request', 'set-timeout server 5s'), 'setTimeout server 5000');
  assert.equal(asked('http-response', 'set-timeout client 20'), 'setTimeout client 20');
  assert.equal(asked('http-request', 'set-timeout tunnel req.hdr(n)'), 'setTimeout tunnel 7');
  assert.equal(asked('http-request', 'set-timeout queue int(-1)'), '');
  assert.equal(asked('http-request', 'set-retries 0'), 'setRetries 0');
  assert.equal(asked('tcp-request content', 'set-retries req.hdr(n)'), 'setRetries 7');
  assert.equal(asked('http-request', 'set-retries int(101)'), '');
  assert.equal(asked('http-request', 'disable-l7-retry'), 'disableL7Retry');
});

test('Wrong words of these actions are refused as HAProxy does', () => {
  const bench = new RuleBench();
  const problem = (line: string): string =>
    bench
      .problem('http-request', line)
      .replace(/^error detected in \S+ 'px' while parsing 'http-request \S+' rule : /, '');
  assert.equal(problem('set-log-level loud'), "expects exactly 1 argument (log level name or 'silent').");
  assert.equal(problem('set-nice'), 'expects exactly 1 argument (integer value).');
  assert.equal(problem('set-mark'), 'expects an argument.');
  assert.match(problem('set-tos 08'), /missing fetch method|unknown fetch method '08'/);
  assert.equal(problem('set-timeout server'), 'expects exactly 2 arguments.');
  assert.equal(
    problem('set-timeout check 1s'),
    "'set-timeout' rule supports 'client'/'connect'/'queue'/'server'/'tarpit'/'tunnel' (got 'check').",
  );
  assert.equal(problem('set-timeout server 0'), "null value is not valid for a 'set-timeout server' rule.");
  assert.equal(
    problem('set-timeout server 10us'.replace('10us', '99999999d')),
    "timer overflow in argument '99999999d' to rule 'set-timeout server' (maximum value is 2147483647 ms or ~24.8 days).",
  );
  assert.equal(problem('set-timeout server x'), "unexpected character 'x' in rule 'set-timeout server'.");
  assert.equal(problem('set-retries 101'), 'expects an expression or an integer between 1 and 100.');
  bench.kind = { front: true, back: false };
  assert.equal(problem('set-timeout server 1s'), "'px' has no backend capability.");
  assert.equal(problem('set-retries 1'), "'set-retries' only available in backend or listen section.");
  bench.kind = { front: false, back: true };
  assert.equal(problem('set-timeout client 1s'), "'px' has no frontend capability.");
});
