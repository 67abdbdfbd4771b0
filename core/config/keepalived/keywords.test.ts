// Goal: every keyword of keepalived 2.4 is known, none is silently without effect, and the detector knows the words that
// begin a file. Method: walk the tables and compare with the list of the release.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKeepalivedText, TOP_WORDS } from './detect.ts';
import { KEYWORDS_2_4 } from './fixture-keywords.ts';
import type { KeywordTable } from './keyword-table.ts';
import { blockKeywords } from './keywords-blocks.ts';
import { globalKeywords } from './keywords-global.ts';
import { instanceBlock } from './keywords-instance.ts';
import { lvsBlocks } from './keywords-lvs.ts';
import { processKeywords, topKeywords } from './keywords-process.ts';

type Standing = 'done' | 'refused' | 'ignored' | 'kept';

const TABLES: readonly KeywordTable[] = [
  topKeywords,
  globalKeywords,
  processKeywords,
  blockKeywords,
  { vrrp_instance: instanceBlock, global_defs: { set: () => {} } },
];

/** The best standing of each word: one word may mean something in one block and wait in another. */
function standings(): Map<string, Standing> {
  const order: readonly Standing[] = ['done', 'refused', 'ignored', 'kept'];
  const found = new Map<string, Standing>();
  const add = (word: string, standing: Standing): void => {
    const before = found.get(word);
    if (before === undefined || order.indexOf(standing) < order.indexOf(before)) found.set(word, standing);
  };
  const visit = (table: KeywordTable, kept: boolean): void => {
    for (const [word, row] of Object.entries(table)) {
      const own = row.refused !== undefined ? 'refused' : row.ignored !== undefined ? 'ignored' : 'done';
      if (word !== '*') add(word, kept ? 'kept' : own);
      if (row.body !== undefined) visit(row.body, kept);
    }
  };
  for (const table of TABLES) visit(table, false);
  for (const [word, table] of Object.entries(lvsBlocks)) {
    add(word, 'kept');
    visit(table, true);
  }
  return found;
}

test('every keyword of keepalived 2.4 is known', (context) => {
  const known = standings();
  assert.deepEqual(
    KEYWORDS_2_4.filter((word) => !known.has(word)),
    [],
  );
  const counts: Record<Standing, number> = { done: 0, refused: 0, ignored: 0, kept: 0 };
  for (const word of KEYWORDS_2_4) counts[known.get(word)!]++;
  context.diagnostic(`of ${KEYWORDS_2_4.length}: ${JSON.stringify(counts)}`);
  assert.equal(
    Object.values(counts).reduce((sum, count) => sum + count),
    KEYWORDS_2_4.length,
  );
});

test('no word is known that keepalived does not have, but the spellings of its manual', () => {
  const manual = ['state_dump_file_location', 'stats_dump_file_location', 'json_dump_file_location'];
  const list = new Set([...KEYWORDS_2_4, ...manual]);
  assert.deepEqual(
    [...standings().keys()].filter((word) => !list.has(word)),
    [],
  );
});

test('the detector knows every word that may begin a file', () => {
  const words = [...Object.keys(topKeywords), ...Object.keys(blockKeywords), ...Object.keys(lvsBlocks)];
  words.push('global_defs', 'vrrp_instance');
  const includes = [...TOP_WORDS].filter((word) => word.startsWith('include'));
  assert.deepEqual([...TOP_WORDS].sort(), [...words, ...includes].sort());
});

test('a file is known by its first statement', () => {
  for (const text of [
    '! x\n\nglobal_defs {\n}',
    'vrrp_instance V {',
    '$A=3\n',
    '@host x y',
    'include a.conf',
    'SSL {',
  ]) {
    assert.ok(isKeepalivedText(text), text);
  }
  for (const text of [
    '',
    '# x\n',
    'global\n',
    'defaults',
    '.if defined(X)',
    'frontend f',
    'globals',
    '"global_defs"',
  ]) {
    assert.ok(!isKeepalivedText(text), text);
  }
});
