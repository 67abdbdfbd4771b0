// Goal: no rule, whatever values it is given and however little room there is, makes a head that is something else on the
// wire. Method: rules by the seed on requests by the seed; what is sent must be one head, without a line of the stranger's.
// FUZZ_SEED and FUZZ_CASES replay a failure and make it longer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.ts';
import { RULE_BAD_REQUEST, RULE_CONTINUE, RULE_INTERNAL } from './contract.ts';
import { RuleBench, requestText } from './fixture-actions.ts';
import { FRAMING_BROKEN, settleFraming } from './framing.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? 20_260_101);
const CASE_COUNT = Number(process.env['FUZZ_CASES'] ?? 400);

// Each takes a value from the stranger (query, header v) and puts it somewhere.
const LINES = [
  'set-header x-new %[query,url_dec]',
  'add-header x-new %[req.hdr(v),url_dec]',
  'set-header host %[query,url_dec]',
  'set-header content-length %[req.hdr(v)]',
  'add-header transfer-encoding %[req.hdr(v)]',
  'del-header v',
  'del-header content -m beg',
  'replace-header v (.*)% \\1\\x0d\\x0ax-evil:1',
  'replace-header v ^(.)(.*)$ \\2\\1',
  'replace-value v ^.*$ <\\0>',
  'replace-value host h %[query,url_dec]',
  'set-path /%[query,url_dec]',
  'set-pathq %[query,url_dec]',
  'set-query %[req.hdr(v),url_dec]',
  'set-uri %[query,url_dec]',
  'set-uri http://%[req.hdr(v)]/%[query]',
  'replace-path /(.*) /%[query,url_dec]\\1\\1',
  'replace-uri (.*) \\1\\x00',
  'normalize-uri path-strip-dotdot',
  'normalize-uri percent-decode-unreserved',
  'normalize-uri query-sort-by-name',
  'normalize-uri fragment-encode',
  'set-headers-bin req.hdr(v),url_dec',
  'add-headers-bin query,url_dec',
];

const PIECES = [
  ...['%0d%0a', '%0d%0ax-evil:1', '%00', '%0a', 'a', 'b=c', '/', '..', '/../', '//', '%', '%2', '%41', '&', ',', '"'],
  ...['%01x%01y', '%00%00', 'http://', '@', ':', 'h', '5', '0', 'chunked', ' ', '%20HTTP/1.0%0d%0a'],
];

function value(prng: Prng, blanks: boolean): string {
  let text = '';
  for (let count = prng.below(6); count > 0; count--) text += PIECES[prng.below(PIECES.length)]!;
  return blanks ? text.trim() : text.replaceAll(' ', '+');
}

function requestBy(prng: Prng): string {
  const body = prng.below(3);
  const framing = body === 0 ? '' : body === 1 ? 'Content-Length: 5\r\n' : 'Transfer-Encoding: chunked\r\n';
  const target = `${prng.below(3) === 0 ? 'http://h' : ''}/p?${value(prng, false)}`;
  return `POST ${target} HTTP/1.1\r\nHost: h\r\nV: ${value(prng, true)}\r\n${framing}\r\n`;
}

/** What is wrong with a head that is about to be sent, '' nothing. */
function wrong(text: string): string {
  if (text.indexOf('\r\n\r\n') !== text.length - 4) return 'there is more than one head';
  if (/[^\r]\n|\r[^\n]|\0/.test(text)) return 'a line has odd ends';
  if (/\r\nx-evil/i.test(text)) return 'the stranger made a line';
  const lengths = text.match(/\r\ncontent-length: [^\r]*/g) ?? [];
  const codings = text.match(/\r\ntransfer-encoding: [^\r]*/g) ?? [];
  if (lengths.length + codings.length > 1) return 'the end of the body is said twice';
  if (codings.some((line) => !line.endsWith(': chunked'))) return 'the coding is not what is sent';
  return lengths.some((line) => !/: [05]$/.test(line)) ? 'the length is not the body’s' : '';
}

test('No rule splits a message, says another length, or writes beyond its room', () => {
  const bench = new RuleBench();
  const actions = LINES.map((line) => bench.compile('http-request', line));
  for (let index = 0; index < CASE_COUNT; index++) {
    const seed = SEED + index;
    const prng = new Prng(seed);
    const text = requestBy(prng);
    const subject = bench.request(text);
    const room = prng.below(2) === 0 ? 20_000 : prng.below(300);
    subject.editEnd = subject.editAt + room;
    const guard = subject.bytes.slice(subject.editEnd, subject.editEnd + 64);
    bench.run.strict = prng.below(4) === 0;
    const used: string[] = [];
    let verdict = RULE_CONTINUE;
    for (let count = 1 + prng.below(4); count > 0 && verdict === RULE_CONTINUE; count--) {
      const at = prng.below(LINES.length);
      used.push(LINES[at]!);
      verdict = actions[at]!(subject, bench.run);
    }
    const told = `FUZZ_SEED=${seed} FUZZ_CASES=1: ${used.join('; ')} on ${JSON.stringify(text)}`;
    assert.ok([RULE_CONTINUE, RULE_INTERNAL, RULE_BAD_REQUEST].includes(verdict), told);
    assert.ok(subject.editAt <= subject.editEnd, told);
    assert.deepEqual(subject.bytes.slice(subject.editEnd, subject.editEnd + 64), guard, `room: ${told}`);
    if (verdict !== RULE_CONTINUE || settleFraming(subject, subject.request!, false) === FRAMING_BROKEN) continue;
    const sent = requestText(subject);
    assert.equal(wrong(sent), '', `${told} sent ${JSON.stringify(sent)}`);
  }
});
