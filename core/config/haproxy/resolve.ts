// Host names → addresses, before anything runs (manual §5.3, `init-addr`; management §12).
//
// getaddrinfo() is asked through a short-lived Node child: parsing is synchronous, and what nsswitch.conf and
// resolv.conf say must count. All names of a round are asked in one child, answers are kept for the run.

import { spawnSync } from 'node:child_process';

export type IpFamily = 'unspecified' | 'inet' | 'inet6';

export interface ResolvedIp {
  readonly family: 'inet' | 'inet6';
  readonly host: string;
}

export interface Question {
  readonly name: string;
  readonly family: IpFamily;
}

/** Answers in the order of the questions; null where a name has no address. */
export type AskNames = (questions: readonly Question[]) => readonly (ResolvedIp | null)[];

const HOST_NAME_BYTES_MAX = 255;
const LABEL_BYTES_MAX = 63;
const RESOLVE_TIMEOUT_MS = 60_000;

const CHILD = `
const { lookup } = require('node:dns');
const questions = JSON.parse(process.argv[1]);
const answers = questions.map(() => null);
let left = questions.length;
questions.forEach((question, index) => {
  const family = question.family === 'inet' ? 4 : question.family === 'inet6' ? 6 : 0;
  lookup(question.name, { family, verbatim: true }, (error, host, answered) => {
    if (!error) answers[index] = { family: answered === 6 ? 'inet6' : 'inet', host };
    if (--left === 0) process.stdout.write(JSON.stringify(answers));
  });
});
`;

/** The system's resolver, in one child for all questions. */
export function askSystem(questions: readonly Question[]): readonly (ResolvedIp | null)[] {
  const child = spawnSync(process.execPath, ['-e', CHILD, JSON.stringify(questions)], {
    encoding: 'utf8',
    timeout: RESOLVE_TIMEOUT_MS,
    // Options meant for this process must not change how the child reads its script.
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (child.status !== 0 || child.stdout === '') return questions.map(() => null);
  return JSON.parse(child.stdout) as (ResolvedIp | null)[];
}

/** Only letters, digits, `-`, `_` and dots, labels up to 63 bytes. */
export function isHostName(name: string): boolean {
  if (name.length > HOST_NAME_BYTES_MAX || !/^[-_.a-zA-Z0-9]*$/.test(name)) return false;
  return name.split('.').every((label) => label.length <= LABEL_BYTES_MAX);
}

export class Resolver {
  private readonly known = new Map<string, ResolvedIp | null>();
  private readonly ask: AskNames;

  constructor(ask: AskNames = askSystem) {
    this.ask = ask;
  }

  /** Asks for all of them at once, so that later lookups cost nothing. */
  prefetch(questions: readonly Question[]): void {
    const wanted = new Map<string, Question>();
    for (const question of questions) {
      const key = `${question.family} ${question.name}`;
      if (isHostName(question.name) && !this.known.has(key)) wanted.set(key, question);
    }
    if (wanted.size === 0) return;
    const answers = this.ask([...wanted.values()]);
    let index = 0;
    for (const [key, { family }] of wanted) {
      const answer = answers[index++] ?? null;
      const fits = answer !== null && (family === 'unspecified' || answer.family === family);
      this.known.set(key, fits ? answer : null);
    }
  }

  /** null: no such name, or not of that family. */
  lookup(name: string, family: IpFamily): ResolvedIp | null {
    if (name === '' || !isHostName(name)) return null;
    this.prefetch([{ name, family }]);
    return this.known.get(`${family} ${name}`) ?? null;
  }
}
