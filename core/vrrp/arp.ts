// Ethernet frames that tell the segment where a virtual address now lives: gratuitous ARP (RFC 826, RFC 5227 §3) and
// unsolicited neighbour advertisement (RFC 4861 §4.4, §7.2.6), byte for byte as keepalived sends them.

import { assert } from '../base/assert.ts';
import { IPV4_BYTES, IPV6_BYTES } from './address.ts';
import { checksumAdd, checksumFold, pseudoSum } from './checksum.ts';

const ETHERNET_BYTES = 14;
const MAC_BYTES = 6;
export const GARP_FRAME_BYTES = 42;
export const NA_FRAME_BYTES = 86;

const ICMPV6 = 58;
const NEIGHBOUR_ADVERTISEMENT = 136;
const FLAG_ROUTER = 0x80;
const FLAG_OVERRIDE = 0x20;
const OPTION_TARGET_LINK_ADDRESS = 2;
const ALL_NODES = new Uint8Array([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

/**
 * A broadcast ARP request from and for `address` itself. No padding: the kernel or the card adds it.
 * @param mac of the interface, or the virtual router's
 */
export function garpFrame(mac: Uint8Array, address: Uint8Array): Uint8Array {
  assert(mac.length === MAC_BYTES && address.length === IPV4_BYTES, 'a gratuitous ARP has a MAC and an IPv4 address');
  const frame = new Uint8Array(GARP_FRAME_BYTES);
  frame.fill(0xff, 0, MAC_BYTES);
  frame.set(mac, 6);
  frame.set([0x08, 0x06], 12); // ethertype ARP
  frame.set([0, 1, 0x08, 0, MAC_BYTES, IPV4_BYTES, 0, 1], ETHERNET_BYTES); // Ethernet, IPv4, request
  frame.set(mac, 22);
  frame.set(address, 28);
  frame.fill(0xff, 32, 38);
  frame.set(address, 38);
  return frame;
}

/**
 * An unsolicited neighbour advertisement to all nodes, from and for `address` itself, overriding what they knew.
 * @param isRouter whether the interface forwards (the R flag)
 */
export function unsolicitedNaFrame(mac: Uint8Array, address: Uint8Array, isRouter: boolean): Uint8Array {
  assert(mac.length === MAC_BYTES && address.length === IPV6_BYTES, 'an advertisement has a MAC and an IPv6 address');
  const frame = new Uint8Array(NA_FRAME_BYTES);
  frame.set([0x33, 0x33, 0, 0, 0, 1], 0);
  frame.set(mac, 6);
  frame.set([0x86, 0xdd], 12); // ethertype IPv6
  const icmpBytes = NA_FRAME_BYTES - 54;
  frame.set([0x60, 0, 0, 0, 0, icmpBytes, ICMPV6, 255], ETHERNET_BYTES);
  frame.set(address, 22);
  frame.set(ALL_NODES, 38);
  frame[54] = NEIGHBOUR_ADVERTISEMENT;
  frame[58] = FLAG_OVERRIDE | (isRouter ? FLAG_ROUTER : 0);
  frame.set(address, 62);
  frame.set([OPTION_TARGET_LINK_ADDRESS, 1], 78);
  frame.set(mac, 80);
  const sum = checksumAdd(pseudoSum(address, ALL_NODES, ICMPV6, icmpBytes), frame, 54, NA_FRAME_BYTES);
  const checksum = checksumFold(sum);
  frame[56] = checksum >> 8;
  frame[57] = checksum & 255;
  return frame;
}
