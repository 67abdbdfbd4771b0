// What weir tells the operator about a configuration, in HAProxy's words and layout (manual §2.9, management §2).
//
// Parsers add entries; nothing is printed while parsing, so a test can look at them and `-c` prints them in the
// order they came. Text is a byte string (latin1): a configuration file has bytes, not characters, and a message
// that quotes one gives the same bytes back.

import { VERSION_TEXT } from '../../base/version.ts';

export type Severity = 'NOTICE' | 'WARNING' | 'ALERT' | 'DIAG';

export interface Diagnostic {
  readonly severity: Severity;
  readonly file: string; // '' when it belongs to no line
  readonly line: number; // 0 when it belongs to no line
  readonly text: string; // may hold several lines; some of HAProxy's end in an LF of their own
}

/** `config : ` stands before every message while files are being parsed, and not after. */
export type Prefix = '' | 'config : ';

export class Diagnostics {
  readonly entries: Diagnostic[] = [];
  prefix: Prefix = '';
  // Both repeat the counters that HAProxy keeps: a fatal alert keeps the configuration from being used.
  warningCount = 0;
  alertCount = 0;

  add(severity: Severity, file: string, line: number, text: string): void {
    if (severity === 'WARNING' || severity === 'DIAG') this.warningCount++;
    if (severity === 'ALERT') this.alertCount++;
    // A message that quotes the end of a word (a NUL) stops there, as C's strings do.
    const end = text.indexOf('\0');
    this.entries.push({ severity, file, line, text: this.prefix + (end < 0 ? text : text.slice(0, end)) });
  }

  notice(text: string): void {
    this.add('NOTICE', '', 0, text);
  }

  warning(text: string): void {
    this.add('WARNING', '', 0, text);
  }

  alert(text: string): void {
    this.add('ALERT', '', 0, text);
  }
}

/** `[ALERT]    (pid) : `: the label is padded so that all messages start in one column. */
function head(severity: Severity, pid: number): string {
  return `${`[${severity}]`.padEnd(10)} (${pid}) : `;
}

/**
 * All entries as HAProxy prints them on stderr, ready to be written as bytes (`Buffer.from(text, 'latin1')`).
 * Two notices naming the version and the executable precede the first warning or alert.
 */
export function formatDiagnostics(entries: readonly Diagnostic[], pid: number, programPath: string): string {
  let out = '';
  let introduced = false;
  for (const entry of entries) {
    if (!introduced && entry.severity !== 'NOTICE') {
      introduced = true;
      out += `${head('NOTICE', pid)}haproxy version is ${VERSION_TEXT}\n`;
      if (programPath !== '') out += `${head('NOTICE', pid)}path to executable is ${programPath}\n`;
    }
    out += `${head(entry.severity, pid)}${entry.text}\n`;
  }
  return out;
}

export interface ByteSink {
  write(bytes: Uint8Array): unknown;
}

/** Writes all entries to `sink` (stderr). Quiet mode is the caller's: do not call this then. */
export function printDiagnostics(diagnostics: Diagnostics, sink: ByteSink, pid: number, programPath: string): void {
  const text = formatDiagnostics(diagnostics.entries, pid, programPath);
  if (text !== '') sink.write(Buffer.from(text, 'latin1'));
}
