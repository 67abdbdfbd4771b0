// Who scripts run as: `script_user`, `user`, the words behind a notify script (keepalived.conf(5), "Script users").
//
// Names are looked up in /etc/passwd and /etc/group. Without `script_user` the user is keepalived_script when there
// is one; else whoever runs weir, unless enable_script_security asks for better.

import { existsSync, readFileSync } from 'node:fs';
import type { KeepalivedDiagnostics } from './diagnostics.ts';

const DEFAULT_USER = 'keepalived_script';

/** setpriv(1), which gives scripts the supplementary groups of their user; null: it is not installed. */
export const SETPRIV =
  ['/usr/bin/setpriv', '/bin/setpriv', '/usr/sbin/setpriv'].find((path) => existsSync(path)) ?? null;

export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

export class ScriptUsers {
  securityWanted = false; // enable_script_security
  readonly own: UserIds;
  private chosen: UserIds | null = null;
  private failed = false;
  private readonly diagnostics: KeepalivedDiagnostics;
  private readonly folder: string;

  constructor(diagnostics: KeepalivedDiagnostics, folder = '/etc') {
    this.diagnostics = diagnostics;
    this.folder = folder;
    this.own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  }

  /** USER [GROUP]; null after a notice. */
  lookup(user: string, group: string | undefined): UserIds | null {
    const entry = this.entryOf('passwd', user);
    if (entry === null) {
      this.diagnostics.notice(`Script user '${user}' does not exist`);
      return null;
    }
    const ids = { uid: Number(entry[2]), gid: Number(entry[3]) };
    if (group === undefined) return ids;
    const groupEntry = this.entryOf('group', group);
    if (groupEntry !== null) return { uid: ids.uid, gid: Number(groupEntry[2]) };
    this.diagnostics.notice(`Script group '${group}' does not exist`);
    return null;
  }

  /** `script_user USER [GROUP]`. False: no script can have a default user now. */
  choose(user: string, group: string | undefined): boolean {
    this.chosen = this.lookup(user, group);
    this.failed ||= this.chosen === null;
    return !this.failed;
  }

  /** Whom `script_user` named; null when it named nobody. */
  get named(): UserIds | null {
    return this.chosen;
  }

  /** For a script without a user of its own; null: there is none, so the script cannot be run. */
  standard(): UserIds | null {
    if (this.failed) return null;
    if (this.chosen !== null) return this.chosen;
    const entry = this.entryOf('passwd', DEFAULT_USER);
    if (entry !== null) return { uid: Number(entry[2]), gid: Number(entry[3]) };
    if (!this.securityWanted) return this.own;
    this.diagnostics.warning(`Unable to set default user ${DEFAULT_USER} for script`);
    this.failed = true;
    return null;
  }

  private entryOf(file: 'passwd' | 'group', name: string): string[] | null {
    let text: string;
    try {
      text = readFileSync(`${this.folder}/${file}`, 'utf8');
    } catch {
      return null;
    }
    const row = text.split('\n').find((each) => each.startsWith(`${name}:`));
    return row === undefined ? null : row.split(':');
  }
}
