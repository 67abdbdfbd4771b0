// The expressions of `option forwarded` (manual §4.2): what stands in a parameter instead of the request's own host or the
// connection's own addresses. Only what RFC 7239 §6 allows is written: an address, `unknown`, an obfuscated name (which
// gets its underscore), a port; of anything else nothing is, and the caller says `unknown` or leaves the port away.

import type { Head } from '../http/message.ts';
import { AF_INET6 } from '../io/net.ts';
import type { Forwarded } from '../model/proxy.ts';
import { castTo } from '../sample/casts.ts';
import { compileExpression, type Expression } from '../sample/expression.ts';
import type { Linker } from '../sample/rows.ts';
import type { Subject } from '../sample/subject.ts';
import { Sample, TYPE_IPV6, TYPE_STR } from '../sample/types.ts';
import { writeAddress } from './address-text.ts';
import { isNodePort, isObfuscated, NODE_INET6, NODE_OTHER, nodeNameKind } from './forwarded-valid.ts';
import { aimRequest } from './language.ts';
import { parseInet6 } from './proxy-protocol.ts';
import type { Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

/** Longest text of an expression that is told; the edit space is bounded. */
const TEXT_BYTES_MAX = 1024;

const QUOTE = 34;
const OPEN = 91;
const CLOSE = 93;
const UNDERSCORE = 95;
const INET6_BYTES = 16;

const sample = new Sample();
const address = new Uint8Array(INET6_BYTES);

export class ForwardedExpressions {
  readonly host: Expression | null;
  readonly by: Expression | null;
  readonly byPort: Expression | null;
  readonly for: Expression | null;
  readonly forPort: Expression | null;

  constructor(option: Forwarded, linker: Linker) {
    const { hostExpression, byExpression, byPortExpression, forExpression, forPortExpression } = option;
    this.host = hostExpression === null ? null : compileExpression(hostExpression, linker);
    this.by = byExpression === null ? null : compileExpression(byExpression, linker);
    this.byPort = byPortExpression === null ? null : compileExpression(byPortExpression, linker);
    this.for = forExpression === null ? null : compileExpression(forExpression, linker);
    this.forPort = forPortExpression === null ? null : compileExpression(forPortExpression, linker);
  }

  /** The subject they are evaluated on, pointed at the request. */
  aim(thread: ProxyThread, stream: Stream, head: Head): Subject {
    const subject = aimRequest(thread, stream, head);
    subject.final = true;
    return subject;
  }
}

/** Null: the option has no expression, and nothing of this file is needed. */
export function makeForwardedExpressions(option: Forwarded | null, linker: Linker): ForwardedExpressions | null {
  if (option === null) return null;
  const made = new ForwardedExpressions(option, linker);
  const { host, by, byPort, for: forNode, forPort } = made;
  return (host ?? by ?? byPort ?? forNode ?? forPort) === null ? null : made;
}

/** The expression's text; null: none that could be told. It lasts until the next call of a function of this file. */
export function textOf(expression: Expression, subject: Subject): Sample | null {
  if (!expression.evaluateAs(subject, sample, TYPE_STR)) return null;
  return sample.length === 0 || sample.length > TEXT_BYTES_MAX ? null : sample;
}

/** Writes a node's name at `at`; returns the offset after it, `at` when there is nothing to tell. */
export function writeNodeName(
  bytes: Uint8Array,
  at: number,
  expression: Expression,
  subject: Subject,
  quoted: boolean,
): number {
  if (!expression.evaluate(subject, sample)) return at;
  if (sample.type === TYPE_IPV6) {
    for (let index = 0; index < INET6_BYTES; index++) address[index] = sample.bytes[sample.offset + index]!;
    return writeInet6(bytes, at, quoted);
  }
  const text = textOfSample(subject);
  if (text === null) return at;
  const { bytes: from, offset, length } = text;
  const kind = nodeNameKind(from, offset, length);
  if (kind === NODE_INET6) {
    parseInet6(from, offset + 1, offset + length - 1, address, 0);
    return writeInet6(bytes, at, quoted);
  }
  if (kind === NODE_OTHER) return copy(bytes, at, from, offset, length);
  return isObfuscated(from, offset, length) ? writeObfuscated(bytes, at, from, offset, length) : at;
}

/** Writes a node's port at `at`; returns the offset after it, `at` when there is nothing to tell. */
export function writeNodePort(bytes: Uint8Array, at: number, expression: Expression, subject: Subject): number {
  const text = textOf(expression, subject);
  if (text === null) return at;
  const { bytes: from, offset, length } = text;
  if (isNodePort(from, offset, length)) return copy(bytes, at, from, offset, length);
  return isObfuscated(from, offset, length) ? writeObfuscated(bytes, at, from, offset, length) : at;
}

function textOfSample(subject: Subject): Sample | null {
  if (!castTo(sample, TYPE_STR, subject)) return null;
  return sample.length === 0 || sample.length > TEXT_BYTES_MAX ? null : sample;
}

// In brackets, and in quotes of its own where the node has none. The closing quote is the caller's.
function writeInet6(bytes: Uint8Array, at: number, quoted: boolean): number {
  let out = at;
  if (!quoted) bytes[out++] = QUOTE;
  bytes[out++] = OPEN;
  out = writeAddress(bytes, out, AF_INET6, word(0), word(4), word(8), word(12));
  bytes[out++] = CLOSE;
  return out;
}

function word(at: number): number {
  return (address[at]! << 24) | (address[at + 1]! << 16) | (address[at + 2]! << 8) | address[at + 3]!;
}

function writeObfuscated(bytes: Uint8Array, at: number, from: Uint8Array, offset: number, length: number): number {
  bytes[at] = UNDERSCORE;
  return copy(bytes, at + 1, from, offset, length);
}

function copy(bytes: Uint8Array, at: number, from: Uint8Array, offset: number, length: number): number {
  for (let index = 0; index < length; index++) bytes[at + index] = from[offset + index]!;
  return at + length;
}
