// The line protocol of the runtime socket (management guide §9.3): bytes in, command lines out.
//
// Sans-io. A line holds commands separated by ';' and ends with a line feed; its last command may announce a payload
// with a last word `<<` or `<<PATTERN`: all lines up to one that is just the pattern belong to it. A backslash keeps
// the next byte from being a separator; words lose their backslashes only when they are split. Text is latin1: one
// character a byte, so nothing an operator sends is changed on its way.

const PAYLOAD_MARK = '<<';
const PATTERN_BYTES_MAX = 64;
const WORD_COUNT_MAX = 64;

/** One command as typed: its words, still unsplit, and the payload if it is the line's last and has one. */
export interface CommandText {
  text: string;
  payload: string | null;
}

export type LineEvent =
  | { kind: 'line'; commands: CommandText[] } // never empty: an empty line is one empty command
  | { kind: 'gathering' } // a line of payload (or the one announcing it) was taken: more must follow
  | { kind: 'refused'; text: string }; // the session is over after this message

export interface LineLimits {
  lineBytes: number; // tune.bufsize: a command line with its payload fits into one buffer
  payloadBytes: number; // tune.cli.max-payload-size
}

/** Takes bytes as they come and gives one event for each line of them. */
export class CommandLines {
  private readonly limits: LineLimits;
  private pending = ''; // received, no line end yet
  private commands: string[] = []; // of the line that announced a payload
  private pattern: string | null = null; // not null: inside a payload
  private payload: string[] = [];
  private payloadBytes = 0;

  constructor(limits: LineLimits) {
    this.limits = limits;
  }

  push(text: string): void {
    this.pending += text;
  }

  /** The next event, or null when more bytes are needed. */
  next(): LineEvent | null {
    if (this.pattern !== null) return this.nextPayloadLine();
    const end = this.pending.indexOf('\n');
    const length = end < 0 ? this.pending.length : end;
    if (length >= this.limits.lineBytes) {
      return this.refuse(
        "The command line is too big for the buffer size. Please change 'tune.bufsize' in the configuration to use a " +
          'bigger command.\n',
      );
    }
    if (end < 0) return null;
    let line = this.pending.slice(0, end);
    this.pending = this.pending.slice(end + 1);
    if (line.endsWith('\r')) line = line.slice(0, -1);
    return this.takeLine(splitCommands(line));
  }

  private takeLine(commands: string[]): LineEvent {
    const last = commands[commands.length - 1]!;
    const at = Math.max(last.lastIndexOf(' '), last.lastIndexOf('\t')) + 1;
    const word = last.slice(at);
    if (!word.startsWith(PAYLOAD_MARK) || word.length - PAYLOAD_MARK.length > PATTERN_BYTES_MAX) {
      return { kind: 'line', commands: commands.map((text) => ({ text, payload: null })) };
    }
    this.pattern = word.slice(PAYLOAD_MARK.length);
    commands[commands.length - 1] = last.slice(0, at);
    this.commands = commands;
    this.payload = [];
    this.payloadBytes = 0;
    return { kind: 'gathering' };
  }

  // Payload lines are taken as they are: no escapes, no ';', and a carriage return stays.
  private nextPayloadLine(): LineEvent | null {
    const end = this.pending.indexOf('\n');
    const length = end < 0 ? this.pending.length : end;
    if (this.payloadBytes + length > Math.max(this.limits.payloadBytes, this.limits.lineBytes)) {
      return this.refuse(
        "The payload is too big. Please change 'tune.cli.max-payload-size' in the configuration to use a bigger " +
          'payload.\n',
      );
    }
    if (end < 0) return null;
    const line = this.pending.slice(0, end);
    this.pending = this.pending.slice(end + 1);
    if (line !== this.pattern) {
      this.payload.push(line);
      this.payloadBytes += line.length + 1;
      return { kind: 'gathering' };
    }
    const { commands, payload } = this;
    this.pattern = null;
    this.commands = [];
    this.payload = [];
    const last = commands.length - 1;
    const text = payload.join('\n');
    return {
      kind: 'line',
      // An empty one is none.
      commands: commands.map((each, index) => ({ text: each, payload: index === last && text !== '' ? text : null })),
    };
  }

  private refuse(text: string): LineEvent {
    this.pending = '';
    this.pattern = null;
    return { kind: 'refused', text };
  }
}

/** At each ';' that no backslash precedes. */
function splitCommands(line: string): string[] {
  const commands: string[] = [];
  let start = 0;
  for (let at = 0; at < line.length; at++) {
    const char = line[at];
    if (char === '\\') at++;
    else if (char === ';') {
      commands.push(line.slice(start, at));
      start = at + 1;
    }
  }
  commands.push(line.slice(start));
  return commands;
}

/** A command's words; blanks separate, a backslash takes the next character as it is. A string is an error message. */
export function splitWords(text: string): string[] | string {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (text[at] === ' ' || text[at] === '\t') at++;
    if (at >= text.length) return words;
    if (words.length === WORD_COUNT_MAX) {
      return `Too many arguments. Commands must have at most ${WORD_COUNT_MAX} arguments.\n`;
    }
    let word = '';
    for (; at < text.length && text[at] !== ' ' && text[at] !== '\t'; at++) {
      if (text[at] === '\\') at++;
      word += text[at] ?? '';
    }
    words.push(word);
  }
}
