// How text looks on what it is printed to: colours, signs, line width.

export interface Style {
  readonly color: boolean;
  readonly unicode: boolean;
  readonly width: number;
}

export type Ink = 'plain' | 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

const CODES: Readonly<Record<Ink, string>> = {
  ...{ plain: '', bold: '1', dim: '2', red: '31', green: '32', yellow: '33', cyan: '36' },
};

export function ink(style: Style, name: Ink, text: string): string {
  return style.color && CODES[name] !== '' && text !== '' ? `\x1b[${CODES[name]}m${text}\x1b[0m` : text;
}

/** Signs that not every terminal has. */
export interface Signs {
  readonly arrow: string;
  readonly dash: string;
  readonly cut: string;
}

export function signsOf({ unicode }: Style): Signs {
  return unicode ? { arrow: '→', dash: '–', cut: '…' } : { arrow: '->', dash: '-', cut: '...' };
}

/** What the surroundings of the process ask for. */
export function styleFor(
  environment: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
  noColor: boolean,
): Style {
  const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'] || '';
  return {
    color: isTerminal && !noColor && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb',
    unicode: /utf-?8/i.test(locale),
    width: 100,
  };
}

/** Lines of at most `width` columns, broken at blanks; those after the first are indented by `hang`. */
export function wrap(text: string, width: number, hang: number): string[] {
  const lines: string[] = [];
  let rest = text;
  let room = width;
  while (rest.length > room) {
    const at = rest.lastIndexOf(' ', room);
    const blank = at > room / 2 ? at : rest.indexOf(' ', room); // a long word stays whole: it may be copied
    if (blank < 0) break;
    lines.push(rest.slice(0, blank));
    rest = rest.slice(blank + 1);
    room = Math.max(20, width - hang);
  }
  lines.push(rest);
  return lines.map((line, index) => (index === 0 ? line : ' '.repeat(hang) + line));
}

/** What cannot be shown on a terminal is escaped: a header may hold anything but a line end. */
export function printable(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (char) => {
    const code = char.charCodeAt(0);
    return `\\x${code.toString(16).padStart(2, '0')}`;
  });
}
