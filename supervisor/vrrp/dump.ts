// keepalived's dump files, in the layouts that exporters parse: keepalived.data, keepalived.stats and keepalived.json.
//
// They are in TMPDIR, else /tmp, or where state_dump_file and the like say. A file is replaced as a whole, so that
// nobody reads half of it; its mode is 0600.

import { randomBytes } from 'node:crypto';
import { renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join, parse } from 'node:path';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import { dataText } from './dump-data.ts';
import { jsonText } from './dump-json.ts';
import { statsText } from './dump-stats.ts';
import type { DumpParts } from './status.ts';

export type DumpKind = 'data' | 'stats' | 'json';

export const DUMP_KINDS: readonly DumpKind[] = ['data', 'stats', 'json'];

export function dumpText(kind: DumpKind, parts: DumpParts): string {
  switch (kind) {
    case 'data':
      return dataText(parts);
    case 'stats':
      return statsText(parts.instances);
    case 'json':
      return jsonText(parts.model, parts.instances, parts.tracking);
  }
}

/** Writes the file of `kind`; `failure` is '' or why it could not be written. */
export function writeDump(kind: DumpKind, parts: DumpParts): { path: string; failure: string } {
  const path = dumpPath(kind, parts.model, process.env['TMPDIR']);
  // A name nobody can have prepared: /tmp is everybody's.
  const fresh = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    writeFileSync(fresh, dumpText(kind, parts), { mode: 0o600, flag: 'wx' });
    renameSync(fresh, path);
    return { path, failure: '' };
  } catch (error) {
    try {
      unlinkSync(fresh);
    } catch {
      // It was not made, or has its name already.
    }
    return { path, failure: `${path}: ${(error as Error).message}` };
  }
}

/** Where keepalived would write: a path that ends with / is a folder, `data_use_instance` adds `.NAMESPACE_INSTANCE`. */
export function dumpPath(kind: DumpKind, model: VrrpModel, tmpdir: string | undefined): string {
  const { operation, global } = model;
  const files = { data: operation?.stateDumpFile, stats: operation?.statsDumpFile, json: operation?.jsonDumpFile };
  const given = files[kind] ?? '';
  const temporary = tmpdir?.startsWith('/') ? tmpdir : '/tmp';
  const whole = given.startsWith('/') ? given : join(temporary, given, given === '' ? '/' : '');
  const { dir, name, ext } = whole.endsWith('/') ? { dir: whole, name: 'keepalived', ext: `.${kind}` } : parse(whole);
  const parts = operation?.dataUseInstance ? [global.namespace, global.instanceName].filter((part) => part !== '') : [];
  return join(dir, `${[name, ...(parts.length > 0 ? [parts.join('_')] : [])].join('.')}${ext}`);
}
