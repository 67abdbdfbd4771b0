// What the packet filter's tables are made of: keepalived's own names, so that an operator finds the chains and sets
// he knows (`nft list ruleset`), and a switch from one to the other leaves nothing behind.
//
// Parts of a table are made when first needed, in this order of PARTS: the table with its output chain, the rules about
// virtual MACs, those about addresses, and those about link-local addresses, which mean something on one link only.

import type { IpFamily } from '../../core/model/vrrp.ts';
import {
  NF_ACCEPT,
  NF_DROP,
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  NFT_GOTO,
  NFT_META_IIF,
  NFT_META_IIFNAME,
  NFT_META_L4PROTO,
  NFT_META_OIF,
  NFT_META_OIFKIND,
  NFT_META_OIFNAME,
  NFT_REG_1,
  NFT_REG_2,
  NFT_SET_CONSTANT,
  NFT_SET_MAP,
  NFT_TYPE_ICMPV6_TYPE,
  NFT_TYPE_IFINDEX,
  NFT_TYPE_IFNAME,
  NFT_TYPE_IP6ADDR,
  NFT_TYPE_IPADDR,
  type NftExpression,
  type NftFamily,
  type NftMessage,
  type NftSet,
  nftConcatenation,
} from '../../core/netlink/nftables.ts';

export const PARTS = ['out', 'reports', 'vips', 'link-local', 'link-local-name'] as const;
export type Part = (typeof PARTS)[number];

export interface TableOptions {
  table: string;
  priority: number; // of the chains, among those of others
  counters: boolean;
}

export const SET_VIPS = 'vips';
export const SET_LINK_LOCAL = 'vips_link_local';
export const SET_LINK_LOCAL_NAME = 'vips_link_local_name';
export const SET_VMAC = 'vmac_set';
export const MAP_VMAC = 'vmac_map';
export const SET_PARENT_LINK_LOCAL = 'parent_link_local';
const SET_NEIGHBOUR = 'neighbor-discovery';
const SET_MLD = 'mld-report';

const IPPROTO_IGMP = 2;
const IPPROTO_ICMPV6 = 58;
const ICMPV6_MLD_REPORT = 131;
const ICMPV6_ROUTER_SOLICIT = 133;
const ICMPV6_NEIGHBOUR_SOLICIT = 135;
const ICMPV6_NEIGHBOUR_ADVERT = 136;
const ICMPV6_MLD2_REPORT = 143;
const IFNAME_BYTES = 16;
const IFINDEX_BYTES = 4;

export const protocolOf = (family: IpFamily): NftFamily => (family === 'inet' ? NFPROTO_IPV4 : NFPROTO_IPV6);

/** The messages that make one part of a family's table. */
export function partMessages(family: IpFamily, part: Part, options: TableOptions): NftMessage[] {
  const where = { family: protocolOf(family), table: options.table };
  const chain = (name: string, number: number): NftMessage => ({
    ...where,
    do: 'add-chain',
    chain: name,
    hook: { number, priority: options.priority },
  });
  const plain = (name: string): NftMessage => ({ ...where, do: 'add-chain', chain: name, hook: null });
  const set = (made: NftSet): NftMessage => ({ ...where, do: 'add-set', set: made });
  const counter: NftExpression[] = options.counters ? [{ is: 'counter' }] : [];
  const rule = (name: string, verdict: NftExpression, expressions: readonly NftExpression[]): NftMessage => ({
    ...where,
    do: 'add-rule',
    chain: name,
    expressions: [...expressions, ...counter, verdict],
  });
  const types = (name: string, ...values: number[]): NftMessage[] => [
    set({ ...setOf(name, NFT_TYPE_ICMPV6_TYPE, 1), flags: NFT_SET_CONSTANT }),
    {
      ...where,
      do: 'add-elements',
      set: name,
      elements: values.map((value) => ({ key: new Uint8Array([value]), data: null })),
    },
  ];
  switch (part) {
    case 'out':
      return [{ ...where, do: 'add-table' }, chain('out', NF_INET_LOCAL_OUT)];
    case 'reports': {
      const map = { ...setOf(MAP_VMAC, NFT_TYPE_IFINDEX, IFINDEX_BYTES), flags: NFT_SET_MAP };
      const madeMap = set({ ...map, dataType: NFT_TYPE_IFINDEX, dataBytes: IFINDEX_BYTES });
      if (family === 'inet') return [madeMap, rule('out', DROP, [...isIgmp(), ...outOfBase(destination(family))])];
      return [
        set(setOf(SET_PARENT_LINK_LOCAL, nftConcatenation(NFT_TYPE_IP6ADDR, NFT_TYPE_IFNAME), 16 + IFNAME_BYTES)),
        madeMap,
        set(setOf(SET_VMAC, NFT_TYPE_IFINDEX, IFINDEX_BYTES)),
        ...types(SET_MLD, ICMPV6_MLD_REPORT, ICMPV6_MLD2_REPORT),
        rule('out', DROP, [...isAdvert(), ...isMacvlan(), ...inSet(SET_PARENT_LINK_LOCAL, 'source', NFT_META_OIFNAME)]),
        rule('out', DROP, [...isIcmp6In(SET_MLD), ...outOfBase(destination(family))]),
        rule('out', DROP, [...isIcmp6(ICMPV6_ROUTER_SOLICIT), ...isMacvlan(), ...byDevice(SET_VMAC)]),
      ];
    }
    case 'vips': {
      const key = family === 'inet' ? setOf(SET_VIPS, NFT_TYPE_IPADDR, 4) : setOf(SET_VIPS, NFT_TYPE_IP6ADDR, 16);
      const input = chain('in', NF_INET_LOCAL_IN);
      const drops = [
        rule('in', DROP, [destination(family), lookup(SET_VIPS)]),
        rule('out', DROP, [source(family), lookup(SET_VIPS)]),
      ];
      if (family === 'inet') return [input, set(key), ...drops];
      return [
        input,
        plain('in_link_local'),
        plain('out_link_local'),
        set(key),
        ...types(SET_NEIGHBOUR, ICMPV6_NEIGHBOUR_SOLICIT, ICMPV6_NEIGHBOUR_ADVERT),
        rule('in', ACCEPT, isIcmp6In(SET_NEIGHBOUR)),
        rule('in', goTo('in_link_local'), isLinkLocal(destination(family))),
        rule('out', ACCEPT, isIcmp6In(SET_NEIGHBOUR)),
        rule('out', goTo('out_link_local'), isLinkLocal(source(family))),
        ...drops,
      ];
    }
    case 'link-local':
    case 'link-local-name': {
      const byName = part === 'link-local-name';
      const name = byName ? SET_LINK_LOCAL_NAME : SET_LINK_LOCAL;
      const [linkType, linkBytes] = byName ? [NFT_TYPE_IFNAME, IFNAME_BYTES] : [NFT_TYPE_IFINDEX, IFINDEX_BYTES];
      const [input, output] = byName ? [NFT_META_IIFNAME, NFT_META_OIFNAME] : [NFT_META_IIF, NFT_META_OIF];
      return [
        set(setOf(name, nftConcatenation(NFT_TYPE_IP6ADDR, linkType), 16 + linkBytes)),
        rule('in_link_local', DROP, inSet(name, 'destination', input)),
        rule('out_link_local', DROP, inSet(name, 'source', output)),
      ];
    }
  }
}

const DROP: NftExpression = { is: 'verdict', code: NF_DROP, chain: '' };
const ACCEPT: NftExpression = { is: 'verdict', code: NF_ACCEPT, chain: '' };
const goTo = (chain: string): NftExpression => ({ is: 'verdict', code: NFT_GOTO, chain });

const setOf = (name: string, keyType: number, keyBytes: number): NftSet => ({
  name,
  flags: 0,
  keyType,
  keyBytes,
  dataType: 0,
  dataBytes: 0,
});

const equal = (...value: number[]): NftExpression => ({
  is: 'equal',
  register: NFT_REG_1,
  value: new Uint8Array(value),
});
const lookup = (set: string): NftExpression => ({ is: 'lookup', set, register: NFT_REG_1, into: -1 });

// Where the addresses are in the two headers (RFC 791 §3.1, RFC 8200 §3).
const source = (family: IpFamily): NftExpression => (family === 'inet' ? networkBytes(12, 4) : networkBytes(8, 16));
const destination = (family: IpFamily): NftExpression =>
  family === 'inet' ? networkBytes(16, 4) : networkBytes(24, 16);

function networkBytes(offset: number, bytes: number): NftExpression {
  return { is: 'payload', base: 'network', offset, bytes, register: NFT_REG_1 };
}

const isIgmp = (): NftExpression[] => [networkBytes(9, 1), equal(IPPROTO_IGMP)];

function icmp6Type(): NftExpression[] {
  return [
    { is: 'meta', key: NFT_META_L4PROTO, register: NFT_REG_1 },
    equal(IPPROTO_ICMPV6),
    { is: 'payload', base: 'transport', offset: 0, bytes: 1, register: NFT_REG_1 },
  ];
}

const isIcmp6 = (type: number): NftExpression[] => [...icmp6Type(), equal(type)];
const isIcmp6In = (set: string): NftExpression[] => [...icmp6Type(), lookup(set)];
const isAdvert = (): NftExpression[] => isIcmp6(ICMPV6_NEIGHBOUR_ADVERT);

// fe80::/10
function isLinkLocal(address: NftExpression): NftExpression[] {
  const mask = new Uint8Array(16);
  mask.set([0xff, 0xc0]);
  const network = new Uint8Array(16);
  network.set([0xfe, 0x80]);
  return [address, { is: 'and', register: NFT_REG_1, mask }, { is: 'equal', register: NFT_REG_1, value: network }];
}

function isMacvlan(): NftExpression[] {
  const value = new Uint8Array(IFNAME_BYTES);
  value.set(new TextEncoder().encode('macvlan'));
  return [
    { is: 'meta', key: NFT_META_OIFKIND, register: NFT_REG_2 },
    { is: 'equal', register: NFT_REG_2, value },
  ];
}

const byDevice = (set: string): NftExpression[] => [
  { is: 'meta', key: NFT_META_OIF, register: NFT_REG_2 },
  { is: 'lookup', set, register: NFT_REG_2, into: -1 },
];

// Address and link as one key: the second register follows the first.
const inSet = (set: string, which: 'source' | 'destination', link: number): NftExpression[] => [
  which === 'source' ? source('inet6') : destination('inet6'),
  { is: 'meta', key: link, register: NFT_REG_2 },
  lookup(set),
];

// The same packet leaves by the base interface instead: a switch learns the group's port by the base's own MAC.
const outOfBase = (address: NftExpression): NftExpression[] => [
  address,
  ...isMacvlan(),
  { is: 'meta', key: NFT_META_OIF, register: NFT_REG_2 },
  { is: 'lookup', set: MAP_VMAC, register: NFT_REG_2, into: NFT_REG_2 },
  { is: 'dup', addressRegister: NFT_REG_1, deviceRegister: NFT_REG_2 },
];
