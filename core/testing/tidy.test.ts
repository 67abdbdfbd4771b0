// Goal: the layout's rules hold by themselves: who may import whom, no cycle, no dead file, no promise on the hot path.
// Method: read every source file of the repository and compare; a failure names the file and the rule.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const HOME = fileURLToPath(new URL('../..', import.meta.url));
const TOPS = ['core', 'workers', 'supervisor', 'bench', 'deploy'];
const TOP_FILES = [
  ...['.ci', '.git', '.gitignore', '.github', 'LICENSE', 'README.md', 'biome.json', 'node_modules'],
  ...['package-lock.json', 'package.json', 'tsconfig.json'],
];

// Every room may import base (and itself); what else, is here. A room that is not here may import nothing.
const ALLOWED: Record<string, readonly string[]> = {
  base: [],
  sys: [],
  model: [],
  http: [],
  netlink: [],
  io: ['sys'],
  shared: ['model'],
  tls: ['sys'],
  tables: ['shared', 'model'],
  balance: ['model', 'shared'],
  sample: ['http', 'model', 'shared', 'tables'],
  rules: ['http', 'model', 'sample', 'shared', 'tables'],
  observe: ['model', 'shared', 'sample'],
  health: ['http', 'model', 'shared'],
  vrrp: ['model'],
  bfd: ['model'],
  ipvs: ['model', 'netlink'],
  config: ['model', 'sample', 'rules', 'balance', 'health'],
  proxy: ['io', 'http', 'tls', 'model', 'shared', 'sample', 'rules', 'tables', 'balance', 'observe'],
  testing: ['io'],
  'workers/proxy': ['proxy', 'http', 'tls', 'sys', 'shared', 'model', 'observe', 'io', 'sample', 'rules', 'tables'],
  'workers/health': ['health', 'ipvs', 'netlink', 'sys', 'shared', 'model', 'observe', 'io'],
  'workers/vrrp': ['vrrp', 'bfd', 'netlink', 'sys', 'shared', 'model', 'observe', 'io'],
  'workers/offload': ['tls', 'sys', 'shared', 'model', 'observe'],
  supervisor: ['sys', 'shared', 'model', 'config', 'observe', 'sample', 'rules', 'balance', 'http', 'tables'],
  bench: ['supervisor', 'testing', 'sys', 'vrrp'], // the last two: hostile packets, built and sent
};

// Packages, and the one room (or kind of file) that may import each.
const PACKAGES: Record<string, (file: SourceFile) => boolean> = {
  koffi: (file) => file.path === 'core/sys/ffi.ts',
  pino: (file) => file.room === 'supervisor',
  autocannon: (file) => file.room === 'bench',
  'fast-check': (file) => file.isTest,
};

const HOT_ROOMS = ['base', 'sys', 'io', 'http', 'proxy', 'shared'];
const SANS_IO_ROOMS = [
  'base',
  'model',
  'http',
  'balance',
  'shared',
  'tables',
  'vrrp',
  'bfd',
  'ipvs',
  'netlink',
  'health',
];
const IO_MODULES = /^node:(fs|net|dgram|http|https|tls|child_process|worker_threads|dns)/;

// Started by name, not by import.
const ENTRIES = [
  /^workers\/[a-z]+\/main\.ts$/,
  /^supervisor\/boot\/main\.ts$/,
  /^supervisor\/boot\/(npm-scripts|strip-cache)\.mjs$/,
  /^bench\/rig\/demo\.ts$/,
  /^bench\/load\/run\.ts$/,
  /^bench\/conformance\/run\.ts$/,
];

interface Import {
  target: string; // path within the repository, or a package's or module's name
  isFile: boolean;
  isTypeOnly: boolean;
}

interface SourceFile {
  path: string;
  room: string;
  isTest: boolean;
  text: string;
  code: string; // without comments
  imports: Import[];
}

function roomOf(path: string): string {
  const [top, room] = path.split('/') as [string, string];
  if (top === 'core') return room;
  return top === 'workers' ? `workers/${room}` : top;
}

// Comments go, strings stay: good enough for the words that are looked for here.
function withoutComments(text: string): string {
  return text
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\s\/\/ .*$/gm, '');
}

const STATIC_IMPORT = /^(?:import|export)\s+(type\s)?[^'";]*?'([^']+)'/gm;
const DYNAMIC_IMPORT = /\bimport\('([^']+)'\)/g;
// Files that are started rather than imported: workers, child processes.
const NAMED_FILE = /'(\.{1,2}\/[^']+\.m?[tj]s)'/g;

function importsOf(path: string, code: string): Import[] {
  const found: Import[] = [];
  const add = (specifier: string, isTypeOnly: boolean): void => {
    const isFile = specifier.startsWith('.');
    const target = isFile ? normalize(join(dirname(path), specifier)) : specifier;
    found.push({ target, isFile, isTypeOnly });
  };
  for (const match of code.matchAll(STATIC_IMPORT)) {
    // An export of something declared right here has no source after it; its string is a value.
    if (match[0].startsWith('export') && !/\bfrom\s+'/.test(match[0])) continue;
    add(match[2]!, match[1] !== undefined);
  }
  for (const match of code.matchAll(DYNAMIC_IMPORT)) add(match[1]!, false);
  return found;
}

function readSources(): SourceFile[] {
  const sources: SourceFile[] = [];
  for (const top of TOPS) {
    if (!existsSync(join(HOME, top))) continue;
    for (const entry of readdirSync(join(HOME, top), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.m?[tj]s$/.test(entry.name)) continue;
      const path = relative(HOME, join(entry.parentPath, entry.name));
      const text = readFileSync(join(HOME, path), 'utf8');
      const code = withoutComments(text);
      const isTest = /\.(test|fuzz|bench)\.ts$/.test(path);
      sources.push({ path, room: roomOf(path), isTest, text, code, imports: importsOf(path, code) });
    }
  }
  return sources;
}

const sources = readSources();
const byPath = new Map(sources.map((file) => [file.path, file]));

function complaints(rule: (file: SourceFile) => string[]): string[] {
  return sources.flatMap((file) => rule(file).map((complaint) => `${file.path}: ${complaint}`));
}

test('the top level holds the fixed folders and files, and nothing else', () => {
  const known = new Set([...TOPS, ...TOP_FILES]);
  assert.deepEqual(
    readdirSync(HOME).filter((name) => !known.has(name)),
    [],
  );
});

test('the table of allowed imports has no cycle', () => {
  const visit = (room: string, trail: string[]): void => {
    assert.ok(!trail.includes(room), [...trail, room].join(' → '));
    for (const next of ALLOWED[room] ?? []) visit(next, [...trail, room]);
  };
  for (const room of Object.keys(ALLOWED)) visit(room, []);
});

test('rooms import only the rooms they may', () => {
  const wrong = complaints((file) =>
    file.imports
      .filter((each) => each.isFile)
      .map((each) => roomOf(each.target))
      .filter((room) => room !== file.room && room !== 'base')
      .filter((room) => !(file.isTest && room === 'testing'))
      .filter((room) => !(ALLOWED[file.room] ?? []).includes(room))
      .map((room) => `${file.room} may not import ${room}`),
  );
  assert.deepEqual(wrong, []);
});

test('only tests import from testing', () => {
  const wrong = complaints((file) =>
    file.isTest || file.room === 'testing' || file.room === 'bench'
      ? []
      : file.imports.filter((each) => each.isFile && roomOf(each.target) === 'testing').map((each) => each.target),
  );
  assert.deepEqual(wrong, []);
});

test('each package is imported by the one room that wraps it', () => {
  const wrong = complaints((file) =>
    file.imports
      .filter((each) => !each.isFile && !each.target.startsWith('node:'))
      .filter((each) => !(PACKAGES[each.target]?.(file) ?? false))
      .map((each) => `may not import the package ${each.target}`),
  );
  assert.deepEqual(wrong, []);
});

test('rooms without I/O import no module that does I/O', () => {
  const wrong = complaints((file) =>
    file.isTest || !SANS_IO_ROOMS.includes(file.room)
      ? []
      : file.imports.filter((each) => IO_MODULES.test(each.target)).map((each) => `imports ${each.target}`),
  );
  assert.deepEqual(wrong, []);
});

test('every import names a file that is there', () => {
  const wrong = complaints((file) =>
    file.imports
      .filter((each) => each.isFile && !existsSync(join(HOME, each.target)))
      .map((each) => `imports ${each.target}`),
  );
  assert.deepEqual(wrong, []);
});

test('files import each other without a cycle', () => {
  const state = new Map<string, 'open' | 'done'>();
  const cycles: string[] = [];
  const visit = (path: string, trail: string[]): void => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
      return;
    }
    state.set(path, 'open');
    for (const each of byPath.get(path)?.imports ?? []) {
      if (each.isFile && !each.isTypeOnly) visit(each.target, [...trail, path]);
    }
    state.set(path, 'done');
  };
  for (const file of sources) visit(file.path, []);
  assert.deepEqual(cycles, []);
});

/** Every file that the given ones import, or name by URL, directly or not. */
function reachableFrom(starts: readonly SourceFile[]): Set<string> {
  const reached = new Set<string>();
  const visit = (path: string): void => {
    const file = byPath.get(path);
    if (file === undefined || reached.has(path)) return;
    reached.add(path);
    for (const each of file.imports) if (each.isFile) visit(each.target);
    for (const match of file.code.matchAll(NAMED_FILE)) visit(normalize(join(dirname(path), match[1]!)));
  };
  for (const file of starts) visit(file.path);
  return reached;
}

const isEntry = (file: SourceFile): boolean => ENTRIES.some((entry) => entry.test(file.path));
const isForTests = (file: SourceFile): boolean =>
  file.isTest ||
  file.room === 'testing' ||
  file.room === 'bench' ||
  file.path === 'core/base/prng.ts' || // the tests' source of chance
  /\/(fixture|parity)[\w-]*\.ts$/.test(file.path); // what several tests beside the code share

test('no file is dead: each is an entry, a test, or reached from one', () => {
  const reached = reachableFrom(sources.filter((file) => file.isTest || isEntry(file)));
  assert.deepEqual(
    sources.map((file) => file.path).filter((path) => !reached.has(path)),
    [],
  );
});

test('what only tests reach lies in testing or bench', () => {
  const reached = reachableFrom(sources.filter(isEntry));
  const unused = sources.filter((file) => !isForTests(file) && !reached.has(file.path));
  assert.deepEqual(
    unused.map((file) => file.path),
    [],
  );
});

test('the hot path knows no promise', () => {
  const wrong = complaints((file) =>
    file.isTest || !HOT_ROOMS.includes(file.room) ? [] : (file.code.match(/\b(async|await|Promise)\b/g) ?? []),
  );
  assert.deepEqual(wrong, []);
});

test('every source file opens by saying what it is', () => {
  const opens = /^(#!.*\n)?\/\/ \S/;
  const wrong = complaints((file) => (opens.test(file.text) || file.isTest ? [] : ['does not start with a comment']));
  assert.deepEqual(wrong, []);
});

// Put together here, so that this file does not find itself.
const UNFINISHED = new RegExp(
  `\\b(${['TO', 'FIX', 'XX'].map((half, index) => half + ['DO', 'ME', 'X'][index]).join('|')})\\b`,
);
const AUTHORS_PLACE = /(?:^|[\s'"`(=:])\/(?:home|root|Users|work|opt(?!\/weir\b))\/[\w.-]+/m;

test('nothing is left unfinished, and nothing names a place on its author’s machine', () => {
  const wrong: string[] = [];
  const look = (path: string): void => {
    const text = readFileSync(join(HOME, path), 'utf8');
    const unfinished = UNFINISHED.exec(text);
    const place = AUTHORS_PLACE.exec(text);
    if (unfinished !== null) wrong.push(`${path}: ${unfinished[0]}`);
    if (place !== null) wrong.push(`${path}: ${place[0].trim()}`);
  };
  for (const name of [...TOPS, 'README.md', '.ci']) {
    if (!existsSync(join(HOME, name))) continue;
    if (name.endsWith('.md')) {
      look(name);
      continue;
    }
    for (const entry of readdirSync(join(HOME, name), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) look(relative(HOME, join(entry.parentPath, entry.name)));
    }
  }
  assert.deepEqual(wrong, []);
});
