// Goal: an operator reads the same words from weir as from HAProxy. Method: give the same wrong configurations to
// both and compare every line of the diagnostics and the verdict.
//
// Needs HAProxy 3.4: HAPROXY_PEER names the binary, else the one on PATH is taken when it is a 3.4.

import { notDeepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fuzz } from '../../testing/fuzz.ts';
import { formatDiagnostics } from './diagnostics.ts';
import { Environment } from './environment.ts';
import { lexLine } from './lexer.ts';
import { loadConfiguration } from './load.ts';
import { PARITY_CASES, PARITY_DIFFERENCES } from './parity-cases.ts';

const PEER = process.env['HAPROXY_PEER'] ?? 'haproxy';
const PEER_TIMEOUT_MS = 20_000;

function peerVersion(): string {
  const child = spawnSync(PEER, ['-v'], { encoding: 'utf8', timeout: PEER_TIMEOUT_MS });
  return /HAProxy version (\S+)/.exec(child.stdout ?? '')?.[1] ?? '';
}

/** Process number, versions and paths differ by nature. */
function normalize(text: string): string {
  return text
    .replace(/\((\d+)\) :/g, '(pid) :')
    .replace(/haproxy version is .*/g, 'haproxy version is X')
    .replace(/path to executable is .*\n/g, 'path to executable is X\n');
}

interface Verdict {
  readonly text: string;
  readonly exitCode: number;
}

function askPeer(file: string): Verdict {
  const child = spawnSync(PEER, ['-c', '-f', file], { encoding: 'latin1', timeout: PEER_TIMEOUT_MS });
  return { text: normalize(child.stderr), exitCode: child.status ?? -1 };
}

function askWeir(file: string): Verdict {
  const { model, diagnostics, listenerCount } = loadConfiguration({ files: [file] });
  const text = normalize(formatDiagnostics(diagnostics.entries, 1, '/x'));
  return { text, exitCode: model === null ? 1 : listenerCount === 0 ? 2 : 0 };
}

const version = peerVersion();
const skip = version.startsWith('3.4') ? false : `HAPROXY_PEER is no HAProxy 3.4 (found '${version}')`;
let directory = '';

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'weir-parity-'));
});

after(() => {
  rmSync(directory, { recursive: true, force: true });
});

function judge(content: string): { expected: Verdict; actual: Verdict } {
  const file = join(directory, 'case.cfg');
  writeFileSync(file, content.replaceAll('@DIR@', directory), 'latin1');
  return { expected: askPeer(file), actual: askWeir(file) };
}

for (const [title, content] of Object.entries(PARITY_CASES)) {
  if (Object.hasOwn(PARITY_DIFFERENCES, title)) continue;
  test(`weir says what HAProxy says about ${title}`, { skip }, () => {
    const { expected, actual } = judge(content);
    strictEqual(actual.text, expected.text);
    strictEqual(actual.exitCode, expected.exitCode);
  });
}

// Method: a difference that no longer exists must leave the list, and each entry names a case.
for (const [title, reason] of Object.entries(PARITY_DIFFERENCES)) {
  test(`weir differs from HAProxy on purpose about ${title}: ${reason}`, { skip }, () => {
    const content = PARITY_CASES[title];
    ok(content !== undefined, 'a listed difference has no case');
    const { expected, actual } = judge(content);
    notDeepStrictEqual(actual, expected);
  });
}

const PIECES = [
  ...[
    '"',
    "'",
    '\\',
    '$',
    '{',
    '}',
    '[*]',
    '[',
    ' ',
    '  ',
    '\t',
    '#',
    'a',
    'bc',
    'HOME',
    'PATH',
    'NONE_AT_ALL',
    '\\x41',
  ],
  ...[
    '"$HOME"',
    `"$${'{'}PATH[*]}"`,
    `"$${'{'}HOME}"`,
    '\\ ',
    '\\"',
    "\\'",
    '\\#',
    '\\$',
    '\\n',
    '\\x4',
    "''",
    '""',
    '\x7f',
    '\xe9',
  ],
];

/** What HAProxy shows of a line under a message is cut at its own marks; the message has the position anyway. */
function withoutShownLines(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('  '))
    .join('\n');
}

// Goal: quoting, escapes and expansion agree for any line. Method: random lines behind `.notice`, which prints its
// first word and complains about a second; a file of them is read by both programs.
if (skip === false) {
  fuzz(
    'random lines have the same words in HAProxy',
    (prng) => {
      // One mistake keeps HAProxy from looking at the words of the other lines: half of the files have none.
      const sound = prng.below(2) === 0;
      const nowhere = { file: '', line: 1, section: '' };
      let content = '';
      for (let left = 40; left > 0; left--) {
        let line = '.notice ';
        for (let pieces = prng.below(8); pieces > 0; pieces--) line += prng.pick(PIECES);
        if (!sound || lexLine(line, new Environment(process.env), nowhere).error === null) content += `${line}\n`;
      }
      const { expected, actual } = judge(content);
      strictEqual(withoutShownLines(actual.text), withoutShownLines(expected.text));
    },
    100,
  );
}
