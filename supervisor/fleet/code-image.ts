// The workers' code in memory: what lets a thread start after chroot(2), or as a user who may not read our files.
//
// Threads start after the rights are gone, and a crashed one is replaced at any later time, so their modules cannot
// come from disk then. The image is every source file of core and workers/proxy as text; a few lines inside the
// thread answer all imports from it. The FFI's native library needs no file either: it is loaded in this process
// already, and dlopen(3) finds a loaded library by its name.

import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { WorkerOptions } from 'node:worker_threads';

const HOME = fileURLToPath(new URL('../..', import.meta.url));
const ROOMS = ['core', 'workers'];

export interface CodeImage {
  sources: Map<string, string>; // JavaScript, by file URL
  addonPath: string; // the native library, as it was named when it was loaded
}

/** Reads the image; call it while the files can still be read. */
export function readCodeImage(): CodeImage {
  const sources = new Map<string, string>();
  for (const room of ROOMS) {
    for (const entry of readdirSync(join(HOME, room), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.ts') || entry.name.endsWith('.test.ts')) continue;
      const path = join(entry.parentPath, entry.name);
      sources.set(pathToFileURL(path).href, stripTypeScriptTypes(readFileSync(path, 'utf8')));
    }
  }
  return { sources, addonPath: loadedAddonPath() };
}

/** Whether threads could also be started from disk as things are now. */
export function codeIsReadable(entry: URL): boolean {
  try {
    accessSync(entry, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function loadedAddonPath(): string {
  const maps = readFileSync('/proc/self/maps', 'latin1');
  return /(\/\S.*koffi\.node)$/m.exec(maps)?.[1] ?? '';
}

// Runs first in the thread, as CommonJS; `workerData.image` is taken out before the worker's own code sees it.
const BOOTSTRAP = `
const { registerHooks } = require('node:module');
const { workerData } = require('node:worker_threads');
const { sources, addonPath, entry } = workerData.image;
delete workerData.image;
const FFI = 'weir:koffi';
registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'koffi') return { url: FFI, format: 'module', shortCircuit: true };
    if (!/^(\\.|file:)/.test(specifier)) return next(specifier, context);
    const url = new URL(specifier, context.parentURL).href;
    return { url, format: 'module', shortCircuit: true };
  },
  load(url, context, next) {
    if (url === FFI) {
      const source = 'const m = { exports: {} }; process.dlopen(m, ' + JSON.stringify(addonPath) + ');' +
        'export default m.exports;';
      return { format: 'module', source, shortCircuit: true };
    }
    const source = sources.get(url);
    return source === undefined ? next(url, context) : { format: 'module', source, shortCircuit: true };
  },
});
import(entry);
`;

export interface WorkerSource {
  script: string | URL;
  options: WorkerOptions;
}

/** What to give `new Worker` so that it runs `entry` with `data`, from the image when there is one. */
export function workerSource(entry: URL, data: object, image: CodeImage | null): WorkerSource {
  if (image === null) return { script: entry, options: { workerData: data } };
  const workerData = { ...data, image: { ...image, entry: entry.href } };
  // Without our own process's --import: its file may be out of reach.
  const execArgv = ['--disable-warning=ExperimentalWarning'];
  return { script: BOOTSTRAP, options: { eval: true, workerData, execArgv } };
}
