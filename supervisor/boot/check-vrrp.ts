// keepalived.conf among the files: read for a run or `-c`, and `--config-test` as keepalived(8) answers it.

import { writeFileSync } from 'node:fs';
import { checkBackends } from '../../core/config/keepalived/backend-checks.ts';
import { isKeepalivedFile } from '../../core/config/keepalived/detect.ts';
import { formatDiagnostic, loadKeepalived, systemInterfaces } from '../../core/config/keepalived/load.ts';
import type { Model } from '../../core/model/model.ts';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import type { CommandLine } from './args.ts';
import { type Messages, writeAll } from './messages.ts';

const NO_FILE = 6;

const SEVERITIES = { error: 'ALERT', warning: 'WARNING', notice: 'NOTICE' } as const;

function optionsOf(line: CommandLine): { interfaces: ReadonlySet<string> | null; configId?: string } {
  const interfaces = systemInterfaces();
  return line.configId === '' ? { interfaces } : { interfaces, configId: line.configId };
}

/** The model; null after an error. `messages` null: nothing is said. Remarks are for -V. */
export function loadVrrpForRun(
  files: readonly string[],
  line: CommandLine,
  messages: Messages | null,
): VrrpModel | null {
  const { model, diagnostics } = loadKeepalived(files, optionsOf(line));
  for (const entry of diagnostics) {
    if (entry.severity === 'notice' && !line.verbose) continue;
    messages?.print(SEVERITIES[entry.severity], formatDiagnostic(entry));
  }
  const strict = line.zeroWarning && diagnostics.some((entry) => entry.severity === 'warning');
  if (strict) messages?.alert(`Some warnings were found and '-dW' is set. Aborting.`);
  return strict ? null : model;
}

/** Says what the election asks of proxies that are not there; true: nothing. */
export function fitsWith(vrrp: VrrpModel, messages: Messages): (model: Model) => boolean {
  return (model) => {
    const mistakes = checkBackends(vrrp, model.proxies);
    for (const entry of mistakes) messages.print('ALERT', formatDiagnostic(entry));
    return mistakes.length === 0;
  };
}

/** `--config-test`: says what is wrong, one line each, and returns keepalived's exit code. */
export function testConfiguration(line: CommandLine): number {
  const say = (text: string): void => {
    if (line.configTestLog === '') writeAll(2, text);
    else writeFileSync(line.configTestLog, text);
  };
  // A file that is not there is no keepalived.conf either; its name is asked about all the same.
  const files = line.files.filter((file) => isKeepalivedFile(file) || line.files.length === 1);
  if (files.length === 0) {
    say('No keepalived.conf among the files\n');
    return NO_FILE;
  }
  const { diagnostics, exitCode } = loadKeepalived(files, optionsOf(line));
  const told = diagnostics.filter((entry) => entry.severity !== 'notice').map(formatDiagnostic);
  if (told.length > 0) say(`${told.join('\n')}\n`);
  return exitCode;
}
