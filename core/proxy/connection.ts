// One fd: a client's connection (front) or a server's (back), and the operations under way on it.
//
// All state is plain fields, set here in one order and never undefined, so that a connection can be written out
// and read back elsewhere. Connections live in a table and are reused; the generation in their ticket tells a
// late completion of the former tenant from news of the present one.
//
// Life: OPEN → (CLOSING: cancelled, waiting for the last completions) → FREE. The fd is closed only when
// `inflightCount` is 0: closing sooner would hand a reused fd another connection's bytes.

import type { Head } from '../http/message.ts';
import type { AddressView } from '../sample/subject.ts';
import type { VariableTable } from '../sample/variables.ts';
import type { Frontend, ServerLink } from './runtime.ts';
import { NO_SEGMENT } from './segments.ts';
import type { Stream } from './stream.ts';
import type { TrackedCounters } from './tracked.ts';

export const SIDE_FRONT = 0;
export const SIDE_BACK = 1;

// Low word of a ticket: op in the low four bits, slot above.
export const OP_RECV = 1;
export const OP_SEND = 2;
export const OP_CONNECT = 3;
export const OP_ACCEPT = 4;
export const OP_POLL_IN = 5; // readable, for splice
export const OP_POLL_OUT = 6; // writable, for splice
export const OP_BITS = 4;
export const OP_MASK = 15;
export const SLOT_COUNT_MAX = 1 << 26;

export const CONNECTION_FREE = 0;
export const CONNECTION_OPEN = 1;
export const CONNECTION_CLOSING = 2;

// What the front connection is doing.
export const FRONT_PROXY_HEADER = 0; // a PROXY protocol header must come first
export const FRONT_HEAD = 1; // waiting for a request head, or inside one
export const FRONT_STREAM = 2; // a stream is attached; it decides what received bytes mean
export const FRONT_LINGER = 3; // all is sent and shut down; what still comes is dropped until the client closes

// Whose idle list a back connection is in.
export const IDLE_NOT = 0;
export const IDLE_UNPROVEN = 1; // served one request only: HAProxy's idle list
export const IDLE_SAFE = 2; // has been reused with success: HAProxy's safe list
export const IDLE_PRIVATE = 3; // belongs to one client's connection (http-reuse never)

export class Connection {
  readonly slot: number;
  generation = 0;
  state = CONNECTION_FREE;
  side = SIDE_FRONT;
  fd = -1;
  stream: Stream | null = null;

  // Operations: armed ones that will still complete.
  inflightCount = 0;
  recvArmed = false;
  recvCancelled = false; // a cancel is under way; its completion may still bring bytes
  recvWanted = false; // false: back-pressure, do not arm
  recvSingly = false; // back: the last body was long, so look at the head before more is received
  starved = false; // recv ended for want of buffers; listed for re-arming
  sending = false; // the head of the out queue is with the engine
  connecting = false;
  polling = 0; // bit OP_POLL_IN / OP_POLL_OUT
  endSeen = false; // the peer's FIN came, after all bytes in the in queue
  errno = 0; // first error seen on this fd, positive
  shutAfterSend = false; // shut the write side down when the out queue is empty
  shutDone = false;
  nodelaySet = false;
  sendCount = 0;

  // Bytes to send, first to last, and bytes received and not consumed yet.
  outFirst = NO_SEGMENT;
  outLast = NO_SEGMENT;
  outBytes = 0;
  inFirst = NO_SEGMENT;
  inLast = NO_SEGMENT;
  inBytes = 0;

  // A message head (or trailer block) being gathered: one slot, bytes [headStart, headEnd), and the parser's state.
  head: Head | null = null;
  headBuffer = -1;
  headStart = 0;
  headEnd = 0;

  // Deadline in monotonic ms, 0 for none. The wheel may hold an earlier one: when that fires it is looked up here.
  deadlineMs = 0;
  timerMs = 0; // what the wheel holds, 0 when it holds none
  sinceMs = 0; // when it was accepted, connected or became idle
  sinceWallMs = 0; // front: the same as a date, ms since the epoch
  headSinceMs = 0; // front: when the first byte of this head came, 0 before it

  // Front side
  phase = FRONT_HEAD;
  frontend: Frontend | null = null;
  bindIndex = 0;
  counted = false; // front: it holds a place in its frontend and in the process
  listener: { current: number } | null = null; // counts the connections of its `maxconn`
  requestCount = 0; // back: requests sent on it
  receivedProxy = false; // front: it came with a PROXY header, whose addresses are these
  ownSource: AddressView | null = null; // front: fc_src, where rules set it, or set `src` apart from it
  ownTarget: AddressView | null = null;
  proxyTlvs: Uint8Array | null = null; // TLVs of the PROXY header it came with
  variables: VariableTable | null = null; // of the session; null until rules run
  tracked: TrackedCounters | null = null; // stick counters of the session
  privateFirst: Connection | null = null; // http-reuse never: this client's own server connections

  // Peer and own address as bytes; family 0 until known.
  sourceFamily = 0;
  sourcePort = 0;
  source0 = 0; // the address as four big-endian words (IPv4: the first)
  source1 = 0;
  source2 = 0;
  source3 = 0;
  targetFamily = 0;
  targetPort = 0;
  target0 = 0;
  target1 = 0;
  target2 = 0;
  target3 = 0;

  // Back side
  server: ServerLink | null = null;
  mappedPort = 0; // the port it went to, where the server takes that from the client; requests for another one go elsewhere
  pinned = false; // its PROXY header tells addresses of one request alone: no other may follow
  idle = IDLE_NOT;
  idlePrevious: Connection | null = null;
  idleNext: Connection | null = null;
  owner: Connection | null = null; // IDLE_PRIVATE: whose it is

  constructor(slot: number) {
    this.slot = slot;
  }
}
