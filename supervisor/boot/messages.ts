// Start-up messages on stderr in HAProxy's layout: `[WARNING]  (pid) : text` (management manual §2).
//
// The first warning or alert is preceded by two notices naming version and executable, once a process. Quiet mode
// ends all output, as HAProxy's. Lines are written with writeSync: they must be out before the process can exit.

import { writeSync } from 'node:fs';
import { VERSION_TEXT } from '../../core/base/version.ts';

export type Severity = 'NOTICE' | 'WARNING' | 'ALERT' | 'DIAG';

export class Messages {
  quiet = false;
  warningCount = 0; // said or, being quiet, not
  readonly programName: string; // how weir was called, for "[name.main()]"
  private readonly programPath: string;
  private introduced = false;

  constructor(programPath: string) {
    this.programPath = programPath;
    this.programName = programPath.slice(programPath.lastIndexOf('/') + 1);
  }

  notice(text: string): void {
    this.print('NOTICE', text);
  }

  warning(text: string): void {
    this.print('WARNING', text);
  }

  alert(text: string): void {
    this.print('ALERT', text);
  }

  /** One of HAProxy's "[name.main()] …" messages: about the start itself, not about a line of a file. */
  mainAlert(text: string): void {
    this.alert(`[${this.programName}.main()] ${text}`);
  }

  mainWarning(text: string): void {
    this.warning(`[${this.programName}.main()] ${text}`);
  }

  print(severity: Severity, text: string): void {
    if (severity === 'WARNING') this.warningCount++;
    if (this.quiet) return;
    let out = '';
    if (!this.introduced && severity !== 'NOTICE') {
      this.introduced = true;
      out += line('NOTICE', `haproxy version is ${VERSION_TEXT}`);
      out += line('NOTICE', `path to executable is ${this.programPath}`);
    }
    writeAll(2, out + line(severity, text));
  }

  /** Plain text on stdout (HAProxy prints a few of its verdicts there). */
  say(text: string): void {
    if (!this.quiet) writeAll(1, text);
  }
}

function line(severity: Severity, text: string): string {
  return `${`[${severity}]`.padEnd(10)} (${process.pid}) : ${text}\n`;
}

/** Writes everything even when the pipe is full; gives up silently when nobody reads any more. */
export function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text, 'latin1');
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
    }
  }
}
