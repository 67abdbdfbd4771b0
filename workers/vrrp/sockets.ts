// The raw sockets of protocol 112 (51 with AH): which are wanted, opening, joining groups, sending, receiving.
//
// One receiving socket a key (family, protocol, interface, group or unicast source), as many instances as want it. A
// multicast socket is bound to its group, so that it never sees unicast copies, and to its interface. An instance with
// a virtual MAC listens on the virtual interface: the kernel gives frames from the same MAC to that one alone.

import type { VrrpInstance, VrrpModel } from '../../core/model/vrrp.ts';
import type { VrrpSocket } from '../../core/model/vrrp-worker.ts';
import type { Cue } from '../../core/shared/deputy-board.ts';
import {
  AF_INET,
  AF_INET6,
  IP_ADD_MEMBERSHIP,
  IP_FREEBIND,
  IP_MULTICAST_ALL,
  IP_MULTICAST_IF,
  IP_MULTICAST_LOOP,
  IPPROTO_AH,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_VRRP,
  IPV6_ADD_MEMBERSHIP,
  IPV6_FREEBIND,
  IPV6_MULTICAST_ALL,
  IPV6_MULTICAST_HOPS,
  IPV6_MULTICAST_IF,
  IPV6_MULTICAST_LOOP,
  IPV6_RECVHOPLIMIT,
  IPV6_RECVPKTINFO,
  IPV6_TCLASS,
  IPV6_UNICAST_HOPS,
  MSG_DONTROUTE,
  SO_BINDTODEVICE,
  SO_PRIORITY,
  SO_RCVBUF,
  SO_TIMESTAMPNS,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
} from '../../core/sys/abi.ts';
import { check } from '../../core/sys/errno.ts';
import * as libc from '../../core/sys/libc.ts';
import { encodeMembership4, encodeMembership6, type PacketIo, receiveNothing } from '../../core/sys/packet-io.ts';
import { encodeInet } from '../../core/sys/sockaddr.ts';
import { setOption, setOptionText, trySetOption } from '../../core/sys/socket.ts';
import { formatAddress } from '../../core/vrrp/address.ts';
import type { Intent } from '../../core/vrrp/contract.ts';
import type { Interfaces } from './interfaces.ts';

const IPPROTO_RAW = 255; // a sending socket: it takes whole IP packets and receives nothing
const TRAFFIC_CLASS = 0xc0; // internetwork control
const SO_PRIORITY_CONTROL = 6;
const GROUP4 = '224.0.0.18';
const GROUP6 = 'ff02::12';

type SendAdvert = Extract<Intent, { do: 'send-advert' }>;

/** A receiving socket. */
export interface Listening {
  key: string;
  fd: number;
  family: 'inet' | 'inet6';
  ifindex: number; // to tell core/vrrp: the interface of the instance, 0 when bound to none
}

interface Wanted {
  key: string;
  family: 'inet' | 'inet6';
  protocol: number;
  deviceIndex: number; // to bind to: the virtual interface when there is one; 0 none
  deviceName: string;
  ifindex: number;
  group: string; // '' unicast
  source: string; // unicast
  receiveBytes: number; // 0: the kernel's default
}

/** Where an instance's packets go out and come in: its virtual interface, when it has one. */
export type DeviceOf = (instance: VrrpInstance) => string;

export class Sockets {
  readonly listening: Listening[] = [];
  private readonly io: PacketIo;
  private readonly interfaces: Interfaces;
  private readonly senders = new Map<string, number>(); // by family and device index
  private readonly hops = new Map<number, number>(); // by IPv6 sending fd: the limit that is set
  private readonly log: (text: string) => void;
  private readonly complained = new Set<string>();
  private readonly users = new Map<string, string[]>(); // instances by key
  private readonly letGo: (fd: number) => boolean;

  /** `letGo` says whether nobody else sends with a descriptor any more; one that is still used is never closed. */
  constructor(io: PacketIo, interfaces: Interfaces, letGo: (fd: number) => boolean, log: (text: string) => void) {
    this.io = io;
    this.letGo = letGo;
    this.interfaces = interfaces;
    this.log = log;
  }

  /** Opens what `model` wants and is possible now, closes what it no longer wants. True when the set changed. */
  sync(model: VrrpModel, deviceOf: DeviceOf): boolean {
    const wanted = new Map<string, Wanted>();
    this.users.clear();
    for (const instance of model.instances) {
      const each = this.wantedBy(instance, deviceOf(instance), instance.strict ?? model.global.strict);
      if (each === null) continue;
      wanted.set(each.key, each);
      this.users.set(each.key, [...(this.users.get(each.key) ?? []), instance.name]);
    }
    let changed = false;
    for (let index = this.listening.length - 1; index >= 0; index--) {
      if (wanted.has(this.listening[index]!.key)) continue;
      libc.close(this.listening[index]!.fd);
      this.listening.splice(index, 1);
      changed = true;
    }
    for (const each of wanted.values()) {
      if (this.listening.some((open) => open.key === each.key)) continue;
      changed = this.open(each) || changed;
    }
    this.forgetSenders();
    return changed;
  }

  /** What is open, for the dumps. */
  describe(): VrrpSocket[] {
    return this.listening.map(({ key, fd, family }) => {
      const [, protocol, deviceIndex, , , source, receiveBytes] = key.split('|');
      return {
        fdIn: fd,
        fdOut: this.senders.get(`${family}|${deviceIndex}`) ?? -1,
        interfaceName: this.interfaces.links.get(Number(deviceIndex))?.name ?? '',
        family,
        protocol: Number(protocol),
        source: source ?? '',
        receiveBytes: Number(receiveBytes),
        instances: this.users.get(key) ?? [],
      };
    });
  }

  /** Whether something wanted could not be opened yet. */
  get incomplete(): boolean {
    return this.complained.size > 0;
  }

  /** How an advertisement goes out of `deviceIndex` (0: wherever the route says); its fd may be a negated errno. */
  cueOf(intent: SendAdvert, deviceIndex: number): Cue {
    const isInet6 = intent.family === 'inet6';
    const fd = this.sender(intent.family, deviceIndex);
    if (isInet6 && fd >= 0) this.limitHops(fd, intent.ttl);
    return {
      fd,
      flags: intent.multicast ? MSG_DONTROUTE : 0,
      interfaceIndex: deviceIndex,
      source: isInet6 ? intent.source : null,
      packets: intent.packets.map(({ destination, bytes }) => {
        return { target: encodeInet(formatAddress(destination), 0, isInet6 ? deviceIndex : 0), bytes };
      }),
    };
  }

  /** Sends its packets; 0 or the first errno. */
  send({ fd, flags, interfaceIndex, source, packets }: Cue): number {
    if (fd < 0) return -fd;
    let failed = 0;
    for (const { target, bytes } of packets) {
      this.io.data.set(bytes);
      const errno = this.io.send(fd, bytes.length, target, flags, source, interfaceIndex);
      if (errno !== 0 && failed === 0) failed = errno;
    }
    return failed;
  }

  /** Before it is needed in a hurry; what cannot be had now is tried again with the first packet. */
  openSender(family: 'inet' | 'inet6', deviceIndex: number): void {
    this.sender(family, deviceIndex);
  }

  close(): void {
    for (const { fd } of this.listening.splice(0)) libc.close(fd);
    for (const fd of this.senders.values()) this.closeSender(fd);
    this.senders.clear();
  }

  private wantedBy(instance: VrrpInstance, device: string, isStrict: boolean): Wanted | null {
    const { family, interfaceName } = instance;
    const base = interfaceName === '' ? null : this.interfaces.byName(interfaceName);
    const bound = interfaceName === '' ? (instance.vrf ?? '') : device; // a VRF's packets are its device's
    const link = bound === '' ? null : this.interfaces.byName(bound);
    if (bound !== '' && link === null) return null;
    if (interfaceName !== '' && (link === null || base === null)) return null; // it may come later
    const group = instance.unicast ? '' : instance.mcastGroup || (family === 'inet' ? GROUP4 : GROUP6);
    const source = instance.unicast ? this.unicastSource(instance, base?.index ?? 0) : '';
    if (instance.unicast && source === '') return null;
    const isAh = instance.auth.type === 'ah' && instance.version === 2 && family === 'inet' && !isStrict;
    const protocol = isAh ? IPPROTO_AH : IPPROTO_VRRP;
    const deviceIndex = link?.index ?? 0;
    return {
      key: `${family}|${protocol}|${deviceIndex}|${base?.index ?? 0}|${group}|${source}|${instance.kernelRxBufBytes}`,
      family,
      protocol,
      deviceIndex,
      deviceName: link?.name ?? '',
      ifindex: base?.index ?? 0,
      group,
      source,
      receiveBytes: instance.kernelRxBufBytes,
    };
  }

  private unicastSource(instance: VrrpInstance, ifindex: number): string {
    if (instance.sourceAddress !== '') return instance.sourceAddress;
    const isInet = instance.family === 'inet';
    const first = isInet ? this.interfaces.primary4Of(ifindex) : this.interfaces.linkLocalOf(ifindex);
    return first === null ? '' : formatAddress(first);
  }

  private open(wanted: Wanted): boolean {
    let fd = -1;
    try {
      const family = wanted.family === 'inet' ? AF_INET : AF_INET6;
      fd = check('socket', libc.socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, wanted.protocol));
      if (wanted.deviceName !== '') setOptionText(fd, SOL_SOCKET, SO_BINDTODEVICE, wanted.deviceName);
      trySetOption(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
      if (wanted.receiveBytes > 0) trySetOption(fd, SOL_SOCKET, SO_RCVBUF, wanted.receiveBytes);
      if (wanted.family === 'inet') receive4(fd, wanted);
      else receive6(fd, wanted);
      this.listening.push({ key: wanted.key, fd, family: wanted.family, ifindex: wanted.ifindex });
      this.complained.delete(wanted.key);
      return true;
    } catch (error) {
      if (fd >= 0) libc.close(fd);
      if (!this.complained.has(wanted.key)) {
        this.complained.add(wanted.key);
        const where = wanted.deviceName === '' ? wanted.source : wanted.deviceName;
        this.log(`cannot receive adverts on ${where}: ${(error as Error).message}`);
      }
      return false;
    }
  }

  // The fd, or the negated errno.
  private sender(family: 'inet' | 'inet6', deviceIndex: number): number {
    const key = `${family}|${deviceIndex}`;
    const open = this.senders.get(key);
    if (open !== undefined) return open;
    const device = this.interfaces.links.get(deviceIndex)?.name ?? '';
    let fd = -1;
    try {
      fd =
        family === 'inet'
          ? check('socket', libc.socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW))
          : check('socket', libc.socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_VRRP));
      if (device !== '') setOptionText(fd, SOL_SOCKET, SO_BINDTODEVICE, device);
      trySetOption(fd, SOL_SOCKET, SO_PRIORITY, SO_PRIORITY_CONTROL);
      if (family === 'inet') send4(fd, deviceIndex);
      else send6(fd, deviceIndex);
      this.senders.set(key, fd);
      return fd;
    } catch (error) {
      if (fd >= 0) libc.close(fd);
      return -((error as { errno?: number }).errno ?? 22);
    }
  }

  private limitHops(fd: number, limit: number): void {
    if (this.hops.get(fd) === limit) return;
    trySetOption(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, limit);
    trySetOption(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, limit);
    this.hops.set(fd, limit);
  }

  // An interface that went and came again has another index: its old socket is of no use.
  private forgetSenders(): void {
    for (const [key, fd] of this.senders) {
      const deviceIndex = Number(key.slice(key.indexOf('|') + 1));
      if (deviceIndex === 0 || this.interfaces.links.has(deviceIndex)) continue;
      this.closeSender(fd);
      this.senders.delete(key);
      this.hops.delete(fd);
    }
  }

  private closeSender(fd: number): void {
    if (this.letGo(fd)) libc.close(fd);
    else this.log(`descriptor ${fd} stays open: the second thread does not come back from sending with it`);
  }
}

function receive4(fd: number, wanted: Wanted): void {
  trySetOption(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
  if (wanted.group === '') {
    setOption(fd, IPPROTO_IP, IP_FREEBIND, 1);
    bindTo(fd, wanted.source, 0);
    return;
  }
  const group = encodeInet(wanted.group, 0);
  const membership = encodeMembership4(group.subarray(4, 8), wanted.deviceIndex);
  check('setsockopt', libc.setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, membership, membership.length));
  bindTo(fd, wanted.group, 0);
}

function receive6(fd: number, wanted: Wanted): void {
  trySetOption(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
  setOption(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
  setOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  if (wanted.group === '') {
    trySetOption(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
    bindTo(fd, wanted.source, wanted.deviceIndex);
    return;
  }
  const group = encodeInet(wanted.group, 0);
  const membership = encodeMembership6(group.subarray(8, 24), wanted.deviceIndex);
  check('setsockopt', libc.setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, membership, membership.length));
  bindTo(fd, wanted.group, wanted.deviceIndex);
}

function bindTo(fd: number, address: string, scopeId: number): void {
  const name = encodeInet(address, 0, scopeId);
  check('bind', libc.bind(fd, name, name.length));
}

function send4(fd: number, deviceIndex: number): void {
  setOption(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
  if (deviceIndex === 0) return;
  const membership = encodeMembership4(new Uint8Array(4), deviceIndex);
  check('setsockopt', libc.setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, membership, membership.length));
}

function send6(fd: number, deviceIndex: number): void {
  setOption(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
  trySetOption(fd, IPPROTO_IPV6, IPV6_TCLASS, TRAFFIC_CLASS);
  if (deviceIndex !== 0) setOption(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, deviceIndex);
  receiveNothing(fd);
}
