// Goal: what each file means, and what is wrong with it, is written down. Method: golden/*.conf beside what loading it
// gives: .json the model, .error the findings and the exit code. GOLDEN_WRITE=1 writes them anew; read the difference.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { formatDiagnostic, loadKeepalived } from './load.ts';

const FOLDER = fileURLToPath(new URL('golden/', import.meta.url));

function compare(file: string, text: string): void {
  if (process.env['GOLDEN_WRITE'] === '1') writeFileSync(file, text);
  assert.equal(existsSync(file) ? readFileSync(file, 'utf8') : '', text, file);
}

/** Keys are secrets as bytes; files are where the repository is. */
function replacer(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return typeof value === 'string' ? value.replaceAll(FOLDER, '') : value;
}

for (const name of readdirSync(FOLDER).filter((each) => each.endsWith('.conf'))) {
  test(`golden/${name} means what is written beside it`, () => {
    const { model, diagnostics, exitCode } = loadKeepalived([join(FOLDER, name)], {
      hostName: 'here.example.com',
      environment: {},
      cpuCount: 2,
    });
    const base = join(FOLDER, name.slice(0, -'.conf'.length));
    const findings = diagnostics.map((entry) => `${entry.severity}: ${formatDiagnostic(entry)}\n`).join('');
    compare(`${base}.error`, `${findings.replaceAll(FOLDER, '')}exit code ${exitCode}\n`);
    if (model !== null) compare(`${base}.json`, `${JSON.stringify(model, replacer, 1)}\n`);
    else assert.ok(!existsSync(`${base}.json`), 'a refused file has no model');
  });
}
