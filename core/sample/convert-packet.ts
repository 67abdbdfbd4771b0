// Headers of Ethernet, IP and TCP as captured from the wire (manual §7.3.1: eth.*, ip.*, tcp.*), which `fc_saved_syn` gives.
//
// Safe on hostile bytes: an incomplete header has no value, and nothing behind the sample's end is ever read.

import { intOf } from './convert-arguments.ts';
import { type Convert, type ConverterRow, NO_ARGS } from './rows.ts';
import { type Sample, type SampleType, TYPE_ADDR, TYPE_BIN, TYPE_IPV6, TYPE_SINT } from './types.ts';

// One byte, or two or four in network order, at `index` of the sample; what lies behind its end is 0.
function byteAt(sample: Sample, index: number): number {
  return index < sample.length ? sample.bytes[sample.offset + index]! : 0;
}

function shortAt(sample: Sample, index: number): number {
  return (byteAt(sample, index) << 8) | byteAt(sample, index + 1);
}

function wordAt(sample: Sample, index: number): number {
  return ((shortAt(sample, index) << 16) | shortAt(sample, index + 2)) >>> 0;
}

function setInt(sample: Sample, value: number): true {
  sample.setInt(value);
  return true;
}

/** Leaves bytes [start, end) of the sample. */
function narrow(sample: Sample, start: number, end: number): true {
  sample.offset += start;
  sample.length = end - start;
  return true;
}

// --- Ethernet

const VLAN_TAG = 0x8100;
const TAG_BYTES = 4;
const ADDRESSES_BYTES = 12;

/** Where the frame's own protocol number stands, behind any VLAN tags; −1: it is not complete. */
function protocolAt(sample: Sample): number {
  for (let index = ADDRESSES_BYTES; index + 2 < sample.length; index += TAG_BYTES) {
    if (shortAt(sample, index) !== VLAN_TAG) return index;
  }
  return -1;
}

const ethData: Convert = (sample) => {
  const at = protocolAt(sample);
  return at >= 0 && narrow(sample, at + 2, sample.length);
};

const ethHdr: Convert = (sample) => {
  const at = protocolAt(sample);
  return at >= 0 && narrow(sample, 0, at + 2);
};

const ethProto: Convert = (sample) => {
  const at = protocolAt(sample);
  return at >= 0 && setInt(sample, shortAt(sample, at));
};

/** The last tag's number; 0 is none. */
const ethVlan: Convert = (sample) => {
  const at = protocolAt(sample);
  if (at <= ADDRESSES_BYTES) return false;
  const vlan = shortAt(sample, at - 2) & 0xfff;
  return vlan !== 0 && setInt(sample, vlan);
};

// --- IP

const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;

/** 4 or 6, 0 for anything else. */
function version(sample: Sample): number {
  const high = byteAt(sample, 0) >>> 4;
  return high === 4 || high === 6 ? high : 0;
}

// What walkIpv6() found: the protocol behind the extensions.
let nextProtocol = 0;

/** Length of an IPv6 header with its extensions; 0: it is not complete. */
function walkIpv6(sample: Sample): number {
  if (sample.length < IPV6_BYTES) return 0;
  let length = IPV6_BYTES;
  nextProtocol = byteAt(sample, 6);
  while (nextProtocol !== PROTOCOL_TCP && nextProtocol !== PROTOCOL_UDP) {
    if (sample.length < length + 2) return 0;
    nextProtocol = byteAt(sample, length);
    length += byteAt(sample, length + 1) * 8 + 8;
  }
  return sample.length < length ? 0 : length;
}

function ipHeaderBytes(sample: Sample): number {
  const kind = version(sample);
  if (kind === 6) return walkIpv6(sample);
  const length = (byteAt(sample, 0) & 15) * 4;
  return kind === 4 && sample.length >= length ? length : 0;
}

const ipData: Convert = (sample) => {
  const length = ipHeaderBytes(sample);
  return length > 0 && narrow(sample, length, sample.length);
};

const ipHdr: Convert = (sample) => {
  const length = ipHeaderBytes(sample);
  return length > 0 && narrow(sample, 0, length);
};

const ipDf: Convert = (sample) => {
  const kind = version(sample);
  if (kind === 6) return setInt(sample, 1); // nobody fragments it on the way
  return kind === 4 && sample.length >= 6 && setInt(sample, (byteAt(sample, 6) >>> 6) & 1);
};

function compileAddress(ipv4At: number, ipv6At: number): Convert {
  return (sample) => {
    const kind = version(sample);
    if (kind === 4 && sample.length >= IPV4_BYTES) {
      sample.setIpv4(wordAt(sample, ipv4At));
      return true;
    }
    if (kind !== 6 || sample.length < IPV6_BYTES) return false;
    sample.setBytes(TYPE_IPV6, sample.bytes, sample.offset + ipv6At, 16);
    return true;
  };
}

const ipProto: Convert = (sample) => {
  const kind = version(sample);
  if (kind === 4) return sample.length >= 10 && setInt(sample, byteAt(sample, 9));
  return kind === 6 && walkIpv6(sample) > 0 && setInt(sample, nextProtocol);
};

/** Type of service, or IPv6's traffic class, which lies across two bytes. */
function serviceOf(sample: Sample, kind: number): number {
  return kind === 4 ? byteAt(sample, 1) : (shortAt(sample, 0) >>> 4) & 0xff;
}

const ipTos: Convert = (sample) => {
  const kind = version(sample);
  return kind !== 0 && sample.length >= 2 && setInt(sample, serviceOf(sample, kind));
};

const ipTtl: Convert = (sample) => {
  const kind = version(sample);
  if (kind === 4) return sample.length >= IPV4_BYTES && setInt(sample, byteAt(sample, 8));
  return kind === 6 && sample.length >= IPV6_BYTES && setInt(sample, byteAt(sample, 7));
};

const ipVer: Convert = (sample) => sample.length > 0 && setInt(sample, byteAt(sample, 0) >>> 4);

// --- TCP

const TCP_BYTES = 20;
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_MSS = 2;
const OPTION_SCALE = 3;
const OPTION_SACK = 4;
const OPTION_TIMESTAMP = 8;

/** Length of a whole TCP header with its options; 0: it is not complete. */
function tcpHeaderBytes(sample: Sample): number {
  if (sample.length < TCP_BYTES) return 0;
  const length = (byteAt(sample, 12) >>> 4) * 4;
  return length < TCP_BYTES || sample.length < length ? 0 : length;
}

/** Where the option behind the one at `at` begins; −1: there is none, or its length makes no sense. */
function nextOption(sample: Sample, at: number, end: number): number {
  if (byteAt(sample, at) === OPTION_NOP) return at + 1;
  const size = at + 1 < end ? byteAt(sample, at + 1) : 0;
  return size > 1 ? at + size : -1;
}

/** Where an option of this kind begins; 0: there is none. */
function findOption(sample: Sample, kind: number, end: number): number {
  for (let at = TCP_BYTES; at < end; ) {
    if (byteAt(sample, at) === OPTION_END) return 0;
    const next = nextOption(sample, at, end);
    if (next < 0) return 0;
    if (byteAt(sample, at) === kind && next <= end) return at;
    at = next;
  }
  return 0;
}

type ReadOption = (sample: Sample, at: number) => number;

/** A value made of an option; 0 when the header is whole and has none. */
function optionConvert(kind: number, read: ReadOption): Convert {
  return (sample) => {
    const length = tcpHeaderBytes(sample);
    if (length === 0) return false;
    const at = findOption(sample, kind, length);
    return setInt(sample, at === 0 ? 0 : read(sample, at));
  };
}

const isThere: ReadOption = () => 1;

/** A field of the fixed part. */
function tcpConvert(read: (sample: Sample) => number): Convert {
  return (sample) => sample.length >= TCP_BYTES && setInt(sample, read(sample));
}

const tcpOptionsList: Convert = (sample, subject) => {
  const length = tcpHeaderBytes(sample);
  if (length === 0) return false;
  const { trash } = subject;
  const start = trash.take();
  let next = start;
  for (let at = TCP_BYTES; at >= 0 && at < length && byteAt(sample, at) !== OPTION_END; ) {
    trash.bytes[next++] = byteAt(sample, at);
    at = nextOption(sample, at, length);
  }
  sample.setBytes(TYPE_BIN, trash.bytes, start, next - start);
  return true;
};

// --- ip.fp: what a client's network stack looks like

const FP_BYTES = 8;
const FP_WITH_TTL = 1;
const FP_WITH_OPTIONS = 2;
const FP_WITH_SOURCE = 4;

/** 0 to 3: up to 32, 64, 128 and above: what the TTL began with, roughly. */
function ttlClass(ttl: number): number {
  if (ttl > 64) return ttl > 128 ? 3 : 2;
  return ttl > 32 ? 1 : 0;
}

// What readOptions() found.
let optionMss = 0;
let optionScale = 0; // plus one, at most 15; 0: none
let optionMask = 0; // bit 0: kind 2, … bit 6: kind 8, bit 7: any other

function readOptions(sample: Sample, end: number, out: Uint8Array, listAt: number, listed: boolean): number {
  optionMss = 0;
  optionScale = 0;
  optionMask = 0;
  let list = listAt;
  for (let at = TCP_BYTES; at < end; ) {
    const kind = byteAt(sample, at);
    if (kind === OPTION_END) break;
    const next = nextOption(sample, at, end);
    if (next < 0 || next > end) break;
    if (listed) out[list++] = kind;
    if (kind === OPTION_MSS && at + 3 < end) optionMss = shortAt(sample, at + 2);
    else if (kind === OPTION_SCALE && at + 2 < end) optionScale = Math.min(byteAt(sample, at + 2) + 1, 15);
    if (kind >= 2) optionMask |= 1 << (kind < 9 ? kind - 2 : 7);
    at = next;
  }
  return list;
}

function compileFingerprint(mode: number): Convert {
  return (sample, subject) => {
    const kind = version(sample);
    if (kind === 0 || sample.length < (kind === 6 ? IPV6_BYTES : (byteAt(sample, 0) & 15) * 4)) return false;
    const is6 = kind === 6;
    const packetBytes = is6 ? (IPV6_BYTES + shortAt(sample, 4)) & 0xffff : shortAt(sample, 2);
    const first = byteAt(sample, 6); // IPv6: the next header; IPv4: flags
    const hasExtension = is6 ? first !== PROTOCOL_TCP && first !== PROTOCOL_UDP : (byteAt(sample, 0) & 15) !== 5;
    const unfragmented = is6 ? 1 : (first >>> 6) & 1;
    const ttl = byteAt(sample, is6 ? 7 : 8);
    const service = serviceOf(sample, kind);
    const sourceAt = sample.offset + (is6 ? 8 : 12);
    const ipBytes = ipHeaderBytes(sample);
    if (ipBytes === 0 || ipBytes > packetBytes) return false;
    narrow(sample, ipBytes, sample.length);
    const tcpBytes = tcpHeaderBytes(sample);
    const left = packetBytes - ipBytes;
    if (tcpBytes === 0 || tcpBytes > left) return false;

    const { trash } = subject;
    const out = trash.bytes;
    const at = trash.take();
    let end = at + FP_BYTES;
    if ((mode & FP_WITH_TTL) !== 0) out[end++] = ttl;
    end = readOptions(sample, tcpBytes, out, end, (mode & FP_WITH_OPTIONS) !== 0);
    const hasData = left > tcpBytes; // TCP fast open
    const flags = byteAt(sample, 13);
    out[at] = service;
    out[at + 1] =
      ((is6 ? 1 : 0) << 7) |
      (unfragmented << 6) |
      (ttlClass(ttl) << 4) |
      ((hasExtension ? 1 : 0) << 3) |
      ((hasData ? 1 : 0) << 2) |
      (flags >>> 6);
    out[at + 2] = (tcpBytes << 2) | optionScale;
    out[at + 3] = byteAt(sample, 14);
    out[at + 4] = byteAt(sample, 15);
    out[at + 5] = optionMss >>> 8;
    out[at + 6] = optionMss;
    out[at + 7] = optionMask;
    if ((mode & FP_WITH_SOURCE) !== 0) {
      const size = is6 ? 16 : 4;
      for (let index = 0; index < size; index++) out[end++] = sample.bytes[sourceAt + index]!;
    }
    sample.setBytes(TYPE_BIN, out, at, end - at);
    return true;
  };
}

function row(name: string, out: SampleType, convert: Convert): ConverterRow {
  return { name, args: NO_ARGS, in: TYPE_BIN, out, compile: () => convert };
}

export const packetConverters: readonly ConverterRow[] = [
  row('eth.data', TYPE_BIN, ethData),
  row('eth.dst', TYPE_BIN, (sample) => sample.length >= 6 && narrow(sample, 0, 6)),
  row('eth.hdr', TYPE_BIN, ethHdr),
  row('eth.proto', TYPE_SINT, ethProto),
  row('eth.src', TYPE_BIN, (sample) => sample.length >= 12 && narrow(sample, 6, 12)),
  row('eth.vlan', TYPE_SINT, ethVlan),
  row('ip.data', TYPE_BIN, ipData),
  row('ip.df', TYPE_SINT, ipDf),
  row('ip.dst', TYPE_ADDR, compileAddress(16, 24)),
  {
    name: 'ip.fp',
    args: { kinds: ['sint'], min: 0 },
    in: TYPE_BIN,
    out: TYPE_BIN,
    compile: (args) => compileFingerprint(intOf(args, 0, 0)),
  },
  row('ip.hdr', TYPE_BIN, ipHdr),
  row('ip.proto', TYPE_SINT, ipProto),
  row('ip.src', TYPE_ADDR, compileAddress(12, 8)),
  row('ip.tos', TYPE_SINT, ipTos),
  row('ip.ttl', TYPE_SINT, ipTtl),
  row('ip.ver', TYPE_SINT, ipVer),
  row(
    'tcp.dst',
    TYPE_SINT,
    tcpConvert((sample) => shortAt(sample, 2)),
  ),
  row(
    'tcp.flags',
    TYPE_SINT,
    tcpConvert((sample) => byteAt(sample, 13)),
  ),
  row(
    'tcp.options.mss',
    TYPE_SINT,
    optionConvert(OPTION_MSS, (sample, at) => shortAt(sample, at + 2)),
  ),
  row('tcp.options.sack', TYPE_SINT, optionConvert(OPTION_SACK, isThere)),
  row('tcp.options.tsopt', TYPE_SINT, optionConvert(OPTION_TIMESTAMP, isThere)),
  row(
    'tcp.options.tsval',
    TYPE_SINT,
    optionConvert(OPTION_TIMESTAMP, (sample, at) => wordAt(sample, at + 2)),
  ),
  row(
    'tcp.options.wscale',
    TYPE_SINT,
    optionConvert(OPTION_SCALE, (sample, at) => byteAt(sample, at + 2)),
  ),
  row('tcp.options.wsopt', TYPE_SINT, optionConvert(OPTION_SCALE, isThere)),
  row('tcp.options_list', TYPE_BIN, tcpOptionsList),
  row(
    'tcp.seq',
    TYPE_SINT,
    tcpConvert((sample) => wordAt(sample, 4)),
  ),
  row(
    'tcp.src',
    TYPE_SINT,
    tcpConvert((sample) => shortAt(sample, 0)),
  ),
  row(
    'tcp.win',
    TYPE_SINT,
    tcpConvert((sample) => shortAt(sample, 14)),
  ),
];
