// Goal: what a file means, and what is said about it, stays what it is. Method: golden/*.cfg beside the model it
// gives (.json) or the diagnostics that refuse it (.error); warnings of a good file are kept in the .json too.
//
// GOLDEN_UPDATE=1 writes the files anew: look at the diff before believing it.

import { strictEqual } from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { formatDiagnostics } from './diagnostics.ts';
import { loadConfiguration } from './load.ts';
import type { AskNames } from './resolve.ts';

const folder = fileURLToPath(new URL('golden/', import.meta.url));
const update = process.env['GOLDEN_UPDATE'] === '1';

const NAMES: Readonly<Record<string, { family: 'inet' | 'inet6'; host: string }>> = {
  'unspecified app.test': { family: 'inet', host: '10.1.0.1' },
  'inet6 app.test': { family: 'inet6', host: '2001:db8::1' },
};

const askNames: AskNames = (questions) => questions.map(({ name, family }) => NAMES[`${family} ${name}`] ?? null);

/** File names lose the directory of this checkout. */
function portable(text: string): string {
  return text.replaceAll(folder, 'golden/');
}

function render(file: string): { extension: 'json' | 'error'; text: string } {
  const environment = { GOLDEN: 'yes' };
  const result = loadConfiguration({ files: [file], environment, cpuCount: 2, hostName: 'host', askNames });
  const said = formatDiagnostics(result.diagnostics.entries, 1, '/usr/sbin/weir');
  if (result.model === null) return { extension: 'error', text: portable(said) };
  const view = { listenerCount: result.listenerCount, said: said.split('\n').slice(0, -1), model: result.model };
  const json = JSON.stringify(view, (_key, value) => (value instanceof Uint8Array ? bytesOf(value) : value), 2);
  return { extension: 'json', text: portable(`${json}\n`) };
}

function bytesOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

for (const name of readdirSync(folder).filter((each) => each.endsWith('.cfg'))) {
  test(`golden/${name} means what is written beside it`, () => {
    const base = `${folder}${name.slice(0, -'.cfg'.length)}`;
    const { extension, text } = render(`${folder}${name}`);
    if (update) writeFileSync(`${base}.${extension}`, text);
    strictEqual(
      existsSync(`${base}.${extension === 'json' ? 'error' : 'json'}`),
      false,
      'the other outcome is recorded',
    );
    strictEqual(text, readFileSync(`${base}.${extension}`, 'utf8'));
  });
}
