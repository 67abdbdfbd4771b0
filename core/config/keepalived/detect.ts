// Whether a configuration file is keepalived's: by its first statement, never by its name.

import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { blockKeywords } from './keywords-blocks.ts';
import { lvsBlocks } from './keywords-lvs.ts';
import { topKeywords } from './keywords-process.ts';

const HEAD_BYTES = 64 * 1024;

const BLOCKS: ReadonlySet<string> = new Set([
  'global_defs',
  'vrrp_instance',
  ...Object.keys(blockKeywords),
  ...Object.keys(lvsBlocks),
  ...Object.keys(topKeywords),
  ...['include', 'includer', 'includem', 'includew', 'includeb', 'includea'],
]);

/** True for text that begins, after comments, with a word, a definition, a condition or a loop of keepalived.conf. */
export function isKeepalivedText(text: string): boolean {
  for (const line of text.split('\n')) {
    const statement = line.trim();
    if (statement === '' || statement.startsWith('#') || statement.startsWith('!')) continue;
    if (/^(\$\w+=|@\^?\S+\s|~(SEQ|LST))/.test(statement)) return true;
    return BLOCKS.has(/^[^\s{]+/.exec(statement)?.[0] ?? '');
  }
  return false;
}

/** As isKeepalivedText, for a file; false when it cannot be read, or is no file: others will say so. */
export function isKeepalivedFile(path: string): boolean {
  let fd = -1;
  try {
    if (!statSync(path).isFile()) return false;
    fd = openSync(path, 'r');
    const bytes = Buffer.alloc(HEAD_BYTES);
    return isKeepalivedText(bytes.toString('latin1', 0, readSync(fd, bytes, 0, HEAD_BYTES, 0)));
  } catch {
    return false;
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}
