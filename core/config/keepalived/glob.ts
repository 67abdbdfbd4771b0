// File patterns of `include`: *, ?, [a-z], \x and {a,b}, as glob(3) with GLOB_MARK and GLOB_BRACE.
//
// Bounded: so many alternatives from braces, so many folders looked into, so many matches.

import { lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const ALTERNATIVE_COUNT_MAX = 1_000;
const MATCH_COUNT_MAX = 10_000;

export interface GlobResult {
  paths: string[]; // as the pattern spells them; folders end in /
  missing: boolean; // a file or folder named without wildcards is not there
  wildcards: boolean;
}

/** What `pattern`, relative to `folder`, matches; sorted within each alternative. */
export function globFiles(pattern: string, folder: string): GlobResult {
  const result: GlobResult = { paths: [], missing: false, wildcards: false };
  for (const each of expandBraces(pattern)) matchPath(each, folder, result);
  return result;
}

export function hasBrace(pattern: string): boolean {
  return /^(?:[^\\{]|\\.)*\{/s.test(pattern);
}

/** `a{b,c}d` → abd, acd; nested too. An open brace is a character like any other. */
export function expandBraces(pattern: string): string[] {
  const done: string[] = [];
  const waiting = [pattern];
  while (waiting.length > 0 && done.length + waiting.length <= ALTERNATIVE_COUNT_MAX) {
    const next = waiting.shift()!;
    const group = firstGroup(next);
    if (group === null) done.push(next);
    else waiting.unshift(...group.parts.map((part) => next.slice(0, group.start) + part + next.slice(group.end)));
  }
  return done.concat(waiting).slice(0, ALTERNATIVE_COUNT_MAX);
}

function firstGroup(text: string): { start: number; end: number; parts: string[] } | null {
  let depth = 0;
  let start = 0;
  let partStart = 0;
  let parts: string[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (char === '\\') at++;
    else if (char === '{') {
      if (depth++ > 0) continue;
      start = at;
      partStart = at + 1;
      parts = [];
    } else if (depth === 1 && (char === ',' || char === '}')) {
      parts.push(text.slice(partStart, at));
      partStart = at + 1;
      if (char === '}') return { start, end: at + 1, parts };
    } else if (depth > 0 && char === '}') depth--;
  }
  return null;
}

function matchPath(pattern: string, folder: string, result: GlobResult): void {
  const absolute = pattern.startsWith('/');
  let bases = [absolute ? '/' : ''];
  const segments = pattern.split('/').filter((segment) => segment !== '');
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    const found: string[] = [];
    for (const base of bases) {
      if (found.length > MATCH_COUNT_MAX) break;
      if (/[*?[]/.test(segment)) {
        result.wildcards = true;
        for (const name of namesIn(resolvePath(folder, base), segment, result)) found.push(base + name);
      } else {
        const name = base + segment.replace(/\\(.)/gs, '$1');
        if (exists(resolvePath(folder, name))) found.push(name);
        else result.missing = true;
      }
    }
    bases = last ? found : found.filter((path) => isFolder(resolvePath(folder, path))).map((path) => `${path}/`);
  }
  for (const path of bases) result.paths.push(isFolder(resolvePath(folder, path)) ? `${path}/` : path);
}

function namesIn(folder: string, segment: string, result: GlobResult): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    result.missing = true;
    return [];
  }
  const visible = names.filter((name) => segment.startsWith('.') || !name.startsWith('.'));
  return visible.filter((name) => matchName(segment, name)).sort(compareBytes);
}

function compareBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

/** One name against one pattern: no recursion, at most pattern × name steps. */
export function matchName(pattern: string, name: string): boolean {
  let at = 0;
  let inName = 0;
  let starAt = -1;
  let starInName = 0;
  while (inName < name.length) {
    if (pattern[at] === '*') {
      starAt = at++;
      starInName = inName;
      continue;
    }
    const step = at < pattern.length ? matchOne(pattern, at, name[inName]!) : 0;
    if (step > 0) {
      at += step;
      inName++;
    } else if (starAt >= 0) {
      at = starAt + 1;
      inName = ++starInName;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}

/** How many characters of the pattern match `char`; 0: they do not. */
function matchOne(pattern: string, at: number, char: string): number {
  if (pattern[at] === '?') return 1;
  if (pattern[at] === '\\' && at + 1 < pattern.length) return pattern[at + 1] === char ? 2 : 0;
  const set = pattern[at] === '[' ? /^\[([!^]?)(\]?[^\]]*)\]/.exec(pattern.slice(at)) : null;
  if (set === null) return pattern[at] === char ? 1 : 0;
  let inSet = false;
  const members = set[2]!;
  for (let index = 0; index < members.length; index++) {
    const upper = members[index + 1] === '-' && index + 2 < members.length ? members[index + 2]! : null;
    if (upper === null) inSet ||= members[index] === char;
    else {
      inSet ||= char >= members[index]! && char <= upper;
      index += 2;
    }
  }
  return inSet === (set[1] === '') ? set[0].length : 0;
}

function resolvePath(folder: string, path: string): string {
  return path.startsWith('/') ? path : join(folder, path);
}

function exists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
