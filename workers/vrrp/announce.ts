// Gratuitous ARP and unsolicited neighbour advertisements, as Ethernet frames on a packet socket (packet(7)).

import { readFileSync } from 'node:fs';
import type { LinkInfo } from '../../core/netlink/link.ts';
import { AF_PACKET, ETH_P_ARP, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW } from '../../core/sys/abi.ts';
import { check } from '../../core/sys/errno.ts';
import * as libc from '../../core/sys/libc.ts';
import { encodePacketAddress, type PacketIo } from '../../core/sys/packet-io.ts';
import { garpFrame, unsolicitedNaFrame } from '../../core/vrrp/arp.ts';

const ARPHRD_ETHER = 1;
const ETH_P_IPV6 = 0x86dd;
const MAC_BYTES = 6;

export class Announcer {
  private readonly io: PacketIo;
  private readonly fd: number;

  /** Throws SysError (EPERM without CAP_NET_RAW). */
  constructor(io: PacketIo) {
    this.io = io;
    // Protocol 0: the socket sends and never receives.
    this.fd = check('socket', libc.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  }

  /** Sends `count` frames for `address` out of `link`; the positive errno of the first that failed, else 0. */
  announce(link: LinkInfo, address: Uint8Array, count: number): number {
    if (link.hardwareType !== ARPHRD_ETHER || link.hardwareAddress.length !== MAC_BYTES) return 0;
    const isInet6 = address.length === 16;
    const frame = isInet6
      ? unsolicitedNaFrame(link.hardwareAddress, address, forwards(link.name))
      : garpFrame(link.hardwareAddress, address);
    const target = encodePacketAddress(link.index, isInet6 ? ETH_P_IPV6 : ETH_P_ARP, frame.subarray(0, MAC_BYTES));
    this.io.data.set(frame);
    for (let index = 0; index < count; index++) {
      const errno = this.io.send(this.fd, frame.length, target, 0, null, 0);
      if (errno !== 0) return errno;
    }
    return 0;
  }

  close(): void {
    libc.close(this.fd);
  }
}

// The R flag says that hosts may route through us (RFC 4861 §4.4).
function forwards(linkName: string): boolean {
  try {
    return readFileSync(`/proc/sys/net/ipv6/conf/${linkName}/forwarding`, 'latin1').trim() !== '0';
  } catch {
    return false;
  }
}
