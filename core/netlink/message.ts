// Netlink messages: header, attributes, acknowledgements (netlink(7), rfc3549). Codec only; the socket is elsewhere.
//
// Numbers are in host order (little endian on every machine weir runs on). Reading is safe on any bytes: what does not
// fit its declared length ends the walk, never a read past it. Start at MessageWriter and parseMessages.

import { assert } from '../base/assert.ts';

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLMSG_OVERRUN = 4;

export const NLM_F_REQUEST = 1;
export const NLM_F_MULTI = 2;
export const NLM_F_ACK = 4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
export const NLM_F_DUMP = 0x300; // ROOT | MATCH
export const NLM_F_CAPPED = 0x100; // in an error: the request was not quoted whole
export const NLM_F_ACK_TLVS = 0x200;

export const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

export const HEADER_BYTES = 16;
const ATTRIBUTE_HEADER_BYTES = 4;
const NLMSGERR_ATTR_MSG = 1;

const align = (length: number): number => (length + 3) & ~3;

/** Builds one message in a buffer of its own; begin() starts over. */
export class MessageWriter {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 0;

  constructor(bytesMax: number) {
    this.bytes = new Uint8Array(bytesMax);
    this.view = new DataView(this.bytes.buffer);
  }

  begin(type: number, flags: number, sequence: number): void {
    this.bytes.fill(0, 0, Math.max(this.at, HEADER_BYTES));
    this.view.setUint16(4, type, true);
    this.view.setUint16(6, flags, true);
    this.view.setUint32(8, sequence >>> 0, true);
    this.at = HEADER_BYTES;
  }

  /** The finished message: a view that the next begin() overwrites. */
  end(): Uint8Array {
    this.view.setUint32(0, this.at, true);
    return this.bytes.subarray(0, this.at);
  }

  u8(value: number): void {
    this.room(1);
    this.view.setUint8(this.at, value);
    this.at += 1;
  }

  u16(value: number): void {
    this.room(2);
    this.view.setUint16(this.at, value, true);
    this.at += 2;
  }

  u32(value: number): void {
    this.room(4);
    this.view.setUint32(this.at, value >>> 0, true);
    this.at += 4;
  }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  attribute(type: number, payload: Uint8Array): void {
    this.head(type, payload.length);
    this.raw(payload);
    this.pad();
  }

  attributeU8(type: number, value: number): void {
    this.head(type, 1);
    this.u8(value);
    this.pad();
  }

  attributeU16(type: number, value: number): void {
    this.head(type, 2);
    this.u16(value);
    this.pad();
  }

  attributeU32(type: number, value: number): void {
    this.head(type, 4);
    this.u32(value);
  }

  /** Text with its closing NUL. */
  attributeText(type: number, text: string): void {
    this.attribute(type, new TextEncoder().encode(`${text}\0`));
  }

  /** Opens a nest; give what it returns to nestEnd. `flagged`: with NLA_F_NESTED, as newer families want it. */
  nestBegin(type: number, flagged = false): number {
    const start = this.at;
    this.head(flagged ? type | NLA_F_NESTED : type, 0);
    return start;
  }

  nestEnd(start: number): void {
    assert(start >= HEADER_BYTES && start < this.at, 'a nest ends after it began');
    this.view.setUint16(start, this.at - start, true);
  }

  /** Where the next byte goes: for structs whose length comes before their content. */
  get offset(): number {
    return this.at;
  }

  setU16(offset: number, value: number): void {
    this.view.setUint16(offset, value, true);
  }

  private head(type: number, length: number): void {
    this.u16(ATTRIBUTE_HEADER_BYTES + length);
    this.u16(type);
  }

  private pad(): void {
    const end = align(this.at);
    this.room(end - this.at);
    this.at = end;
  }

  private room(length: number): void {
    assert(this.at + length <= this.bytes.length, 'a netlink message is larger than its buffer');
  }
}

/** One received message; `payload` is a view of what was parsed. */
export interface NetlinkMessage {
  type: number;
  flags: number;
  sequence: number;
  portId: number;
  payload: Uint8Array;
}

/** The messages of one datagram; a damaged one ends the list. */
export function parseMessages(bytes: Uint8Array): NetlinkMessage[] {
  const view = viewOf(bytes);
  const messages: NetlinkMessage[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    const length = view.getUint32(at, true);
    if (length < HEADER_BYTES || at + length > bytes.length) break;
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      portId: view.getUint32(at + 12, true),
      payload: bytes.subarray(at + HEADER_BYTES, at + length),
    });
    at += align(length);
  }
  return messages;
}

/** Attributes by type, from `offset` of a payload; the last of a type counts. Nested ones: parseAttributes again. */
export function parseAttributes(bytes: Uint8Array, offset: number): Map<number, Uint8Array> {
  const view = viewOf(bytes);
  const attributes = new Map<number, Uint8Array>();
  let at = offset;
  while (at + ATTRIBUTE_HEADER_BYTES <= bytes.length) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER_BYTES || at + length > bytes.length) break;
    const type = view.getUint16(at + 2, true) & NLA_TYPE_MASK;
    attributes.set(type, bytes.subarray(at + ATTRIBUTE_HEADER_BYTES, at + length));
    at += align(length);
  }
  return attributes;
}

/** What an NLMSG_ERROR says: `errno` 0 is an acknowledgement, else positive; `text` is the kernel's own words or ''. */
export function parseError(message: NetlinkMessage): { errno: number; text: string } {
  const { payload } = message;
  if (payload.length < 4) return { errno: 0, text: '' };
  const errno = Math.abs(viewOf(payload).getInt32(0, true));
  if ((message.flags & NLM_F_ACK_TLVS) === 0 || payload.length < 4 + HEADER_BYTES) return { errno, text: '' };
  const quoted = (message.flags & NLM_F_CAPPED) === 0 ? viewOf(payload).getUint32(4, true) : HEADER_BYTES;
  const words = parseAttributes(payload, 4 + quoted + (-quoted & 3)).get(NLMSGERR_ATTR_MSG);
  return { errno, text: words === undefined ? '' : attributeText(words) };
}

export function attributeU8(bytes: Uint8Array | undefined, otherwise: number): number {
  return bytes === undefined || bytes.length < 1 ? otherwise : bytes[0]!;
}

export function attributeU32(bytes: Uint8Array | undefined, otherwise: number): number {
  return bytes === undefined || bytes.length < 4 ? otherwise : viewOf(bytes).getUint32(0, true);
}

/** Text up to its NUL. */
export function attributeText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
