// User and group names → numbers, as getpwnam() and getgrnam() would say.
//
// The local files answer almost always; other sources of nsswitch.conf are asked through getent(1).

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const GETENT_TIMEOUT_MS = 10_000;
const ID_FIELD = 2;

function idIn(text: string, name: string): number | null {
  for (const line of text.split('\n')) {
    const fields = line.split(':');
    if (fields[0] === name && /^\d+$/.test(fields[ID_FIELD] ?? '')) return Number(fields[ID_FIELD]);
  }
  return null;
}

function lookUp(database: 'passwd' | 'group', name: string): number | null {
  if (!/^[^:\s\0]+$/.test(name)) return null;
  try {
    const id = idIn(readFileSync(`/etc/${database}`, 'latin1'), name);
    if (id !== null) return id;
  } catch {
    // No local file: getent may still know.
  }
  const child = spawnSync('getent', [database, '--', name], { encoding: 'latin1', timeout: GETENT_TIMEOUT_MS });
  return child.status === 0 ? idIn(child.stdout, name) : null;
}

export function userId(name: string): number | null {
  return lookUp('passwd', name);
}

export function groupId(name: string): number | null {
  return lookUp('group', name);
}
