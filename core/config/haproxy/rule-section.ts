// A section of the configuration as the parser of rules sees it.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { RuleSection } from '../../rules/parse.ts';
import type { ActionWord } from '../../rules/rows.ts';
import type { ParseContext } from './context.ts';
import type { ProxyDraft } from './drafts.ts';
import { loadErrorFile } from './error-file.ts';
import { fingerprint, fingerprintDistance } from './hints.ts';
import { languageScope } from './language-scope.ts';
import { fromBytes } from './text.ts';

export function ruleSection(context: ParseContext, proxy: ProxyDraft): RuleSection {
  const { bufsize, maxrewrite, stickCounters } = context.global;
  return {
    word: proxy.typeWord,
    name: proxy.name,
    front: proxy.front,
    back: proxy.back,
    isDefaults: proxy.kind === 'defaults',
    ...context.place,
    bufsize,
    stickCounters,
    maxrewrite,
    experimentalAllowed: context.experimentalAllowed,
    scope: (where) => languageScope(context, proxy, where),
    alert: (text, tight, abort) => {
      if (tight) context.alertTight(text);
      else context.alert(text);
      if (abort) context.aborted = true;
    },
    warn: (text) => context.warn(text),
    notImplemented: (what) => context.notImplemented(what),
    readFile: (path) => readBytes(path, context),
    readErrorFile: (path) => readErrorFile(path, context),
    addCapture: (length) => proxy.requestCaptures.push({ header: '', length }) - 1,
    suggest: suggestAction,
  };
}

function readBytes(path: string, context: ParseContext): Uint8Array | string {
  let fd: number;
  try {
    fd = openSync(fromBytes(context.resolvePath(path)), 'r');
  } catch {
    return `error opening file '${path}'`;
  }
  try {
    const bytes = new Uint8Array(fstatSync(fd).size);
    if (bytes.length === 0 || readSync(fd, bytes, 0, bytes.length, 0) === bytes.length) return bytes;
  } catch {
    // Said below.
  } finally {
    closeSync(fd);
  }
  return `error reading file '${path}'`;
}

/** The bytes of an errorfile, or what is wrong; one that is too large is cut, with HAProxy's warning. */
export function readErrorFile(path: string, context: ParseContext): Uint8Array | string {
  const { bufsize } = context.global;
  const loaded = loadErrorFile(fromBytes(context.resolvePath(path)), path, bufsize);
  if (loaded.truncated) {
    context.warnText(`custom error message file '${path}' larger than ${bufsize} bytes. Truncating.`);
  }
  return loaded.ok ? Uint8Array.from(loaded.body) : loaded.message;
}

/** As hints.ts, but a family of actions (`set-var…`) may be farther from the word. */
function suggestAction(word: string, known: readonly ActionWord[], more: readonly string[]): string {
  if (word === '') return '';
  const wanted = fingerprint(word);
  let best: ActionWord = { name: '', isPrefix: false };
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const each of [...known, ...more.map((name) => ({ name, isPrefix: false }))]) {
    const distance = fingerprintDistance(wanted, fingerprint(each.name));
    if (distance >= bestDistance) continue;
    bestDistance = distance;
    best = each;
  }
  const tolerance = best.isPrefix ? 3 : 2;
  return bestDistance > tolerance * word.length || bestDistance > tolerance * best.name.length ? '' : best.name;
}
