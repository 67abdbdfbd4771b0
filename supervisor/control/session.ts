// One connection to the runtime socket: its level, its modes, and the commands it runs one after the other.
//
// Without prompt a session is one line: its commands are answered in order, each answer is followed by an empty line,
// then the session ends. `prompt` makes it interactive. A command that must ask the threads is awaited before the
// next one starts, so what a line says happens in its order.

import { LOG_LEVELS } from '../../core/observe/names.ts';
import {
  type Answer,
  Call,
  type Command,
  CommandError,
  type ControlLevel,
  failure,
  hasLevel,
  info,
} from './command.ts';
import { CommandLines, type CommandText, splitWords } from './command-lines.ts';
import type { Control } from './control.ts';
import { helpText } from './help.ts';

const PAYLOAD_BYTES_DEFAULT = 128 * 1024; // tune.cli.max-payload-size

export type SeverityOutput = 'none' | 'number' | 'string';

/** Where a session's answers go. */
export interface SessionOutput {
  write(text: string): void;
  end(): void; // nothing comes after this
}

export class Session {
  level: ControlLevel;
  readonly socketLevel: ControlLevel; // what the socket gives; `level` may have been lowered
  severityOutput: SeverityOutput = 'none';
  prompting = false;
  interactive = false; // more lines may follow the first
  timed = false; // the prompt shows the uptime
  expert = false;
  experimental = false;
  timeoutMs: number; // of silence
  closed = false;
  noLineEnd = false; // the running command asked for no empty line after it
  private readonly control: Control;
  private readonly output: SessionOutput;
  private readonly lines: CommandLines;
  private running = false;
  private inputEnded = false;
  private ended = false;
  private interrupt: (() => void) | null = null; // ends a sleep early

  constructor(control: Control, level: ControlLevel, output: SessionOutput) {
    this.control = control;
    this.level = level;
    this.socketLevel = level;
    this.output = output;
    this.timeoutMs = control.model.global.controlTimeoutMs;
    this.lines = new CommandLines({
      lineBytes: control.model.global.bufsize,
      payloadBytes: PAYLOAD_BYTES_DEFAULT,
    });
  }

  /** Whether a command is being run: then silence is ours. */
  get busy(): boolean {
    return this.running;
  }

  receive(text: string): void {
    if (this.ended) return;
    this.lines.push(text);
    void this.run();
  }

  /** The peer sends no more: what it has asked is still answered. */
  receiveEnd(): void {
    this.inputEnded = true;
    this.interrupt?.();
    void this.run();
  }

  /** Waits; true when the peer went away meanwhile, or sends no more. */
  async sleep(ms: number): Promise<boolean> {
    if (this.inputEnded || this.closed) return true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.interrupt = null;
        resolve(false);
      }, ms);
      this.interrupt = () => {
        clearTimeout(timer);
        this.interrupt = null;
        resolve(true);
      };
    });
  }

  /** The connection is gone: no answer is written any more. */
  close(): void {
    this.closed = true;
    this.ended = true;
    this.interrupt?.();
  }

  private async run(): Promise<void> {
    if (this.running) return;
    this.running = true;
    let gathering = false;
    try {
      while (!this.ended) {
        const event = this.lines.next();
        if (event === null) break;
        gathering = event.kind === 'gathering';
        if (event.kind === 'refused') {
          this.write(this.format(failure(event.text)));
          this.end();
        } else if (event.kind === 'line') await this.runLine(event.commands);
      }
    } finally {
      this.running = false;
    }
    if (gathering && this.prompting && !this.ended) this.write('+ ');
    if (this.inputEnded) this.end();
  }

  private async runLine(commands: readonly CommandText[]): Promise<void> {
    for (const [index, command] of commands.entries()) {
      this.noLineEnd = false;
      const answer = await this.answer(command);
      if (this.ended) return;
      this.write(this.format(answer) + this.afterCommand(index === commands.length - 1));
    }
    if (!this.interactive) this.end();
  }

  private afterCommand(isLast: boolean): string {
    if (!this.prompting) return this.noLineEnd ? '' : '\n';
    if (!isLast) return '\n';
    return this.timed ? `\n[${uptimeText(this.control.uptimeSeconds())}]> ` : '\n> ';
  }

  private async answer({ text, payload }: CommandText): Promise<Answer> {
    const words = splitWords(text);
    if (typeof words === 'string') return failure(words);
    if (words.length === 0 || words[0] === '') return null;
    if (words[0] === 'quit') {
      this.end();
      return null;
    }
    const visible = this.control.commands.filter((command) => this.mayUse(command));
    if (words[0] === 'help') return info(helpText(visible, words.slice(1), true));
    const command = this.control.find(words);
    if (command === null) return info(helpText(visible, words, false));
    if (!this.mayUse(command)) return failure(`This command is restricted to ${command.mode} mode only.\n`);
    if (!hasLevel(this.level, command.level)) return failure('Permission denied\n');
    try {
      return await command.run(new Call(words, payload, this, this.control));
    } catch (error) {
      if (error instanceof CommandError) return failure(error.message);
      this.control.report(`command '${words.join(' ')}' failed: ${(error as Error).stack}`);
      return failure('Internal error.\n');
    }
  }

  private mayUse(command: Command): boolean {
    if (command.mode === 'expert') return this.expert;
    if (command.mode === 'experimental') return this.experimental;
    return true;
  }

  private format(answer: Answer): string {
    if (answer === null) return '';
    if (answer.kind === 'dump') return answer.text;
    const text = `${answer.text.replace(/\n+$/, '')}\n`;
    if (this.severityOutput === 'number') return `[${answer.severity}]: ${text}`;
    if (this.severityOutput === 'string') return `[${LOG_LEVELS[answer.severity]}]: ${text}`;
    return text;
  }

  private write(text: string): void {
    if (!this.closed && text !== '') this.output.write(text);
  }

  private end(): void {
    if (this.ended) return;
    this.ended = true;
    this.output.end();
  }
}

function uptimeText(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  return `${Math.floor(seconds / 86400)}:${two(hours)}:${two(minutes)}:${two(seconds % 60)}`;
}
