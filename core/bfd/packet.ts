// BFD Control packets: bytes in, fields or a verdict out, and back (RFC 5880 §4.1, §6.8.6).
//
// Pure and safe on hostile bytes: nothing throws, nothing is read past the end. No authentication, no echo.

import { assert } from '../base/assert.ts';
import { BFD_STATES, type BfdDropCounters, type BfdState } from './contract.ts';

export const HEADER_BYTES = 24;
const AUTHENTICATED_BYTES_MIN = 26;
const VERSION = 1;

const POLL = 0x20;
const FINAL = 0x10;
const AUTHENTICATION = 0x04;
const DEMAND = 0x02;
const MULTIPOINT = 0x01;

/** RFC 5880 §4.1 "Diag". */
export const DIAGNOSTIC_NONE = 0;
export const DIAGNOSTIC_EXPIRED = 1;
export const DIAGNOSTIC_NEIGHBOR_DOWN = 3;
export const DIAGNOSTIC_ADMIN_DOWN = 7;

const DIAGNOSTICS = [
  ...['No Diagnostic', 'Control Detection Time Expired', 'Echo Function Failed', 'Neighbor Signaled Session Down'],
  ...['Forwarding Plane Reset', 'Path Down', 'Concatenated Path Down', 'Administratively Down'],
  'Reverse Concatenated Path Down',
];

export const diagnosticText = (diagnostic: number): string => DIAGNOSTICS[diagnostic] ?? `Unknown (${diagnostic})`;

export interface BfdPacket {
  diagnostic: number; // 0–31
  state: BfdState;
  poll: boolean;
  final: boolean;
  authentication: boolean; // read only: never sent
  demand: boolean;
  multiplier: number; // 1–255
  myDiscriminator: number;
  yourDiscriminator: number;
  desiredMinTxUs: number;
  requiredMinRxUs: number;
}

/** The fields, or the counter of the check that refused the bytes: RFC 5880 §6.8.6 in its order. */
export function readPacket(bytes: Uint8Array): BfdPacket | keyof BfdDropCounters {
  // Less than a header cannot hold what its Length field must say.
  if (bytes.length < HEADER_BYTES) return 'packet_len_err';
  if (bytes[0]! >> 5 !== VERSION) return 'vers_err';
  const flags = bytes[1]!;
  const authentication = (flags & AUTHENTICATION) !== 0;
  const length = bytes[3]!;
  if (length < (authentication ? AUTHENTICATED_BYTES_MIN : HEADER_BYTES)) return 'packet_len_err';
  if (length > bytes.length) return 'packet_len_err';
  const multiplier = bytes[2]!;
  if (multiplier === 0) return 'detect_mult_err';
  if ((flags & MULTIPOINT) !== 0) return 'multipoint_err';
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const myDiscriminator = view.getUint32(4);
  if (myDiscriminator === 0) return 'my_discr_err';
  const yourDiscriminator = view.getUint32(8);
  const state = BFD_STATES[flags >> 6]!;
  if (yourDiscriminator === 0 && (state === 'init' || state === 'up')) return 'your_discr_err';
  const poll = (flags & POLL) !== 0;
  const final = (flags & FINAL) !== 0;
  if (poll && final) return 'flags_err';
  return {
    diagnostic: bytes[0]! & 31,
    state,
    poll,
    final,
    authentication,
    demand: (flags & DEMAND) !== 0,
    multiplier,
    myDiscriminator,
    yourDiscriminator,
    desiredMinTxUs: view.getUint32(12),
    requiredMinRxUs: view.getUint32(16),
  };
}

/** 24 fresh bytes. Required Min Echo RX Interval is 0: no echo here. */
export function writePacket(packet: BfdPacket): Uint8Array {
  assert(packet.multiplier >= 1 && packet.multiplier <= 255, 'a detection multiplier lies between 1 and 255');
  assert(packet.myDiscriminator !== 0, 'a session has a discriminator');
  assert(!(packet.poll && packet.final), 'a packet never asks and answers at once');
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = (VERSION << 5) | packet.diagnostic;
  bytes[1] =
    (BFD_STATES.indexOf(packet.state) << 6) |
    (packet.poll ? POLL : 0) |
    (packet.final ? FINAL : 0) |
    (packet.demand ? DEMAND : 0);
  bytes[2] = packet.multiplier;
  bytes[3] = HEADER_BYTES;
  view.setUint32(4, packet.myDiscriminator);
  view.setUint32(8, packet.yourDiscriminator);
  view.setUint32(12, packet.desiredMinTxUs);
  view.setUint32(16, packet.requiredMinRxUs);
  return bytes;
}
