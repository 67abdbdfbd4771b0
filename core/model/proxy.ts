// What a frontend, backend or listen section means: plain, cloneable data, one object a section.
//
// Written by core/config, read by workers (which get it by structured clone) and the supervisor. Every
// field is always present; `0`, `-1`, `''` or `null` stand for "not set" as said at the field. The words
// are the configuration manual's (HAProxy 3.4, chapters 4 and 5); times are milliseconds, sizes bytes.

import type { ExpressionAst, FormatAst } from './language.ts';
import type { CaptureSlot, CookieCapture, ReplyAst, Rules, ServerRule, SwitchingRule } from './rules.ts';

export type ProxyMode = 'http' | 'tcp';

/** The address families a bind, server, source or log address can name (manual §2.6 and §4.2 "bind"). */
export type Address =
  | { family: 'inet'; host: string; port: number } // host is a dotted quad; '' never
  | { family: 'inet6'; host: string; port: number; scope: string }
  | { family: 'unix'; path: string }
  | { family: 'abns'; name: string; zeroTerminated: boolean } // abns@ pads to sun_path's end, abnsz@ does not
  | { family: 'fd'; fd: number };

export interface Bind {
  address: Address; // one entry an address and port: ranges and comma lists are already spread
  name: string; // '' when not named
  id: number; // `id`, or numbered from 1 in order, as HAProxy's so_id
  acceptProxy: boolean;
  backlog: number; // 0: the frontend's
  maxconn: number; // 0: no limit of its own
  interfaceName: string; // `interface`; '' none
  transparent: boolean;
  tcpFastOpen: boolean;
  deferAccept: boolean;
  mss: number; // 0 none
  v4v6: boolean;
  v6only: boolean;
  unixMode: number; // -1 not set
  unixUid: number; // -1 not set
  unixGid: number; // -1 not set
  tcpUserTimeoutMs: number; // 0 none
  file: string;
  line: number;
}

export type SendProxy = 'none' | 'v1' | 'v2';

export interface Server {
  id: number; // `id`, or numbered from 1 in order within its backend
  index: number; // position among all servers of the model: its cell in shared memory
  name: string;
  address: Address; // resolved at start (init-addr); port 0 with portOffset 0 means "the port the client came to"
  portOffset: number; // `server s 10.0.0.1:+100`: added to the client's destination port
  hostName: string; // as written, '' when it was an address
  resolved: boolean; // false: `init-addr none` or all methods failed; the server starts in maintenance
  weight: number; // 0–256, default 1
  backup: boolean;
  disabled: boolean;
  maxconn: number; // 0: no limit
  minconn: number; // 0: no dynamic limit
  maxqueue: number; // 0: no limit
  sendProxy: SendProxy;
  proxyV2Options: readonly string[]; // unique-id, crc32c, authority … as far as implemented
  source: Source | null; // the server's own, else the backend's counts
  poolMaxConn: number; // -1: no limit
  poolPurgeDelayMs: number; // default 5000
  poolLowConn: number; // default 0
  maxReuse: number; // -1: no limit
  tcpUserTimeoutMs: number; // 0 none
  hashKey: HashKey;
  guid: string; // '' none
  file: string;
  line: number;
}

export interface Source {
  address: Address; // host 0.0.0.0 or :: when only an interface or a port is given
  portLast: number; // a range's end; equals address.port without range
  interfaceName: string; // '' none
}

export type BalanceAlgorithm =
  | { name: 'roundrobin' | 'static-rr' | 'leastconn' | 'first' | 'source' }
  | { name: 'random'; draws: number } // draws 0: the implicit default (one draw), explicit `random` is 2
  | { name: 'uri'; whole: boolean; pathOnly: boolean; length: number; depth: number } // 0: no limit
  | { name: 'url_param'; parameter: string } // texts are latin1 from here on
  | { name: 'hdr'; header: string; domainOnly: boolean }
  | { name: 'rdp-cookie'; cookie: string }
  | { name: 'hash'; expression: ExpressionAst };

export interface HashType {
  method: 'map-based' | 'consistent';
  function: 'sdbm' | 'djb2' | 'wt6' | 'crc32' | 'none';
  avalanche: boolean;
}

/** `hash-preserve-affinity`: until when a busy server keeps its keys. */
export type HashAffinity = 'always' | 'maxconn' | 'maxqueue';

/** `hash-key`: what a server's nodes on the consistent ring come from. */
export type HashKey = 'id' | 'id32' | 'guid' | 'addr' | 'addr-port';

/** `option http-keep-alive | http-server-close | httpclose` of this section (manual §4, "option http-keep-alive"). */
export type ConnectionMode = 'KAL' | 'SCL' | 'CLO';

export type HttpReuse = 'never' | 'safe' | 'aggressive' | 'always';

export interface NetMask {
  family: 'inet' | 'inet6';
  address: string; // dotted quad or IPv6 text
  prefix: number;
}

export interface ForwardFor {
  headerName: string; // lower case; default x-forwarded-for, or x-original-to
  except: NetMask | null;
  ifNone: boolean;
}

/** `option http-restrict-req-hdr-names`: what becomes of names with other bytes than letters, digits and dashes. */
export type RestrictNames = 'preserve' | 'delete' | 'reject';

/**
 * `option forwarded`: which parameters of RFC 7239 are written. An expression says what is written instead of what is
 * known of the connection or the request; null: none.
 */
export interface Forwarded {
  proto: boolean;
  host: boolean;
  by: boolean;
  byPort: boolean;
  for: boolean;
  forPort: boolean;
  hostExpression: ExpressionAst | null;
  byExpression: ExpressionAst | null;
  byPortExpression: ExpressionAst | null;
  forExpression: ExpressionAst | null;
  forPortExpression: ExpressionAst | null;
}

/** All in ms; 0: not set, which means no limit (after the fall-backs that core/config has already applied). */
export interface Timeouts {
  client: number;
  server: number;
  connect: number;
  queue: number; // falls back to connect
  httpRequest: number; // 0 means: client limits the head too
  httpKeepAlive: number; // falls back to httpRequest, then client
  tunnel: number; // 0: client and server go on counting
  clientFin: number; // 0: client
  clientHandshake: number; // `timeout client-hs`: a PROXY header (later TLS) must have come by then; 0: client
  serverFin: number; // 0: server
  check: number;
  tarpit: number;
}

export type LogFormatKind = 'default' | 'tcplog' | 'httplog' | 'clf' | 'custom';

export interface LogTarget {
  address: Address | { family: 'stdout' | 'stderr' };
  format: 'local' | 'rfc3164' | 'rfc5424' | 'priority' | 'short' | 'timed' | 'iso' | 'raw';
  maxLength: number; // `len`, default 1024
  facility: number; // 0–23; -1 none (`log stdout format raw daemon` has one; rings may not)
  levelMax: number; // least severe that is still sent: default 7 (debug)
  levelMin: number; // most severe given: events above it are capped at it; default 0 (emerg)
  sampleRanges: readonly (readonly [number, number])[]; // empty: no sampling
  sampleSize: number; // 0: no sampling
}

export interface ErrorFile {
  status: number;
  body: Uint8Array; // the whole message as read: status line, headers, body
  path: string;
}

export interface Proxy {
  id: number; // `id`, or the order of appearance; shown as iid
  index: number; // position in Model.proxies
  name: string;
  kind: 'frontend' | 'backend' | 'listen';
  mode: ProxyMode;
  disabled: boolean;
  file: string;
  line: number;
  description: string;

  // Front side; meaningful for frontend and listen
  binds: readonly Bind[];
  maxconn: number; // frontend maxconn; 0: the global one
  backlog: number; // 0: maxconn
  rateLimitSessions: number; // 0 none
  switching: readonly SwitchingRule[];
  defaultBackend: string; // '' none; a listen section without one uses itself
  monitorUri: string; // '' none
  clitcpka: boolean;
  dontlognull: boolean;
  dontlogNormal: boolean;
  logasap: boolean;
  logSeparateErrors: boolean;
  httpIgnoreProbes: boolean;

  // Back side; meaningful for backend and listen
  servers: readonly Server[];
  balance: BalanceAlgorithm;
  hashType: HashType;
  hashBalanceFactor: number; // percent; 0: none
  hashAffinity: HashAffinity;
  fullconn: number; // 0: 10 % of the frontends' sum
  retries: number; // default 3
  redispatch: number; // 0 never, -1 on the last retry, N every Nth
  allbackups: boolean;
  httpReuse: HttpReuse;
  srvtcpka: boolean;
  source: Source | null;

  // Both sides
  connectionMode: ConnectionMode;
  connectionModeSet: boolean; // false: nothing said, KAL by default
  pretendKeepAlive: boolean;
  timeouts: Timeouts;
  forwardFor: ForwardFor | null;
  originalTo: ForwardFor | null;
  forwarded: Forwarded | null;
  abortonclose: boolean;
  nolingerFront: boolean;
  nolingerBack: boolean;
  httpNoDelay: boolean;
  spliceRequest: boolean;
  spliceResponse: boolean;
  spliceAuto: boolean;
  tcpSmartAccept: boolean;
  tcpSmartConnect: boolean;
  errorFiles: readonly ErrorFile[]; // only those named; HAProxy's defaults are built in (core/http/reply)
  log: readonly LogTarget[]; // `log global` already replaced by the global targets
  logFormat: LogFormatKind;
  logTag: string; // '' the global one
  customLogFormat: FormatAst | null; // `log-format`, when logFormat is 'custom'
  errorLogFormat: FormatAst | null; // `error-log-format`
  logFormatSd: FormatAst | null; // `log-format-sd`
  uniqueIdFormat: FormatAst | null;
  uniqueIdHeader: string; // '' none

  // The rule language
  rules: Rules;
  serverRules: readonly ServerRule[];
  requestCaptures: readonly CaptureSlot[];
  responseCaptures: readonly CaptureSlot[];
  cookieCapture: CookieCapture | null;
  /** `errorloc*`, `errorfiles`, `http-error`: answers by status, besides errorFiles; later ones win. */
  errorReplies: readonly { status: number; reply: ReplyAst }[];
  httpBufferRequest: boolean;
  restrictNames: RestrictNames;
  unsafeRequest: boolean; // `option accept-unsafe-violations-in-http-request`; of the front side
  unsafeResponse: boolean; // … -response; of the back side
}
