import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEAD_ABSOLUTE_URI, METHOD_OTHER, METHOD_POST } from '../http/message.ts';
import { RULE_BAD_REQUEST, RULE_CONTINUE, RULE_INTERNAL } from './contract.ts';
import { RuleBench, requestText } from './fixture-actions.ts';

const request = (target: string, host = 'h', method = 'GET'): string =>
  `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

/** The request line and what else there is, for a target. */
const lineOf = (target: string, ...lines: readonly string[]): string =>
  new RuleBench().edit(request(target), ...lines).replace(' HTTP/1.1|host: h', '');

test('set-method puts another method in, which the head then has', () => {
  const bench = new RuleBench();
  const subject = bench.request(request('/'));
  assert.equal(bench.apply(subject, 'http-request', 'set-method POST'), RULE_CONTINUE);
  assert.equal(requestText(subject).split('\r\n')[0], 'POST / HTTP/1.1');
  assert.equal(subject.request!.method, METHOD_POST);
  assert.equal(bench.apply(subject, 'http-request', 'set-method post-%[method]'), RULE_CONTINUE);
  // The client’s own method is what `method` says, still.
  assert.equal(requestText(subject).split('\r\n')[0], 'post-GET / HTTP/1.1');
  assert.equal(subject.request!.method, METHOD_OTHER);
});

test('set-path replaces the path and keeps the query, set-pathq replaces both', () => {
  assert.equal(lineOf('/a?b=1', 'set-path /v%[path]'), 'GET /v/a?b=1');
  assert.equal(lineOf('/a?b=1', 'set-path /v?c'), 'GET /v?c?b=1');
  assert.equal(lineOf('/a?b=1', 'set-pathq /v?%[query]&c'), 'GET /v?b=1&c');
  assert.equal(lineOf('/a', 'set-pathq /v'), 'GET /v');
  const absolute = new RuleBench().edit(request('http://h/a?b'), 'set-path /c', 'set-query d');
  assert.equal(absolute, 'GET http://h/c?d HTTP/1.1|host: h');
});

test('A target without a path is replaced as a whole', () => {
  const bench = new RuleBench();
  assert.equal(bench.edit(request('*', 'h', 'OPTIONS'), 'set-path /a'), 'OPTIONS /a HTTP/1.1|host: h');
  assert.equal(bench.edit(request('h:443', 'h:443', 'CONNECT'), 'set-path /a'), 'CONNECT /a HTTP/1.1|host: h');
});

test('set-query replaces what is behind the question mark, adds one when it is missing', () => {
  assert.equal(lineOf('/a?b=1', 'set-query c=%[query]'), 'GET /a?c=b=1');
  assert.equal(lineOf('/a', 'set-query c'), 'GET /a?c');
  assert.equal(lineOf('/a?b', 'set-query %[hdr(nope)]'), 'GET /a?');
  assert.equal(lineOf('/a', 'set-query %[hdr(nope)]'), 'GET /a');
  assert.equal(lineOf('/a?b?c', 'set-query d'), 'GET /a?d');
});

test('set-uri replaces the target; Host follows the authority of an absolute one', () => {
  const bench = new RuleBench();
  assert.equal(bench.edit(request('/a'), 'set-uri /b?c'), 'GET /b?c HTTP/1.1|host: h');
  const subject = bench.request(request('/a?q'));
  assert.equal(bench.apply(subject, 'http-request', 'set-uri http://u:p@new:81/z?%[query]'), RULE_CONTINUE);
  assert.equal(requestText(subject), 'GET http://u:p@new:81/z?q HTTP/1.1\r\nhost: new:81\r\n\r\n');
  assert.notEqual(subject.request!.flags & HEAD_ABSOLUTE_URI, 0);
  assert.equal(bench.apply(subject, 'http-request', 'set-uri /p'), RULE_CONTINUE);
  assert.equal(requestText(subject), 'GET /p HTTP/1.1\r\nhost: new:81\r\n\r\n');
  assert.equal(subject.request!.flags & HEAD_ABSOLUTE_URI, 0);
  assert.equal(bench.edit(request('/a'), 'set-uri noscheme'), 'GET noscheme HTTP/1.1|host: noscheme');
  assert.equal(
    bench.edit(request('a.b:443', 'a.b:443', 'CONNECT'), 'set-uri c.d:1'),
    'CONNECT c.d:1 HTTP/1.1|host: c.d:1',
  );
});

test('An absolute target without a host is a failed rewrite', () => {
  const bench = new RuleBench();
  assert.equal(bench.apply(bench.request(request('/a')), 'http-request', 'set-uri http:///x'), RULE_INTERNAL);
  assert.deepEqual(bench.asked, ['rewriteFailed']);
});

test('replace-path, replace-pathq and replace-uri look at their part and replace it', () => {
  assert.equal(lineOf('/a/b?c=/d', 'replace-path /([ab])(/.*)? /x\\1\\2'), 'GET /xa/b?c=/d');
  assert.equal(lineOf('/a/b?c=/d', 'replace-path ^/a$ /never'), 'GET /a/b?c=/d');
  assert.equal(lineOf('/a/b?c=/d', 'replace-pathq (.*)\\?(.*) \\2?\\1'), 'GET c=/d?/a/b');
  assert.equal(
    new RuleBench().edit(request('http://h/a?b'), 'replace-uri ^http://(.*)/a(.*) https://%[hdr(host)].\\1/\\2'),
    'GET https://h.h/?b HTTP/1.1|host: h.h',
  );
  assert.equal(new RuleBench().edit(request('*', 'h', 'OPTIONS'), 'replace-path .* /x'), 'OPTIONS * HTTP/1.1|host: h');
});

test('A target never gets a line end, whatever a rule makes', () => {
  const bench = new RuleBench();
  const lines = ['replace-path .* /\\x0d\\x0aevil:1', 'replace-uri .* /\\x0a', 'replace-pathq .* /\\x00'];
  for (const line of lines) {
    const subject = bench.request(request('/a'));
    assert.equal(bench.apply(subject, 'http-request', line), RULE_INTERNAL, line);
    assert.equal(requestText(subject), request('/a').replace('Host', 'host'));
  }
  assert.equal(lineOf('/?a=%0d%0ab', 'set-path /%[query,url_dec]'), 'GET /a=%0D%0Ab?a=%0d%0ab');
});

test('A target without room stays as it was', () => {
  const bench = new RuleBench();
  const lines = ['set-path /b', 'set-pathq /b', 'set-query b', 'set-uri /b', 'set-method B', 'replace-uri .* /b'];
  for (const line of [...lines, 'normalize-uri path-merge-slashes', 'normalize-uri query-sort-by-name']) {
    const subject = bench.request(request('/a?c'));
    subject.editEnd = subject.editAt + 2;
    assert.equal(bench.apply(subject, 'http-request', line), RULE_INTERNAL, line);
    assert.equal(requestText(subject), request('/a?c').replace('Host', 'host'));
  }
});

test('normalize-uri puts the normalized part in the target’s place', () => {
  const line = (target: string, normalizer: string): string => lineOf(target, `normalize-uri ${normalizer}`);
  assert.equal(line('//a//b?c//d', 'path-merge-slashes'), 'GET /a/b?c//d');
  assert.equal(line('/./a?./', 'path-strip-dot'), 'GET /a?./');
  assert.equal(line('/a/../b?/../', 'path-strip-dotdot'), 'GET /b?/../');
  assert.equal(line('/../b', 'path-strip-dotdot full'), 'GET /b');
  assert.equal(line('/a?c&b', 'query-sort-by-name'), 'GET /a?b&c');
  assert.equal(line('/a', 'query-sort-by-name'), 'GET /a');
  assert.equal(line('/%2f?%2f', 'percent-to-uppercase'), 'GET /%2F?%2F');
  assert.equal(line('/%41?%41', 'percent-decode-unreserved strict'), 'GET /A?A');
  assert.equal(
    new RuleBench().edit(request('http://h//a'), 'normalize-uri path-merge-slashes'),
    'GET http://h/a HTTP/1.1|host: h',
  );
  assert.equal(
    new RuleBench().edit(request('*', 'h', 'OPTIONS'), 'normalize-uri path-merge-slashes'),
    'OPTIONS * HTTP/1.1|host: h',
  );
});

test('A normalizer in front of a condition is the one that was named', () => {
  const bench = new RuleBench();
  const ast = bench.parse('http-request', 'normalize-uri percent-to-uppercase if TRUE');
  assert.deepEqual(ast?.options, { normalizer: 'percent-to-uppercase', option: '' });
});

test('Under strict a wrong percent sign is a bad request', () => {
  const bench = new RuleBench();
  for (const normalizer of ['percent-to-uppercase', 'percent-decode-unreserved']) {
    const subject = bench.request(request('/%g1'));
    assert.equal(bench.apply(subject, 'http-request', `normalize-uri ${normalizer} strict`), RULE_BAD_REQUEST);
    assert.equal(requestText(subject), request('/%g1').replace('Host', 'host'));
  }
});

test('set-status changes status and reason; without one the usual phrase is sent', () => {
  const bench = new RuleBench();
  const response = 'HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n';
  assert.equal(bench.editResponse(response, 'set-status 503'), 'HTTP/1.1 503 Service Unavailable|content-length: 0');
  assert.equal(
    bench.editResponse(response, "set-status 418 reason 'a teapot'"),
    'HTTP/1.1 418 a teapot|content-length: 0',
  );
  const after = bench.response(response);
  assert.equal(bench.apply(after, 'http-after-response', 'set-status 404'), RULE_CONTINUE);
  assert.equal(after.response!.status, 404);
});

test('Lines that cannot be understood are refused in HAProxy’s words', () => {
  const bench = new RuleBench();
  const problem = (line: string, set: 'http-request' | 'http-response' = 'http-request'): string =>
    bench.problem(set, line).replace(/^error detected in proxy 'px' while parsing '\S+ \S+' rule : /, '');
  for (const action of ['set-method', 'set-path', 'set-pathq', 'set-query', 'set-uri']) {
    assert.equal(problem(action), 'expects exactly 1 argument <format>.');
    assert.equal(problem(`${action} a b`), 'expects exactly 1 argument <format>.');
  }
  for (const action of ['replace-path', 'replace-pathq', 'replace-uri']) {
    assert.equal(problem(`${action} a`), 'expects exactly 2 arguments <match-regex> and <replace-format>.');
    assert.equal(problem(`${action} a b c`), 'expects exactly 2 arguments <match-regex> and <replace-format>.');
    assert.match(problem(`${action} ( b`), /^failed to parse the regex : regex '\(' is invalid/);
  }
  assert.equal(problem('normalize-uri'), 'missing argument <normalizer>.');
  assert.equal(problem('normalize-uri x'), "unknown normalizer 'x'.");
  assert.equal(
    problem('normalize-uri percent-to-uppercase x'),
    "unknown argument 'x' for 'percent-to-uppercase' normalizer.",
  );
  assert.match(problem('normalize-uri fragment-strip x'), /expects either 'if' or 'unless'/);
  assert.equal(
    problem('set-status', 'http-response'),
    'expects 1 argument: <status>; or 3 arguments: <status> reason <fmt>.',
  );
  for (const status of ['99', '1000', 'abc', '200x']) {
    assert.equal(
      problem(`set-status ${status}`, 'http-response'),
      'expects an integer status code between 100 and 999.',
    );
  }
  assert.match(problem('set-status 200 reason', 'http-response'), /but found 'reason'/);
});
