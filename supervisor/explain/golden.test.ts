// Goal: what weir explain tells, as text and as data, stays what it is. Method: golden/*.cfg with a request beside it (.req,
// maybe .res), compared with the text (.txt) and the JSON (.json) kept there.
//
// GOLDEN_UPDATE=1 writes the files anew: look at the diff before believing it.

import { deepEqual, equal } from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Asked, explained, loadModel } from './fixture-explain.ts';
import { renderText } from './render.ts';

// File names are part of the text: they are to be short, and the same everywhere.
process.chdir(fileURLToPath(new URL('golden/', import.meta.url)));
const update = process.env['GOLDEN_UPDATE'] === '1';
const STYLE = { color: false, unicode: true, width: 100 };

/** What is asked besides the request itself. */
const ASKED: Readonly<Record<string, Asked>> = {
  deny: { from: '192.0.2.7:4711' },
  maps: { from: '10.1.2.3' },
  redirect: { from: '2001:db8::7', to: ':80' },
  sni: { from: '[2001:db8::7]:4711' },
};

for (const file of readdirSync('.').filter((name) => name.endsWith('.cfg'))) {
  const name = file.slice(0, -'.cfg'.length);
  test(`golden/${file} is explained as written beside it`, () => {
    const response = existsSync(`${name}.res`) ? { response: readFileSync(`${name}.res`) } : {};
    const explanation = explained(loadModel([file]), readFileSync(`${name}.req`), { ...ASKED[name], ...response });
    const text = renderText(explanation, STYLE);
    const json = `${JSON.stringify(explanation, null, 2)}\n`;
    if (update) {
      writeFileSync(`${name}.txt`, text);
      writeFileSync(`${name}.json`, json);
    }
    equal(text, readFileSync(`${name}.txt`, 'utf8'));
    deepEqual(JSON.parse(json), JSON.parse(readFileSync(`${name}.json`, 'utf8')));
  });
}

test('no line of the golden texts is wider than 100 columns, but for words that cannot be broken', () => {
  for (const file of readdirSync('.').filter((name) => name.endsWith('.txt'))) {
    const wide = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.length > STYLE.width && line.trim().includes(' '));
    deepEqual(wide, [], file);
  }
});
