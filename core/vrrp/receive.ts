// Is a received advertisement to be believed? The checks of RFC 9568 §7.1 (RFC 3768 §7.1) with keepalived's additions,
// in keepalived's order, each with its counter.
//
// A packet that fails any check has no effect at all on states or timers: the only traces are a counter and a log
// line. Otherwise twenty bad packets a second keep a master silent and split the pair.

import { assert } from '../base/assert.ts';
import { formatAddress, IPV4_BYTES, isMulticast, sameAddress } from './address.ts';
import {
  AH_BYTES,
  AH_ICV_OFFSET,
  ahIcv,
  ICV_BYTES,
  PASS_BYTES,
  type SenderSequence,
  sameSecret,
  TRAILER_BYTES,
  verifyTrailer,
} from './auth.ts';
import { isChecksumRight, PROTOCOL_VRRP } from './checksum.ts';
import type { VrrpCounters } from './contract.ts';
import { AUTH_TYPE, pduLength, type ReceivedAdvert, TYPE_ADVERTISEMENT } from './packet.ts';
import type { Settings } from './settings.ts';

const HOPS_REQUIRED = 255; // RFC 9568 §5.1.1.3: no router has forwarded it
const ETHERNET_PAYLOAD_MIN = 46;
const VLAN_TAG_BYTES = 4;
const AH_SENDERS_MAX = 8; // they all know the password

/** What the checks read and write of an instance. */
export interface Receiver {
  settings: Settings;
  counters: VrrpCounters;
  masterAddress: Uint8Array | null;
  // AH: we send the next after the highest we have sent or seen, since keepalived's receivers keep one line for all
  // senders. Ours keep one per sender: two masters counting in step would otherwise refuse each other for ever.
  ahSequence: number;
  ahSeen: { source: number[]; sequence: number }[]; // oldest used first
  hmacSeen: SenderSequence[];
}

/** '' when the packet is to be believed, else why not: for the log, and for telling repetitions apart. */
export type Refusal = string;

/** Counts, and says whether the packet may reach the state machine. `notes` are worth a log line but no refusal. */
export function checkAdvert(receiver: Receiver, advert: ReceivedAdvert, wallMs: number, notes: string[]): Refusal {
  assert(advert.start <= advert.end && advert.end <= advert.bytes.length, 'a parsed packet lies within its bytes');
  const { counters } = receiver;
  const refusal =
    checkEnvelope(receiver, advert) ||
    checkTrailer(receiver, advert, wallMs) ||
    (advert.version === 2 ? checkV2(receiver, advert) : '') ||
    checkContent(receiver, advert, notes) ||
    checkDelivery(receiver, advert);
  if (refusal !== '') return refusal;
  counters.advert_rcvd++;
  if (advert.priority === 0) counters.pri_zero_rcvd++;
  // keepalived.conf, owner_ignore_adverts: nobody can outrank the owner.
  if (receiver.settings.ownerIgnoreAdverts) return 'we own the addresses and ignore adverts';
  noteAddresses(receiver, advert, notes);
  return '';
}

// Lengths, hops and version: before anything that costs.
function checkEnvelope({ settings, counters }: Receiver, advert: ReceivedAdvert): Refusal {
  const { config } = settings;
  if (advert.ahOffset >= 0 !== (settings.auth === 'ah')) {
    counters.authtype_mismatch++;
    return settings.auth === 'ah' ? 'there is no AH header' : 'there is an AH header';
  }
  if (!isLengthRight(settings, advert)) {
    counters.packet_len_err++;
    return `its length ${advert.end - advert.start} is wrong`;
  }
  if (!config.unicast && advert.ttl !== HOPS_REQUIRED) {
    counters.ip_ttl_err++;
    return `its TTL or hop limit is ${advert.ttl}`;
  }
  if (advert.version !== config.version) {
    counters.vers_err++;
    return `it is of version ${advert.version}`;
  }
  return '';
}

function isLengthRight(settings: Settings, advert: ReceivedAdvert): boolean {
  if (advert.totalLength > advert.bytes.length) return false; // cut short on the way
  const expected = pduLength(advert);
  const given = advert.end - advert.start;
  const withTrailer = settings.config.authHmac !== null && given === expected + TRAILER_BYTES;
  // IPv6 tells the length of its payload, so that padding never gets this far.
  const mayBePadded = advert.family === 'inet';
  if (given !== expected && !withTrailer) {
    return mayBePadded && isPadding(advert.start + expected, advert.start + given);
  }
  return advert.bytes.length === advert.end || isPadding(advert.end, advert.bytes.length);
}

// A short frame is padded to Ethernet's minimum by some cards and switches; VLAN tags take their four bytes from that.
function isPadding(expected: number, received: number): boolean {
  return (
    expected < ETHERNET_PAYLOAD_MIN &&
    received > expected &&
    received <= ETHERNET_PAYLOAD_MIN &&
    (ETHERNET_PAYLOAD_MIN - received) % VLAN_TAG_BYTES === 0
  );
}

function checkTrailer(receiver: Receiver, advert: ReceivedAdvert, wallMs: number): Refusal {
  const auth = receiver.settings.config.authHmac;
  if (auth === null) return '';
  const { counters } = receiver;
  const at = advert.start + pduLength(advert);
  if (advert.end - at !== TRAILER_BYTES) {
    if (auth.mode !== 'enforce') return '';
    counters.auth_ext_missing++;
    return 'it has no authentication trailer';
  }
  if (receiver.settings.config.unicast && !isFromPeer(receiver.settings, advert)) {
    counters.unicast_source_err++;
    return 'its source is no unicast peer';
  }
  const { bytes, start, source } = advert;
  switch (verifyTrailer(bytes, start, at, source, auth.keys, auth.windowMs, wallMs, receiver.hmacSeen)) {
    case 'ok':
      return '';
    case 'malformed':
      counters.auth_ext_malformed++;
      return 'its authentication trailer is malformed';
    case 'unknown-key':
      counters.auth_ext_unknown_key++;
      return 'its authentication key is unknown';
    case 'invalid-hmac':
      counters.auth_ext_invalid_hmac++;
      return 'its authentication HMAC is wrong';
    case 'stale':
      counters.auth_ext_stale++;
      return 'its authentication time is outside the window';
    case 'replay':
      counters.auth_ext_replay++;
      return 'its authentication trailer was seen before';
  }
}

function checkV2(receiver: Receiver, advert: ReceivedAdvert): Refusal {
  const { settings, counters } = receiver;
  if (advert.authType > AUTH_TYPE.ah) {
    counters.invalid_authtype++;
    return `its authentication type is ${advert.authType}`;
  }
  if (advert.authType !== AUTH_TYPE[settings.auth]) {
    counters.authtype_mismatch++;
    return `its authentication type is ${advert.authType}, not ${AUTH_TYPE[settings.auth]}`;
  }
  if (settings.auth === 'pass') {
    const at = advert.start + pduLength(advert) - PASS_BYTES;
    if (!sameSecret(advert.bytes.subarray(at, at + PASS_BYTES), settings.authKey)) {
      counters.auth_failure++;
      return 'its password is wrong';
    }
  }
  const refusal = settings.auth === 'ah' ? checkAh(receiver, advert) : '';
  if (refusal !== '') {
    counters.auth_failure++;
    return refusal;
  }
  // RFC 3768 §7.1: all routers must be configured alike.
  if (advert.advertSeconds * 1000 !== settings.config.advertIntMs) {
    counters.advert_interval_err++;
    return `its advertisement interval is ${advert.advertSeconds} s`;
  }
  return '';
}

function checkAh(receiver: Receiver, advert: ReceivedAdvert): Refusal {
  const { bytes, ahOffset } = advert;
  if (bytes[ahOffset] !== PROTOCOL_VRRP) return 'its AH header leads to another protocol';
  const icv = bytes.subarray(ahOffset + AH_ICV_OFFSET, ahOffset + AH_ICV_OFFSET + ICV_BYTES);
  const signed = bytes.subarray(0, advert.end);
  if (!sameSecret(icv, ahIcv(signed, ahOffset, receiver.settings.authKey, receiver.settings.config.unicast))) {
    return 'its AH integrity value is wrong';
  }
  if (!sameAddress(bytes.subarray(ahOffset + 4, ahOffset + 8), advert.source)) return 'its SPI is not its source';
  const view = new DataView(bytes.buffer, bytes.byteOffset + ahOffset, AH_BYTES);
  const sequence = view.getUint32(8);
  const { ahSeen } = receiver;
  const index = ahSeen.findIndex((each) => each.source.every((byte, place) => byte === advert.source[place]));
  if (index >= 0 && sequence <= ahSeen[index]!.sequence) return `its AH sequence ${sequence} was seen before`;
  if (index >= 0) ahSeen.splice(index, 1);
  ahSeen.push({ source: [...advert.source], sequence });
  if (ahSeen.length > AH_SENDERS_MAX) ahSeen.shift();
  receiver.ahSequence = Math.max(receiver.ahSequence, sequence);
  return '';
}

function checkContent({ settings, counters }: Receiver, advert: ReceivedAdvert, notes: string[]): Refusal {
  if (advert.type !== TYPE_ADVERTISEMENT) {
    counters.invalid_type_rcvd++;
    return `its type is ${advert.type}`;
  }
  const { bytes, start, end, source, destination, version } = advert;
  // The trailer and any padding are outside the checksum over IPv4; the kernel's over IPv6 covers the payload.
  const covered = source.length === IPV4_BYTES ? start + pduLength(advert) : end;
  if (!isChecksumRight(version, source, destination, bytes, start, covered)) {
    counters.chk_err++;
    return 'its checksum is wrong';
  }
  if (version === 3 && advert.centiseconds * 10 !== settings.config.advertIntMs) {
    notes.push(
      `advertisement interval mismatch: mine ${settings.config.advertIntMs} ms, theirs ${advert.centiseconds * 10} ms`,
    );
  }
  return '';
}

function checkDelivery({ settings, counters }: Receiver, advert: ReceivedAdvert): Refusal {
  const { config, peers } = settings;
  if (isMulticast(advert.destination) === config.unicast) {
    counters.addr_list_err++;
    return config.unicast ? 'it is multicast to a unicast instance' : 'it is unicast to a multicast instance';
  }
  if (!config.unicast) return '';
  const peer = peers.find((each) => sameAddress(each.address, advert.source));
  if (peer === undefined) {
    if (!config.checkUnicastSource) return '';
    counters.unicast_source_err++;
    return 'its source is no unicast peer';
  }
  if (advert.ttl >= 0 && (advert.ttl < peer.minTtl || advert.ttl > peer.maxTtl)) {
    counters.ip_ttl_err++;
    return `its TTL or hop limit ${advert.ttl} is outside the peer's range`;
  }
  return '';
}

function isFromPeer(settings: Settings, advert: ReceivedAdvert): boolean {
  return settings.peers.some((each) => sameAddress(each.address, advert.source));
}

// RFC 9568 §7.1: a list that differs is reported, and the advertisement still counts.
function noteAddresses(receiver: Receiver, advert: ReceivedAdvert, notes: string[]): void {
  const { settings } = receiver;
  if (settings.config.skipCheckAdvAddr && sameAddress(receiver.masterAddress, advert.source)) return;
  const { advertised } = settings;
  const width = advert.source.length;
  const at = (index: number): Uint8Array =>
    advert.bytes.subarray(advert.start + 8 + index * width, advert.start + 8 + (index + 1) * width);
  const isListed = (address: Uint8Array): boolean => {
    for (let index = 0; index < advert.count; index++) if (sameAddress(address, at(index))) return true;
    return false;
  };
  const missing = advertised.find((each) => !isListed(each));
  if (advert.count === advertised.length && missing === undefined) return;
  receiver.counters.addr_list_err++;
  const detail = missing === undefined ? '' : `; ${formatAddress(missing)} is not among them`;
  notes.push(`address list mismatch: they advertise ${advert.count}, expected ${advertised.length}${detail}`);
}
