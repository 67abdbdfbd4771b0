// From files to a model: reads the configuration, says what is wrong with it, answers `-c` and `-cc`.
//
// Exit codes and words are HAProxy's (management manual §3 "-c", "-cc"): 0 valid, 1 errors, 2 no error but nothing
// to listen on; of a condition 0 true, 1 false, 2 not a condition.

import { readFileSync } from 'node:fs';
import { evaluateCondition } from '../../core/config/haproxy/conditions.ts';
import { Environment } from '../../core/config/haproxy/environment.ts';
import { lexLine } from '../../core/config/haproxy/lexer.ts';
import { loadConfiguration } from '../../core/config/haproxy/load.ts';
import type { Model } from '../../core/model/model.ts';
import type { CommandLine } from './args.ts';
import { isDaemonChild } from './daemon.ts';
import type { Messages } from './messages.ts';

const LEX_ERRORS: Record<string, string> = {
  quote: 'Syntax Error in condition: Unmatched quote.',
  hexadecimal: 'Syntax Error in condition: Truncated or invalid hexadecimal sequence.',
  'too-many-words': 'Error in condition: Too many words.',
};

/** The exit code of `-cc`. */
export function conditionExitCode(condition: string, messages: Messages): number {
  const environment = new Environment(process.env);
  const lexed = lexLine(condition, environment, { file: '', line: 0, section: '' });
  if (lexed.error !== null) {
    messages.alert(LEX_ERRORS[lexed.error] ?? `Syntax Error in condition: ${lexed.error}.`);
    return 2;
  }
  const result = evaluateCondition(lexed.words.join(' '), environment);
  if (!result.ok) {
    messages.alert(`Failed to evaluate condition: ${result.message}`);
    return 2;
  }
  return result.value ? 0 : 1;
}

/** The model to run with, or the exit code when there is nothing to run: an error, or a mere check. */
export function loadForRun(line: CommandLine, messages: Messages): Model | number {
  const { model, diagnostics, listenerCount } = loadConfiguration({
    files: line.files,
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
  });
  const quietFile = model?.global.quiet === true && !line.foreground;
  messages.quiet = (line.quiet || quietFile) && !line.verbose;
  // What the daemon's launcher read, the daemon reads again, and says.
  const saidByDaemon = model?.global.daemon === true && !line.check && !isDaemonChild();
  if (!saidByDaemon) for (const entry of diagnostics.entries) messages.print(entry.severity, entry.text);
  if (model === null) return 1;
  if (line.listLibraries) messages.say(`List of loaded object files:\n${loadedLibraries().join('\n')}\n`);
  if (!line.check) return model;
  if (diagnostics.warningCount > 0) messages.say('Warnings were found.\n');
  if (listenerCount === 0) {
    messages.say('Configuration file has no error but will not start (no listener) => exit(2).\n');
    return 2;
  }
  if (line.verbose) messages.say('Configuration file is valid\n');
  return 0;
}

function loadedLibraries(): string[] {
  const paths = readFileSync('/proc/self/maps', 'latin1')
    .split('\n')
    .filter((row) => / r-xp /.test(row))
    .map((row) => row.slice(row.indexOf('/')))
    .filter((path) => path.startsWith('/'));
  return [...new Set(paths)];
}
