// What a runtime command is: a row that says how it is called, who may call it and what it does.

import type { ControlSocket } from '../../core/model/model.ts';
import type { Control } from './control.ts';
import type { Session } from './session.ts';

export type ControlLevel = ControlSocket['level'];

/** Severities of messages, as of syslog(3); shown with `set severity-output`. */
export const SEVERITY_ERR = 3;
export const SEVERITY_WARNING = 4;
export const SEVERITY_NOTICE = 5;
export const SEVERITY_INFO = 6;

/** A message gets exactly one line end and, if asked for, its severity; a dump goes out as it is. */
export type Answer = { kind: 'dump'; text: string } | { kind: 'message'; severity: number; text: string } | null;

export const dump = (text: string): Answer => ({ kind: 'dump', text });
export const info = (text: string): Answer => ({ kind: 'message', severity: SEVERITY_INFO, text });
export const notice = (text: string): Answer => ({ kind: 'message', severity: SEVERITY_NOTICE, text });
export const warning = (text: string): Answer => ({ kind: 'message', severity: SEVERITY_WARNING, text });
export const failure = (text: string): Answer => ({ kind: 'message', severity: SEVERITY_ERR, text });

/** What the operator's words led to that cannot be done; its text is the answer. */
export class CommandError extends Error {}

/** One command being run. */
export class Call {
  readonly words: readonly string[];
  readonly payload: string | null;
  readonly session: Session;
  readonly control: Control;

  constructor(words: readonly string[], payload: string | null, session: Session, control: Control) {
    this.words = words;
    this.payload = payload;
    this.session = session;
    this.control = control;
  }

  /** The word at `index`, '' past the end. */
  word(index: number): string {
    return this.words[index] ?? '';
  }
}

export interface Command {
  words: readonly string[];
  usage: string | null; // null: works, but help does not list it
  level: ControlLevel;
  mode?: 'expert' | 'experimental'; // only after `expert-mode on` or `experimental-mode on`
  run: (call: Call) => Answer | Promise<Answer>;
}

export const LEVELS: readonly ControlLevel[] = ['user', 'operator', 'admin'];

export const hasLevel = (has: ControlLevel, needed: ControlLevel): boolean =>
  LEVELS.indexOf(has) >= LEVELS.indexOf(needed);

/** atoi(3): the number at the beginning, 0 when there is none; within 32 bits. */
export function leadingInteger(text: string): number {
  const match = /^[ \t]*([+-]?\d+)/.exec(text);
  if (match === null) return 0;
  return Math.max(-0x80000000, Math.min(0x7fffffff, Number(match[1])));
}

const TIME_UNITS: Readonly<Record<string, number>> = {
  us: 1 / 1000,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A duration in ms with HAProxy's unit suffixes, or -1 when it is none. */
export function durationMs(text: string, defaultUnit: 'ms' | 's'): number {
  const match = /^(\d{1,12})(us|ms|s|m|h|d)?$/.exec(text);
  if (match === null) return -1;
  const ms = Number(match[1]) * TIME_UNITS[match[2] ?? defaultUnit]!;
  return ms > 0x7fffffff ? -1 : Math.ceil(ms);
}
