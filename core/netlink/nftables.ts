// nftables by netlink (nfnetlink, nf_tables): tables, chains, sets, elements and rules, sent as one transaction.
//
// The kernel carries out a batch whole or not at all. Numbers of nf_tables are in network order, unlike the rest of
// netlink. Pure: describe what is to happen as NftMessage, encodeBatch makes the bytes. What it takes from user space
// to print types again (KEY_TYPE) is nft(8)'s own numbering.

import { assert } from '../base/assert.ts';
import { MessageWriter, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_REQUEST } from './message.ts';

export const NFPROTO_IPV4 = 2;
export const NFPROTO_IPV6 = 10;
export const NF_INET_LOCAL_IN = 1;
export const NF_INET_LOCAL_OUT = 3;

/** nft(8)'s numbers of types: what `nft list` calls a set's keys. */
export const NFT_TYPE_IPADDR = 7;
export const NFT_TYPE_IP6ADDR = 8;
export const NFT_TYPE_IFINDEX = 20;
export const NFT_TYPE_ICMPV6_TYPE = 29;
export const NFT_TYPE_IFNAME = 41;
/** A key of two types, one after the other. */
export const nftConcatenation = (first: number, second: number): number => (first << 6) | second;

export const NFT_SET_CONSTANT = 2;
export const NFT_SET_MAP = 8;

export const NFT_META_OIF = 5;
export const NFT_META_IIF = 4;
export const NFT_META_IIFNAME = 6;
export const NFT_META_OIFNAME = 7;
export const NFT_META_L4PROTO = 16;
export const NFT_META_OIFKIND = 27;

/** Registers of 16 bytes; a key of two types is in both. */
export const NFT_REG_1 = 1;
export const NFT_REG_2 = 2;
const NFT_REG_VERDICT = 0;

export const NF_DROP = 0;
export const NF_ACCEPT = 1;
export const NFT_GOTO = -4;

const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWTABLE = 0;
const NFT_MSG_GETTABLE = 1;
const NFT_MSG_DELTABLE = 2;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_NEWRULE = 6;
const NFT_MSG_NEWSET = 9;
const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_DELSETELEM = 14;

const NFTA_TABLE_NAME = 1;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_POLICY = 5;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;
const NFTA_SET_TABLE = 1;
const NFTA_SET_NAME = 2;
const NFTA_SET_FLAGS = 3;
const NFTA_SET_KEY_TYPE = 4;
const NFTA_SET_KEY_LEN = 5;
const NFTA_SET_DATA_TYPE = 6;
const NFTA_SET_DATA_LEN = 7;
const NFTA_SET_ID = 10;
const NFTA_SET_USERDATA = 13;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;

const PAYLOAD_BASES = { network: 1, transport: 2 } as const;
const MESSAGE_BYTES_MAX = 64 * 1024;
const QUESTION_BYTES_MAX = 1024; // a name has at most 255

export type NftFamily = typeof NFPROTO_IPV4 | typeof NFPROTO_IPV6;

/** One step of a rule, on the packet and the registers. */
export type NftExpression =
  | { is: 'payload'; base: 'network' | 'transport'; offset: number; bytes: number; register: number }
  | { is: 'meta'; key: number; register: number }
  | { is: 'equal'; register: number; value: Uint8Array }
  | { is: 'and'; register: number; mask: Uint8Array } // in place
  | { is: 'lookup'; set: string; register: number; into: number } // into -1: the rule goes on when it is in the set
  | { is: 'dup'; addressRegister: number; deviceRegister: number } // a copy out of that device
  | { is: 'counter' }
  | { is: 'verdict'; code: number; chain: string }; // chain '' unless the code goes to one

export interface NftSet {
  name: string;
  flags: number; // NFT_SET_…
  keyType: number;
  keyBytes: number;
  dataType: number; // of a map, else 0
  dataBytes: number;
}

export interface NftElement {
  key: Uint8Array;
  data: Uint8Array | null; // of a map
}

interface Where {
  family: NftFamily;
  table: string;
}

/** One step of a transaction. Adding what is there already is no error, but of a rule: that one is there twice then. */
export type NftMessage =
  | (Where & { do: 'add-table' | 'delete-table' })
  | (Where & { do: 'add-chain'; chain: string; hook: { number: number; priority: number } | null })
  | (Where & { do: 'add-set'; set: NftSet })
  | (Where & { do: 'add-elements' | 'delete-elements'; set: string; elements: readonly NftElement[] })
  | (Where & { do: 'add-rule'; chain: string; expressions: readonly NftExpression[] });

/**
 * The transaction as one datagram; its messages are numbered from `sequence` on, the batch's own two included. The
 * kernel answers an error with its message's number, and success with an acknowledgement of the last but one.
 */
export function encodeBatch(messages: readonly NftMessage[], sequence: number): Uint8Array {
  assert(messages.length > 0, 'a batch without messages');
  const writer = new MessageWriter(MESSAGE_BYTES_MAX);
  const parts: Uint8Array[] = [];
  const take = (): void => void parts.push(writer.end().slice());
  batchEdge(writer, NFNL_MSG_BATCH_BEGIN, sequence);
  take();
  for (const [index, message] of messages.entries()) {
    const isLast = index === messages.length - 1;
    encode(writer, message, isLast ? NLM_F_ACK : 0, sequence + 1 + index);
    take();
  }
  batchEdge(writer, NFNL_MSG_BATCH_END, sequence + 1 + messages.length);
  take();
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Asks whether a table is there: acknowledged when it is, else ENOENT. */
export function encodeGetTable(family: NftFamily, table: string, sequence: number): Uint8Array {
  const writer = new MessageWriter(QUESTION_BYTES_MAX);
  writer.begin((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE, NLM_F_REQUEST | NLM_F_ACK, sequence);
  general(writer, family, 0);
  writer.attributeText(NFTA_TABLE_NAME, table);
  return writer.end();
}

function batchEdge(writer: MessageWriter, type: number, sequence: number): void {
  writer.begin(type, NLM_F_REQUEST, sequence);
  general(writer, 0, NFNL_SUBSYS_NFTABLES);
}

function encode(writer: MessageWriter, message: NftMessage, ack: number, sequence: number): void {
  const { family, table } = message;
  const begin = (type: number, flags: number): void => {
    writer.begin((NFNL_SUBSYS_NFTABLES << 8) | type, NLM_F_REQUEST | flags | ack, sequence);
    general(writer, family, 0);
  };
  switch (message.do) {
    case 'add-table':
      begin(NFT_MSG_NEWTABLE, NLM_F_CREATE);
      return writer.attributeText(NFTA_TABLE_NAME, table);
    case 'delete-table':
      begin(NFT_MSG_DELTABLE, 0);
      return writer.attributeText(NFTA_TABLE_NAME, table);
    case 'add-chain':
      begin(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
      return chainBody(writer, table, message.chain, message.hook);
    case 'add-set':
      begin(NFT_MSG_NEWSET, NLM_F_CREATE);
      return setBody(writer, table, message.set, sequence);
    case 'add-elements':
      begin(NFT_MSG_NEWSETELEM, NLM_F_CREATE);
      return elementsBody(writer, table, message.set, message.elements);
    case 'delete-elements':
      begin(NFT_MSG_DELSETELEM, 0);
      return elementsBody(writer, table, message.set, message.elements);
    case 'add-rule':
      begin(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
      writer.attributeText(NFTA_RULE_TABLE, table);
      writer.attributeText(NFTA_RULE_CHAIN, message.chain);
      return nest(writer, NFTA_RULE_EXPRESSIONS, () => {
        for (const each of message.expressions) nest(writer, NFTA_LIST_ELEM, () => expression(writer, each));
      });
  }
}

// struct nfgenmsg: family, version 0, resource id.
function general(writer: MessageWriter, family: number, resource: number): void {
  writer.u8(family);
  writer.u8(0);
  writer.u8(resource >> 8);
  writer.u8(resource & 255);
}

function chainBody(
  writer: MessageWriter,
  table: string,
  chain: string,
  hook: { number: number; priority: number } | null,
): void {
  writer.attributeText(NFTA_CHAIN_TABLE, table);
  writer.attributeText(NFTA_CHAIN_NAME, chain);
  if (hook === null) return;
  nest(writer, NFTA_CHAIN_HOOK, () => {
    network32(writer, NFTA_HOOK_HOOKNUM, hook.number);
    network32(writer, NFTA_HOOK_PRIORITY, hook.priority);
  });
  network32(writer, NFTA_CHAIN_POLICY, NF_ACCEPT);
  writer.attributeText(NFTA_CHAIN_TYPE, 'filter');
}

// The id only has to differ within the transaction: the message's own number does.
function setBody(writer: MessageWriter, table: string, set: NftSet, id: number): void {
  writer.attributeText(NFTA_SET_TABLE, table);
  writer.attributeText(NFTA_SET_NAME, set.name);
  network32(writer, NFTA_SET_FLAGS, set.flags);
  network32(writer, NFTA_SET_KEY_TYPE, set.keyType);
  network32(writer, NFTA_SET_KEY_LEN, set.keyBytes);
  if ((set.flags & NFT_SET_MAP) !== 0) {
    network32(writer, NFTA_SET_DATA_TYPE, set.dataType);
    network32(writer, NFTA_SET_DATA_LEN, set.dataBytes);
  }
  network32(writer, NFTA_SET_ID, id);
  if (set.keyType === NFT_TYPE_IFINDEX) writer.attribute(NFTA_SET_USERDATA, HOST_ORDER);
}

// nft(8)'s own record with a set: the order of bytes in keys (0) and data (1) is the host's (1).
const HOST_ORDER = new Uint8Array([0, 4, 1, 0, 0, 0, 1, 4, 1, 0, 0, 0]);

function elementsBody(writer: MessageWriter, table: string, set: string, elements: readonly NftElement[]): void {
  writer.attributeText(NFTA_SET_ELEM_LIST_TABLE, table);
  writer.attributeText(NFTA_SET_ELEM_LIST_SET, set);
  nest(writer, NFTA_SET_ELEM_LIST_ELEMENTS, () => {
    for (const { key, data } of elements) {
      nest(writer, NFTA_LIST_ELEM, () => {
        value(writer, NFTA_SET_ELEM_KEY, key);
        if (data !== null) value(writer, NFTA_SET_ELEM_DATA, data);
      });
    }
  });
}

function expression(writer: MessageWriter, each: NftExpression): void {
  const named = (name: string, body: () => void): void => {
    writer.attributeText(NFTA_EXPR_NAME, name);
    nest(writer, NFTA_EXPR_DATA, body);
  };
  const numbers = (...pairs: [type: number, value: number][]): void => {
    for (const [type, number] of pairs) network32(writer, type, number);
  };
  switch (each.is) {
    case 'payload':
      return named('payload', () =>
        numbers([1, each.register], [2, PAYLOAD_BASES[each.base]], [3, each.offset], [4, each.bytes]),
      );
    case 'meta':
      return named('meta', () => numbers([2, each.key], [1, each.register]));
    case 'equal':
      return named('cmp', () => {
        numbers([1, each.register], [2, 0]);
        value(writer, 3, each.value);
      });
    case 'and':
      return named('bitwise', () => {
        numbers([1, each.register], [2, each.register], [3, each.mask.length]);
        value(writer, 4, each.mask);
        value(writer, 5, new Uint8Array(each.mask.length));
      });
    case 'lookup':
      return named('lookup', () => {
        writer.attributeText(1, each.set);
        numbers([2, each.register]);
        if (each.into >= 0) numbers([3, each.into]);
      });
    case 'dup':
      return named('dup', () => numbers([1, each.addressRegister], [2, each.deviceRegister]));
    case 'counter':
      return named('counter', () => {});
    case 'verdict':
      return named('immediate', () => {
        numbers([1, NFT_REG_VERDICT]);
        nest(writer, 2, () => nest(writer, NFTA_DATA_VERDICT, () => verdict(writer, each.code, each.chain)));
      });
  }
}

function verdict(writer: MessageWriter, code: number, chain: string): void {
  network32(writer, NFTA_VERDICT_CODE, code);
  if (chain !== '') writer.attributeText(NFTA_VERDICT_CHAIN, chain);
}

function value(writer: MessageWriter, type: number, bytes: Uint8Array): void {
  nest(writer, type, () => writer.attribute(NFTA_DATA_VALUE, bytes));
}

function nest(writer: MessageWriter, type: number, body: () => void): void {
  const start = writer.nestBegin(type, true);
  body();
  writer.nestEnd(start);
}

function network32(writer: MessageWriter, type: number, number: number): void {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, number | 0);
  writer.attribute(type, bytes);
}
