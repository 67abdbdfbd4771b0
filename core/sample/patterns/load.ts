// Patterns while the configuration is read (manual §7.1, "-f", and §7.3.1 "map"): files and lists become PatternRefs, and
// every pattern is tried with every method that will match it, so that mistakes show up with their file and line.

import { readFileSync } from 'node:fs';
import type { PatternRef, PatternUse } from '../../model/language.ts';
import type { PatternReading, PatternStore, Place } from '../parse-scope.ts';
import { checkKey, hostOfNetwork } from './key-parse.ts';
import { checkValueFor } from './store.ts';
import { NO_TEXTS, packedText, TextStore } from './texts.ts';

/** What loading asks of the configuration; core/config's ParseContext is one. */
export interface PatternHost {
  readonly patternRefs: PatternRef[]; // added to
  /** A file name of the configuration as a path from the working directory. */
  resolvePath(path: string): string;
  readonly resolver: HostNames;
}

/** Host names → addresses: all names of a file are asked for at once. */
export interface HostNames {
  prefetch(questions: readonly { name: string; family: 'inet' }[]): void;
  lookup(name: string, family: 'inet'): { readonly host: string } | null;
}

const LINE_BYTES_MAX = 16_384; // tune.bufsize's default: HAProxy reads lines into a buffer of that size

/** The references of one configuration, in the order in which they were first named. One object a configuration. */
export class PatternLoader implements PatternStore {
  private readonly host: PatternHost;
  private readonly byName = new Map<string, PatternRef>();
  private readonly forced = new Map<number, PatternRef>(); // by the id that -u gave them
  private nextId = 0;

  constructor(host: PatternHost) {
    this.host = host;
  }

  /**
   * A file of patterns for an ACL (`isMap` false; with two columns after -M) or of a map; reads it when it is new.
   * Its index in patternRefs, or what is wrong in HAProxy's words.
   */
  fromFile(
    name: string,
    isMap: boolean,
    twoColumns: boolean,
    reading: PatternReading,
    { file, line }: Place,
  ): number | string {
    const asMap = isMap || twoColumns;
    const user = `by ${asMap ? 'map' : 'acl'} at file '${file}' line ${line}`;
    let ref = this.find(name);
    if (ref === null) {
      const loaded = this.read(name, twoColumns);
      if (typeof loaded === 'string') return loaded;
      ref = loaded;
      ref.display = `pattern loaded from file '${name}' used ${user}`;
      this.add(ref, -1);
    } else {
      const problem = checkColumns(ref, name, twoColumns);
      if (problem !== null) return problem;
      ref.display += `, ${user}`;
    }
    if (asMap) ref.isMap = true;
    if (!isMap) ref.isAcl = true;
    return this.use(ref, name, reading) ?? ref.index;
  }

  /** The patterns of one ACL's own line; `id` −1: a free one. */
  inline(id: number, display: string, patterns: readonly string[], reading: PatternReading): number | string {
    const keys = new TextStore(patterns.length);
    for (const pattern of patterns) keys.pushText(pattern);
    const ref = { ...emptyRef(''), display, isAcl: true, keys: keys.pack(), lines: new Int32Array(patterns.length) };
    this.add(ref, id);
    return this.use(ref, '', reading) ?? ref.index;
  }

  /** Whether `-u` gave that id to another one. */
  isIdUsed(id: number): boolean {
    return this.forced.has(id);
  }

  /** The reference that a name stands for, null when nothing in the configuration matches against it. */
  find(name: string): PatternRef | null {
    return this.byName.get(referenceName(name)) ?? null;
  }

  private add(ref: PatternRef, forcedId: number): void {
    const { patternRefs } = this.host;
    ref.index = patternRefs.length;
    patternRefs.push(ref);
    if (ref.name !== '') this.byName.set(ref.name, ref);
    if (forcedId === -1) {
      ref.id = this.freeId();
      return;
    }
    this.forced.set(forcedId, ref);
    ref.id = forcedId;
    if (forcedId < this.nextId) this.giveIdsAgain();
  }

  // The lowest free ones, in order, to those without an id of their own.
  private freeId(): number {
    while (this.forced.has(this.nextId)) this.nextId++;
    return this.nextId++;
  }

  // A forced id took one that was given out already: all are counted anew around it.
  private giveIdsAgain(): void {
    this.nextId = 0;
    for (const ref of this.host.patternRefs) if (this.forced.get(ref.id) !== ref) ref.id = this.freeId();
  }

  private read(name: string, twoColumns: boolean): PatternRef | string {
    const ref = emptyRef(referenceName(name));
    if (twoColumns) ref.values = NO_TEXTS;
    if (name.length > 5 && name.startsWith('virt@')) return ref;
    const content = this.content(ref.name);
    if (typeof content === 'string') {
      const isOptional = name.length > 4 && name.startsWith('opt@');
      return isOptional && content.startsWith('failed to open') ? ref : content;
    }
    const { keys, values, lines } = readPatternLines(content, twoColumns);
    ref.keys = keys.pack();
    if (values !== null) ref.values = values.pack();
    ref.lines = lines;
    return ref;
  }

  private content(name: string): Uint8Array | string {
    try {
      return readFileSync(Buffer.from(this.host.resolvePath(name), 'latin1'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EISDIR') return `failed to open pattern file <${name}>`;
      return `error encountered while reading  <${name}> : Is a directory`;
    }
  }

  // Notes how the reference is matched, and tries all its patterns unless it was matched so before.
  private use(ref: PatternRef, name: string, reading: PatternReading): string | null {
    const { method, ignoreCase, out } = reading;
    const family = indexFamily(method);
    const isSame = (use: PatternUse): boolean =>
      indexFamily(use.method) === family && use.ignoreCase === ignoreCase && use.out === out;
    if (ref.uses.some(isSame)) return null;
    const use: PatternUse = { method, ignoreCase, out };
    ref.uses.push(use);
    if (method === 'ip' && out === '' && !reading.noNames) this.resolveHosts(ref);
    for (let index = 0; index < ref.keys.ends.length; index++) {
      const problem = checkEntry(ref, use, index);
      if (problem === null) continue;
      const line = ref.lines[index]!;
      return line > 0 ? `${problem} at line ${line} of file '${name}'` : problem;
    }
    return null;
  }

  /** Names among the patterns get the address that they have now. */
  private resolveHosts(ref: PatternRef): void {
    const names: string[] = [];
    for (let index = 0; index < ref.keys.ends.length; index++) {
      const key = packedText(ref.keys, index);
      const host = checkKey(key, 'ip', false, ref.hosts) === null ? '' : hostOfNetwork(key);
      if (host !== '') names.push(host);
    }
    this.host.resolver.prefetch(names.map((name) => ({ name, family: 'inet' })));
    for (const name of names) {
      const found = this.host.resolver.lookup(name, 'inet');
      if (found !== null) ref.hosts[name] = found.host;
    }
  }
}

/** Why an entry is none for that use, in HAProxy's words. */
function checkEntry(ref: PatternRef, use: PatternUse, index: number): string | null {
  if (ref.values !== null && (use.out === 'sint' || use.out === 'addr')) {
    const problem = checkValueFor(use, packedText(ref.values, index));
    if (problem !== null) return problem;
  }
  if (ANY_TEXT.has(use.method)) return null;
  return checkKey(packedText(ref.keys, index), use.method, use.ignoreCase, ref.hosts);
}

// Methods for which every text is a pattern.
const ANY_TEXT: ReadonlySet<string> = new Set([...['found', 'bool', 'str', 'beg', 'sub', 'dir', 'dom', 'end', 'meth']]);

/** Methods with the same family share one index in HAProxy, under the name of the first that came. */
function indexFamily(method: string): string {
  if (method === 'int' || method === 'len') return 'int';
  if (method === 'sub' || method === 'dir' || method === 'dom' || method === 'end') return 'text';
  return method === 'bool' ? 'found' : method;
}

function emptyRef(name: string): PatternRef {
  return {
    ...{ index: -1, id: -1, name, isMap: false, isAcl: false, display: '' },
    ...{ keys: NO_TEXTS, values: null, lines: new Int32Array(0), uses: [], hosts: {} },
  };
}

function checkColumns(ref: PatternRef, name: string, twoColumns: boolean): string | null {
  if (twoColumns === (ref.values !== null)) return null;
  const [has, wants] = twoColumns ? ['one', 'two'] : ['two', 'one'];
  return `The file "${name}" is already used as ${has} column file and cannot be used by as ${wants} column file.`;
}

/** The name under which a file is known: `file@` and `opt@` do not count, `virt@` does. */
export function referenceName(name: string): string {
  if (name.length > 5 && name.startsWith('file@')) return name.slice(5);
  if (name.length > 4 && name.startsWith('opt@')) return name.slice(4);
  return name;
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
const HASH = 0x23;

/**
 * Patterns of a file, a line each: blanks before them and lines that begin with # do not count. With two columns a pattern
 * ends at a blank, and what follows is its value; else blanks belong to it. A line ends at LF, CR or NUL, or at 16383 bytes.
 */
export function readPatternLines(
  content: Uint8Array,
  twoColumns: boolean,
  lineBytesMax = LINE_BYTES_MAX,
): { keys: TextStore; values: TextStore | null; lines: Int32Array } {
  const keys = new TextStore(1024, content.length);
  const values = twoColumns ? new TextStore(1024, content.length) : null;
  const lines: number[] = [];
  let line = 0;
  for (let from = 0; from < content.length; ) {
    const next = lineEnd(content, from, lineBytesMax - 1);
    line++;
    const end = textEnd(content, from, next);
    const first = content[from];
    const start = afterBlanks(content, from, end);
    from = next;
    if (first === HASH || start === end) continue;
    lines.push(line);
    if (values === null) {
      keys.push(content, start, end - start);
      continue;
    }
    let keyEnd = start;
    while (keyEnd < end && content[keyEnd] !== SPACE && content[keyEnd] !== TAB) keyEnd++;
    keys.push(content, start, keyEnd - start);
    const valueStart = afterBlanks(content, keyEnd, end);
    let valueEnd = end;
    while (valueEnd > valueStart && (content[valueEnd - 1] === SPACE || content[valueEnd - 1] === TAB)) valueEnd--;
    values.push(content, valueStart, valueEnd - valueStart);
  }
  return { keys, values, lines: Int32Array.from(lines) };
}

function lineEnd(content: Uint8Array, from: number, bytesMax: number): number {
  const limit = Math.min(content.length, from + bytesMax);
  const feed = content.indexOf(LF, from);
  return feed >= 0 && feed < limit ? feed + 1 : limit;
}

function textEnd(content: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && content[at] !== LF && content[at] !== CR && content[at] !== 0) at++;
  return at;
}

function afterBlanks(content: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && (content[at] === SPACE || content[at] === TAB)) at++;
  return at;
}
