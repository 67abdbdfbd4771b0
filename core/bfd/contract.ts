// What core/bfd is told (facts) and what it asks for (intents): the whole surface between the protocol and the worker
// that owns the sockets. Types only.
//
// How to drive it: make one BfdSystem (system.ts), call start(), then hand it every packet as it comes and call onTime()
// no later than system.deadlineMs. After a wait deliver the packets that are already in the sockets BEFORE onTime: a
// system that woke late would otherwise call a neighbor dead whose packets lie in its queue. After each call carry out
// the intents in order and empty the list.
//
// Time: nowMs is CLOCK_MONOTONIC in milliseconds with fractions; on the wire and in the configuration intervals are
// whole microseconds. Addresses are bytes in network order, 4 or 16 of them.

import type { IpFamily, VrrpBfd } from '../model/vrrp.ts';

/** RFC 5880 §4.1 "Sta"; the index is the number on the wire. */
export const BFD_STATES = ['admin-down', 'down', 'init', 'up'] as const;
export type BfdState = (typeof BFD_STATES)[number];

/** A configured session with its addresses as bytes. */
export interface BfdPeer {
  config: VrrpBfd;
  neighbor: Uint8Array;
  source: Uint8Array | null; // null: whatever the route says
}

/** A datagram of port 3784 (single hop) or 4784 (multihop). Bytes are read during the call only. */
export interface BfdPacketFact {
  bytes: Uint8Array;
  family: IpFamily;
  source: Uint8Array;
  destination: Uint8Array; // empty: the kernel did not tell
  ttl: number; // or hop limit; -1: the kernel did not tell, and the packet is refused where it counts
  multihop: boolean;
}

export type BfdIntent =
  /** To the session's neighbor, from its own socket, with the TTL of its configuration. */
  | { do: 'send'; session: string; bytes: Uint8Array }
  /** For what tracks the session. */
  | { do: 'tell'; session: string; up: boolean }
  | { do: 'log'; level: 'warning' | 'notice' | 'info'; text: string };

/** Intents are pushed here in the order they must be done. A plain array will do. */
export interface BfdIntents {
  push(intent: BfdIntent): unknown;
}

/** Packets that no session ever saw, by the check of RFC 5880 §6.8.6 that refused them. */
export interface BfdDropCounters {
  packet_len_err: number; // shorter than the header, or than its Length field says, or Length too small
  vers_err: number;
  detect_mult_err: number; // 0
  multipoint_err: number;
  my_discr_err: number; // 0
  your_discr_err: number; // 0 although the sender's state is Init or Up
  flags_err: number; // Poll and Final at once (RFC 5880 §6.5)
  no_session: number; // nobody has that discriminator, or that neighbor
}

export interface BfdCounters {
  packets_sent: number;
  packets_rcvd: number; // accepted
  ttl_err: number; // RFC 5881 §5
  auth_err: number; // Authentication Present, which nobody configured
  polls: number; // Poll Sequences begun
  up: number; // times it came up
  down: number; // times it fell from Up
  expired: number; // of these: because nothing was heard
}

/** For `weir vrrp --json` and tests. A snapshot; intervals in milliseconds, times as "ago". */
export interface BfdStatus {
  name: string;
  state: BfdState;
  remoteState: BfdState;
  trackedUp: boolean; // what those who track it were told: a neighbor that stopped in order leaves it as it was
  neighbor: string;
  source: string;
  multihop: boolean;
  passive: boolean;
  localDiscriminator: number;
  remoteDiscriminator: number; // 0: nothing heard, or not lately
  localDiagnostic: string;
  remoteDiagnostic: string;
  txIntervalMs: number; // in force, before jitter; -1: nothing is sent periodically
  detectionMs: number; // 0: nothing heard yet
  desiredMinTxMs: number; // as announced
  requiredMinRxMs: number;
  remoteMinTxMs: number;
  remoteMinRxMs: number;
  remoteMultiplier: number;
  polling: boolean;
  sinceMs: number; // ago: the last change of state
  heardMs: number; // ago: the last accepted packet; -1 never
  reason: string; // of the last change
  counters: BfdCounters;
}

/** A session's run state for a hand-over: plain data. */
export interface ExportedBfd {
  name: string;
  neighbor: string;
  state: BfdState;
  remoteState: BfdState;
  localDiscriminator: number;
  remoteDiscriminator: number;
  localDiagnostic: number;
  remoteDiagnostic: number;
  desiredTxUs: number;
  txInForceUs: number;
  requiredRxUs: number;
  rxInForceUs: number;
  remoteMinTxUs: number;
  remoteMinRxUs: number;
  remoteMultiplier: number;
  remoteDemand: boolean;
  polling: boolean;
  unansweredPolls: number;
  staleFinals: number;
  toldUp: boolean;
  reason: string;
  sinceAgoMs: number;
  counters: BfdCounters;
}

export interface BfdOptions {
  /** 32 random bits: discriminators nobody can guess, and jitter. */
  random32: () => number;
}
