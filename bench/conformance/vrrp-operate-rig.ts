// For the tests of how VRRP is operated: the whole weir or keepalived on one file, its dump files, and a mail server that
// writes down what it is told.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LAUNCHER } from '../../core/testing/weir-process.ts';
import type { Kind, Lab, LabProcess, NodeName } from './vrrp-rig.ts';
import { until } from './vrrp-rig.ts';

const MAIL_SERVER = fileURLToPath(new URL('./vrrp-mail-server.ts', import.meta.url));

export const DUMPS = ['data', 'stats', 'json'] as const;
export type Dump = (typeof DUMPS)[number];

/** A router as its operator has it: started by its command, told by signals. */
export class Operated {
  static readonly NUMBERS = {
    keepalived: { STOP: 15, RELOAD: 1, DATA: 10, STATS: 12, STATS_CLEAR: 63, JSON: 36 },
    weir: { STOP: 15, RELOAD: 1, DATA: 29, STATS: 12, STATS_CLEAR: 26, JSON: 23 },
  } as const;
  readonly process: LabProcess;
  readonly kind: Kind;
  readonly conf: string;
  private readonly folder: string;

  constructor(lab: Lab, name: NodeName, kind: Kind, conf: string) {
    this.kind = kind;
    if (kind === 'keepalived') {
      this.process = lab.start(name, kind, conf);
      this.conf = this.process.child.spawnargs.find((word) => word.endsWith('.conf'))!;
      this.folder = this.conf.replace(/\.conf$/, '.tmp');
      return;
    }
    const tag = join(lab.folder, `${name}-weir`);
    this.conf = `${tag}.conf`;
    this.folder = `${tag}.tmp`;
    mkdirSync(this.folder);
    writeFileSync(this.conf, conf);
    this.process = lab.run(name, [LAUNCHER, '-db', '-V', '-f', this.conf], { env: { TMPDIR: this.folder } });
  }

  /** The signal's number as the program itself names it, so that one word serves both. */
  signal(word: keyof typeof Operated.NUMBERS.weir): void {
    process.kill(this.process.child.pid!, Operated.NUMBERS[this.kind][word]);
  }

  path(kind: Dump): string {
    return join(this.folder, `keepalived.${kind}`);
  }

  /** Asks for the dump and reads it once it is there as a whole. */
  async dump(kind: Dump): Promise<string> {
    const ends = { data: /Tracking VRRP instances :\n(?: {5}.*\n)+$/, stats: /Sent: \d+\n$/, json: /[\]}]\n$/ };
    this.signal(kind.toUpperCase() as 'DATA' | 'STATS' | 'JSON');
    const read = (): string => (existsSync(this.path(kind)) ? readFileSync(this.path(kind), 'latin1') : '');
    await until(`the dump of ${kind}`, () => ends[kind].test(read()));
    return read();
  }
}

/** What changes from run to run: times, descriptors, addresses the kernel made up, paths of the test. */
export function settled(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((row) =>
      row
        .replace(/\d+\.\d{6} \([A-Z][a-z]{2} [^)]*\)/, 'MOMENT')
        .replace(/(fd_in|fd_out =?|fd_out) -?\d+/g, '$1 N')
        .replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/, 'MAC')
        .replace(/fe80::[0-9a-f]+:[0-9a-f:]+(?=$| )/, 'fe80::N')
        .replace(/(Sent|Received): [1-9]\d*$/, '$1: N')
        .replace(/^ {3}State = (idle|running)$/, '   State = idle or running'),
    );
}

/** Rows of both in their order (the longest common part), and those that one side alone has. */
export function compareRows(
  wanted: readonly string[],
  got: readonly string[],
): { equal: number; missing: string[]; extra: string[] } {
  const lengths: number[][] = Array.from({ length: wanted.length + 1 }, () => new Array(got.length + 1).fill(0));
  for (let a = wanted.length - 1; a >= 0; a--) {
    for (let b = got.length - 1; b >= 0; b--) {
      lengths[a]![b] =
        wanted[a] === got[b] ? lengths[a + 1]![b + 1]! + 1 : Math.max(lengths[a + 1]![b]!, lengths[a]![b + 1]!);
    }
  }
  const missing: string[] = [];
  const extra: string[] = [];
  let a = 0;
  let b = 0;
  while (a < wanted.length || b < got.length) {
    if (a < wanted.length && b < got.length && wanted[a] === got[b]) {
      a++;
      b++;
    } else if (b >= got.length || (a < wanted.length && lengths[a + 1]![b]! >= lengths[a]![b + 1]!)) {
      missing.push(wanted[a++]!);
    } else extra.push(got[b++]!);
  }
  return { equal: lengths[0]![0]!, missing, extra };
}

/** The paths of all values that differ, `[0]` being an instance's own name; and how many values there are. */
export function differences(wanted: unknown, got: unknown, path = ''): { count: number; apart: string[] } {
  if (typeof wanted !== 'object' || wanted === null || typeof got !== 'object' || got === null) {
    return { count: 1, apart: Object.is(wanted, got) ? [] : [path] };
  }
  const sum = { count: 0, apart: [] as string[] };
  const keys = new Set([...Object.keys(wanted), ...Object.keys(got)]);
  for (const key of keys) {
    const [a, b] = [(wanted as Record<string, unknown>)[key], (got as Record<string, unknown>)[key]];
    const name = (a as { data?: { iname?: string } } | undefined)?.data?.iname;
    const step = name ?? (Array.isArray(wanted) ? `[${key}]` : `.${key}`);
    const below = differences(a, b, `${path}${step}`);
    sum.count += below.count;
    sum.apart.push(...below.apart);
  }
  return sum;
}

/** An SMTP server within a namespace that takes everything. */
export class MailServer {
  private readonly process: LabProcess;

  private constructor(process: LabProcess) {
    this.process = process;
  }

  static async start(lab: Lab, name: NodeName): Promise<MailServer> {
    const server = new MailServer(lab.run(name, [process.execPath, MAIL_SERVER]));
    await server.process.says(/listening/);
    return server;
  }

  /** Waits for a mail with such a text and for `count` altogether. */
  async until(pattern: RegExp, count: number): Promise<void> {
    const isThere = (): boolean => {
      const mails = this.mails();
      return mails.length >= count && mails.some((each) => pattern.test(each));
    };
    await until(`the mail ${pattern}`, isThere).catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify(this.mails(), null, 1)}`);
    });
  }

  /** Each dialogue as the client's lines, sorted; dates apart and headers unfolded. */
  mails(): string[] {
    const rows = this.process.output.split('\n').filter((row) => row.startsWith('{'));
    const dialogues = rows.map((row) => (JSON.parse(row) as { lines: string[] }).lines.join('\n'));
    return dialogues
      .map((text) =>
        text.replace(/\n (?=\S)/g, ' ').replace(/^Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} .*$/m, 'Date: D'),
      )
      .sort();
  }
}
