// `weir explain`: the command line of it, and its exit codes: 0 explained, 1 the configuration has errors, 2 the command
// line, the request file or the bind is wrong.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Model } from '../../core/model/model.ts';
import { type CommandLine, parseArgs as parseCommandLine } from '../boot/args.ts';
import { loadForRun } from '../boot/check.ts';
import { type Messages, writeAll } from '../boot/messages.ts';
import { addressText, allTargets, FROM_ASSUMED, findTarget, parseFrom, type Target } from './input.ts';
import { renderText } from './render.ts';
import { styleFor } from './style.ts';
import { explain } from './walk.ts';

const EXIT_EXPLAINED = 0;
const EXIT_USAGE = 2;

/** No message that rules look at is longer: they see a buffer of it. */
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

/** What was asked for wrongly; its text says what. */
class UsageError extends Error {}

const OPTIONS = {
  file: { type: 'string', short: 'f', multiple: true },
  request: { type: 'string' },
  response: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  json: { type: 'boolean' },
  'no-color': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Options = ReturnType<typeof readOptions>;

/** The exit code; everything was printed. `words` come after `explain`. */
export function runExplain(words: readonly string[], messages: Messages): number {
  try {
    const options = readOptions(words);
    if (options.help === true) {
      writeAll(1, usage(messages.programName));
      return EXIT_EXPLAINED;
    }
    return explainFiles(options, messages);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    writeUtf8(2, `${messages.programName} explain: ${error.message}\n`);
    return EXIT_USAGE;
  }
}

function readOptions(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message.replace(/\.?$/, '')} (--help shows how to call it)`);
  }
}

function explainFiles(options: Options, messages: Messages): number {
  const { file: files = [], request: requestPath, response: responsePath } = options;
  if (files.length === 0)
    throw new UsageError('-f FILE is missing: which configuration? (--help shows how to call it)');
  if (requestPath === undefined)
    throw new UsageError('--request FILE is missing: which request? - reads it from stdin');
  if (requestPath === '-' && responsePath === '-') throw new UsageError('only one of the messages can come from stdin');
  const from = parseFrom(options.from);
  if (from === null) throw new UsageError(`--from expects IP or IP:PORT, not '${options.from}'`);
  const request = readMessage('--request', requestPath);
  const response = responsePath === undefined ? null : readMessage('--response', responsePath);
  const model = loadForRun(commandLineFor(files), messages, []);
  if (typeof model === 'number') return model;
  const target = targetOf(model, options.to);
  const toAssumed = options.to === undefined;
  const explanation = explain(model, { request, response, from, target, toAssumed });
  if (options.json === true) writeUtf8(1, `${JSON.stringify(explanation, null, 2)}\n`);
  else {
    const style = styleFor(process.env, process.stdout.isTTY === true, options['no-color'] === true);
    writeUtf8(1, renderText(explanation, style));
  }
  return EXIT_EXPLAINED;
}

/** Loads as `-f … -db` would, without starting anything. */
function commandLineFor(files: readonly string[]): CommandLine {
  const parsed = parseCommandLine(['-db', '--', ...files]);
  if (parsed.kind !== 'run') throw new UsageError('the files cannot be read');
  return parsed.commandLine;
}

function readMessage(option: string, path: string): Uint8Array {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path === '-' ? 0 : path);
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`);
  }
  if (bytes.length > MESSAGE_BYTES_MAX) throw new UsageError(`${option}: longer than ${MESSAGE_BYTES_MAX} bytes`);
  return bytes;
}

function targetOf(model: Model, to: string | undefined): Target {
  const targets = allTargets(model);
  if (targets.length === 0) throw new UsageError('no frontend of the configuration has a bind');
  const target = to === undefined ? targets[0]! : findTarget(model, to);
  if (target !== null) return target;
  const known = targets.map(({ proxy, bind }) => {
    const name = bind.name === '' ? '' : `, name ${bind.name}`;
    return `  ${addressText(bind.address)} (frontend ${proxy.name}${name})`;
  });
  throw new UsageError(`no bind matches --to ${to}; there are:\n${known.join('\n')}`);
}

function writeUtf8(fd: number, text: string): void {
  writeAll(fd, Buffer.from(text, 'utf8').toString('latin1'));
}

function usage(programName: string): string {
  return `Usage : ${programName} explain -f FILE [-f FILE...] --request FILE [options]

Walks one request through a configuration and tells, rule by rule, what was evaluated: the values, what
matched or why not, what each rule changed, the backend, the server and why, and the response's rules.
Nothing is started and nothing is sent.

    -f FILE            the configuration; may be repeated
    --request FILE     the request as it comes over the wire, - for stdin; lines may end with LF alone
    --response FILE    what the server answers: the response's rules are evaluated on it
    --from IP[:PORT]   the client; default ${FROM_ASSUMED}
    --to BIND          where it connects to: IP:PORT, :PORT, a bind's name or a frontend's; default the first
    --json             the same as data (supervisor/explain/README.md describes it)
    --no-color         no colours; NO_COLOR in the environment says the same

Exit status: 0 explained, 1 the configuration has errors, 2 wrong command line.

Example: printf 'GET /api HTTP/1.1\\nHost: example.org\\n' | ${programName} explain -f my.cfg --request -

`;
}
