// What an action is: a row that parses its words to plain data, and compiles them to a function that is run on a subject.

import type { Arg, ExpressionAst, FormatAst } from '../model/language.ts';
import type { ReplyAst, RuleAst, RuleSetName } from '../model/rules.ts';
import type { Linker } from '../sample/rows.ts';
import type { Subject } from '../sample/subject.ts';

// What became of an action, and of a whole set of rules.
export const RULE_CONTINUE = 0; // the next rule; of a set: nobody decided, go on
export const RULE_STOP = 1; // allow, accept: no further rule of this set
export const RULE_YIELD = 2; // call again when something new came or run.waitUntilMs is reached
export const RULE_REPLY = 3; // run.reply says what to answer; the stream ends with it
export const RULE_DENY = 4; // as RULE_REPLY, but counted and logged as a refusal (PR--)
export const RULE_TARPIT = 5; // as RULE_DENY, after `timeout tarpit`
export const RULE_CLOSE = 6; // reject: close without a word
export const RULE_SILENT_DROP = 7; // as if the connection had never been
export const RULE_BAD_REQUEST = 8; // 400 (in responses 502): the message cannot be what the rule needs
export const RULE_INTERNAL = 9; // 500: out of room for a rewrite (strict-mode), out of memory
export const RULE_ABORT = 10; // close, counted as an internal end (no answer possible)

/** An answer ready to be sent: a whole HTTP response, its length said by content-length, no connection header. */
export class ReplyBuffer {
  bytes: Uint8Array;
  headLength = 0; // with the empty line
  length = 0;
  status = 0;
  /** 'L' for answers that are no refusal (return, redirect, auth): what the log's termination state says. */
  closes = false; // close the client's connection after it

  constructor(bytesMax: number) {
    this.bytes = new Uint8Array(bytesMax);
  }
}

export type TimeoutName = 'client' | 'server' | 'connect' | 'queue' | 'tarpit' | 'tunnel';

/** What an action may have done to the stream at hand; core/proxy does it. */
export interface RuleHost {
  setTimeout(which: TimeoutName, ms: number): void;
  setRetries(count: number): void;
  /** Socket marks and IP TOS: of the client's connection, or of the server's once it is made. Linux only, may be refused by the kernel. */
  setMark(ofFront: boolean, mark: number): void;
  setTos(ofFront: boolean, tos: number): void;
  setPriorityClass(value: number): void;
  setPriorityOffsetMs(value: number): void;
  setLogLevel(level: number): void; // 0–7; −1 silent
  disableL7Retry(): void;
  /** Sends an interim response head (103) that stands in bytes[offset, offset + length). */
  sendInterim(bytes: Uint8Array, offset: number, length: number): void;
  /** `do-log`: a line now, with the format of the proxy (and profile step) for this place. */
  logNow(place: string): void;
  /** A rewrite found no room: counted; strict-mode decides what follows. */
  rewriteFailed(): void;
  /** `track-sc`: whether this counter of the connection, or of the stream, tracks something already. */
  isTracking(ofConnection: boolean, counter: number): boolean;
  /** … begins to track an entry, whose reference goes to the holder. */
  startTracking(ofConnection: boolean, counter: number, tableIndex: number, entry: number): void;
  /** Closes the client's connection after the response. */
  closeFront(): void;
  /** `tcp-response content close`: the server's connection ends. In mode tcp now, else with the response. */
  closeBack(): void;
  /** `expect-proxy layer4`: the client's connection begins with a PROXY header. */
  expectProxy(): void;
  /** `switch-mode http`: what follows of this TCP stream is HTTP. */
  switchToHttp(): void;
}

/** State of the evaluation at hand; one a thread, filled anew for each run. */
export class RuleRun {
  readonly host: RuleHost;
  readonly reply: ReplyBuffer;
  strict = true; // strict-mode: a failed rewrite is an internal error. Kept with `index` while a stream waits
  /** Of the rule at hand: where to go on after RULE_YIELD. −1: a condition lacked bytes, all begins anew. */
  index = 0;
  resumed = false; // the rule at `index` yielded before
  yieldedSinceMs = 0; // when it did so first (Subject.clock)
  waitUntilMs = 0; // set with RULE_YIELD; 0: no limit of its own
  silentDropTtl = 0; // with RULE_SILENT_DROP: `rst-ttl`, 0 none
  timedOut = false; // with RULE_REPLY: wait-for-body waited too long, the peer is to blame (408, 504)
  rewriteFailed = false; // with RULE_INTERNAL: what was to be written found no room, which is no fault of ours

  constructor(host: RuleHost, replyBytesMax: number) {
    this.host = host;
    this.reply = new ReplyBuffer(replyBytesMax);
  }
}

export type Action = (subject: Subject, run: RuleRun) => number;

/** What an action's row adds to its RuleAst. */
export interface RuleParts {
  args?: readonly Arg[];
  expressions?: readonly ExpressionAst[];
  formats?: readonly FormatAst[];
  reply?: ReplyAst | null;
  options?: Readonly<Record<string, string | number | boolean>>;
}

/** The words of a rule's line as its action's row reads them; rules/parse.ts makes it. */
export interface ActionLine {
  readonly set: RuleSetName;
  readonly front: boolean; // the section has a frontend side
  readonly back: boolean;
  readonly proxy: string; // the section's name, for messages
  readonly isDefaults: boolean; // a `defaults` section
  readonly sectionWord: string; // 'frontend', 'backend', 'proxy' (a listen section), 'defaults'
  readonly bufsize: number; // tune.bufsize
  readonly stickCounters: number; // tune.stick-counters
  readonly maxrewrite: number; // tune.maxrewrite
  readonly word: string; // the action's own word, with what follows a prefix: `set-var(txn.x,ifempty)`
  readonly file: string;
  readonly line: number;
  /** The word at hand, '' at the end; `if` and `unless` end an action's arguments: see atEnd. */
  peek(ahead?: number): string;
  next(): string;
  readonly atEnd: boolean; // no word left, or the condition begins
  /**
   * An expression from the words at hand, valid at this place; null: reported, as `problem` when it is given (then
   * HAProxy does not look at the place either). `shown` is what the complaint about the place calls it, else its last word.
   */
  expression(problem?: string, shown?: string): ExpressionAst | null;
  /** A log-format string, from the word at hand; null: reported. Values are percent-encoded (LOG_OPT_HTTP) unless isPlain. */
  format(isPlain?: boolean): FormatAst | null;
  /** An expression or format from text that is not a word of its own; null: reported. */
  expressionOf(text: string): ExpressionAst | null;
  formatOf(text: string, isPlain?: boolean): FormatAst | null;
  /** Reads a file the configuration names; null: reported. */
  readFile(path: string): Uint8Array | null;
  /** Reads a file that is a whole HTTP response, and checks that it is one; null: reported. */
  readErrorFile(path: string): Uint8Array | null;
  /** A new request capture slot of this section (`capture … len`); returns its number. */
  addCapture(length: number): number;
  /** What is wrong with the condition that begins here, null nothing: for actions that look at it before they end. */
  conditionProblem(): string | null;
  /** Refuses the line in HAProxy's words, which say what is wrong with the action: the caller returns null. */
  fail(text: string): null;
  /** Refuses what HAProxy has and weir has not: the caller returns null. */
  notImplemented(what: string): null;
  /** A warning: the whole text that follows the place, with its full stop. */
  warn(text: string): void;
}

/** What a rule's late check may ask of its section, once all lines are read. */
export interface CheckedProxy {
  readonly name: string;
  readonly front: boolean;
  readonly requestCaptureCount: number;
  readonly responseCaptureCount: number;
}

export interface ActionRow {
  readonly name: string; // 'set-header'; for prefixed ones what stands before the parenthesis, e.g. 'set-var'
  readonly isPrefix: boolean; // `name(…)`
  readonly sets: readonly RuleSetName[];
  readonly isExperimental?: boolean; // needs expose-experimental-directives
  /** Reads the action's words (not the condition); null: refused, and said why. */
  parse(line: ActionLine): RuleParts | null;
  /** After all lines of the section were read: what is wrong with the rule, in HAProxy's words, or null. */
  check?(ast: RuleAst, proxy: CheckedProxy): string | null;
  compile(ast: RuleAst, linker: Linker): Action;
}
