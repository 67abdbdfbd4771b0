// The words the case tables are written in.

import type { Action, Script } from './scripted-origin.ts';

/** One thing a client does. `client` numbers the connections of a case; 0 is opened at the start, others when named. */
export type Step =
  | { readonly send: string; readonly client?: number }
  | { readonly until: string; readonly client?: number } // the client has received this text (or was closed)
  | { readonly untilClosed: true; readonly client?: number }
  | { readonly untilOrigin: string } // some origin connection has received this text
  | { readonly untilConnections: number } // the origins have seen so many connections
  | { readonly pauseMs: number }
  | { readonly halfClose: true; readonly client?: number }
  | { readonly reset: true; readonly client?: number }
  | { readonly pauseReading: true; readonly client?: number }
  | { readonly resumeReading: true; readonly client?: number };

export interface Case {
  readonly name: string;
  readonly on: string; // the section (sections.ts) it talks to
  readonly steps: readonly Step[];
  readonly origin?: Script;
  readonly second?: Script; // the section's second origin
  /** Nothing is expected to come back: the case ends when all has been quiet for so long. */
  readonly silentMs?: number;
  readonly peerErrs?: boolean; // of a cut exchange: a known fault of HAProxy's shows here, only weir is judged
}

export const OK: readonly Action[] = ['body', { send: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok' }];

/** A request of one piece. */
export function ask(request: string): Step[] {
  return [{ send: request }];
}

/** `GET path` with a Host and more header lines, each without its line end. */
export function get(path: string, ...lines: string[]): string {
  return request('GET', path, '1.1', lines, '');
}

export function post(path: string, body: string, ...lines: string[]): string {
  return request('POST', path, '1.1', [`Content-Length: ${body.length}`, ...lines], body);
}

export function request(method: string, path: string, version: string, lines: readonly string[], body: string): string {
  const host = version === '1.1' ? ['Host: a'] : [];
  return `${[`${method} ${path} HTTP/${version}`, ...host, ...lines].join('\r\n')}\r\n\r\n${body}`;
}

/** An origin that answers every request with this text, after it has the whole request. */
export function answer(text: string, ...after: Action[]): Script {
  return { answers: [['body', { send: text }, ...after]] };
}
