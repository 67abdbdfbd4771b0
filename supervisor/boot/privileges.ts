// Giving up root (manual §3.1 "chroot", "group", "user"): once everything privileged is done, before any thread runs.
//
// Credentials belong to threads on Linux; libc's setgroups, setgid and setuid change those of all of them, V8's
// helpers included. chroot(2) is process-wide, as threads share their file system context. Each step that cannot be
// done stops the start: weir never runs with more rights than the file asks for.

import { mkdtempSync, rmdirSync } from 'node:fs';
import type { Global } from '../../core/model/model.ts';
import { errnoText } from '../../core/sys/errno.ts';
import { lastErrno } from '../../core/sys/ffi.ts';
import { chroot } from '../../core/sys/libc.ts';

export interface PrivilegeReport {
  mainWarning(text: string): void;
  mainAlert(text: string): void;
}

type Identity = Pick<Global, 'uid' | 'gid' | 'user' | 'group' | 'chroot'>;

/** Root without a way down is worth two warnings at every start, as in HAProxy. */
export function warnAboutRoot(global: Identity, report: PrivilegeReport): void {
  if (process.geteuid!() !== 0) return;
  if (global.chroot === '') {
    report.mainWarning(
      "started as root without a 'chroot' directive: an empty directory there keeps an intruder away from all other " +
        "files. 'chroot auto' makes one; 'chroot /' silences this warning.",
    );
  }
  if (global.uid < 0) {
    report.mainWarning(
      "started as root without a 'user' or 'uid' directive to give the rights up again. " +
        "If that is what you want, say so with 'user root'.",
    );
  }
}

/** chroot(2) to `path`, or for "auto" to an empty directory that no longer has a name. False after an ALERT. */
export function enterChroot(path: string, report: PrivilegeReport): boolean {
  if (path === '') return true;
  let target = path;
  try {
    if (path === 'auto') {
      target = mkdtempSync('/tmp/weir.');
      process.chdir(target);
      rmdirSync(target); // our working directory keeps it alive
      target = '.';
    }
    if (path !== '/' && chroot(target) < 0) {
      report.mainAlert(`Cannot chroot(${path}). (${errnoText(lastErrno())})`);
      return false;
    }
    process.chdir('/');
    return true;
  } catch (error) {
    report.mainAlert(`Cannot chroot(${path}). (${(error as Error).message})`);
    return false;
  }
}

/** Groups, gid, then uid: after the uid the others could no longer be changed. False after an ALERT. */
export function dropIdentity(global: Identity, report: PrivilegeReport): boolean {
  const { uid, gid } = global;
  if (gid > 0) {
    if (!attempt(() => process.setgroups!([]))) {
      report.mainWarning("Failed to drop supplementary groups: 'group' has little effect without 'user'.");
    }
    if (!attempt(() => process.setgid!(gid))) {
      report.mainAlert(`Cannot set gid ${gid}.`);
      return false;
    }
  }
  if (uid > 0 && !attempt(() => process.setuid!(uid))) {
    report.mainAlert(`Cannot set uid ${uid}.`);
    return false;
  }
  return true;
}

function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
