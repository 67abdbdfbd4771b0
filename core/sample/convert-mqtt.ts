// MQTT (manual §7.3.1): whether the first packet of a side is a right CONNECT or CONNACK (3.1, 3.1.1, 5.0), and fields of it.
//
// One packet is read into a table of numbers and text ranges, one cell a field; the field that is asked for is then looked
// up there. Safe on hostile bytes.

import { writeInt } from '../base/text.ts';
import { bytesOfText, textOf } from './convert-arguments.ts';
import { type ConverterRow, NO_ARGS } from './rows.ts';
import type { Subject } from './subject.ts';
import { type Sample, TYPE_BIN, TYPE_BOOL, TYPE_STR } from './types.ts';

const PACKET_TYPES = [
  ...['', 'connect', 'connack', 'publish', 'puback', 'pubrec', 'pubrel', 'pubcomp', 'subscribe', 'suback'],
  ...['unsubscribe', 'unsuback', 'pingreq', 'pingresp', 'disconnect', 'auth'],
];
const CONNECT = 1;
const CONNACK = 2;
const PUBLISH = 3;
const PACKET_FLAGS = [0, 0, 0, 15, 0, 0, 2, 0, 2, 0, 2, 0, 0, 0, 0, 0];

// Fields: the names that HAProxy has, which for version 5's properties are their numbers.
const FIELD_NAMES = [
  ...['flags', 'reason_code', 'protocol_name', 'protocol_version', 'client_identifier', 'will_topic'],
  ...['will_payload', 'username', 'password', 'keepalive', '1', '2', '3', '8', '9', '11', '17', '18', '19', '21'],
  ...['22', '23', '24', '25', '26', '28', '31', '33', '34', '35', '36', '37', '38', '39', '40', '41', '42'],
];

const FIELD_FLAGS = 0;
const FIELD_REASON_CODE = 1;
const FIELD_PROTOCOL_NAME = 2;
const FIELD_PROTOCOL_VERSION = 3;
const FIELD_CLIENT_IDENTIFIER = 4;
const FIELD_WILL_TOPIC = 5;
const FIELD_WILL_PAYLOAD = 6;
const FIELD_USERNAME = 7;
const FIELD_PASSWORD = 8;
const FIELD_KEEPALIVE = 9;

const fieldOf = (property: number): number => FIELD_NAMES.indexOf(String(property));

const PROPERTY_USER = 38;
const PROPERTY_AUTH_METHOD = 21;
const PROPERTY_AUTH_DATA = 22;
const FIELD_AUTH_METHOD = fieldOf(PROPERTY_AUTH_METHOD);
const FIELD_AUTH_DATA = fieldOf(PROPERTY_AUTH_DATA);

/** Which fields the configuration may ask of each packet; only those of CONNECT and CONNACK are ever found. */
const REASON_FIELDS = ['reason_code', '31', '38'];
const PACKET_FIELDS: readonly (readonly string[])[] = [
  [],
  [
    ...['protocol_name', 'protocol_version', 'flags', 'keepalive', '17', '33', '39', '34', '25', '23', '38', '21'],
    ...['22', 'client_identifier', '24', '1', '2', '3', '8', '9', 'will_topic', 'will_payload', 'username', 'password'],
  ],
  [
    ...['flags', 'protocol_version', 'reason_code', '17', '33', '36', '37', '39', '18', '34', '31', '40', '41', '42'],
    ...['19', '26', '28', '38', '21', '22'],
  ],
  ['1', '2', '3', '8', '9', '11', '35', '38'],
  REASON_FIELDS,
  REASON_FIELDS,
  REASON_FIELDS,
  REASON_FIELDS,
  ['11', '38'],
  ['31', '38'],
  ['38'],
  ['31', '38'],
  [],
  [],
  ['reason_code', '17', '28', '31', '38'],
  ['21', '22', '31', '38'],
];

// --- what was read

const FIELD_COUNT = FIELD_NAMES.length;
const numbers = new Float64Array(FIELD_COUNT);
const textAt = new Int32Array(FIELD_COUNT);
const textBytes = new Int32Array(FIELD_COUNT);
const seen = new Uint8Array(FIELD_COUNT); // within one list of properties

// The reader: bytes[at, end). A failed step sets failed, and nothing read after it counts.
let bytes: Uint8Array = new Uint8Array(0);
let at = 0;
let end = 0;
let failed = false;

function readInt(size: number): number {
  if (end - at < size) {
    failed = true;
    return 0;
  }
  let value = 0;
  for (let index = 0; index < size; index++) value = value * 256 + bytes[at++]!;
  return value;
}

/** Seven bits a byte, the lowest first, at most four bytes; one that breaks off has what is there. */
function readVarint(): number {
  let value = 0;
  for (let index = 0; index < 4; index++) {
    if (at >= end) return value;
    const byte = bytes[at++]!;
    value += (byte & 0x7f) << (7 * index);
    if (byte < 0x80) return value;
  }
  failed = true;
  return 0;
}

function readText(field: number): void {
  const length = readInt(2);
  if (failed || end - at < length) {
    failed = true;
    return;
  }
  if (field >= 0) {
    textAt[field] = at;
    textBytes[field] = length;
  }
  at += length;
}

// --- properties (MQTT 5.0 §2.2.2)

const KIND_BYTE = 1;
const KIND_SHORT = 2;
const KIND_WORD = 4;
const KIND_TEXT = 0;
const RULE_NONE = 0;
const RULE_FLAG = 1; // 0 or 1
const RULE_SOME = 2; // not 0, not empty

type Property = readonly [kind: number, rule: number];
type Properties = ReadonlyMap<number, Property>;

const CONNECT_PROPERTIES: Properties = new Map([
  [17, [KIND_WORD, RULE_NONE]],
  [33, [KIND_SHORT, RULE_SOME]],
  [39, [KIND_WORD, RULE_SOME]],
  [34, [KIND_SHORT, RULE_NONE]],
  [25, [KIND_BYTE, RULE_FLAG]],
  [23, [KIND_BYTE, RULE_FLAG]],
  [PROPERTY_AUTH_METHOD, [KIND_TEXT, RULE_NONE]],
  [PROPERTY_AUTH_DATA, [KIND_TEXT, RULE_NONE]],
]);

const WILL_PROPERTIES: Properties = new Map([
  [24, [KIND_WORD, RULE_NONE]],
  [1, [KIND_BYTE, RULE_FLAG]],
  [2, [KIND_WORD, RULE_NONE]],
  [3, [KIND_TEXT, RULE_NONE]],
  [8, [KIND_TEXT, RULE_NONE]],
  [9, [KIND_TEXT, RULE_NONE]],
]);

const CONNACK_PROPERTIES: Properties = new Map([
  [17, [KIND_WORD, RULE_NONE]],
  [33, [KIND_SHORT, RULE_SOME]],
  [36, [KIND_BYTE, RULE_FLAG]],
  [37, [KIND_BYTE, RULE_FLAG]],
  [39, [KIND_WORD, RULE_SOME]],
  [18, [KIND_TEXT, RULE_SOME]],
  [34, [KIND_SHORT, RULE_NONE]],
  [31, [KIND_TEXT, RULE_NONE]],
  [40, [KIND_BYTE, RULE_FLAG]],
  [41, [KIND_BYTE, RULE_FLAG]],
  [42, [KIND_BYTE, RULE_FLAG]],
  [19, [KIND_SHORT, RULE_NONE]],
  [26, [KIND_TEXT, RULE_NONE]],
  [28, [KIND_TEXT, RULE_NONE]],
  [PROPERTY_AUTH_METHOD, [KIND_TEXT, RULE_NONE]],
  [PROPERTY_AUTH_DATA, [KIND_TEXT, RULE_NONE]],
]);

const FIELD_OF_PROPERTY = Int32Array.from({ length: 256 }, (_, property) => fieldOf(property));

function readProperty(property: number, allowed: Properties): void {
  if (property === PROPERTY_USER) {
    readText(-1);
    if (!failed) readText(-1);
    return;
  }
  const row = allowed.get(property);
  const field = FIELD_OF_PROPERTY[property]!;
  if (row === undefined || seen[field] === 1) {
    failed = true;
    return;
  }
  seen[field] = 1;
  const [kind, rule] = row;
  if (kind === KIND_TEXT) {
    readText(field);
    if (rule === RULE_SOME && textBytes[field] === 0) failed = true;
    return;
  }
  const value = readInt(kind);
  numbers[field] = value;
  if ((rule === RULE_SOME && value === 0) || (rule === RULE_FLAG && value > 1)) failed = true;
}

function readProperties(allowed: Properties): void {
  const length = readVarint();
  if (failed || end - at < length) {
    failed = true;
    return;
  }
  const packetEnd = end;
  end = at + length;
  seen.fill(0);
  while (at < end && !failed) readProperty(bytes[at++]!, allowed);
  end = packetEnd;
}

// --- packets

const FLAG_RESERVED = 0x01;
const FLAG_WILL = 0x04;
const FLAG_WILL_QOS = 0x18;
const FLAG_WILL_ALL = 0x3c;
const FLAG_PASSWORD = 0x40;
const FLAG_USERNAME = 0x80;
const VERSION_3_1 = 3;
const VERSION_3_1_1 = 4;
const VERSION_5 = 5;

const NAMES = [bytesOfText('mqtt'), bytesOfText('mqisdp')];

function isProtocolName(): boolean {
  const from = textAt[FIELD_PROTOCOL_NAME]!;
  const length = textBytes[FIELD_PROTOCOL_NAME]!;
  for (const name of NAMES) {
    let same = 0;
    while (same < length && same < name.length && lowerCase(bytes[from + same]!) === name[same]) same++;
    if (same === length && same === name.length) return true;
  }
  return false;
}

function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

function readConnect(): boolean {
  readText(FIELD_PROTOCOL_NAME);
  if (failed || !isProtocolName()) return false;
  const version = readInt(1);
  const flags = readInt(1);
  if (failed || version < VERSION_3_1 || version > VERSION_5 || (flags & FLAG_RESERVED) !== 0) return false;
  if ((flags & FLAG_WILL_ALL) === FLAG_WILL_QOS) return false;
  numbers[FIELD_PROTOCOL_VERSION] = version;
  numbers[FIELD_FLAGS] = flags;
  numbers[FIELD_KEEPALIVE] = readInt(2);
  if (!failed && version === VERSION_5) readProperties(CONNECT_PROPERTIES);
  const hasMethod = textBytes[FIELD_AUTH_METHOD] !== 0;
  if (failed || (!hasMethod && textBytes[FIELD_AUTH_DATA] !== 0)) return false;
  readText(FIELD_CLIENT_IDENTIFIER);
  const hasWill = (flags & FLAG_WILL) !== 0;
  if (!failed && hasWill && version === VERSION_5) readProperties(WILL_PROPERTIES);
  if (!failed && hasWill) readText(FIELD_WILL_TOPIC);
  if (!failed && hasWill) readText(FIELD_WILL_PAYLOAD);
  if (!failed && (flags & FLAG_USERNAME) !== 0) readText(FIELD_USERNAME);
  if (!failed && (flags & FLAG_PASSWORD) !== 0) readText(FIELD_PASSWORD);
  return !failed;
}

function readConnack(): boolean {
  const version = end - at === 2 ? VERSION_3_1_1 : VERSION_5;
  const flags = readInt(1);
  numbers[FIELD_REASON_CODE] = readInt(1);
  if (failed || flags > 1) return false;
  numbers[FIELD_PROTOCOL_VERSION] = version;
  numbers[FIELD_FLAGS] = flags;
  if (version === VERSION_5) readProperties(CONNACK_PROPERTIES);
  return !failed;
}

const INVALID = 0;
const VALID = 1;
const PARTIAL = 2;

let packetType = 0;

/** Reads the packet; every other type than CONNECT and CONNACK is invalid. */
function readPacket(sample: Sample): number {
  if (sample.length < 2) return PARTIAL;
  bytes = sample.bytes;
  at = sample.offset;
  end = at + sample.length;
  failed = false;
  numbers.fill(0);
  textBytes.fill(0);
  const first = bytes[at++]!;
  packetType = first >>> 4;
  if (packetType === 0 || (packetType !== PUBLISH && (first & 15) !== PACKET_FLAGS[packetType])) return INVALID;
  const length = readVarint();
  if (failed) return INVALID;
  if (end - at < length) return PARTIAL;
  const start = at;
  const isRight = packetType === CONNECT ? readConnect() : packetType === CONNACK && readConnack();
  return isRight && at - start === length ? VALID : INVALID;
}

function isValid(sample: Sample): boolean {
  const verdict = readPacket(sample);
  sample.mayChange = verdict === PARTIAL;
  if (verdict === PARTIAL) return false;
  sample.setBool(verdict === VALID);
  return true;
}

// --- fields

const TEXT_FIELDS = new Set(
  ['protocol_name', 'client_identifier', 'will_topic', 'will_payload', 'username', 'password']
    .concat(['3', '8', '9', '18', '21', '22', '26', '28', '31'])
    .map((name) => FIELD_NAMES.indexOf(name)),
);

interface Wanted {
  type: number;
  field: number;
  isText: boolean;
  isProperty: boolean; // of version 5 only
  isWill: boolean; // there only with a will
}

function fieldValue(sample: Sample, subject: Subject, wanted: Wanted): boolean {
  const verdict = readPacket(sample);
  sample.mayChange = verdict === PARTIAL;
  if (verdict !== VALID || packetType !== wanted.type) return false;
  if (wanted.isProperty && numbers[FIELD_PROTOCOL_VERSION] !== VERSION_5) return false;
  if (wanted.isWill && (numbers[FIELD_FLAGS]! & FLAG_WILL) === 0) return false;
  const { field } = wanted;
  if (wanted.isText) {
    if (textBytes[field] === 0) return false;
    sample.offset = textAt[field]!;
    sample.length = textBytes[field]!;
    return true;
  }
  const { trash } = subject;
  const start = trash.take();
  const stop = writeInt(trash.bytes, start, numbers[field]!);
  sample.setBytes(TYPE_STR, trash.bytes, start, stop - start);
  return true;
}

/** Number of a packet type by name or number; 0: unknown. */
function typeNumber(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : PACKET_TYPES.indexOf(text.toLowerCase());
  return number > 0 && number < PACKET_TYPES.length ? number : 0;
}

const valueRow: ConverterRow = {
  name: 'mqtt_field_value',
  args: { kinds: ['str', 'str'], min: 2 },
  in: TYPE_BIN,
  out: TYPE_STR,
  check(args) {
    const type = textOf(args, 0);
    const name = textOf(args, 1);
    if (typeNumber(type) === 0) return `Unknown MQTT type '${type}'`;
    if (PACKET_FIELDS[typeNumber(type)]!.includes(name.toLowerCase())) return null;
    return `Unknown MQTT field name '${name}' for packet type '${type}'`;
  },
  compile(args) {
    const type = typeNumber(textOf(args, 0));
    const name = textOf(args, 1).toLowerCase();
    const property = /^\d+$/.test(name) ? Number(name) : -1;
    const field = FIELD_NAMES.indexOf(name);
    const wanted: Wanted = {
      type,
      field,
      isText: TEXT_FIELDS.has(field),
      isProperty: property >= 0,
      isWill: type === CONNECT && WILL_PROPERTIES.has(property),
    };
    // A packet may have any number of them: there is no one value.
    if (property === PROPERTY_USER) return () => false;
    return (sample, subject) => fieldValue(sample, subject, wanted);
  },
};

export const mqttConverters: readonly ConverterRow[] = [
  { name: 'mqtt_is_valid', args: NO_ARGS, in: TYPE_BIN, out: TYPE_BOOL, compile: () => isValid },
  valueRow,
];
