// Asking a network card itself whether its cable has a link (netdevice(7)): MII registers, ethtool's GLINK, flags.
//
// For drivers that do not tell the kernel by themselves. Every call is an ioctl(2) of some microseconds.

import { AF_INET, SOCK_CLOEXEC } from './abi.ts';
import { check, ENODEV } from './errno.ts';
import { lastErrno } from './ffi.ts';
import * as libc from './libc.ts';
import { type Mapping, mapAnonymous } from './memory.ts';

const SOCK_DGRAM = 2;
const SIOCGIFFLAGS = 0x8913;
const SIOCETHTOOL = 0x8946;
const SIOCGMIIPHY = 0x8947;
const SIOCGMIIREG = 0x8948;
const ETHTOOL_GLINK = 0x0a;
const MII_BMCR = 0;
const MII_BMSR = 1;
const BMSR_LSTATUS = 4;
const IFF_UP = 1;
const IFF_RUNNING = 0x40;
const UNREADABLE = 0xffff;

// struct ifreq: name 0, union 16; of MII in the union: phy 16, register 18, in 20, out 22. The ethtool_value after it.
const NAME_BYTES = 16;
const UNION = 16;
const IFREQ_BYTES = 40;
const ETHTOOL = 64;

export type LinkMethod = 'MII' | 'ETHTOOL' | 'IOCTL';

/** Holds a socket; close() it. */
export class LinkProber {
  private readonly fd: number;
  private readonly memory: Mapping;
  private readonly view: DataView;

  /** Throws SysError when there is no socket to be had. */
  constructor() {
    this.fd = check('socket', libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    this.memory = mapAnonymous(4096);
    this.view = new DataView(this.memory.buffer);
  }

  /** Whether the link is there; null: the driver does not answer by this method. */
  hasLink(name: string, method: LinkMethod): boolean | null {
    if (method === 'MII') return this.byMii(name);
    if (method === 'ETHTOOL') return this.byEthtool(name);
    return this.isRunning(name);
  }

  /** IFF_UP and IFF_RUNNING; true when it cannot be asked for another reason than its absence. */
  isRunning(name: string): boolean {
    this.begin(name);
    if (!this.ask(SIOCGIFFLAGS)) return lastErrno() !== ENODEV;
    const wanted = IFF_UP | IFF_RUNNING;
    return (this.view.getUint16(UNION, true) & wanted) === wanted;
  }

  close(): void {
    libc.close(this.fd);
  }

  // The status register keeps a lost link until it is read: either of two readings counts.
  private byMii(name: string): boolean | null {
    this.begin(name);
    if (!this.ask(SIOCGMIIPHY)) return null;
    const phy = this.view.getUint16(UNION, true);
    if (this.register(phy, MII_BMCR) === UNREADABLE) return null;
    const first = this.register(phy, MII_BMSR);
    if (first === UNREADABLE || first === 0) return null;
    return ((first | this.register(phy, MII_BMSR)) & BMSR_LSTATUS) !== 0;
  }

  private register(phy: number, register: number): number {
    this.view.setUint16(UNION, phy, true);
    this.view.setUint16(UNION + 2, register, true);
    return this.ask(SIOCGMIIREG) ? this.view.getUint16(UNION + 6, true) : UNREADABLE;
  }

  private byEthtool(name: string): boolean | null {
    this.begin(name);
    this.view.setUint32(ETHTOOL, ETHTOOL_GLINK, true);
    this.view.setUint32(ETHTOOL + 4, 0, true);
    this.view.setBigUint64(UNION, this.memory.address + BigInt(ETHTOOL), true);
    return this.ask(SIOCETHTOOL) ? this.view.getUint32(ETHTOOL + 4, true) !== 0 : null;
  }

  private begin(name: string): void {
    this.memory.bytes.fill(0, 0, IFREQ_BYTES);
    this.memory.bytes.set(new TextEncoder().encode(name).subarray(0, NAME_BYTES - 1), 0);
  }

  private ask(request: number): boolean {
    return libc.ioctl(this.fd, request, this.memory.address) >= 0;
  }
}
