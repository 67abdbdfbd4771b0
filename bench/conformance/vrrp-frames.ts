// Ethernet frames with VRRP packets in them, right or wrong in any one place, for the tests that send hostile ones.
//
// A shot starts as what a neighbour would send (core/vrrp/packet), is changed where the test says so, and is made
// whole again below that place: lengths and IP header checksum always, VRRP's checksum when asked.

import type { Prng } from '../../core/base/prng.ts';
import { addressOf } from '../../core/vrrp/address.ts';
import { passwordBytes } from '../../core/vrrp/auth.ts';
import { checksumAdd, checksumFold, isChecksumRight, PROTOCOL_VRRP, pseudoSum } from '../../core/vrrp/checksum.ts';
import { type AdvertSpec, encodeAdvert } from '../../core/vrrp/packet.ts';

const ETHERNET_BYTES = 14;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const AH_BYTES = 24;
const INJECTOR_MAC = [0x02, 0, 0, 0, 0, 0x99];

/** Changes a packet: of IPv4 the whole of it, of IPv6 the PDU; `pdu` is where VRRP's header begins. */
export type Change = (packet: Uint8Array, pdu: number) => Uint8Array;

export interface Shot extends Partial<AdvertSpec> {
  to?: string; // destination address; the family's group unless given
  mac?: readonly number[]; // destination; the group's unless given
  hopLimit?: number; // of IPv6
  change?: Change;
  isSummed?: boolean; // VRRP's checksum is made right again after the change
  keepsLengths?: boolean; // the IP header's length stays as the change left it
}

export const pokes =
  (...changes: readonly [number, number][]): Change =>
  (packet, pdu) => {
    for (const [at, value] of changes) packet[pdu + at] = value;
    return packet;
  };

/** So many bytes more (zeros) or fewer at the end. */
export const resized =
  (count: number): Change =>
  (packet) => {
    const other = new Uint8Array(Math.max(0, packet.length + count));
    other.set(packet.subarray(0, other.length));
    return other;
  };

export function macOf(text: string): number[] {
  return text.split(':').map((part) => Number.parseInt(part, 16));
}

/** A frame as hexadecimal digits. */
export function frameOf(shot: Shot): string {
  const spec = specOf(shot);
  const isInet = spec.source.length === 4;
  const destination = addressOf(shot.to ?? (isInet ? '224.0.0.18' : 'ff02::12'));
  const pdu = isInet ? IPV4_BYTES + (spec.auth === 'ah' ? AH_BYTES : 0) : 0;
  let packet = encodeAdvert(spec, destination);
  if (shot.change !== undefined) packet = shot.change(packet, pdu);
  if (shot.isSummed === true) sum(packet, pdu, spec, destination);
  const mac = shot.mac ?? multicastMac(destination);
  if (!isInet) return hexOf(mac, 0x86dd, withIpv6Header(packet, spec.source, destination, shot.hopLimit ?? 255));
  return hexOf(mac, 0x0800, withIpv4Sums(packet, shot.keepsLengths !== true));
}

function specOf(shot: Shot): AdvertSpec {
  const { to: _, mac: __, hopLimit: ___, change: ____, isSummed: _____, keepsLengths: ______, ...rest } = shot;
  return {
    version: 3,
    vrid: 51,
    priority: 200,
    advertIntMs: rest.version === 2 ? 1_000 : 100,
    addresses: [],
    auth: 'none',
    authKey: passwordBytes(''),
    pseudoHeader: true,
    source: addressOf('10.77.0.9'),
    ttl: 255,
    ipId: 7,
    ahSequence: 1,
    unicast: false,
    trailer: null,
    ...rest,
  };
}

function sum(packet: Uint8Array, pdu: number, spec: AdvertSpec, destination: Uint8Array): void {
  packet[pdu + 6] = 0;
  packet[pdu + 7] = 0;
  let total = checksumAdd(0, packet, pdu, packet.length);
  if (spec.version === 3 || destination.length === 16) {
    total += pseudoSum(spec.source, destination, PROTOCOL_VRRP, packet.length - pdu);
  }
  const checksum = checksumFold(total);
  packet[pdu + 6] = checksum >> 8;
  packet[pdu + 7] = checksum & 255;
}

function withIpv4Sums(packet: Uint8Array, isLengthSet: boolean): Uint8Array {
  if (packet.length < IPV4_BYTES) return packet;
  if (isLengthSet) {
    packet[2] = packet.length >> 8;
    packet[3] = packet.length & 255;
  }
  packet[10] = 0;
  packet[11] = 0;
  const headerBytes = Math.min(packet.length, (packet[0]! & 15) * 4);
  const checksum = checksumFold(checksumAdd(0, packet, 0, headerBytes));
  packet[10] = checksum >> 8;
  packet[11] = checksum & 255;
  return packet;
}

function withIpv6Header(pdu: Uint8Array, source: Uint8Array, destination: Uint8Array, hopLimit: number): Uint8Array {
  const packet = new Uint8Array(IPV6_BYTES + pdu.length);
  packet[0] = 0x6c;
  packet[4] = pdu.length >> 8;
  packet[5] = pdu.length & 255;
  packet[6] = PROTOCOL_VRRP;
  packet[7] = hopLimit;
  packet.set(source, 8);
  packet.set(destination, 24);
  packet.set(pdu, IPV6_BYTES);
  return packet;
}

function multicastMac(destination: Uint8Array): number[] {
  return destination.length === 4
    ? [1, 0, 0x5e, destination[1]! & 127, destination[2]!, destination[3]!]
    : [0x33, 0x33, ...destination.subarray(12)];
}

function hexOf(mac: readonly number[], etherType: number, packet: Uint8Array): string {
  const frame = new Uint8Array(ETHERNET_BYTES + packet.length);
  frame.set(mac, 0);
  frame.set(INJECTOR_MAC, 6);
  frame[12] = etherType >> 8;
  frame[13] = etherType & 255;
  frame.set(packet, ETHERNET_BYTES);
  return Buffer.from(frame).toString('hex');
}

/** An IPv4 frame cut into fragments of so many payload bytes (a multiple of eight). */
export function fragmentsOf(frame: string, payloadBytes: number): string[] {
  const bytes = Buffer.from(frame, 'hex');
  const header = bytes.subarray(ETHERNET_BYTES, ETHERNET_BYTES + IPV4_BYTES);
  const payload = bytes.subarray(ETHERNET_BYTES + IPV4_BYTES);
  const found: string[] = [];
  for (let at = 0; at < payload.length; at += payloadBytes) {
    const part = payload.subarray(at, at + payloadBytes);
    const packet = new Uint8Array(IPV4_BYTES + part.length);
    packet.set(header);
    packet.set(part, IPV4_BYTES);
    const word = (at / 8) | (at + payloadBytes < payload.length ? 0x2000 : 0);
    packet[6] = word >> 8;
    packet[7] = word & 255;
    found.push(hexOf([...bytes.subarray(0, 6)], 0x0800, withIpv4Sums(packet, true)));
  }
  return found;
}

/** Puts four bytes of IP options (no-operations) into an IPv4 packet. */
export const withOptions: Change = (packet) => {
  const other = new Uint8Array(packet.length + 4);
  other.set(packet.subarray(0, IPV4_BYTES));
  other.fill(1, IPV4_BYTES, IPV4_BYTES + 4);
  other.set(packet.subarray(IPV4_BYTES), IPV4_BYTES + 4);
  other[0] = 0x46;
  return other;
};

const DEFECTS: readonly ((prng: Prng) => Partial<Shot>)[] = [
  (prng) => ({ ttl: prng.below(255), hopLimit: prng.below(255) }),
  (prng) => ({ change: pokes([0, (4 + prng.below(12)) * 16 + 1]), isSummed: true }),
  (prng) => ({ change: pokes([0, 0x30 + 2 + prng.below(14)]), isSummed: true }),
  (prng) => ({ change: pokes([3, 2 + prng.below(254)]), isSummed: true }),
  (prng) => ({ change: resized(4 + prng.below(300) * 4), isSummed: true }), // never an amount that looks like padding
  (prng) => ({ change: resized(-1 - prng.below(11)), isSummed: true }),
  (prng) => ({ vrid: 200 + prng.below(56) }),
  () => ({ vrid: 0 }),
];

/**
 * A packet nobody may believe, from chance: either one certain defect in a packet whose checksum is right, or any
 * number of changed bytes under a checksum that is wrong in every accepted form.
 */
export function hostileShot(prng: Prng, base: Shot): Shot {
  const shot: Shot = { ...base, priority: prng.below(256), advertIntMs: prng.below(4_096) * 10 };
  if (prng.below(2) === 0) return { ...shot, ...prng.pick(DEFECTS)(prng) };
  const isInet = base.source === undefined || base.source.length === 4;
  const source = base.source ?? addressOf('10.77.0.9');
  const destination = addressOf(base.to ?? (isInet ? '224.0.0.18' : 'ff02::12'));
  return {
    ...shot,
    change: (packet, pdu) => {
      let bytes = packet;
      if (prng.below(3) === 0) bytes = bytes.slice(0, pdu + prng.below(bytes.length - pdu + 1));
      if (prng.below(4) === 0) bytes = resized(prng.below(600))(bytes, pdu);
      for (let left = prng.below(5); left > 0 && bytes.length > pdu; left--) {
        bytes[pdu + prng.below(bytes.length - pdu)] = prng.below(256);
      }
      if (bytes.length < pdu + 8) return bytes;
      // As the receiver reads it: what the count of addresses covers, or all there is.
      const counted = pdu + 8 + bytes[pdu + 3]! * source.length + (bytes[pdu]! >> 4 === 2 && isInet ? 8 : 0);
      const ends = [bytes.length, Math.min(counted, bytes.length)];
      const isRight = (): boolean =>
        ends.some((end) => [2, 3].some((version) => isChecksumRight(version, source, destination, bytes, pdu, end)));
      while (isRight()) bytes[pdu + 7] = (bytes[pdu + 7]! + 1) & 255;
      return bytes;
    },
  };
}
