// Goal: our messages say what ip(8) says. Method: bytes that ip(8) of iproute2 6.1 sent (strace), compared header by
// header and attribute by attribute, since netlink gives no meaning to their order; and hostile bytes to the parsers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.ts';
import {
  type AddressSpec,
  encodeDeleteAddress,
  encodeNewAddress,
  IFA_F_NODAD,
  parseAddress,
  RTM_DELADDR,
} from './address.ts';
import { encodeNewIpvlan, encodeNewMacvlan, encodeSetFlags, IFF_UP, IPVLAN_F_PRIVATE, parseLink } from './link.ts';
import {
  MessageWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLMSG_ERROR,
  parseAttributes,
  parseError,
  parseMessages,
} from './message.ts';
import { encodeNewRoute, type RouteSpec, RTNH_F_ONLINK } from './route.ts';
import { encodeNewRule, FR_ACT_TO_TBL, type RuleSpec } from './rule.ts';

const SEQUENCE = 0x6b033d37;
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s+/g, ''), 'hex'));
const writer = (): MessageWriter => new MessageWriter(4096);

interface Decoded {
  header: string;
  attributes: Record<string, string>;
}

function decode(bytes: Uint8Array, bodyBytes: number): Decoded {
  const messages = parseMessages(bytes);
  assert.equal(messages.length, 1);
  const [message] = messages;
  const attributes: Record<string, string> = {};
  for (const [type, payload] of parseAttributes(message!.payload, bodyBytes)) {
    attributes[type] = Buffer.from(payload).toString('hex');
  }
  const { type, flags, sequence, payload } = message!;
  return {
    header: `${type} ${flags} ${sequence} ${Buffer.from(payload.subarray(0, bodyBytes)).toString('hex')}`,
    attributes,
  };
}

const VIRTUAL4: AddressSpec = {
  index: 3,
  address: new Uint8Array([10, 0, 0, 100]),
  prefix: 24,
  broadcast: new Uint8Array([10, 0, 0, 255]),
  label: 'd0:v',
  scope: 0,
  peer: null,
  flags: 0,
  preferredLifetime: -1,
  protocol: 0,
};

const ROUTE: RouteSpec = {
  family: 'inet',
  destination: new Uint8Array([10, 9, 0, 0]),
  prefix: 16,
  type: 1,
  table: 300,
  scope: 0,
  tos: 0,
  protocol: 18,
  gateway: new Uint8Array([10, 0, 0, 2]),
  index: 3,
  source: null,
  preferredSource: null,
  priority: 7,
  flags: 0,
  realms: -1,
  preference: -1,
  expiresSeconds: -1,
  ttlPropagate: -1,
  metrics: [{ metric: 2, value: 1400 }],
  congestion: '',
  nextHops: [],
  mode: 'add',
};

const RULE: RuleSpec = {
  family: 'inet',
  from: { address: new Uint8Array([10, 1, 0, 0]), prefix: 16 },
  to: { address: new Uint8Array([10, 2, 0, 0]), prefix: 16 },
  tos: 0,
  table: 300,
  action: FR_ACT_TO_TBL,
  invert: false,
  priority: 77,
  goto: -1,
  inputLink: '',
  outputLink: '',
  fwmark: 5,
  fwmask: -1,
  realms: -1,
  tunnelId: -1,
  suppressPrefixLength: -1,
  suppressGroup: -1,
  uidRange: null,
  l3mdev: false,
  ipProtocol: -1,
  sourcePorts: null,
  destinationPorts: null,
  protocol: 0,
};

test('an IPv4 address is added with the attributes of ip(8), but without CREATE and EXCL, as keepalived does', () => {
  const theirs = decode(
    hex(`3c000000 14000506 373d036b 00000000 02180000 03000000 08000200 0a000064 09000300 64303a76 00000000
         08000100 0a000064 08000400 0a0000ff`),
    8,
  );
  const ours = decode(encodeNewAddress(writer(), VIRTUAL4, SEQUENCE), 8);
  assert.deepEqual(ours.attributes, theirs.attributes);
  assert.equal(ours.header, theirs.header.replace(`20 ${0x605}`, `20 ${0x605 & ~(NLM_F_CREATE | NLM_F_EXCL)}`));
});

test('a /128 is added deprecated and without duplicate detection', () => {
  const address = hex('fd000000 00000000 00000000 00000100');
  const spec = { ...VIRTUAL4, address, prefix: 128, flags: IFA_F_NODAD, preferredLifetime: 0, label: '' };
  const ours = decode(encodeNewAddress(writer(), spec, SEQUENCE), 8);
  // ip(8) sends IFA_ADDRESS beside IFA_LOCAL and its flags in the header's 8 bits.
  const theirs = decode(
    hex(`54000000 14000506 373d036b 00000000 0a800200 03000000 14000200 fd000000 00000000 00000000 00000100
         14000100 fd000000 00000000 00000000 00000100 14000600 00000000 ffffffff 00000000 00000000`),
    8,
  );
  const { 1: _address, ...rest } = theirs.attributes;
  assert.deepEqual(ours.attributes, { ...rest, 8: '02000000' });
});

test('a route with a table above 255, a metric and an MTU is what ip(8) sends', () => {
  const theirs = decode(
    hex(`50000000 18000506 373d036b 00000000 02100000 00120001 00000000 08000100 0a090000 08000500 0a000002
         08000600 07000000 08000f00 2c010000 08000400 03000000 0c000800 08000200 78050000`),
    12,
  );
  const ours = decode(encodeNewRoute(writer(), ROUTE, SEQUENCE), 12);
  assert.deepEqual(ours.attributes, theirs.attributes);
  // The 8-bit table field says "see the attribute": ip(8) writes 0 there, we RT_TABLE_COMPAT.
  assert.equal(ours.header, theirs.header.replace('0210000000120001', '02100000fc120001'));
});

test('a route over two gateways is what ip(8) sends', () => {
  const theirs = hex(`48000000 18000506 373d036b 00000000 02100000 fe120001 00000000 08000100 0a080000 24000900
    10000002 03000000 08000500 0a000002 10000400 03000000 08000500 0a000003`);
  const hop = { gateway: new Uint8Array([10, 0, 0, 2]), index: 3, weight: 3, flags: 0 };
  const spec: RouteSpec = {
    ...ROUTE,
    destination: new Uint8Array([10, 8, 0, 0]),
    table: 254,
    gateway: null,
    index: 0,
    priority: -1,
    metrics: [],
    nextHops: [hop, { gateway: new Uint8Array([10, 0, 0, 3]), index: 3, weight: 1, flags: RTNH_F_ONLINK }],
  };
  assert.deepEqual(Buffer.from(encodeNewRoute(writer(), spec, SEQUENCE)), Buffer.from(theirs));
});

test('a next hop of the other family travels as RTA_VIA', () => {
  const gateway = hex('fe800000 00000000 00000000 00000001');
  const { attributes } = decode(encodeNewRoute(writer(), { ...ROUTE, gateway }, SEQUENCE), 12);
  assert.equal(attributes[18], `0a00${Buffer.from(gateway).toString('hex')}`);
  assert.equal(attributes[5], undefined);
});

test('a rule is what ip(8) sends', () => {
  const theirs = decode(
    hex(`44000000 20000506 373d036b 00000000 02101000 00000001 00000000 08000200 0a010000 08000100 0a020000
         08000f00 2c010000 08000600 4d000000 08000a00 05000000`),
    12,
  );
  const ours = decode(encodeNewRule(writer(), RULE, SEQUENCE), 12);
  assert.deepEqual(ours.attributes, theirs.attributes);
  assert.equal(ours.header, theirs.header.replace('0210100000000001', '02101000fc000001'));
});

test('a macvlan is made as ip(8) makes it', () => {
  const theirs = decode(
    hex(`5c000000 10000506 373d036b 00000000 00000000 00000000 00000000 00000000 0a000100 00005e00 01330000
         08000500 03000000 0c000300 76727270 2e353100 1c001200 0b000100 6d616376 6c616e00 0c000200 08000100 01000000`),
    16,
  );
  // The kernel takes the kind's name with or without its closing NUL.
  theirs.attributes[18] = theirs.attributes[18]!.replace('0b0001006d6163766c616e00', '0c0001006d6163766c616e00');
  const hardwareAddress = hex('00005e000133');
  const spec = { name: 'vrrp.51', parentIndex: 3, hardwareAddress, mode: 1, group: 0, masterIndex: 0 };
  assert.deepEqual(decode(encodeNewMacvlan(writer(), spec, SEQUENCE), 16), theirs);
});

test('an ipvlan is made as ip(8) makes it', () => {
  const theirs = decode(
    hex(`5c000000 10000506 373d036b 00000000 00000000 00000000 00000000 00000000 08001b00 09000000 08000500 02000000
         08000300 69763000 24001200 0a000100 6970766c 616e0000 14000200 06000100 00000000 06000200 01000000`),
    16,
  );
  theirs.attributes[18] = theirs.attributes[18]!.replace('0a0001006970766c616e0000', '0b0001006970766c616e0000');
  const spec = { name: 'iv0', parentIndex: 2, flags: IPVLAN_F_PRIVATE, group: 9, masterIndex: 0 };
  assert.deepEqual(decode(encodeNewIpvlan(writer(), spec, SEQUENCE), 16), theirs);
});

test('what was encoded is parsed to the same values', () => {
  const [message] = parseMessages(encodeNewAddress(writer(), VIRTUAL4, 9));
  const info = parseAddress(message!.payload)!;
  assert.deepEqual(
    { ...info, address: [...info.address] },
    {
      index: 3,
      address: [10, 0, 0, 100],
      prefix: 24,
      flags: 0,
      scope: 0,
      label: 'd0:v',
      protocol: 0,
    },
  );
  const [up] = parseMessages(encodeSetFlags(writer(), 7, IFF_UP, IFF_UP, 9));
  const link = parseLink(up!.payload)!;
  assert.equal(link.index, 7);
  assert.equal(link.flags, IFF_UP);
  const [gone] = parseMessages(encodeDeleteAddress(writer(), VIRTUAL4, 9));
  assert.equal(gone!.type, RTM_DELADDR);
  assert.equal(gone!.flags & NLM_F_ACK, NLM_F_ACK);
});

test('an acknowledgement is errno 0, a refusal has its number and the kernel’s words', () => {
  const acknowledged = parseMessages(
    hex('24000000 02000001 01000000 05000000 00000000 44000000 20000506 01000000 00000000'),
  );
  assert.equal(acknowledged[0]!.type, NLMSG_ERROR);
  assert.deepEqual(parseError(acknowledged[0]!), { errno: 0, text: '' });
  const words = Buffer.from('No such thing\0\0\0').toString('hex');
  const refused = parseMessages(
    hex(`38000000 02000003 01000000 05000000 edffffff 30000000 12000100 01000000 00000000 12000100 ${words}`),
  );
  assert.deepEqual(parseError(refused[0]!), { errno: 19, text: 'No such thing' });
});

test('damaged bytes end the parsing, whatever they say', () => {
  const prng = new Prng(Number(process.env['FUZZ_SEED'] ?? 51));
  const sample = encodeNewRoute(writer(), ROUTE, SEQUENCE).slice();
  const cases = Number(process.env['FUZZ_CASES'] ?? 20_000);
  for (let index = 0; index < cases; index++) {
    const bytes = sample.slice(0, prng.below(sample.length + 1));
    for (let flips = prng.below(4); flips > 0 && bytes.length > 0; flips--)
      bytes[prng.below(bytes.length)] = prng.below(256);
    for (const message of parseMessages(bytes)) {
      assert.ok(message.payload.length <= bytes.length);
      parseError(message);
      parseLink(message.payload);
      parseAddress(message.payload);
      for (const [, payload] of parseAttributes(message.payload, 12)) assert.ok(payload.length <= bytes.length);
    }
  }
});
