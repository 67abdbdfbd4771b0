// Scripts: how a command is split, and whether it may be run (keepalived.conf(5), "enable_script_security").
//
// A script that root would run and that others could have changed is a risk: with enable_script_security it is not
// run, without it keepalived only complains. The file system is looked at when the configuration is read.

import { accessSync, constants, lstatSync, realpathSync, type Stats, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { NotifyScript } from '../../model/vrrp.ts';
import type { Parse } from './keyword-table.ts';
import type { UserIds } from './script-users.ts';
import { splitEscaped, type Words } from './words.ts';

/** The command behind a notify keyword, its user included; null after a notice. `type` is for the messages. */
export function parseNotifyScript(words: Words, type: string, parse: Parse): NotifyScript | null {
  const { diagnostics, users } = parse;
  const list = splitEscaped(words.raw, diagnostics);
  const command = list === null || list[1] === undefined ? null : splitEscaped(list[1], diagnostics);
  if (list === null || command === null) {
    diagnostics.notice(`Unable to parse script '${list?.[1] ?? ''}' - ignoring`);
    return null;
  }
  if (list.length > 2) {
    const ids = users.lookup(list[2]!, list[3]);
    if (ids !== null) return { command, ...ids };
    diagnostics.notice(`Invalid user/group for ${type} script ${command[0]} - ignoring`);
    return null;
  }
  const ids = users.standard();
  if (ids !== null) return { command, ...ids };
  diagnostics.notice(`Failed to set default user for ${type} script ${command[0]} - ignoring`);
  return null;
}

export interface ScriptVerdict {
  readonly command: readonly string[]; // with the path that was found
  readonly runnable: boolean;
  readonly found: boolean;
  readonly inhibited: boolean; // by enable_script_security
  readonly isFile: boolean; // something that would be executed
  readonly insecure: boolean;
}

/** Looks whether `command` can and may be run as `ids`. */
export function checkScript(command: readonly string[], ids: UserIds, parse: Parse): ScriptVerdict {
  const { diagnostics, users } = parse;
  const first = command[0]!;
  const plain = { command, runnable: true, found: true, inhibited: false, isFile: false, insecure: false };
  // `</file` only asks whether a file can be opened.
  if (/^<[ \t]*\//.test(first)) return plain;
  const path = first.includes('/') ? first : searchPath(first, ids);
  if (path === null) {
    diagnostics.notice(`Cannot find script ${first} in path - disabling`);
    return { ...plain, runnable: false, found: false };
  }
  let status: Stats;
  let realPath: string;
  try {
    realPath = realpathSync(path);
    status = statSync(realPath);
  } catch {
    diagnostics.notice(`Script ${path} cannot be accessed - disabling`);
    return { ...plain, runnable: false, found: false };
  }
  const checked = { ...plain, isFile: true, command: [path, ...command.slice(1)] };
  if (!isExecutable(status, ids)) {
    diagnostics.notice(`WARNING - script '${path}' is not executable for uid:gid ${ids.uid}:${ids.gid} - disabling.`);
    return { ...checked, runnable: false };
  }
  const setsRoot = (status.uid === 0 && (status.mode & 0o4100) === 0o4100) || setsRootGroup(status);
  if (ids.uid !== 0 && ids.gid !== 0 && !setsRoot) return checked;
  if (!isWritableByOthers(realPath)) return checked;
  const consequence = users.securityWanted ? ' - disabling' : '';
  diagnostics.notice(`Unsafe permissions found for script '${path}'${consequence}.`);
  return { ...checked, insecure: true, inhibited: users.securityWanted, runnable: !users.securityWanted };
}

function setsRootGroup(status: Stats): boolean {
  return status.gid === 0 && (status.mode & 0o2010) === 0o2010;
}

function isExecutable(status: Stats, ids: UserIds): boolean {
  if (!status.isFile()) return false;
  if (ids.uid === 0) return (status.mode & 0o111) !== 0;
  if (status.uid === ids.uid) return (status.mode & 0o100) !== 0;
  return (status.mode & (status.gid === ids.gid ? 0o010 : 0o001)) !== 0;
}

function searchPath(name: string, ids: UserIds): string | null {
  for (const folder of (process.env['PATH'] ?? '/bin:/usr/bin').split(delimiter)) {
    const path = join(folder === '' ? '.' : folder, name);
    try {
      accessSync(path, constants.F_OK);
      if (isExecutable(statSync(path), ids)) return path;
    } catch {
      // Not there, or not to be seen: the next folder.
    }
  }
  return null;
}

/** Whether anyone but root could replace the file or a folder on its way. */
function isWritableByOthers(path: string): boolean {
  const parts = path.split('/');
  for (let count = 1; count <= parts.length; count++) {
    const status = lstatSync(count === 1 ? '/' : parts.slice(0, count).join('/'));
    const sticky = status.isDirectory() && (status.mode & 0o1000) !== 0;
    const writable = (status.gid !== 0 && (status.mode & 0o020) !== 0) || (status.mode & 0o002) !== 0;
    if (status.uid !== 0 || (!sticky && !status.isSymbolicLink() && writable)) return true;
  }
  return false;
}
