// Goal: a transaction says what nft(8) says. Method: attributes as nft 1.0.6 sent them for the same set, element and
// rule (its --debug=mnl), and the frame around them; that the kernel takes them is bench/conformance/vrrp-filter.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_REQUEST, parseAttributes, parseMessages } from './message.ts';
import {
  encodeBatch,
  NF_DROP,
  NF_INET_LOCAL_IN,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  NFT_META_OIFNAME,
  NFT_REG_1,
  NFT_REG_2,
  NFT_SET_MAP,
  NFT_TYPE_IFINDEX,
  NFT_TYPE_IFNAME,
  NFT_TYPE_IP6ADDR,
  type NftMessage,
  nftConcatenation,
} from './nftables.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const where = { family: NFPROTO_IPV6, table: 'k' } as const;
const key = new Uint8Array(32);
key.set([0xfe, 0x80], 0);
key.set([1], 15);
key.set(new TextEncoder().encode('eth0'), 16);
const vl = { name: 'vl', flags: 0, keyBytes: 32, dataType: 0, dataBytes: 0 };
const link = { keyType: nftConcatenation(NFT_TYPE_IP6ADDR, NFT_TYPE_IFNAME) };

/** The one message of a batch, its attributes by number. */
function only(message: NftMessage): { type: number; family: number; attributes: Map<number, Uint8Array> } {
  const [, inner] = parseMessages(encodeBatch([message], 1));
  return { type: inner!.type, family: inner!.payload[0]!, attributes: parseAttributes(inner!.payload, 4) };
}

const show = (attributes: Map<number, Uint8Array>): Record<string, string> =>
  Object.fromEntries([...attributes].map(([type, bytes]) => [type, hex(bytes)]));

test('a batch begins and ends, is numbered through, and asks for one acknowledgement', () => {
  const messages: NftMessage[] = [
    { ...where, do: 'add-table' },
    { ...where, do: 'delete-table' },
    {
      family: NFPROTO_IPV4,
      table: 'k',
      do: 'add-chain',
      chain: 'in',
      hook: { number: NF_INET_LOCAL_IN, priority: -1 },
    },
  ];
  const parsed = parseMessages(encodeBatch(messages, 7));
  assert.deepEqual(
    parsed.map(({ type, sequence }) => [type, sequence]),
    [
      [0x10, 7],
      [0x0a00, 8],
      [0x0a02, 9],
      [0x0a03, 10],
      [0x11, 11],
    ],
  );
  const request = NLM_F_REQUEST;
  assert.deepEqual(
    parsed.map(({ flags }) => flags),
    [request, request | NLM_F_CREATE, request, request | NLM_F_CREATE | NLM_F_ACK, request],
  );
  assert.equal(hex(parsed[0]!.payload), '0000000a');
  assert.equal(hex(parsed[1]!.payload), '0a00000006000100' + '6b000000');
  const chain = parseAttributes(parsed[3]!.payload, 4);
  assert.deepEqual(show(parseAttributes(chain.get(4)!, 0)), { 1: '00000001', 2: 'ffffffff' });
  assert.equal(hex(chain.get(5)!), '00000001');
});

test('a set of addresses on links is the one nft makes', () => {
  const { type, family, attributes } = only({ ...where, do: 'add-set', set: { ...vl, ...link } });
  assert.equal(type, 0x0a09);
  assert.equal(family, NFPROTO_IPV6);
  assert.deepEqual(show(attributes), {
    1: '6b00',
    2: '766c00',
    3: '00000000',
    4: '00000229',
    5: '00000020',
    10: '00000002',
  });
});

test('a map of links is told as one in the order of this machine', () => {
  const map = { name: 'vm', flags: NFT_SET_MAP, keyType: NFT_TYPE_IFINDEX, keyBytes: 4 };
  const set = { ...map, dataType: NFT_TYPE_IFINDEX, dataBytes: 4 };
  const { attributes } = only({ ...where, do: 'add-set', set });
  assert.equal(hex(attributes.get(3)!), '00000008');
  assert.equal(hex(attributes.get(6)!), '00000014');
  assert.equal(hex(attributes.get(7)!), '00000004');
  assert.equal(hex(attributes.get(13)!), '000401000000' + '010401000000');
});

test('an element is nested as nft nests it', () => {
  const { type, attributes } = only({ ...where, do: 'add-elements', set: 'vl', elements: [{ key, data: null }] });
  assert.equal(type, 0x0a0c);
  assert.equal(hex(attributes.get(3)!), `2c0001802800018024000100${hex(key)}`);
  const gone = only({ ...where, do: 'delete-elements', set: 'vl', elements: [{ key, data: null }] });
  assert.equal(gone.type, 0x0a0e);
});

test('a rule holds its expressions in their order', () => {
  const message: NftMessage = {
    ...where,
    do: 'add-rule',
    chain: 'a',
    expressions: [
      { is: 'payload', base: 'network', offset: 8, bytes: 16, register: NFT_REG_1 },
      { is: 'meta', key: NFT_META_OIFNAME, register: NFT_REG_2 },
      { is: 'lookup', set: 'vl', register: NFT_REG_1, into: -1 },
      { is: 'counter' },
      { is: 'verdict', code: NF_DROP, chain: '' },
    ],
  };
  const [, rule] = parseMessages(encodeBatch([message], 1));
  assert.equal(rule!.flags, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK);
  const list = parseAttributes(rule!.payload, 4).get(4)!;
  const names: string[] = [];
  for (let at = 0; at < list.length; at += list[at]! | (list[at + 1]! << 8)) {
    const element = list.subarray(at + 4, at + (list[at]! | (list[at + 1]! << 8)));
    names.push(Buffer.from(parseAttributes(element, 0).get(1)!).toString().replace('\0', ''));
  }
  assert.deepEqual(names, ['payload', 'meta', 'lookup', 'counter', 'immediate']);
  const payload = parseAttributes(parseAttributes(list.subarray(4), 0).get(2)!, 0);
  assert.deepEqual(show(payload), { 1: '00000001', 2: '00000001', 3: '00000008', 4: '00000010' });
});
