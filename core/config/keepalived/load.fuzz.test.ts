// Goal: no file, however broken, makes the reader throw, hang or grow. Method: lines and pieces of real files, cut,
// doubled, swapped and spoiled from a seed; the bombs by name, with a bound on time and lines.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Prng } from '../../base/prng.ts';
import { fuzz } from '../../testing/fuzz.ts';
import { isKeepalivedText } from './detect.ts';
import { formatDiagnostic, loadKeepalived } from './load.ts';
import { PARITY_CASES } from './parity-cases.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-keepalived-fuzz-'));
const path = join(folder, 'keepalived.conf');
after(() => rmSync(folder, { recursive: true }));

const LINES = PARITY_CASES.flatMap(([, text]) => text.split('\n'));
const PIECES = [
  '{',
  '}',
  '"',
  "'",
  '\\',
  '$A',
  `$\{A}`,
  '$A=',
  '~SEQ(i,1,9) ',
  '~LST(a,b,c) ',
  '@x ',
  '#',
  '!',
  '\0',
  ' ',
];

function mutate(prng: Prng): string {
  const lines: string[] = [];
  const base = prng.pick(PARITY_CASES)[1].split('\n');
  for (const line of base) {
    const what = prng.below(12);
    if (what === 0) continue;
    if (what === 1) lines.push(prng.pick(LINES));
    if (what === 2) lines.push(line);
    if (what === 3) lines.push(line.slice(0, prng.below(line.length + 1)) + prng.pick(PIECES) + line);
    else if (what === 4) lines.push(Buffer.from(prng.bytes(prng.below(20))).toString('latin1'));
    else lines.push(line);
  }
  return lines.join('\n');
}

fuzz(
  'keepalived.conf',
  (prng) => {
    const text = mutate(prng);
    writeFileSync(path, text);
    const result = loadKeepalived([path], { interfaces: new Set(['eth0', 'lo']), random: () => prng.next32() >>> 1 });
    assert.ok([0, 2, 4, 5, 6].includes(result.exitCode), 'an exit code of keepalived');
    assert.equal(
      result.model === null,
      result.diagnostics.some((entry) => entry.severity === 'error'),
    );
    for (const entry of result.diagnostics) assert.ok(formatDiagnostic(entry).length > 0, 'every finding has words');
    isKeepalivedText(text);
  },
  4,
);

const include = `include ${path}\n`;
const doubling = Array.from({ length: 60 }, (_, index) => `$A${index + 1}=\${A${index}}\${A${index}}`).join('\n');

const BOMBS: readonly (readonly [string, string])[] = [
  ['a definition of itself', '$A=$A\nglobal_defs {\n router_id $A\n}\n'],
  ['two definitions of each other', `$A=$\{B} x\n$B=$\{A} y\nrouter_id $A\n`],
  ['doubling definitions', `$A0=xx\n${doubling}\nrouter_id $A60\n`],
  ['a file that includes itself', include],
  ['a file that includes itself twice', include + include],
  ['a sequence of 10^9 lines', 'static_ipaddress {\n ~SEQ(i, 1, 1000000000) 10.0.0.1\n}\n'],
  ['sequences in sequences', '~SEQ(a,1,9999) ~SEQ(b,1,9999) ~SEQ(c,1,9999) x $a$b$c\n'],
  ['a definition of several lines that uses itself', '$A= \\\n x \\\n $A\n$A\n'],
  ['a line without end', `router_id ${'x'.repeat(5_000_000)}\n`],
  ['braces without end', '{\n'.repeat(100_000)],
  ['blocks without end', 'vrrp_instance A {\n'.repeat(50_000)],
  ['many alternatives', `include /nope/${'{a,b}'.repeat(60)}\n`],
  ['many stars', `include ${folder}/${'*a'.repeat(200)}*\n`],
];

for (const [name, text] of BOMBS) {
  test(`reading ends in bounded time and words for ${name}`, () => {
    writeFileSync(path, text);
    const before = process.cpuUsage();
    const result = loadKeepalived([path], {});
    const { user, system } = process.cpuUsage(before); // microseconds; how busy the machine is does not count
    assert.ok(user + system < 8e6, `within seconds, not ${(user + system) / 1e6}`);
    assert.ok(result.diagnostics.length <= 10_001, 'a bounded number of findings');
  });
}
