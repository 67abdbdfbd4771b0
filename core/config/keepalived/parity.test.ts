// Goal: the same file has the same mistakes here and in keepalived. Method: give each file of parity-cases.ts to
// keepalived's own --config-test and compare exit code and words (the place in front of them left out). Skipped where
// there is no keepalived, or no eth0 and ifb0 to name. Where the two differ on purpose, DIFFERENT says why.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadKeepalived, systemInterfaces } from './load.ts';
import { PARITY_CASES } from './parity-cases.ts';

const KEEPALIVED = '/usr/sbin/keepalived';

const DIFFERENT: Readonly<Record<string, string>> = {
  'bad global booleans': 'keepalived 2.2 takes any word, 2.4 says what is wrong',
  'BFD with a source of the other family': 'keepalived writes one of the addresses twice',
  virtual_server: 'weir says that the block waits',
  'line of two kilobytes': 'keepalived takes what did not fit for another line',
};

const interfaces = systemInterfaces() ?? new Set<string>();
const missing = [KEEPALIVED].filter((path) => !existsSync(path));
for (const name of ['eth0', 'ifb0', 'ifb1']) if (!interfaces.has(name)) missing.push(name);
const skip = missing.length > 0 ? `needs ${missing.join(', ')}` : false;

interface Verdict {
  code: number | null;
  texts: Set<string>;
}

function askKeepalived(path: string): Verdict {
  const { status, stderr } = spawnSync(KEEPALIVED, ['-t', '-f', path], { encoding: 'utf8', timeout: 20_000 });
  const lines = stderr.split('\n').filter((line) => line !== '');
  return { code: status, texts: new Set(lines.map((line) => line.replace(/^\((?:[^()]*: )?Line \d+\) /, ''))) };
}

test('a file gets the exit code and the words that keepalived gives it', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-keepalived-'));
  const path = join(folder, 'keepalived.conf');
  try {
    for (const [name, text] of PARITY_CASES) {
      writeFileSync(path, text);
      const theirs = askKeepalived(path);
      if (theirs.code === null) continue; // it crashed: nothing to compare with
      const ours = loadKeepalived([path], { interfaces });
      assert.equal(ours.exitCode, theirs.code, `exit code of: ${name}`);
      if (DIFFERENT[name] !== undefined) continue;
      const said = new Set(ours.diagnostics.map((entry) => entry.text));
      for (const each of theirs.texts) assert.ok(said.has(each), `${name}: only keepalived says: ${each}`);
      for (const entry of ours.diagnostics) {
        if (entry.severity !== 'notice')
          assert.ok(theirs.texts.has(entry.text), `${name}: only weir says: ${entry.text}`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
