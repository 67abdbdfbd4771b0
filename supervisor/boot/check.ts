// From files to a model: reads the configuration, says what is wrong with it, answers `-c` and `-cc`.
//
// Exit codes and words are HAProxy's (management manual §3 "-c", "-cc"): 0 valid, 1 errors, 2 no error but nothing
// to listen on; of a condition 0 true, 1 false, 2 not a condition.

import { readFileSync } from 'node:fs';
import { evaluateCommandCondition } from '../../core/config/haproxy/command-condition.ts';
import { dumpKeywords } from '../../core/config/haproxy/dump.ts';
import { Environment } from '../../core/config/haproxy/environment.ts';
import { loadConfiguration } from '../../core/config/haproxy/load.ts';
import { isKeepalivedFile } from '../../core/config/keepalived/detect.ts';
import type { Model } from '../../core/model/model.ts';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import type { CommandLine } from './args.ts';
import { isDaemonChild } from './daemon.ts';
import { type Messages, writeAll } from './messages.ts';

/** The exit code of `-cc`. */
export function conditionExitCode(condition: string, messages: Messages): number {
  const { exitCode, alert } = evaluateCommandCondition(condition, new Environment(process.env));
  if (exitCode === 2) messages.alert(alert);
  return exitCode;
}

/** All that the files say. */
export interface LoadedConfiguration {
  readonly model: Model;
  readonly vrrp: VrrpModel | null; // null: no keepalived.conf among the files
  readonly vrrpFiles: readonly string[]; // those that are keepalived's, as named on the command line
}

/** As loadForRun, with the files that are keepalived's. */
export async function loadAllForRun(
  line: CommandLine,
  messages: Messages,
  commands: readonly string[],
): Promise<LoadedConfiguration | number> {
  const vrrpFiles = line.files.filter(isKeepalivedFile);
  if (vrrpFiles.length === 0) {
    const model = loadForRun(line, messages, commands);
    return typeof model === 'number' ? model : { model, vrrp: null, vrrpFiles };
  }
  const { fitsWith, loadVrrpForRun } = await import('./check-vrrp.ts');
  // The daemon says again what its launcher would.
  const willSpeakLater = line.daemon && !line.check && !isDaemonChild();
  messages.quiet = line.quiet && !line.verbose;
  const vrrp = loadVrrpForRun(vrrpFiles, line, willSpeakLater ? null : messages);
  const election = vrrp === null ? null : { hasWork: vrrp.instances.length > 0, fits: fitsWith(vrrp, messages) };
  const model = loadForRun(line, messages, commands, election);
  if (vrrp === null) return 1;
  return typeof model === 'number' ? model : { model, vrrp, vrrpFiles };
}

/** What keepalived.conf adds to the proxies' files. */
export interface Election {
  readonly hasWork: boolean; // there is something to do besides listening
  /** Whether the proxies are those that it speaks of; says what is wrong otherwise. */
  fits(model: Model): boolean;
}

/**
 * The model to run with, or the exit code when there is nothing to run: an error, or a mere check. `commands` is what
 * -dKcli lists; it may be empty when the command line has no -dK. Files of keepalived are passed over; `election` is
 * what came of them.
 */
export function loadForRun(
  line: CommandLine,
  messages: Messages,
  commands: readonly string[],
  election: Election | null = null,
): Model | number {
  const { model, diagnostics, listenerCount, environment } = loadConfiguration({
    files: line.files.filter((file) => !isKeepalivedFile(file)),
    programName: messages.programName,
    daemon: line.daemon,
    foreground: line.foreground,
    pidfile: line.pidfile,
    maxconn: line.maxconn,
    proxyMaxconn: line.proxyMaxconn,
    ...(line.localPeer === '' ? {} : { localPeer: line.localPeer }),
    engine: line.engine,
    splice: !line.noSplice,
    reusePort: !line.noReusePort,
    diagnosticMode: line.diagnose,
    resolveFailuresIgnored: line.ignoreUnresolved,
    warningsAreFatal: line.zeroWarning,
    controlSockets: true,
  });
  const quietFile = model?.global.quiet === true && !line.foreground;
  messages.quiet = (line.quiet || quietFile) && !line.verbose;
  // What the daemon's launcher read, the daemon reads again, and says.
  const saidByDaemon = model?.global.daemon === true && !line.check && !isDaemonChild();
  if (!saidByDaemon) for (const entry of diagnostics.entries) messages.print(entry.severity, entry.text);
  if (model === null || election?.fits(model) === false) return 1;
  if (line.listLibraries) messages.say(`List of loaded object files:\n${loadedLibraries().join('\n')}\n`);
  if (line.keywordClasses !== null) dumpKeywords(line.keywordClasses, (text) => writeAll(1, text), commands);
  if (!line.check) {
    adoptEnvironment(environment);
    return model;
  }
  if (diagnostics.warningCount > 0) messages.say('Warnings were found.\n');
  if (listenerCount === 0 && model.global.controlSockets.length === 0 && election?.hasWork !== true) {
    messages.say('Configuration file has no error but will not start (no listener) => exit(2).\n');
    return 2;
  }
  if (line.verbose) messages.say('Configuration file is valid\n');
  return 0;
}

// What the file set or unset counts for everything that reads the environment later: threads, env(), scripts.
function adoptEnvironment(environment: Environment): void {
  const wanted = new Map(environment.entries());
  for (const name of Object.keys(process.env)) if (!wanted.has(name)) delete process.env[name];
  for (const [name, value] of wanted) if (process.env[name] !== value) process.env[name] = value;
}

function loadedLibraries(): string[] {
  const paths = readFileSync('/proc/self/maps', 'latin1')
    .split('\n')
    .filter((row) => / r-xp /.test(row))
    .map((row) => row.slice(row.indexOf('/')))
    .filter((path) => path.startsWith('/'));
  return [...new Set(paths)];
}
