// What an expression is evaluated on: one object a thread, pointed at a connection, a stream and its messages before each
// run of rules. Fetches read it and nothing else; rules change the message through it.

import type { TurnClock } from '../base/clock.ts';
import type { WallClock } from '../base/wall-clock.ts';
import type { Head } from '../http/message.ts';
import type { Model } from '../model/model.ts';
import type { Counters } from '../shared/counters.ts';
import type { ServerLoad } from '../shared/server-load.ts';
import type { ServerWords } from '../shared/server-words.ts';
import type { StickTable } from '../tables/stick-table.ts';
import type { LogRecord } from './log-record.ts';
import type { Trash } from './trash.ts';
import type { Variables } from './variables-contract.ts';

export const DIRECTION_REQUEST = 0;
export const DIRECTION_RESPONSE = 1;

/** Address families as the kernel numbers them. */
export const FAMILY_NONE = 0;
export const FAMILY_UNIX = 1;
export const FAMILY_INET = 2;
export const FAMILY_INET6 = 10;

/** One address: four big-endian words (IPv4: the first), signed 32-bit as bit operations leave them. */
export interface AddressView {
  family: number;
  port: number;
  word0: number;
  word1: number;
  word2: number;
  word3: number;
}

/** What a connection or a stream tracks: a table and an entry for each of its counters. */
export interface TrackedView {
  readonly tables: Int32Array; // in Model.tables; −1: this counter tracks nothing
  readonly entries: Int32Array;
}

/** A connection as fetches see it; core/proxy's Connection is one. */
export interface ConnectionView {
  readonly slot: number;
  readonly fd: number;
  readonly bindIndex: number; // in its frontend's binds
  readonly sinceMs: number; // accepted, connected or last idle; monotonic
  readonly sinceWallMs: number; // accept date
  readonly requestCount: number;
  readonly proxyTlvs: Uint8Array | null;
  readonly errno: number;
  readonly tracked?: TrackedView | null; // stick counters, null: none is in use
  // Optional, so that what stands for a connection elsewhere need not know them; a fetch that finds its field absent has
  // no value.
  readonly frontend?: { readonly proxy: { readonly index: number } } | null; // front: whose bind it came through
  readonly listener?: { readonly current: number } | null; // front: counts the connections through its listener
  readonly isHandshaking?: boolean; // a PROXY header (later TLS) is still to come
  readonly receivedProxy?: boolean; // front: it came with a PROXY header
  /** What `fc_src` and `fc_dst` say where it is not the socket's and not what counts below: see actions-address.ts. */
  ownSource?: AddressView | null;
  ownTarget?: AddressView | null;
  readonly failure?: number; // CONNECTION_ERROR_… of connection-errors.ts; 0: errno tells
  readonly glitchCount?: number; // mode http: oddities of the peer that were let pass
  readonly handshakeMs?: number; // front: accept to end of the handshakes; −1 while they last
  sourceFamily: number;
  sourcePort: number;
  source0: number;
  source1: number;
  source2: number;
  source3: number;
  targetFamily: number;
  targetPort: number;
  target0: number;
  target1: number;
  target2: number;
  target3: number;
}

/** A stream as fetches and actions see it; core/proxy's Stream is one. */
export interface StreamView {
  readonly http: boolean;
  requestFlags: number; // HEAD_…
  method: number; // METHOD_…
  readonly startedMs: number;
  readonly log: LogRecord; // names, marks, counts, status, termination
  readonly frontendIndex: number; // in Model.proxies
  readonly backendIndex: number; // −1 before one was chosen
  readonly serverIndex: number; // Server.index, −1 none
  readonly retriesLeft: number;
  readonly tracked?: TrackedView | null;
  readonly reusedBack: boolean;
  readonly requestBytes: number; // of the whole request so far, for internal and bytes fetches
  readonly responseBytes: number;
  // Optional as in ConnectionView.
  readonly requestBytesSent?: number; // to the server, heads included
  readonly responseBytesSent?: number; // to the client
  readonly clientTimeoutMs?: number; // 0 none: those in force, `set-timeout` included
  readonly serverTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  readonly queueTimeoutMs?: number;
  readonly tarpitTimeoutMs?: number;
  readonly tunnelTimeoutMs?: number;
  readonly rule?: { readonly priorityClass: number; readonly priorityOffsetMs: number };
  readonly responseFlags?: number; // HEAD_… of the server's response
  readonly id32?: number; // counts the streams of the process, 32 bits (%rt)
  /** Set by set-src, set-dst and their -port forms; null: the connection's own count. */
  sourceSet: AddressView | null;
  targetSet: AddressView | null;
  /** What captures keep, by slot; −1 length: nothing. See sample/captures.ts. */
  readonly requestCaptures: CaptureStore | null;
  readonly responseCaptures: CaptureStore | null;
  /** The request line's URI and unique id, kept for capture.req.* and logs when the configuration asks for them. */
  readonly uniqueId: TextCell;
  /** What `capture cookie` found. */
  readonly clientCookie?: TextCell;
  readonly serverCookie?: TextCell;
}

/** A short text that outlives the message it came from. */
export interface TextCell {
  bytes: Uint8Array;
  length: number; // −1: not set
}

export interface CaptureStore {
  readonly count: number;
  /** Copies at most the slot's length. */
  set(slot: number, bytes: Uint8Array, offset: number, length: number): void;
  /** Puts the text into cell; false: nothing was captured there. */
  bytesOf(slot: number): Uint8Array;
  lengthOf(slot: number): number; // −1 none
}

/** Bytes of a message that is being looked at. */
export class Span {
  bytes: Uint8Array = new Uint8Array(0);
  offset = 0;
  length = 0;
  complete = false; // nothing will follow: end of message, end of stream, or the buffer is full
}

/** Asks of the process that only the proxy can answer. */
export interface World {
  /**
   * Changes a map or acl file here and tells the other threads; `add` gives a key that is there already its new value.
   * False: there is no such key, or value and key cannot be what the maps and ACLs take.
   */
  changePatterns(refIndex: number, kind: 'add' | 'set' | 'del', key: string, value: string): boolean;
  /** A proc variable was set here: the other threads are told. */
  procVariableChanged(variable: number): void;
  // Optional: a fetch whose question nobody answers has no value.
  /** Asks the kernel for the connection's addresses that are FAMILY_NONE and writes them into it. */
  learnAddresses?(connection: ConnectionView): void;
  /** The socket's own peer address (or its own one) as the kernel knows it, whatever a PROXY header said; false: unknown. */
  socketAddress?(connection: ConnectionView, ofPeer: boolean, into: AddressView): boolean;
  /** Is this one of the system's own addresses? 1 yes, 0 no, −1 it cannot be told. */
  isLocalAddress?(family: number, word0: number, word1: number, word2: number, word3: number): number;
  /** The 32-bit field of the kernel's struct tcp_info at this byte offset (TCP_INFO); −1 not to be had. */
  tcpInfo?(connection: ConnectionView, offset: number): number;
  /** Copies the SYN kept by `tcp-ss` to bytes[at, limit) (TCP_SAVED_SYN); its length, −1 not to be had. */
  savedSyn?(connection: ConnectionView, bytes: Uint8Array, at: number, limit: number): number;
  /** The maxconn of a server in force at this moment, minconn considered; 0 no limit. Absent: the model's. */
  serverMaxconn?(serverIndex: number): number;
  /** How busy this thread, or all threads on average, were lately: 0–100 %; −1 unknown. */
  cpuUsagePercent?(ofProcess: boolean): number;
  /** The stream's unique id, made now if it was not yet; null: its frontend has no unique-id-format. */
  uniqueId?(stream: StreamView): TextCell | null;
  /** Lines that a frontend's log has had (%lc). */
  lineCount?(frontendIndex: number): number;
  /** The process stops: it accepts no more and lets its connections finish. */
  isStopping?(): boolean;
}

export class Subject {
  readonly bytes: Uint8Array; // the thread's arena: heads and buffers are offsets into it
  readonly trash: Trash;
  readonly model: Model;
  readonly clock: TurnClock;
  readonly wallClock: WallClock;
  readonly load: ServerLoad;
  readonly words: ServerWords;
  readonly counters: Counters;
  readonly world: World;
  /** By Model.tables index. */
  tables: readonly StickTable[] = [];

  // How to look: set by whoever evaluates.
  direction = DIRECTION_REQUEST;
  iterate = false; // an ACL: the fetch may give value after value (SMP_OPT_ITERATE)
  final = true; // no more bytes will come, or no more time: sample.mayChange does not count (SMP_OPT_FINAL)

  // What to look at.
  front: ConnectionView | null = null;
  back: ConnectionView | null = null;
  stream: StreamView | null = null;
  /** Heads that can be read just now: the request's until it is sent, the response's while its rules run. */
  request: Head | null = null;
  response: Head | null = null;
  /** After an HTTP head, its body as far as it came (chunks still in their coating); in TCP, the bytes waiting. */
  readonly requestData = new Span();
  readonly responseData = new Span();

  /** For a line of the traffic log: the moment, ORIGIN_… of log-origin.ts; 0: no line is being written. */
  logOrigin = 0;
  record: LogRecord | null = null; // what the line says where there is no stream

  // Variables by scope; null where the scope does not exist here.
  procVariables: Variables;
  sessVariables: Variables | null = null;
  txnVariables: Variables | null = null;
  reqresVariables: Variables | null = null;

  /**
   * A number of its own for each run of rules on a message. Fetches remember what they found in its head under that number
   * (bytes of a head never change, see core/http/message.ts), so that a thousand rules about one header look for it once.
   * 0: nothing is remembered.
   */
  messageSerial = 0;

  // Room for texts that rules add to the head at hand: bytes [editAt, editEnd) of the arena are free.
  editAt = 0;
  editEnd = 0;

  // For last_rule_*, and for resuming: the rule that ran last. file/line are those of its AST; file '' is none, and
  // line 0 a name that is no rule (waiting_entity's `http-buffer-request`).
  lastRuleFile = '';
  lastRuleLine = 0;
  waitingEntityFile = '';
  waitingEntityLine = 0;

  constructor(
    parts: Pick<
      Subject,
      'bytes' | 'trash' | 'model' | 'clock' | 'wallClock' | 'load' | 'words' | 'counters' | 'world' | 'procVariables'
    >,
  ) {
    this.bytes = parts.bytes;
    this.trash = parts.trash;
    this.model = parts.model;
    this.clock = parts.clock;
    this.wallClock = parts.wallClock;
    this.load = parts.load;
    this.words = parts.words;
    this.counters = parts.counters;
    this.world = parts.world;
    this.procVariables = parts.procVariables;
  }
}
