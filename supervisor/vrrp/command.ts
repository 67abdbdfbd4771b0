// The command `weir vrrp`: asks the running weir and shows what it says.

import { DUMP_KINDS, type DumpKind } from './dump.ts';
import { pageOf } from './page.ts';
import type { VrrpReport } from './report.ts';
import { askRunning, type Question } from './status-socket.ts';

const WATCH_MS = 1_000;
const HOME_AND_CLEAR = '\x1b[H\x1b[J';
const USAGE = 'Usage: weir vrrp [--json | --watch | --dump data|stats|json]\n';

/** Its exit code: 0, or 1 when nobody answers or the words are wrong. */
export async function runVrrpCommand(
  words: readonly string[],
  say: (fd: number, text: string) => void,
): Promise<number> {
  const [option = '', value = ''] = words;
  const isDump = option === '--dump' && words.length === 2 && DUMP_KINDS.includes(value as DumpKind);
  const isPlain = words.length === 0 || (words.length === 1 && (option === '--json' || option === '--watch'));
  if (!isDump && !isPlain) {
    say(2, USAGE);
    return 1;
  }
  const question: Question = isDump ? (value as DumpKind) : 'status';
  for (;;) {
    const answer = await askRunning(question);
    if ('failure' in answer) {
      say(2, `${answer.failure}\n`);
      return 1;
    }
    if (isDump || option === '--json') {
      say(1, answer.text);
      return 0;
    }
    const page = pageOf(JSON.parse(answer.text) as VrrpReport, isColored());
    if (option !== '--watch') {
      say(1, page);
      return 0;
    }
    say(1, process.stdout.isTTY ? HOME_AND_CLEAR + page : `${page}\n`);
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  }
}

const isColored = (): boolean =>
  process.stdout.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
