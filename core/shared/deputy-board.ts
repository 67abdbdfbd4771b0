// What a VRRP master would send next, written down so that its deputy can send it: a second thread, on another
// processor, that speaks when the master is late. A virtual machine's processors are taken away one at a time, and a
// master that is not there for three of its intervals is replaced.
//
// One slot an instance. Its word says whose the slot is, and is changed by compare-and-exchange:
//
//   EMPTY ⇄ ROUTER   the router writes a cue, or wipes it     ROUTER → READY   it is written
//   READY → ROUTER   the router takes it back to change it    READY ⇄ DEPUTY   the deputy sends what it says
//
// So nothing is sent from a slot that is being written, and nothing after `end` but what was already on its way. The
// deputy's part is bounded: it speaks for at most DEPUTY_SPEAKS_MS after the router was last heard of, so that a router
// that hangs loses its role all the same. And after a silence in which the neighbours have elected, when the deputy
// stood still too, it says nothing: whether the router is a master still is for the router to say.
//
// Writers: of a slot's word both; of its cue the router, and of the due time in it the deputy while the slot is its own;
// of when it was sent both; of how often it was spoken the deputy; of the header's cells whom they are named after.

/** Longer intervals leave time enough for a processor to come back. */
export const DEPUTY_INTERVAL_MS_MAX = 100;
export const DEPUTY_SPEAKS_MS = 1_000;
const LATE_PART = 0.2; // of an interval: how long a router may be late before the deputy speaks

export const DEPUTY_SLOT_COUNT = 64;
const HEADER_BYTES = 64;
const SLOT_BYTES = 2_048; // some thirty unicast peers
const PACKETS_AT = 88;
const PACKET_HEADER_BYTES = 4; // lengths of address and packet, 16 bits each

// Header cells (Int32).
const RUNS = 0; // the deputy is there
const STOP = 1; // the supervisor wants it to end
const ASLEEP_UNTIL = 2; // the deputy, see sleepUntil()
const SPOKEN_TOTAL = 3; // the deputy
const PROCESSOR = 4; // the router: where it runs

// Slot cells (Int32), then doubles, then the source address (16 bytes), then the packets.
const WORD = 0;
const ENDED = 1;
const SPOKEN = 2;
const FD = 3;
const FLAGS = 4;
const INTERFACE = 5;
const HAS_SOURCE = 6;
const PACKET_COUNT = 7;
const DUE_MS = 4; // of the slot's doubles
const INTERVAL_MS = 5;
const ARMED_MS = 6;
const SPOKEN_MS = 7;
const DOWN_MS = 8;
const SOURCE_AT = 72;

const EMPTY = 0;
const ROUTER = 1;
const READY = 2;
const DEPUTY = 3;

const YIELD_MS = 1; // how long the router waits for a deputy that is sending
const CLOSE_MS_MAX = 5; // its own adverts wait meanwhile; a descriptor that stays open costs less

/** What is sent and how: sendmsg(2)'s arguments. */
export interface Cue {
  fd: number;
  flags: number;
  interfaceIndex: number;
  source: Uint8Array | null; // inet6: 16 bytes, for IPV6_PKTINFO
  packets: readonly { target: Uint8Array; bytes: Uint8Array }[]; // target: a struct sockaddr
}

/** When it is due, in monotonic milliseconds, how often from then on, and what silence ends it. */
export interface Rhythm {
  nextAtMs: number;
  intervalMs: number;
  downMs: number; // since the last advert; another may be master by then
}

/** Sends one packet; 0 or the errno. The arrays are read before it returns. */
export type SendPacket = (
  fd: number,
  flags: number,
  interfaceIndex: number,
  source: Uint8Array | null,
  target: Uint8Array,
  bytes: Uint8Array,
) => number;

// 30 bits of it, so that differences are right across a wrap; -1 for infinity.
const UNUSED_BITS = 2;
const wholeMs = (ms: number): number => (ms === Number.POSITIVE_INFINITY ? -1 : Math.ceil(ms) & (-1 >>> UNUSED_BITS));

export class DeputyBoard {
  readonly buffer: SharedArrayBuffer;
  private readonly cells: Int32Array;
  private readonly doubles: Float64Array;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.cells = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
  }

  static create(): DeputyBoard {
    return new DeputyBoard(new SharedArrayBuffer(HEADER_BYTES + DEPUTY_SLOT_COUNT * SLOT_BYTES));
  }

  // ------------------------------------------------------------------------------------------- the supervisor's side

  /** The deputy is to end; it is to be woken afterwards. */
  stop(): void {
    Atomics.store(this.cells, STOP, 1);
  }

  /** After a deputy has ended, in whatever way: nothing is its own any more, and another may begin. */
  reset(): void {
    Atomics.store(this.cells, RUNS, 0);
    Atomics.store(this.cells, STOP, 0);
    for (let slot = 0; slot < DEPUTY_SLOT_COUNT; slot++) Atomics.store(this.cells, this.cell(slot, WORD), EMPTY);
  }

  // ----------------------------------------------------------------------------------------------- the router's side

  get runs(): boolean {
    return Atomics.load(this.cells, RUNS) !== 0;
  }

  /** Adverts that the deputy has sent since ever, of all slots; wraps. */
  get spokenTotal(): number {
    return Atomics.load(this.cells, SPOKEN_TOTAL);
  }

  /** Of one slot; wraps. */
  spoken(slot: number): number {
    return Atomics.load(this.cells, this.cell(slot, SPOKEN));
  }

  /** When it was last sent, by either of the two (monotonic). */
  spokenAtMs(slot: number): number {
    return this.doubles[this.double(slot, SPOKEN_MS)]!;
  }

  set processor(index: number) {
    Atomics.store(this.cells, PROCESSOR, index);
  }

  /**
   * Whether the deputy will not look at a slot that is due at `dueMs` in time, and must be woken. After arm(): both
   * write first and read then, so one of them sees the other.
   */
  isAsleep(dueMs: number, intervalMs: number): boolean {
    const until = Atomics.load(this.cells, ASLEEP_UNTIL);
    return until < 0 || (until - wholeMs(dueMs + intervalMs * LATE_PART)) << UNUSED_BITS > 0;
  }

  /**
   * What is to be sent unless the router, which has just sent it, says otherwise before. False: it has no room, or the
   * deputy does not give the slot back just now; the slot is as it was.
   */
  arm(slot: number, cue: Cue, { nextAtMs, intervalMs, downMs }: Rhythm, nowMs: number): boolean {
    if (!this.hasRoom(cue) || !this.take(slot)) return false;
    const { cells, doubles, bytes, view } = this;
    cells[this.cell(slot, FD)] = cue.fd;
    cells[this.cell(slot, FLAGS)] = cue.flags;
    cells[this.cell(slot, INTERFACE)] = cue.interfaceIndex;
    cells[this.cell(slot, HAS_SOURCE)] = cue.source === null ? 0 : 1;
    cells[this.cell(slot, PACKET_COUNT)] = cue.packets.length;
    doubles[this.double(slot, DUE_MS)] = nextAtMs;
    doubles[this.double(slot, INTERVAL_MS)] = intervalMs;
    doubles[this.double(slot, ARMED_MS)] = nowMs;
    doubles[this.double(slot, SPOKEN_MS)] = nowMs;
    doubles[this.double(slot, DOWN_MS)] = downMs;
    const start = HEADER_BYTES + slot * SLOT_BYTES;
    if (cue.source !== null) bytes.set(cue.source, start + SOURCE_AT);
    let at = start + PACKETS_AT;
    for (const packet of cue.packets) {
      view.setUint16(at, packet.target.length, true);
      view.setUint16(at + 2, packet.bytes.length, true);
      bytes.set(packet.target, at + PACKET_HEADER_BYTES);
      bytes.set(packet.bytes, at + PACKET_HEADER_BYTES + packet.target.length);
      at += PACKET_HEADER_BYTES + packet.target.length + packet.bytes.length;
    }
    Atomics.store(cells, this.cell(slot, ENDED), 0);
    Atomics.store(cells, this.cell(slot, WORD), READY);
    return true;
  }

  /** Whether a slot can hold it. */
  hasRoom({ packets }: Cue): boolean {
    let total = PACKETS_AT;
    for (const { target, bytes } of packets) total += PACKET_HEADER_BYTES + target.length + bytes.length;
    return total <= SLOT_BYTES;
  }

  /** Nothing more is sent from the slot; at most what the deputy has begun to send. */
  end(slot: number): void {
    const word = this.cell(slot, WORD);
    Atomics.store(this.cells, this.cell(slot, ENDED), 1);
    Atomics.compareExchange(this.cells, word, READY, EMPTY);
    Atomics.compareExchange(this.cells, word, ROUTER, EMPTY); // of one that died while it wrote
    Atomics.wait(this.cells, word, DEPUTY, YIELD_MS);
  }

  endAll(): void {
    for (let slot = 0; slot < DEPUTY_SLOT_COUNT; slot++) this.end(slot);
  }

  /**
   * Ends what would be sent with `fd`. False: the deputy is stuck while it sends with it, so it must stay open; its
   * number would soon be somebody else's.
   */
  letGo(fd: number): boolean {
    let isFree = true;
    for (let slot = 0; slot < DEPUTY_SLOT_COUNT; slot++) {
      const word = this.cell(slot, WORD);
      if (Atomics.load(this.cells, word) === EMPTY || this.cells[this.cell(slot, FD)] !== fd) continue;
      this.end(slot);
      if (Atomics.load(this.cells, word) !== EMPTY) Atomics.wait(this.cells, word, DEPUTY, CLOSE_MS_MAX);
      if (Atomics.load(this.cells, word) === DEPUTY) isFree = false;
    }
    return isFree;
  }

  // ----------------------------------------------------------------------------------------------- the deputy's side

  /** The deputy is there and may be relied on. */
  begin(): void {
    Atomics.store(this.cells, RUNS, 1);
  }

  get isStopped(): boolean {
    return Atomics.load(this.cells, STOP) !== 0;
  }

  get processor(): number {
    return Atomics.load(this.cells, PROCESSOR);
  }

  /** Told before nextMs() is looked at for the last time and sleep begins; Infinity: until it is woken. */
  sleepUntil(ms: number): void {
    Atomics.store(this.cells, ASLEEP_UNTIL, wholeMs(ms));
  }

  /** When the router is late with what is next; Infinity: there is nothing to be sent. */
  nextMs(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (let slot = 0; slot < DEPUTY_SLOT_COUNT; slot++) nextMs = Math.min(nextMs, this.lateAtMs(slot, nowMs));
    return nextMs;
  }

  /** Sends what is late; the number of adverts sent. */
  speak(nowMs: number, send: SendPacket): number {
    let count = 0;
    for (let slot = 0; slot < DEPUTY_SLOT_COUNT; slot++) {
      if (this.lateAtMs(slot, nowMs) <= nowMs && this.speakFor(slot, nowMs, send)) count++;
    }
    return count;
  }

  private speakFor(slot: number, nowMs: number, send: SendPacket): boolean {
    const { cells } = this;
    const word = this.cell(slot, WORD);
    const ended = this.cell(slot, ENDED);
    if (Atomics.compareExchange(cells, word, READY, DEPUTY) !== READY) return false;
    let isSent = false;
    // The router may have come to it between our look and our claim.
    if (this.readyAtMs(slot, nowMs) <= nowMs && Atomics.load(cells, ended) === 0) {
      isSent = this.sendAll(slot, send);
      this.advance(slot, nowMs);
      if (isSent) {
        this.doubles[this.double(slot, SPOKEN_MS)] = nowMs;
        Atomics.add(cells, this.cell(slot, SPOKEN), 1);
        Atomics.add(cells, SPOKEN_TOTAL, 1);
      }
    }
    // Nothing more, also when it was ended meanwhile: from here on the router may have written another cue.
    Atomics.compareExchange(cells, word, DEPUTY, READY);
    Atomics.notify(cells, word);
    return isSent;
  }

  private sendAll(slot: number, send: SendPacket): boolean {
    const { cells, bytes, view } = this;
    const start = HEADER_BYTES + slot * SLOT_BYTES;
    const isFrom = cells[this.cell(slot, HAS_SOURCE)] !== 0;
    const source = isFrom ? bytes.subarray(start + SOURCE_AT, start + SOURCE_AT + 16) : null;
    const fd = cells[this.cell(slot, FD)]!;
    const flags = cells[this.cell(slot, FLAGS)]!;
    const interfaceIndex = cells[this.cell(slot, INTERFACE)]!;
    let at = start + PACKETS_AT;
    let isSent = false;
    for (let left = cells[this.cell(slot, PACKET_COUNT)]!; left > 0; left--) {
      const targetEnd = at + PACKET_HEADER_BYTES + view.getUint16(at, true);
      const end = targetEnd + view.getUint16(at + 2, true);
      const target = bytes.subarray(at + PACKET_HEADER_BYTES, targetEnd);
      isSent = send(fd, flags, interfaceIndex, source, target, bytes.subarray(targetEnd, end)) === 0 || isSent;
      at = end;
    }
    return isSent;
  }

  // The rhythm is the router's, unless we are late ourselves.
  private advance(slot: number, nowMs: number): void {
    const due = this.double(slot, DUE_MS);
    const intervalMs = this.doubles[this.double(slot, INTERVAL_MS)]!;
    const nextMs = this.doubles[due]! + intervalMs;
    this.doubles[due] = nextMs > nowMs ? nextMs : nowMs + intervalMs;
  }

  // A slot that the router holds is looked at again soon: it may lose its processor with the slot in its hands.
  private lateAtMs(slot: number, nowMs: number): number {
    const word = Atomics.load(this.cells, this.cell(slot, WORD));
    if (word === EMPTY || Atomics.load(this.cells, this.cell(slot, ENDED)) !== 0) return Number.POSITIVE_INFINITY;
    if (word !== READY) return nowMs + 1;
    return this.readyAtMs(slot, nowMs);
  }

  private readyAtMs(slot: number, nowMs: number): number {
    const intervalMs = this.doubles[this.double(slot, INTERVAL_MS)]!;
    const dueMs = this.doubles[this.double(slot, DUE_MS)]!;
    const lateMs = dueMs + intervalMs * LATE_PART;
    const lastMs = this.doubles[this.double(slot, ARMED_MS)]! + intervalMs + DEPUTY_SPEAKS_MS;
    const silentMs = nowMs - this.doubles[this.double(slot, SPOKEN_MS)]!;
    const isElected = silentMs > this.doubles[this.double(slot, DOWN_MS)]!;
    return lateMs > lastMs || isElected ? Number.POSITIVE_INFINITY : lateMs;
  }

  // ----------------------------------------------------------------------------------------------------------- inside

  private take(slot: number): boolean {
    const word = this.cell(slot, WORD);
    Atomics.wait(this.cells, word, DEPUTY, YIELD_MS);
    if (Atomics.compareExchange(this.cells, word, READY, ROUTER) === READY) return true;
    const before = Atomics.compareExchange(this.cells, word, EMPTY, ROUTER);
    return before === EMPTY || before === ROUTER;
  }

  private cell(slot: number, index: number): number {
    return (HEADER_BYTES + slot * SLOT_BYTES) / 4 + index;
  }

  private double(slot: number, index: number): number {
    return (HEADER_BYTES + slot * SLOT_BYTES) / 8 + index;
  }
}
