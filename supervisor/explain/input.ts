// What people put in: the request's bytes, --from and --to.

import { isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Model } from '../../core/model/model.ts';
import type { Address, Bind, Proxy } from '../../core/model/proxy.ts';
import { type AddressView, FAMILY_INET, FAMILY_INET6, FAMILY_UNIX } from '../../core/sample/subject.ts';

const CR = 13;
const LF = 10;

/** Who asks when nobody said: an address that no rule about networks is likely to mean. */
export const FROM_ASSUMED = '127.0.0.1';
export const PORT_ASSUMED = 50_000;

export interface Typed {
  bytes: Uint8Array;
  converted: boolean; // CRs were put before the LFs of the head, and the empty line after it where it was missing
}

/**
 * A head as people type it ends its lines with LF alone: then each gets its CR, and a missing empty line is added. A head
 * that has a CR anywhere is left as it is, since it may be about line ends.
 */
export function withLineEnds(bytes: Uint8Array): Typed {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const empty = text.indexOf('\n\n');
  const headEnd = empty < 0 ? text.length : empty + 2;
  const head = text.subarray(0, headEnd);
  if (head.includes(CR) || !head.includes(LF)) return { bytes, converted: false };
  const lines = head.toString('latin1').replace(/\n+$/, '').split('\n');
  const start = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  return { bytes: Buffer.concat([start, text.subarray(headEnd)]), converted: true };
}

const NO_ADDRESS: AddressView = { family: 0, port: 0, word0: 0, word1: 0, word2: 0, word3: 0 };

/** An IP address as four words; null: it is none. */
export function parseIp(host: string, port: number): AddressView | null {
  if (isIPv4(host)) {
    const word0 = host.split('.').reduce((word, part) => (word << 8) | Number(part), 0);
    return { ...NO_ADDRESS, family: FAMILY_INET, port, word0 };
  }
  if (!isIPv6(host) || host.includes('%')) return null;
  const words = inet6Words(host);
  return { family: FAMILY_INET6, port, word0: words[0]!, word1: words[1]!, word2: words[2]!, word3: words[3]! };
}

function inet6Words(host: string): number[] {
  // Four last bytes may be written as IPv4.
  const plain = host.replace(/\d+\.\d+\.\d+\.\d+$/, (quad) => {
    const [a, b, c, d] = quad.split('.').map(Number) as [number, number, number, number];
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [before = '', after] = plain.split('::');
  const groupsOf = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const first = groupsOf(before);
  const last = after === undefined ? [] : groupsOf(after);
  const groups = [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
  return [0, 2, 4, 6].map((at) => (groups[at]! << 16) | groups[at + 1]!);
}

export interface From {
  view: AddressView;
  assumed: '' | 'address' | 'port'; // what was not said; without an address there is no port either
}

/**
 * `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`, `unix`; nothing said is an address of this machine.
 * null: none of them.
 */
export function parseFrom(text: string | undefined): From | null {
  if (text === 'unix') return { view: { ...NO_ADDRESS, family: FAMILY_UNIX }, assumed: '' };
  const { host, port } = splitPort(text ?? FROM_ASSUMED);
  const view = port < 0 ? null : parseIp(host, port === 0 ? PORT_ASSUMED : port);
  if (view === null) return null;
  return { view, assumed: text === undefined ? 'address' : port === 0 ? 'port' : '' };
}

/** Port 0: none was written; −1: it is not one. */
function splitPort(text: string): { host: string; port: number } {
  if (isIPv6(text)) return { host: text, port: 0 };
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return { host: '', port: -1 };
  const port = match[3] === undefined ? 0 : Number(match[3]);
  return { host: match[1] ?? match[2]!, port: port > 65_535 ? -1 : port };
}

export function addressText(address: Address): string {
  switch (address.family) {
    case 'inet':
      return `${address.host}:${address.port}`;
    case 'inet6':
      return `[${address.host}]:${address.port}`;
    case 'unix':
      return address.path;
    case 'abns':
      return `abns@${address.name}`;
    case 'fd':
      return `fd@${address.fd}`;
  }
}

export function viewText({ family, port, word0, word1, word2, word3 }: AddressView): string {
  if (family === FAMILY_UNIX) return 'unix';
  if (family === FAMILY_INET) {
    return `${word0 >>> 24}.${(word0 >>> 16) & 255}.${(word0 >>> 8) & 255}.${word0 & 255}:${port}`;
  }
  if (family !== FAMILY_INET6) return 'unknown';
  const groups = [word0, word1, word2, word3].flatMap((word) => [(word >>> 16) & 0xffff, word & 0xffff]);
  const text = new URL(`http://[${groups.map((group) => group.toString(16)).join(':')}]/`).hostname;
  return `${text}:${port}`;
}

/** The bind a client comes to, and the address it sees there. */
export interface Target {
  proxy: Proxy;
  bind: Bind;
  bindIndex: number;
  view: AddressView;
}

/** Every bind of every enabled frontend, in order. */
export function allTargets(model: Model): Target[] {
  return model.proxies
    .filter((proxy) => proxy.kind !== 'backend' && !proxy.disabled)
    .flatMap((proxy) =>
      proxy.binds.map((bind, bindIndex) => ({ proxy, bind, bindIndex, view: viewOf(bind, FROM_ASSUMED) })),
    );
}

/** What a client on this machine sees of a bind: an address for any is the one it was asked by. */
function viewOf({ address }: Bind, anyHost: string): AddressView {
  if (address.family === 'inet' || address.family === 'inet6') {
    const host = isAny(address.host) ? anyHost : address.host;
    return parseIp(host, address.port) ?? { ...NO_ADDRESS, port: address.port };
  }
  return { ...NO_ADDRESS, family: FAMILY_UNIX };
}

const isAny = (host: string): boolean => host === '0.0.0.0' || host === '::' || host === '';

/** The first target that `to` can mean: a bind's name or address, `:PORT`, `IP:PORT`, a path, or a frontend's name. */
export function findTarget(model: Model, to: string): Target | null {
  const targets = allTargets(model);
  const named = targets.find(
    ({ proxy, bind }) => bind.name === to || addressText(bind.address) === to || proxy.name === to,
  );
  if (named !== undefined) return named;
  const { host, port } = splitPort(/^\d+$/.test(to) ? `:${to}` : to);
  if (port <= 0) return null;
  for (const target of targets) {
    const { address } = target.bind;
    if (address.family !== 'inet' && address.family !== 'inet6') continue;
    if (address.port !== port) continue;
    if (isAny(host) || host === '*' || sameHost(host, address.host)) return target;
    if (isAny(address.host) && parseIp(host, port) !== null) return { ...target, view: viewOf(target.bind, host) };
  }
  return null;
}

function sameHost(left: string, right: string): boolean {
  const [a, b] = [parseIp(left, 0), parseIp(right, 0)];
  return a !== null && b !== null && viewText(a) === viewText(b);
}

const LOOPBACK_NET = 127;

/** One of this machine's addresses. */
export function isOwnAddress(family: number, words: readonly number[]): boolean {
  const [word0 = 0, word1 = 0, word2 = 0, word3 = 0] = words;
  if (family === FAMILY_INET && word0 >>> 24 === LOOPBACK_NET) return true;
  const wanted = viewText({ family, port: 0, word0, word1, word2, word3 });
  const own = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return own.some(({ address }) => {
    const view = parseIp(address.replace(/%.*$/, ''), 0);
    return view !== null && viewText(view) === wanted;
  });
}
