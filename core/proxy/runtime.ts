// The model linked for one thread: names become object references, addresses become sockaddrs in the arena,
// header texts become static bytes. Made once at start; the data path only reads it and counts in it.

import type { Balancer } from '../balance/contract.ts';
import { assert } from '../base/assert.ts';
import { type HeadLimits, relaxed } from '../http/h1/verdict.ts';
import type { Buffers } from '../io/buffers.ts';
import { AF_INET, AF_INET6, addressWords, encodeAddress } from '../io/net.ts';
import type { Forwarded, ForwardFor, NetMask, Proxy, Server, Source } from '../model/proxy.ts';
import type { Logger } from '../observe/logger.ts';
import type { BalanceKey } from './balance-key.ts';
import type { Capturing } from './capturing.ts';
import type { Connection } from './connection.ts';
import type { CustomLog } from './custom-log.ts';
import type { ForwardedExpressions } from './forwarded-expressions.ts';
import type { ProxyRules } from './language.ts';
import type { ProxyTlvs } from './proxy-protocol.ts';
import { Replies } from './reply-texts.ts';
import type { Stream } from './stream.ts';
import type { UniqueId } from './unique-id.ts';

/** A byte string in the arena's static part. */
export interface StaticText {
  offset: number;
  length: number;
}

/** `option forwardfor` / `originalto`, ready to write: the header's name, and the net it is not written for. */
export interface ForwardHeader {
  name: StaticText;
  ifNone: boolean;
  exceptFamily: number; // AF_INET, AF_INET6, or 0 for none
  exceptWords: readonly number[]; // the net's address, masked
  exceptMask: readonly number[];
}

/** `source`: what an outgoing socket is bound to. With a port range the ports are taken in turn. */
export interface SourceBind {
  sockaddr: Uint8Array;
  portFirst: number; // 0: the kernel chooses
  portCount: number;
  portNext: number; // of portCount
  interfaceName: Uint8Array | null; // with its NUL
}

/** sizeof(struct sockaddr_in6). */
const SOCKADDR_INET_BYTES_MAX = 28;

/** One server of one backend, as this thread sees it. */
export class ServerLink {
  readonly model: Server;
  readonly backend: Backend;
  readonly balancer: Balancer; // the backend's
  readonly position: number; // in backend.servers
  readonly index: number; // cell in the shared tables
  readonly loadRow: number;
  readonly counterRow: number;
  readonly counterAt: number; // this thread's cells of it
  sockaddrOffset: number; // these, and portFromClient, change with `set server … addr`
  sockaddrLength: number;
  family: number;
  private spareOffset = -1; // where the next address goes: the last one may be on its way to the kernel
  readonly source: SourceBind | null;
  readonly proxyTlvs: ProxyTlvs;
  readonly sendsUniqueId: boolean; // `proxy-v2-options unique-id`
  sendsLong = false; // the last body was long: a new connection is looked at before more is received
  portFromClient: boolean; // no port of its own: the client's destination port plus portOffset

  // Idle connections, newest first: LIFO keeps few warm and lets the rest age out.
  unprovenFirst: Connection | null = null;
  safeFirst: Connection | null = null;
  idleCount = 0;
  usedCount = 0; // connections working for streams of this thread
  usedCountMax = 0; // the most since the last purge
  neededCount = 0; // what recent use suggests to keep
  purgeAtMs = 0; // 0: nothing is idle

  // Streams waiting for a place on this very server (hash, persistence), oldest first.
  waitingFirst: Stream | null = null;
  waitingLast: Stream | null = null;
  waitingCount = 0;
  servesOwn = false; // the last place that came free went to a waiter of this thread, not of another

  constructor(
    model: Server,
    backend: Backend,
    balancer: Balancer,
    position: number,
    loadRow: number,
    counterRow: number,
    counterAt: number,
    sockaddr: Uint8Array | null,
    buffers: Buffers,
  ) {
    this.model = model;
    this.backend = backend;
    this.balancer = balancer;
    this.position = position;
    this.index = model.index;
    this.loadRow = loadRow;
    this.counterRow = counterRow;
    this.counterAt = counterAt;
    this.sockaddrOffset = sockaddr === null ? -1 : buffers.placeStatic(sockaddr);
    this.sockaddrLength = sockaddr === null ? 0 : sockaddr.length;
    this.family = sockaddr === null ? 0 : sockaddr[0]!;
    this.proxyTlvs = { crc32c: model.proxyV2Options.includes('crc32c'), authority: null, uniqueId: null };
    this.sendsUniqueId = model.proxyV2Options.includes('unique-id');
    const source = model.source ?? backend.proxy.source;
    this.source = source === null ? null : sourceBind(source);
    const address = model.address;
    const inet = address.family === 'inet' || address.family === 'inet6';
    this.portFromClient = inet && (address.port === 0 || model.portOffset !== 0);
  }

  /** `set server … addr`: an IPv4 or IPv6 address; connections made from now on go there. */
  readdress(sockaddr: Uint8Array, portFromClient: boolean, buffers: Buffers): void {
    assert(sockaddr.length <= SOCKADDR_INET_BYTES_MAX, 'only an IP address can be given at run time');
    const free = this.spareOffset < 0 ? buffers.allocateStatic(SOCKADDR_INET_BYTES_MAX) : this.spareOffset;
    this.spareOffset = this.sockaddrOffset < 0 ? buffers.allocateStatic(SOCKADDR_INET_BYTES_MAX) : this.sockaddrOffset;
    buffers.bytes.set(sockaddr, free);
    this.sockaddrOffset = free;
    this.sockaddrLength = sockaddr.length;
    this.family = sockaddr[0]!;
    this.portFromClient = portFromClient;
  }
}

/** The back side of a backend or listen section. */
export class Backend {
  readonly proxy: Proxy;
  readonly loadRow: number;
  readonly counterRow: number;
  readonly counterAt: number; // this thread's cells of it
  readonly servers: ServerLink[] = [];
  balancer: Balancer | null = null;
  key: BalanceKey | null = null; // what its hash algorithm goes by; null: nothing of the request
  readonly forwarded: Forwarded | null;
  readonly headLimits: HeadLimits; // of responses
  forwardedExpressions: ForwardedExpressions | null = null; // null: it has none
  readonly forwardedName: StaticText;
  readonly replies: Replies;
  readonly forwardFor: ForwardHeader | null;
  readonly originalTo: ForwardHeader | null;
  rules: ProxyRules | null = null;
  readonly hasErrorReplies: boolean; // answers to errors that are more than bytes: core/rules/reply.ts has them

  // Streams waiting for any server, oldest first.
  waitingFirst: Stream | null = null;
  waitingLast: Stream | null = null;
  waitingCount = 0;

  constructor(
    proxy: Proxy,
    loadRow: number,
    counterRow: number,
    counterAt: number,
    headLimits: HeadLimits,
    buffers: Buffers,
  ) {
    this.proxy = proxy;
    this.headLimits = proxy.unsafeResponse ? relaxed(headLimits) : headLimits;
    this.loadRow = loadRow;
    this.counterRow = counterRow;
    this.counterAt = counterAt;
    this.hasErrorReplies = hasErrorReplies(proxy);
    this.replies = new Replies(this.hasErrorReplies ? [] : proxy.errorFiles);
    this.forwardFor = forwardHeader(proxy.forwardFor, buffers);
    this.originalTo = forwardHeader(proxy.originalTo, buffers);
    this.forwarded = proxy.forwarded;
    this.forwardedName = staticText('forwarded', buffers);
  }
}

/** The front side of a frontend or listen section. */
export class Frontend {
  readonly proxy: Proxy;
  readonly loadRow: number;
  readonly counterRow: number;
  readonly counterAt: number; // this thread's cells of it
  readonly logger: Logger;
  readonly headLimits: HeadLimits; // of requests
  readonly replies: Replies;
  readonly forwardFor: ForwardHeader | null;
  readonly originalTo: ForwardHeader | null;
  readonly monitorUri: StaticText | null;
  maxconn: number; // over all threads; `set maxconn frontend` changes it
  defaultBackend: Backend | null = null;
  rules: ProxyRules | null = null; // null: the section has none
  readonly hasErrorReplies: boolean;
  customLog: CustomLog | null = null; // null: lines are in a built-in format
  capturing: Capturing | null = null; // null: nothing is captured
  uniqueId: UniqueId | null = null;
  needsRequestLine = false; // it is kept for logs or capture.req.*
  logsEarly = false; // a line may be due before the stream's end
  isPlain = true; // neither this section nor the one backend it can lead to has rules
  needsSource = false; // the client's address is wanted (logs, forwardfor, source hash, PROXY out)
  needsTarget = false; // the address the client came to is wanted (logs, PROXY out, originalto, port mapping)

  constructor(
    proxy: Proxy,
    loadRow: number,
    counterRow: number,
    counterAt: number,
    logger: Logger,
    maxconn: number,
    headLimits: HeadLimits,
    buffers: Buffers,
  ) {
    this.proxy = proxy;
    this.headLimits = proxy.unsafeRequest ? relaxed(headLimits) : headLimits;
    this.loadRow = loadRow;
    this.counterRow = counterRow;
    this.counterAt = counterAt;
    this.logger = logger;
    this.maxconn = maxconn;
    this.hasErrorReplies = hasErrorReplies(proxy);
    this.replies = new Replies(this.hasErrorReplies ? [] : proxy.errorFiles);
    this.forwardFor = forwardHeader(proxy.forwardFor, buffers);
    this.originalTo = forwardHeader(proxy.originalTo, buffers);
    this.monitorUri = proxy.monitorUri === '' ? null : staticText(proxy.monitorUri, buffers);
  }
}

// An errorfile without a byte closes without a word.
function hasErrorReplies(proxy: Proxy): boolean {
  return proxy.errorReplies.length > 0 || proxy.errorFiles.some(({ body }) => body.length === 0);
}

function sourceBind(source: Source): SourceBind {
  const address = source.address;
  const name = source.interfaceName;
  const portFirst = address.family === 'inet' || address.family === 'inet6' ? address.port : 0;
  return {
    sockaddr: encodeAddress(address),
    portFirst,
    portCount: portFirst === 0 ? 1 : source.portLast - portFirst + 1,
    portNext: 0,
    interfaceName: name === '' ? null : new TextEncoder().encode(`${name}\0`),
  };
}

export function staticText(text: string, buffers: Buffers): StaticText {
  const bytes = new TextEncoder().encode(text);
  return { offset: buffers.placeStatic(bytes), length: bytes.length };
}

function forwardHeader(option: ForwardFor | null, buffers: Buffers): ForwardHeader | null {
  if (option === null) return null;
  const except = option.except;
  return {
    name: staticText(option.headerName, buffers),
    ifNone: option.ifNone,
    exceptFamily: except === null ? 0 : except.family === 'inet' ? AF_INET : AF_INET6,
    exceptWords: except === null ? [] : netWords(except),
    exceptMask: except === null ? [] : maskWords(except),
  };
}

function maskWords(net: NetMask): number[] {
  const wordCount = net.family === 'inet' ? 1 : 4;
  const words: number[] = [];
  for (let index = 0; index < wordCount; index++) {
    const bits = Math.max(0, Math.min(32, net.prefix - index * 32));
    words.push(bits === 0 ? 0 : (-1 << (32 - bits)) | 0);
  }
  return words;
}

function netWords(net: NetMask): number[] {
  const mask = maskWords(net);
  return addressWords(net.address).map((word, index) => word & mask[index]!);
}
