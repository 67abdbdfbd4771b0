import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RULE_CONTINUE } from './contract.ts';
import { RuleBench, requestText, responseText } from './fixture-actions.ts';
import { FRAMING_BROKEN, FRAMING_DROP_BODY, FRAMING_KEPT, FRAMING_UNTIL_CLOSE, settleFraming } from './framing.ts';

const LENGTH = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello';
const CHUNKED = 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
const NO_BODY = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';

/** The lines behind Host after the rules, and what is to be done with the body. */
function settle(text: string, ...lines: readonly string[]): [string, number] {
  const bench = new RuleBench();
  const subject = bench.request(text);
  assert.equal(bench.apply(subject, 'http-request', ...lines), RULE_CONTINUE);
  const verdict = settleFraming(subject, subject.request!, false);
  const shown = requestText(subject).replace(/^.*\r\nhost: h\r\n/, '');
  return [shown.trimEnd().replaceAll('\r\n', '|'), verdict];
}

function settleResponse(text: string, ...lines: readonly string[]): [string, number] {
  const bench = new RuleBench();
  const subject = bench.response(text);
  assert.equal(bench.apply(subject, 'http-response', ...lines), RULE_CONTINUE);
  const verdict = settleFraming(subject, subject.response!, true);
  return [responseText(subject).trimEnd().split('\r\n').slice(1).join('|'), verdict];
}

test('A head whose framing no rule has touched stays as it is', () => {
  assert.deepEqual(settle(LENGTH, 'set-header a b'), ['content-length: 5|a: b', FRAMING_KEPT]);
  assert.deepEqual(settle(CHUNKED), ['transfer-encoding: chunked', FRAMING_KEPT]);
  assert.deepEqual(settle(NO_BODY), ['', FRAMING_KEPT]);
  assert.deepEqual(settle(NO_BODY.replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n')), [
    'content-length: 0',
    FRAMING_KEPT,
  ]);
});

test('A request that lost what its body needs is sent without the body', () => {
  assert.deepEqual(settle(LENGTH, 'del-header content-length'), ['content-length: 0', FRAMING_DROP_BODY]);
  assert.deepEqual(settle(CHUNKED, 'del-header transfer-encoding'), ['content-length: 0', FRAMING_DROP_BODY]);
  const swapped = ['del-header content-length', 'set-header transfer-encoding chunked'];
  assert.deepEqual(settle(LENGTH, ...swapped), ['content-length: 0', FRAMING_DROP_BODY]);
});

test('A line that the body does not need is left out', () => {
  assert.deepEqual(settle(CHUNKED, 'set-header content-length 3'), ['transfer-encoding: chunked', FRAMING_KEPT]);
  assert.deepEqual(settle(LENGTH, 'set-header transfer-encoding chunked'), ['content-length: 5', FRAMING_KEPT]);
  assert.deepEqual(settle(NO_BODY, 'set-header transfer-encoding chunked'), ['', FRAMING_KEPT]);
  assert.deepEqual(settle(NO_BODY, 'add-header content-length 0'), ['', FRAMING_KEPT]);
  assert.deepEqual(settle(LENGTH, 'add-header content-length 5'), ['content-length: 5', FRAMING_KEPT]);
});

test('Transfer-encoding always says chunked', () => {
  assert.deepEqual(settle(CHUNKED, 'set-header transfer-encoding gzip'), ['transfer-encoding: chunked', FRAMING_KEPT]);
  const twice = ['add-header transfer-encoding identity', 'add-header transfer-encoding x'];
  assert.deepEqual(settle(CHUNKED, ...twice), ['transfer-encoding: chunked', FRAMING_KEPT]);
});

test('Another length than the body’s is refused: no message can be taken for two', () => {
  for (const value of ['3', '9', '5x', '-5', '+5', '99999999999999999999', '0x5', '%[hdr(nope)]']) {
    assert.equal(settle(LENGTH, `set-header content-length ${value}`)[1], FRAMING_BROKEN, value);
  }
  assert.equal(settle(LENGTH, 'add-header content-length 6')[1], FRAMING_BROKEN);
  assert.equal(settle(LENGTH, 'replace-header content-length 5 4')[1], FRAMING_BROKEN);
  assert.equal(settle(NO_BODY, 'set-header content-length 3')[1], FRAMING_BROKEN);
  assert.equal(settle(CHUNKED, 'set-header content-length x')[1], FRAMING_BROKEN);
  assert.deepEqual(settle(LENGTH, "set-header content-length ' 5 '")[1], FRAMING_KEPT);
});

const RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';

test('A response that lost its length ends with the connection', () => {
  assert.deepEqual(settleResponse(RESPONSE, 'del-header content-length'), ['', FRAMING_UNTIL_CLOSE]);
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
  assert.deepEqual(settleResponse(chunked, 'del-header transfer-encoding'), ['', FRAMING_UNTIL_CLOSE]);
});

test('A response cannot lie about its length either', () => {
  assert.equal(settleResponse(RESPONSE, 'set-header content-length 3')[1], FRAMING_BROKEN);
  const untilClose = 'HTTP/1.1 200 OK\r\nx: y\r\n\r\n';
  assert.deepEqual(settleResponse(untilClose, 'set-header content-length 3'), ['x: y', FRAMING_KEPT]);
  assert.deepEqual(settleResponse(untilClose, 'set-header transfer-encoding chunked'), ['x: y', FRAMING_KEPT]);
});

test('A response without a body may say any length', () => {
  const notModified = 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n';
  assert.deepEqual(settleResponse(notModified, 'set-header content-length 77'), ['content-length: 77', FRAMING_KEPT]);
  assert.deepEqual(settleResponse(notModified), ['content-length: 5', FRAMING_KEPT]);
  const silent = 'HTTP/1.1 304 Not Modified\r\nx: y\r\n\r\n';
  assert.deepEqual(settleResponse(silent, 'set-header content-length 77'), ['x: y', FRAMING_KEPT]);
});

test('A status that forbids a body drops it', () => {
  assert.deepEqual(settleResponse(RESPONSE, 'set-status 204'), ['content-length: 5', FRAMING_DROP_BODY]);
  assert.deepEqual(settleResponse(RESPONSE, 'set-status 304'), ['content-length: 5', FRAMING_DROP_BODY]);
  assert.deepEqual(settleResponse(RESPONSE, 'set-status 404'), ['content-length: 5', FRAMING_KEPT]);
});
