// Where weir starts: the command line is read, what only asks is answered, what runs is handed to boot/start.
//
// Only light modules are imported here: `-v`, `-c` and a refused command line must not wait for the FFI, the log or
// the engine. Exit codes are HAProxy's: 0, 1 for errors, 2 for a valid configuration that nothing could run on.

import { release, type as systemType, version as systemVersion } from 'node:os';
import { type ArgsResult, type CommandLine, parseArgs } from './args.ts';
import { Messages, writeAll } from './messages.ts';
import { plainVersionText, usageText, versionText } from './usage.ts';

// Node's own answer to SIGUSR1 is to open a debugger; until the instance takes over, it ends the process instead.
process.on('SIGUSR1', () => process.exit(138));

const messages = new Messages(process.env['WEIR_PROGRAM'] ?? process.argv[1]!);
const words = process.argv.slice(2);
if (words[0] === 'explain') await explain(words.slice(1));
else if (words[0] === 'vrrp') await vrrp(words.slice(1));
else await main(parseArgs(words));

async function main(args: ArgsResult): Promise<void> {
  switch (args.kind) {
    case 'version':
      return showVersion(args.form);
    case 'help':
      writeAll(1, usageText(messages.programName));
      return process.exit(0);
    case 'usage':
      writeAll(2, version() + usageText(messages.programName));
      return process.exit(1);
    case 'memory-help':
      writeAll(1, 'weir has no memory debugging options: -dM is taken and has no effect.\n');
      return process.exit(0);
    case 'signal-number':
      writeAll(1, `${args.number}\n`);
      return process.exit(0);
    case 'refused':
      messages.alert(args.message);
      return process.exit(1);
    case 'condition':
      return checkCondition(args.condition);
    case 'run':
      return run(args.commandLine);
  }
}

async function explain(options: readonly string[]): Promise<void> {
  const { runExplain } = await import('../explain/command.ts');
  process.exit(runExplain(options, messages));
}

async function vrrp(options: readonly string[]): Promise<void> {
  const { runVrrpCommand } = await import('../vrrp/command.ts');
  process.exit(await runVrrpCommand(options, writeAll));
}

function version(): string {
  return versionText({
    type: systemType(),
    release: release(),
    version: systemVersion(),
    machine: process.arch === 'arm64' ? 'aarch64' : 'x86_64',
  });
}

async function showVersion(form: 'short' | 'long' | 'plain' | 'number' | 'branch'): Promise<void> {
  if (form !== 'short' && form !== 'long') {
    writeAll(1, plainVersionText(form));
    process.exit(0);
  }
  writeAll(1, version());
  if (form === 'long') {
    const { buildReport } = await import('./build-report.ts');
    writeAll(1, buildReport());
  }
  process.exit(0);
}

async function checkCondition(condition: string): Promise<void> {
  const { conditionExitCode } = await import('./check.ts');
  process.exit(conditionExitCode(condition, messages));
}

async function run(line: CommandLine): Promise<void> {
  if (line.files.length === 0) {
    writeAll(2, version() + usageText(messages.programName));
    process.exit(1);
  }
  if (line.folder !== '') {
    try {
      process.chdir(line.folder);
    } catch (error) {
      messages.alert(`Could not change to directory ${line.folder} : ${(error as Error).message}`);
      process.exit(1);
    }
  }
  if (line.configTest) {
    const { testConfiguration } = await import('./check-vrrp.ts');
    process.exit(testConfiguration(line));
  }
  const { loadAllForRun } = await import('./check.ts');
  // Only a list of keywords needs to know the commands before they are served.
  const commands = line.keywordClasses === null ? [] : (await import('../control/keywords.ts')).commandKeywords();
  const loaded = await loadAllForRun(line, messages, commands);
  if (typeof loaded === 'number') process.exit(loaded);
  const { start } = await import('./start.ts');
  await start(line, loaded, messages, Date.now() - process.uptime() * 1000);
}
