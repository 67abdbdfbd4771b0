// Goal: no bytes make a converter throw, run on, or give bytes that are not its own. Method: random and mutated inputs from a
// printed seed for every decoder and parser; where a second opinion exists (Buffer, JSON.parse) the answers are compared.
// FUZZ_CASES sets how many, FUZZ_SEED replays one run.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.ts';
import { describe, Harness, textSample } from './fixture-convert.ts';
import { type ParityCase, parityCases } from './fixture-convert-cases.ts';
import { type Sample, TYPE_BIN, TYPE_BOOL, TYPE_IPV4, TYPE_SINT } from './types.ts';

const CASES = Number(process.env['FUZZ_CASES'] ?? 3000);
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 0x1_0000_0000);

function mutate(prng: Prng, text: string): string {
  const bytes = [...text];
  for (let count = prng.below(4); count >= 0; count--) {
    const at = prng.below(bytes.length + 1);
    const choice = prng.below(4);
    if (choice === 0) bytes.splice(at, 1);
    else if (choice === 1) bytes.splice(at, 0, String.fromCharCode(prng.below(256)));
    else if (choice === 2) bytes.splice(at, prng.below(8));
    else bytes[at] = String.fromCharCode(prng.below(256));
  }
  return bytes.join('');
}

/** A value must be one: numbers in range, bytes inside of their array. */
function checkValue(sample: Sample): void {
  if (sample.type === TYPE_SINT || sample.type === TYPE_BOOL || sample.type === TYPE_IPV4) {
    assert.ok(Number.isInteger(sample.number), 'a number is whole');
    if (sample.type === TYPE_IPV4) assert.ok(sample.number >= 0 && sample.number <= 0xffff_ffff);
    if (sample.wide !== null) assert.equal(BigInt.asIntN(64, sample.wide), sample.wide);
    else assert.ok(Number.isSafeInteger(sample.number), 'numbers that are not wide are exact');
    return;
  }
  assert.ok(sample.offset >= 0 && sample.length >= 0);
  assert.ok(sample.offset + sample.length <= sample.bytes.length, 'a view lies inside of its array');
}

test('hostile bytes never make a converter throw or leave its bounds', (context) => {
  context.diagnostic(`FUZZ_SEED=${SEED} FUZZ_CASES=${CASES}`);
  const prng = new Prng(SEED);
  const harness = new Harness();
  harness.setText('txn.txt', 'hello');
  harness.setInt('txn.num', 42n);
  harness.setText('txn.b64', 'a2V5');
  const compiled = parityCases.map((each: ParityCase) => ({ ...each, run: harness.compile(each.chain) }));
  for (let count = 0; count < CASES; count++) {
    const { chain, inputs, run } = prng.pick(compiled);
    const input = prng.below(3) === 0 ? randomText(prng) : mutate(prng, prng.pick(inputs));
    // Around the input lies what the converter must not look at: the answer is the same whatever it is.
    const answers = [0x00, 0x22, 0x3d].map((byte) => answerWithin(run, input, byte));
    assert.deepEqual(answers[1], answers[0], `${chain} of ${JSON.stringify(input)}`);
    assert.deepEqual(answers[2], answers[0], `${chain} of ${JSON.stringify(input)}`);
  }
});

function randomText(prng: Prng): string {
  return Buffer.from(prng.bytes(prng.below(300))).toString('latin1');
}

function answerWithin(run: (sample: Sample) => boolean, input: string, byte: number): string | null {
  const margin = String.fromCharCode(byte).repeat(9);
  const sample = textSample(margin + input + margin, TYPE_BIN);
  sample.offset = margin.length;
  sample.length = input.length;
  if (!run(sample)) return null;
  checkValue(sample);
  return describe(sample);
}

test('what base64 encodes, it decodes, and as Buffer does', () => {
  const prng = new Prng(SEED + 1);
  const harness = new Harness();
  for (let count = 0; count < CASES / 10; count++) {
    const input = randomText(prng);
    const bytes = Buffer.from(input, 'latin1');
    assert.equal(harness.run('base64', input), `str ${bytes.toString('base64')}`, `FUZZ_SEED=${SEED}`);
    assert.equal(harness.run('ub64enc', input), `str ${bytes.toString('base64url')}`, `FUZZ_SEED=${SEED}`);
    const hex = `bin ${bytes.toString('hex').toUpperCase()}`;
    assert.equal(harness.run('base64,b64dec', input), hex, `FUZZ_SEED=${SEED}`);
    assert.equal(harness.run('ub64enc,ub64dec', input), hex, `FUZZ_SEED=${SEED}`);
    const percent = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    const text = input.split('\0')[0]!;
    assert.equal(harness.run('url_dec', percent), `str ${input}`, `FUZZ_SEED=${SEED}`);
    assert.equal(harness.run('url_enc(query),url_dec', text), `str ${text}`, `FUZZ_SEED=${SEED}`);
  }
});

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

function randomJson(prng: Prng, depth: number): Json {
  switch (prng.below(depth > 4 ? 4 : 6)) {
    case 0:
      return prng.below(1_000_000);
    case 1:
      return prng.pick(['', 'text', 'a"b', 'c\\d', 'tab\tnl\n', '{[,:]}']);
    case 2:
      return prng.below(2) === 1;
    case 3:
      return null;
    case 4:
      return Array.from({ length: prng.below(4) }, () => randomJson(prng, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: prng.below(4) }, (_, index) => [`k${index}`, randomJson(prng, depth + 1)]),
      );
  }
}

/** A path to some place in the value, and what is there. */
function randomPath(prng: Prng, root: Json): [path: string, value: Json] {
  let path = '$';
  let value = root;
  while (typeof value === 'object' && value !== null && prng.below(4) > 0) {
    const keys = Object.keys(value);
    if (keys.length === 0) break;
    const key = prng.pick(keys);
    path += Array.isArray(value) ? `[${key}]` : `.${key}`;
    value = (value as { [key: string]: Json })[key]!;
  }
  return [path, value];
}

function expectedOf(value: Json): string | null {
  if (typeof value === 'boolean') return `bool ${value ? 1 : 0}`;
  if (typeof value === 'string') return `str ${value}`;
  if (typeof value === 'number') return `str ${value}`;
  return Array.isArray(value) ? `str ${JSON.stringify(value)}` : null;
}

test('json_query finds in valid documents what JSON.parse finds', () => {
  const prng = new Prng(SEED + 2);
  const harness = new Harness();
  for (let count = 0; count < CASES / 3; count++) {
    const root = randomJson(prng, 0);
    const [path, value] = randomPath(prng, root);
    const text = JSON.stringify(root);
    const answer = harness.run(`concat(),json_query("${path}")`, text);
    assert.equal(answer, expectedOf(value), `${path} of ${text}, FUZZ_SEED=${SEED}`);
  }
});

test('numbers are added, compared and shown exactly at any size', () => {
  const prng = new Prng(SEED + 3);
  const harness = new Harness();
  const clamp = (value: bigint): bigint => {
    const max = 0x7fff_ffff_ffff_ffffn;
    return value > max ? max : value < -max - 1n ? -max - 1n : value;
  };
  const random = (): bigint => {
    const bits = BigInt(prng.next32()) * 0x1_0000_0000n + BigInt(prng.next32());
    return BigInt.asIntN(64, bits) >> BigInt(prng.below(64));
  };
  const operators: Record<string, (left: bigint, right: bigint) => bigint> = {
    add: (left, right) => clamp(left + right),
    sub: (left, right) => clamp(left - right),
    mul: (left, right) => clamp(left * right),
    div: (left, right) => (right === 0n ? clamp(1n << 64n) : clamp(left / right)),
    mod: (left, right) => (right === 0n ? 0n : left % right),
    and: (left, right) => left & right,
    or: (left, right) => left | right,
    xor: (left, right) => left ^ right,
  };
  for (let count = 0; count < CASES; count++) {
    const [name, operator] = prng.pick(Object.entries(operators));
    const [left, right] = [random(), random()];
    const answer = harness.run(`concat(),${name}(${right})`, left.toString());
    assert.equal(answer, `sint ${operator(left, right)}`, `${left} ${name} ${right}, FUZZ_SEED=${SEED}`);
  }
});
