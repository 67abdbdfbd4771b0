// Addresses as bind, server, source and log write them (manual §11 "Address formats").
//
// Text → what it names, or HAProxy's words for what is wrong. No socket is opened; a host name is either handed
// back for later (servers) or resolved at once through the resolver (all others).

import { fstatSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import type { Environment } from './environment.ts';
import type { IpFamily, Resolver } from './resolve.ts';
import { isDigit } from './text.ts';
import { parseLong } from './units.ts';

export type AddressFamily = 'unspecified' | 'inet' | 'inet6' | 'unix' | 'abns' | 'abnsz' | 'fd' | 'sockpair' | 'rhttp';

export interface ParsedAddress {
  readonly family: AddressFamily;
  readonly host: string; // dotted quad, IPv6, path, abstract name; '' with a host name still to resolve
  readonly port: number; // the port, or the signed offset
  readonly portLow: number; // low ≠ high: a range, or an offset (one of them is then 0)
  readonly portHigh: number;
  readonly fd: number; // -1 none
  readonly hostName: string; // to be resolved later, '' none
  readonly datagram: boolean; // the kind of socket
  readonly datagramProtocol: boolean; // datagram socket under a stream (QUIC)
  readonly multipath: boolean; // mptcp@
}

export interface AddressRules {
  readonly portAllowed?: boolean;
  readonly portMandatory?: boolean;
  readonly portRange?: boolean;
  readonly portOffset?: boolean;
  readonly stream?: boolean;
  readonly datagram?: boolean;
  readonly datagramFirst?: boolean; // when both are allowed
  readonly socketFd?: boolean; // fd@N must be a socket
  readonly rawFd?: boolean; // fd@N may be anything
  readonly resolve?: boolean;
  readonly deferNames?: boolean; // keep a host name for later
  readonly needsProtocol?: boolean; // refuse families that no transport serves
  readonly pathPrefix?: string; // put before a Unix socket's path
}

export interface AddressContext {
  readonly environment: Environment;
  readonly resolver: Resolver;
}

export type AddressResult = { ok: true; address: ParsedAddress } | { ok: false; message: string };

const SUN_PATH_BYTES = 108;
const TEMPORARY_SUFFIX_BYTES = 10; // ".<pid>.tmp", which HAProxy appends while binding
const PORT_MAX = 65535;
const FAMILY_NUMBERS: Partial<Record<AddressFamily, number>> = { inet: 2, inet6: 10, unix: 1 };

interface Kind {
  family: AddressFamily;
  datagram: boolean;
  datagramProtocol: boolean;
  multipath: boolean;
}

const FAMILY_PREFIXES: readonly (readonly [string, Partial<Kind>])[] = [
  ['unix@', { family: 'unix' }],
  ['uxdg@', { family: 'unix', datagram: true, datagramProtocol: true }],
  ['uxst@', { family: 'unix', datagram: false, datagramProtocol: false }],
  ['abns@', { family: 'abns' }],
  ['abnsz@', { family: 'abnsz' }],
  ['ip@', { family: 'unspecified' }],
  ['ipv4@', { family: 'inet' }],
  ['ipv6@', { family: 'inet6' }],
  ['tcp4@', { family: 'inet', datagram: false, datagramProtocol: false }],
  ['mptcp4@', { family: 'inet', datagram: false, datagramProtocol: false, multipath: true }],
  ['udp4@', { family: 'inet', datagram: true, datagramProtocol: true }],
  ['tcp6@', { family: 'inet6', datagram: false, datagramProtocol: false }],
  ['mptcp6@', { family: 'inet6', datagram: false, datagramProtocol: false, multipath: true }],
  ['udp6@', { family: 'inet6', datagram: true, datagramProtocol: true }],
  ['tcp@', { family: 'unspecified', datagram: false, datagramProtocol: false }],
  ['mptcp@', { family: 'unspecified', datagram: false, datagramProtocol: false, multipath: true }],
  ['udp@', { family: 'unspecified', datagram: true, datagramProtocol: true }],
  ['quic4@', { family: 'inet', datagram: false, datagramProtocol: true }],
  ['quic6@', { family: 'inet6', datagram: false, datagramProtocol: true }],
  ['fd@', { family: 'fd' }],
  ['sockpair@', { family: 'sockpair' }],
  ['rhttp@', { family: 'rhttp' }],
];

const TYPE_PREFIXES: readonly (readonly [string, Partial<Kind>])[] = [
  ['stream+', { datagram: false, datagramProtocol: false }],
  ['dgram+', { datagram: true, datagramProtocol: true }],
  ['quic+', { datagram: false, datagramProtocol: true }],
];

class AddressError {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

function fail(message: string): never {
  throw new AddressError(message);
}

/** `text` as one address; see AddressRules for what the caller permits. */
export function parseAddress(text: string, rules: AddressRules, context: AddressContext): AddressResult {
  try {
    return { ok: true, address: new AddressReader(text, rules, context).read() };
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    return { ok: false, message: error.message };
  }
}

class AddressReader {
  private readonly text: string;
  private readonly rules: AddressRules;
  private readonly context: AddressContext;
  private rest = '';

  constructor(text: string, rules: AddressRules, context: AddressContext) {
    this.text = text;
    this.rules = rules;
    this.context = context;
  }

  read(): ParsedAddress {
    this.rest = this.context.environment.expand(this.text);
    if (this.rest === '') {
      fail(`'${this.text}' resolves to an empty address (environment variable missing?)`);
    }
    const kind = this.kind();
    const address = this.body(kind);
    this.checkProtocol(address);
    return address;
  }

  private kind(): Kind {
    const { stream = false, datagram = false, datagramFirst = false } = this.rules;
    const datagramDefault = datagram && (!stream || datagramFirst);
    const kind: Kind = {
      family: 'unspecified',
      datagram: datagramDefault,
      datagramProtocol: datagramDefault,
      multipath: false,
    };
    this.take(TYPE_PREFIXES, kind);
    if (!this.take(FAMILY_PREFIXES, kind) && this.rest.startsWith('/')) kind.family = 'unix';
    return kind;
  }

  private take(prefixes: readonly (readonly [string, Partial<Kind>])[], kind: Kind): boolean {
    const found = prefixes.find(([prefix]) => this.rest.startsWith(prefix));
    if (found === undefined) return false;
    Object.assign(kind, found[1]);
    this.rest = this.rest.slice(found[0].length);
    return true;
  }

  private body(kind: Kind): ParsedAddress {
    const none = { port: 0, portLow: 0, portHigh: 0, fd: -1, hostName: '' };
    switch (kind.family) {
      case 'fd':
      case 'sockpair':
        return { ...kind, ...none, host: '', fd: this.fileDescriptor(kind) };
      case 'unix':
      case 'abns':
      case 'abnsz':
        return { ...kind, ...none, host: this.path(kind.family) };
      case 'rhttp':
        return fail(
          `Address '${this.rest}' is experimental, must be allowed via a global 'expose-experimental-directives'`,
        );
      default:
        return this.internet(kind);
    }
  }

  private fileDescriptor(kind: Kind): number {
    const number = parseLong(this.rest, 10);
    if (this.rest === '' || number.value < 0 || number.rest !== '') {
      fail(`file descriptor '${this.rest}' is not a valid integer in '${this.text}'`);
    }
    const mustBeSocket = kind.family === 'sockpair' || this.rules.socketFd === true;
    if (mustBeSocket) checkSocket(number.value);
    else if (this.rules.rawFd !== true) fail(`a file descriptor is not acceptable here in '${this.text}'`);
    return number.value;
  }

  private path(family: 'unix' | 'abns' | 'abnsz'): string {
    const prefix = family === 'unix' ? (this.rules.pathPrefix ?? '') : '';
    const extra = family === 'unix' ? prefix.length + TEMPORARY_SUFFIX_BYTES : 0;
    const bytesMax = SUN_PATH_BYTES - 1 - extra;
    if (this.rest.length > bytesMax) fail(`socket path '${this.text}' too long (max ${bytesMax})`);
    return prefix + this.rest;
  }

  private internet(kind: Kind): ParsedAddress {
    // The last colon parts the port, unless a bracket comes later: `[::1]` has none.
    let at = this.rest.length - 1;
    while (at > 0 && this.rest[at] !== ']' && this.rest[at] !== ':') at--;
    const hasPort = this.rest[at] === ':';
    if (hasPort && this.rules.portAllowed !== true) fail(`port specification not permitted here in '${this.text}'`);
    if (!hasPort && this.rules.portMandatory === true) fail(`missing port specification in '${this.text}'`);
    const hostText = hasPort ? this.rest.slice(0, at) : this.rest;
    const ports = this.ports(hasPort ? this.rest.slice(at + 1) : '');
    const found = this.host(hostText, kind.family);
    return { ...kind, ...ports, ...found, fd: -1 };
  }

  private ports(text: string): { port: number; portLow: number; portHigh: number } {
    if (isDigit(text[0] ?? '')) return this.portOrRange(text);
    if (text[0] === '-' || text[0] === '+') {
      if (this.rules.portOffset !== true) fail(`port offset not permitted here in '${this.text}'`);
      const offset = this.portNumber(text.slice(1));
      return text[0] === '-'
        ? { port: -offset, portLow: offset, portHigh: 0 }
        : { port: offset, portLow: 0, portHigh: offset };
    }
    if (text !== '') fail(`invalid character '${text[0]}' in port number '${text}' in '${this.text}'`);
    if (this.rules.portMandatory === true) fail(`missing port specification in '${this.text}'`);
    return { port: 0, portLow: 0, portHigh: 0 };
  }

  private portOrRange(text: string): { port: number; portLow: number; portHigh: number } {
    const dash = text.indexOf('-');
    if (dash >= 0 && this.rules.portRange !== true) fail(`port range not permitted here in '${this.text}'`);
    const lowText = dash < 0 ? text : text.slice(0, dash);
    const highText = dash < 0 ? text : text.slice(dash + 1);
    const portLow = this.portNumber(lowText);
    const portHigh = this.portNumber(highText);
    const least = this.rules.portMandatory === true ? 1 : 0;
    if (portLow < least || portLow > PORT_MAX) fail(`invalid port '${lowText}'`);
    if (portHigh < least || portHigh > PORT_MAX) fail(`invalid port '${highText}'`);
    if (portLow > portHigh) fail(`invalid port range '${portLow}-${portHigh}'`);
    return { port: portLow, portLow, portHigh };
  }

  private portNumber(text: string): number {
    const number = parseLong(text, 10);
    const wrong = number.rest;
    if (wrong !== '') fail(`invalid character '${wrong[0]}' in port number '${text}' in '${this.text}'`);
    return number.value;
  }

  private host(text: string, family: AddressFamily): { family: AddressFamily; host: string; hostName: string } {
    const literal = parseIp(text, family as IpFamily);
    if (literal !== null) return { ...literal, hostName: '' };
    if (this.rules.resolve === true) {
      const resolved = this.context.resolver.lookup(text, family as IpFamily);
      if (resolved !== null) return { ...resolved, hostName: '' };
    }
    if (this.rules.deferNames !== true) fail(`invalid address: '${text}' in '${this.text}'`);
    return { family, host: '', hostName: text };
  }

  private checkProtocol(address: ParsedAddress): void {
    const { stream = false, datagram = false } = this.rules;
    if (!address.datagram && !stream) fail(`stream-type address not acceptable in '${this.text}'`);
    if (address.datagram && !datagram) fail(`dgram-type address not acceptable in '${this.text}'`);
    if (this.rules.needsProtocol === true && address.datagramProtocol && !address.datagram) {
      const number = FAMILY_NUMBERS[address.family] ?? 0;
      fail(
        `unsupported stream protocol for datagram family ${number} address '${this.text}'; ` +
          'QUIC is not compiled in if this is what you were looking for.',
      );
    }
  }
}

function checkSocket(fd: number): void {
  let isSocket = false;
  try {
    isSocket = fstatSync(fd).isSocket();
  } catch {
    fail(`cannot use file descriptor '${fd}' : Bad file descriptor.`);
  }
  if (!isSocket) fail(`cannot use file descriptor '${fd}' : Socket operation on non-socket.`);
}

/** A literal address: dotted quad, IPv6 with or without brackets, `*` and '' for any. null: a name, or nonsense. */
export function parseIp(text: string, family: IpFamily): { family: 'inet' | 'inet6'; host: string } | null {
  let bare = text;
  if (text.startsWith('[')) {
    if (text.length < 4 || text.length >= 48 || !text.endsWith(']')) return null;
    bare = text.slice(1, -1);
  }
  if (bare === '::') return family === 'inet' ? null : { family: 'inet6', host: '::' };
  if (bare === '' || bare === '*') {
    return family === 'inet6' ? { family: 'inet6', host: '::' } : { family: 'inet', host: '0.0.0.0' };
  }
  if (family !== 'inet' && isIPv6(bare) && !bare.includes('%')) return { family: 'inet6', host: bare };
  if (family !== 'inet6' && isIPv4(bare)) return { family: 'inet', host: bare };
  return null;
}
