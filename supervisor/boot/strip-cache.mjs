// Keeps the sources without their types between starts: Node would strip every file again at each start and in each
// thread, which takes longer than all the rest. Loaded by the launcher with --import, before any TypeScript, hence
// JavaScript; worker threads inherit it.
//
// The cache lies beside Node's compile cache, in a folder that only we can write to (see supervisor/weir); without
// one, or when it fails in any way, Node's own way is taken. An entry is named for the path, size and time of change
// of its source, so it can be stale only if a file is rewritten to the same size within one tick of its clock.

import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';

const HOME_URL = new URL('../..', import.meta.url).href;
const cache = process.env.NODE_COMPILE_CACHE;

if (cache !== undefined) {
  const folder = `${cache}/stripped-${process.versions.node}`;
  registerHooks({
    resolve(specifier, context, next) {
      if (!specifier.startsWith('.') || !specifier.endsWith('.ts')) return next(specifier, context);
      if (!context.parentURL?.startsWith(HOME_URL)) return next(specifier, context);
      return { url: new URL(specifier, context.parentURL).href, format: 'module', shortCircuit: true };
    },
    load(url, context, next) {
      if (!url.startsWith(HOME_URL) || !url.endsWith('.ts')) return next(url, context);
      const source = stripped(fileURLToPath(url), url, folder);
      return source === null ? next(url, context) : { format: 'module', source, shortCircuit: true };
    },
  });
}

function stripped(path, url, folder) {
  try {
    const { size, mtimeMs } = statSync(path);
    const entry = `${folder}/${encodeURIComponent(url.slice(HOME_URL.length))}-${size}-${mtimeMs}`;
    try {
      return readFileSync(entry, 'utf8');
    } catch {
      const source = stripTypeScriptTypes(readFileSync(path, 'utf8'));
      keep(entry, source, folder);
      return source;
    }
  } catch {
    return null;
  }
}

function keep(entry, source, folder) {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const temporary = `${entry}.${process.pid}`;
    writeFileSync(temporary, source);
    renameSync(temporary, entry);
  } catch {
    // Read-only or full: the next start strips again.
  }
}
