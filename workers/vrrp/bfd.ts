// BFD for the VRRP thread: its sockets (UDP 3784, and 4784 for multihop), and what core/bfd asks for.
//
// A session's state goes to the router in the same turn in which its packet, or its silence, was noticed. One receiving
// socket a family and port serves all sessions; each session sends from a socket of its own, whose port says which
// session it is on machines in between (RFC 5881 §4).

import type { BfdIntent, BfdPacketFact, BfdPeer, ExportedBfd } from '../../core/bfd/contract.ts';
import { BfdSystem } from '../../core/bfd/system.ts';
import type { IpFamily, VrrpBfd, VrrpModel } from '../../core/model/vrrp.ts';
import type { VrrpBfdStatus } from '../../core/model/vrrp-worker.ts';
import {
  AF_INET,
  AF_INET6,
  IP_FREEBIND,
  IP_PKTINFO,
  IP_RECVTTL,
  IP_TOS,
  IP_TTL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_FREEBIND,
  IPV6_RECVHOPLIMIT,
  IPV6_RECVPKTINFO,
  IPV6_TCLASS,
  IPV6_UNICAST_HOPS,
  IPV6_V6ONLY,
  SO_PRIORITY,
  SO_REUSEADDR,
  SOCK_DGRAM,
  SOL_SOCKET,
} from '../../core/sys/abi.ts';
import { check, EADDRINUSE, errnoName, SysError } from '../../core/sys/errno.ts';
import * as libc from '../../core/sys/libc.ts';
import { type PacketIo, receiveNothing } from '../../core/sys/packet-io.ts';
import { encodeInet } from '../../core/sys/sockaddr.ts';
import { openSocket, setOption, trySetOption } from '../../core/sys/socket.ts';
import { addressOf } from '../../core/vrrp/address.ts';

const PORT_SINGLE_HOP = 3_784; // RFC 5881 §4
const PORT_MULTIHOP = 4_784; // RFC 5883 §5
const SOURCE_PORT_MIN = 49_152; // RFC 5881 §4
const SOURCE_PORT_COUNT = 65_536 - SOURCE_PORT_MIN;
const BIND_TRIES = 64;
const PACKETS_PER_TURN_MAX = 256; // of one socket; many sessions share it, and each packet unread may be one called dead
const RETRY_MS = 1_000;
const TRAFFIC_CLASS = 0xc0; // internetwork control
const SO_PRIORITY_CONTROL = 6;
const RANDOM_COUNT = 64;
const NO_BYTES = new Uint8Array(0);

/** A receiving socket. */
export interface BfdReceiving {
  key: string;
  fd: number;
  family: IpFamily;
  multihop: boolean;
}

interface Sending {
  fd: number; // -1: not open yet
  target: Uint8Array; // struct sockaddr
  config: VrrpBfd;
  errorCount: number;
  isFailing: boolean; // said once, until it goes well again
}

export interface BfdHooks {
  log: (level: 'error' | 'warning' | 'notice' | 'info', text: string) => void;
  /** To the router, at once. */
  tell: (name: string, up: boolean) => void;
}

export class Bfd {
  readonly receiving: BfdReceiving[] = [];
  private readonly io: PacketIo;
  private readonly hooks: BfdHooks;
  private readonly system = new BfdSystem({ random32: makeRandom32() });
  private readonly sending = new Map<string, Sending>();
  private readonly intents: BfdIntent[] = [];
  private configs: readonly VrrpBfd[] = [];
  private retryAtMs = Infinity; // when what could not be opened is tried again; Infinity: all is open
  private readonly complained = new Set<string>();

  constructor(io: PacketIo, hooks: BfdHooks) {
    this.io = io;
    this.hooks = hooks;
  }

  /** When onTime must be called at the latest; Infinity: nothing is waited for. */
  get deadlineMs(): number {
    return Math.min(this.system.deadlineMs, this.retryAtMs);
  }

  /**
   * The sessions of `model`, from now on; `states` are those of the thread before this one. Whatever is tracked is told:
   * a session that begins is down, and so is one that cannot run. To be followed by open().
   */
  configure(model: VrrpModel, nowMs: number, states: readonly ExportedBfd[] = []): void {
    const configs = model.bfds ?? [];
    this.configs = configs;
    // Farewells first, from the sockets of those who say them.
    this.system.configure(configs.map(peerOf), nowMs, this.intents, states);
    this.carryOut();
    for (const name of trackedNames(model)) {
      if (!configs.some((each) => each.name === name)) this.hooks.tell(name, false);
    }
  }

  /** Takes what waits in a socket. */
  receive({ fd, family, multihop }: BfdReceiving, nowMs: number): void {
    const isInet6 = family === 'inet6';
    for (let count = 0; count < PACKETS_PER_TURN_MAX; count++) {
      const length = this.io.receive(fd, true);
      if (length < 0) return;
      const fact: BfdPacketFact = {
        bytes: this.io.truncated ? NO_BYTES : this.io.data.subarray(0, length),
        family,
        source: isInet6 ? this.io.name.subarray(8, 24) : this.io.name.subarray(4, 8),
        destination: isInet6 ? this.io.destination6 : this.io.destination4,
        ttl: this.io.hopLimit,
        multihop,
      };
      this.system.onPacket(fact, nowMs, this.intents);
      this.carryOut();
    }
  }

  /** True: `receiving` may be another list afterwards. */
  onTime(nowMs: number): boolean {
    const isRetry = nowMs >= this.retryAtMs;
    if (isRetry) this.open(nowMs);
    this.system.onTime(nowMs, this.intents);
    this.carryOut();
    return isRetry;
  }

  /** AdminDown to all neighbors; the sockets stay for close(). */
  stop(nowMs: number): void {
    this.system.stop(nowMs, this.intents);
    this.carryOut();
  }

  close(): void {
    for (const { fd } of this.receiving.splice(0)) libc.close(fd);
    for (const { fd } of this.sending.values()) if (fd >= 0) libc.close(fd);
    this.sending.clear();
  }

  exportState(nowMs: number): ExportedBfd[] {
    return this.system.exportState(nowMs);
  }

  /** For `weir vrrp --json`. */
  status(nowMs: number): VrrpBfdStatus[] {
    return this.system.status(nowMs).map((each) => ({
      ...each,
      counters: { ...each.counters },
      sendErrors: this.sending.get(each.name)?.errorCount ?? 0,
    }));
  }

  get drops(): Readonly<Record<string, number>> {
    return { ...this.system.drops };
  }

  clearCounters(): void {
    this.system.clearCounters();
  }

  private carryOut(): void {
    for (const intent of this.intents) {
      if (intent.do === 'send') this.send(intent.session, intent.bytes);
      else if (intent.do === 'tell') this.hooks.tell(intent.session, intent.up);
      else this.hooks.log(intent.level, intent.text);
    }
    this.intents.length = 0;
  }

  private send(session: string, bytes: Uint8Array): void {
    const sending = this.sending.get(session);
    if (sending === undefined || sending.fd < 0) return; // it could not be opened, and this was said
    this.io.data.set(bytes);
    const errno = this.io.send(sending.fd, bytes.length, sending.target, 0, null, 0);
    if (errno !== 0) {
      sending.errorCount++;
      if (!sending.isFailing) this.hooks.log('error', `(${session}) Error sending packet: ${errnoName(errno)}`);
    } else if (sending.isFailing) this.hooks.log('notice', `(${session}) packets can be sent again`);
    sending.isFailing = errno !== 0;
  }

  /** Opens what the sessions need and closes what they need no more; `receiving` may be another list afterwards. */
  open(nowMs: number): void {
    const { configs } = this;
    const receivers = new Map(configs.map((each) => [keyOf(each), each]));
    for (let index = this.receiving.length - 1; index >= 0; index--) {
      if (receivers.has(this.receiving[index]!.key)) continue;
      libc.close(this.receiving[index]!.fd);
      this.receiving.splice(index, 1);
    }
    let isComplete = true;
    for (const [key, { family, multihop }] of receivers) {
      if (this.receiving.some((each) => each.key === key)) continue;
      const fd = this.attempt(`receive BFD on port ${portOf(multihop)}`, () => openReceiver(family, multihop));
      if (fd >= 0) this.receiving.push({ key, fd, family, multihop });
      else isComplete = false;
    }
    for (const [name, open] of this.sending) {
      if (configs.some((each) => each.name === name && isSentAlike(each, open.config))) continue;
      if (open.fd >= 0) libc.close(open.fd);
      this.sending.delete(name);
    }
    for (const config of configs) {
      const before = this.sending.get(config.name);
      if (before !== undefined && before.fd >= 0) continue;
      const fd = this.attempt(`send BFD for ${config.name}`, () => openSender(config));
      if (fd < 0) isComplete = false;
      const target = encodeInet(config.neighbor, portOf(config.multihop));
      this.sending.set(config.name, { fd, target, config, errorCount: before?.errorCount ?? 0, isFailing: false });
    }
    this.retryAtMs = isComplete ? Infinity : nowMs + RETRY_MS;
  }

  // The fd, or -1: why not is said once.
  private attempt(what: string, open: () => number): number {
    try {
      const fd = open();
      this.complained.delete(what);
      return fd;
    } catch (error) {
      if (!this.complained.has(what)) this.hooks.log('error', `cannot ${what}: ${(error as Error).message}`);
      this.complained.add(what);
      return -1;
    }
  }
}

const portOf = (multihop: boolean): number => (multihop ? PORT_MULTIHOP : PORT_SINGLE_HOP);
const keyOf = ({ family, multihop }: VrrpBfd): string => `${family} ${portOf(multihop)}`;

const isSentAlike = (a: VrrpBfd, b: VrrpBfd): boolean =>
  a.neighbor === b.neighbor && a.source === b.source && a.ttl === b.ttl && a.multihop === b.multihop;

const peerOf = (config: VrrpBfd): BfdPeer => ({
  config,
  neighbor: addressOf(config.neighbor),
  source: config.source === '' ? null : addressOf(config.source),
});

function trackedNames(model: VrrpModel): Set<string> {
  const all = [...model.instances, ...model.groups].flatMap((each) => each.tracked);
  return new Set(all.filter((each) => each.kind === 'bfd').map((each) => each.name));
}

function openReceiver(family: IpFamily, multihop: boolean): number {
  const isInet6 = family === 'inet6';
  const fd = openSocket(isInet6 ? AF_INET6 : AF_INET, SOCK_DGRAM);
  try {
    // A thread that hangs is ended with its socket open: the next one must not wait for it. The newest hears.
    setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (isInet6) {
      setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
      setOption(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
      setOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    } else {
      setOption(fd, IPPROTO_IP, IP_RECVTTL, 1);
      setOption(fd, IPPROTO_IP, IP_PKTINFO, 1);
    }
    const name = encodeInet(isInet6 ? '::' : '0.0.0.0', portOf(multihop));
    check('bind', libc.bind(fd, name, name.length));
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

function openSender(config: VrrpBfd): number {
  const isInet6 = config.family === 'inet6';
  const fd = openSocket(isInet6 ? AF_INET6 : AF_INET, SOCK_DGRAM);
  try {
    // The address may come later; until then it is sending that fails.
    if (isInet6) {
      trySetOption(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
      setOption(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, config.ttl);
      trySetOption(fd, IPPROTO_IPV6, IPV6_TCLASS, TRAFFIC_CLASS);
    } else {
      trySetOption(fd, IPPROTO_IP, IP_FREEBIND, 1);
      setOption(fd, IPPROTO_IP, IP_TTL, config.ttl);
      trySetOption(fd, IPPROTO_IP, IP_TOS, TRAFFIC_CLASS);
    }
    trySetOption(fd, SOL_SOCKET, SO_PRIORITY, SO_PRIORITY_CONTROL);
    bindSomewhere(fd, config.source || (isInet6 ? '::' : '0.0.0.0'));
    receiveNothing(fd);
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

function bindSomewhere(fd: number, address: string): void {
  for (let left = BIND_TRIES; ; left--) {
    const port = SOURCE_PORT_MIN + Math.floor(Math.random() * SOURCE_PORT_COUNT);
    const name = encodeInet(address, port);
    try {
      check('bind', libc.bind(fd, name, name.length));
      return;
    } catch (error) {
      if (left === 0 || !(error instanceof SysError) || error.errno !== EADDRINUSE) throw error;
    }
  }
}

/** 32 random bits that nobody can guess; drawn from the kernel a handful at a time. */
function makeRandom32(): () => number {
  const drawn = new Uint32Array(RANDOM_COUNT);
  let next = RANDOM_COUNT;
  return () => {
    if (next === RANDOM_COUNT) {
      crypto.getRandomValues(drawn);
      next = 0;
    }
    return drawn[next++]!;
  };
}
