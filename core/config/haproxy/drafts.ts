// What the parser knows about each section while it reads: the mutable side of core/model.
//
// A draft keeps what the words said, not yet what they mean: fall-backs, references and identifiers are settled in
// checks.ts, and build.ts turns the result into the frozen Model. A `defaults` section is a draft like the others.

import type { AclTest, FormatAst } from '../../model/language.ts';
import type { Model } from '../../model/model.ts';
import type {
  Address,
  BalanceAlgorithm,
  ErrorFile,
  Forwarded,
  ForwardFor,
  HashAffinity,
  HashKey,
  HashType,
  HttpReuse,
  LogTarget,
  ProxyMode,
  RestrictNames,
  Source,
  Timeouts,
} from '../../model/proxy.ts';
import type {
  CaptureSlot,
  CookieCapture,
  ReplyAst,
  RuleAst,
  Rules,
  ServerRule,
  SwitchingRule,
} from '../../model/rules.ts';
import type { StickTableModel, TableColumn } from '../../model/tables.ts';
import type { GroupTest, NameUse } from '../../sample/parse-scope.ts';

export type SectionKind = 'defaults' | 'frontend' | 'backend' | 'listen';

export interface Place {
  readonly file: string;
  readonly line: number;
}

/** One `log` line, or one inherited copy of it. */
export interface LoggerDraft {
  readonly target: LogTarget;
  readonly origin: LoggerDraft | null; // the global line that `log global` copied: it is never copied twice
}

export interface BindSettings {
  name: string;
  acceptProxy: boolean;
  backlog: number;
  maxconn: number;
  interfaceName: string;
  transparent: boolean;
  tcpFastOpen: boolean;
  deferAccept: boolean;
  mss: number;
  v4v6: boolean;
  v6only: boolean;
  unixMode: number;
  unixUid: number;
  unixGid: number;
  tcpUserTimeoutMs: number;
  protocol: '' | 'h1' | 'none';
}

/** One `bind` line; each of its addresses and ports is a listener. */
export interface BindDraft extends Place {
  readonly text: string; // the addresses as written
  readonly settings: BindSettings;
  readonly listeners: ListenerDraft[];
}

export interface ListenerDraft {
  readonly address: Address;
  id: number; // 0: not set yet
}

export interface ServerSettings {
  weight: number;
  backup: boolean;
  disabled: boolean;
  maxconn: number;
  minconn: number;
  maxqueue: number;
  sendProxyV1: boolean;
  sendProxyV2: boolean;
  proxyV2Options: string[];
  source: Source | null;
  poolMaxConn: number;
  poolPurgeDelayMs: number;
  poolLowConn: number;
  maxReuse: number;
  tcpUserTimeoutMs: number;
  initAddr: InitAddrMethod[]; // empty: last, libc
  initAddrIp: { family: 'inet' | 'inet6'; host: string } | null;
  protocol: '' | 'h1' | 'none';
  hashKey: HashKey;
}

export type InitAddrMethod = 'last' | 'libc' | 'none' | 'ip';

export function defaultServerSettings(): ServerSettings {
  return {
    weight: 1,
    backup: false,
    disabled: false,
    maxconn: 0,
    minconn: 0,
    maxqueue: 0,
    sendProxyV1: false,
    sendProxyV2: false,
    proxyV2Options: [],
    source: null,
    poolMaxConn: -1,
    poolPurgeDelayMs: 5_000,
    poolLowConn: 0,
    maxReuse: -1,
    tcpUserTimeoutMs: 0,
    initAddr: [],
    initAddrIp: null,
    protocol: '',
    hashKey: 'id',
  };
}

export function copyServerSettings(settings: ServerSettings): ServerSettings {
  return { ...settings, proxyV2Options: [...settings.proxyV2Options], initAddr: [...settings.initAddr] };
}

export interface ServerDraft extends Place {
  readonly name: string;
  id: number; // 0: not set yet
  guid: string; // '' none
  address: Address;
  readonly portOffset: number;
  readonly mapsPorts: boolean; // no absolute port: it follows the client's
  readonly hostName: string;
  readonly hostFamily: 'unspecified' | 'inet' | 'inet6'; // asked of the resolver
  resolved: boolean;
  readonly settings: ServerSettings;
}

export interface StickTableDraft extends Place {
  keyType: StickTableModel['keyType'] | null;
  keyBytes: number;
  size: number;
  expireMs: number;
  nopurge: boolean;
  columns: TableColumn[];
}

/** Rules as read; the arrays grow line by line. */
export type RulesDraft = {
  -readonly [Key in keyof Rules]: Rules[Key] extends readonly RuleAst[] ? RuleAst[] : Rules[Key];
};

export function noRules(): RulesDraft {
  return {
    tcpRequestConnection: [],
    tcpRequestSession: [],
    tcpRequestContent: [],
    tcpResponseContent: [],
    httpRequest: [],
    httpResponse: [],
    httpAfterResponse: [],
    redirect: [],
    tcpRequestInspectDelayMs: 0,
    tcpResponseInspectDelayMs: 0,
  };
}

/** A format's text, to be compiled when the section is known. */
export interface FormatDraft extends Place {
  readonly text: string;
}

export interface LogFormatDraft extends FormatDraft {
  kind: 'tcplog' | 'httplog' | 'tcplog clf' | 'httplog clf' | 'custom'; // text counts for the last
}

export interface ErrorFileDraft extends Place {
  readonly errorFile: ErrorFile;
}

/** A line that says what to answer with some status, in the order of the file. */
export type ErrorLine = Place &
  (
    | { readonly kind: 'file'; readonly errorFile: ErrorFile }
    | { readonly kind: 'reply'; readonly status: number; readonly reply: ReplyAst }
    | { readonly kind: 'section'; readonly name: string; readonly statuses: readonly number[] } // none: all it has
  );

/** A section http-errors. */
export interface HttpErrorsDraft extends Place {
  readonly name: string;
  readonly replies: { status: number; reply: ReplyAst }[];
}

/** `option forwarded`, and the text of its expressions, to be compiled when the section is known. */
export interface ForwardedDraft extends Place {
  readonly option: Forwarded;
  readonly texts: { readonly [Name in ForwardedExpression]?: string };
}

export type ForwardedExpression = {
  [Name in keyof Forwarded]: Forwarded[Name] extends boolean ? never : Name;
}[keyof Forwarded];

export interface BalanceDraft {
  readonly algorithm: BalanceAlgorithm | null; // null: nothing said, or one of these:
  readonly expression?: string; // `balance hash`: read when the section is known
  readonly needsLog?: true; // one for mode log
}

const NO_TIMEOUTS: Timeouts = {
  client: 0,
  server: 0,
  connect: 0,
  queue: 0,
  httpRequest: 0,
  httpKeepAlive: 0,
  tunnel: 0,
  clientFin: 0,
  clientHandshake: 0,
  serverFin: 0,
  check: 0,
  tarpit: 0,
};

const RETRIES_DEFAULT = 3;

export class ProxyDraft implements Place {
  readonly kind: SectionKind;
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly front: boolean;
  readonly back: boolean;
  previous: Place | null = null; // an earlier defaults section of the same name
  explicitlyReferenced = false;
  implicitlyReferenced = false;

  id = -1;
  mode: ProxyMode = 'tcp';
  disabled = false;
  description = '';
  // `option x` and `no option x` are both remembered: a few defaults depend on which of the two was said.
  options = new Set<string>();
  noOptions = new Set<string>();
  connectionMode: '' | 'KAL' | 'SCL' | 'CLO' = '';

  binds: BindDraft[] = [];
  maxconn = 0;
  backlog = 0;
  rateLimitSessions = 0;
  switching: SwitchingRule[] = [];
  defaultBackend = '';
  monitorUri = '';
  logFormat: LogFormatDraft | null = null;

  servers: ServerDraft[] = [];
  defaultServer: ServerSettings | null = null;
  balance: BalanceDraft = { algorithm: null };
  hashType: HashType = { method: 'map-based', function: 'sdbm', avalanche: false };
  hashBalanceFactor = 0;
  hashAffinity: HashAffinity = 'always';
  fullconn = 0;
  retries = RETRIES_DEFAULT;
  redispatchAfter = 0;
  httpReuse: HttpReuse = 'safe';
  source: Source | null = null;

  timeouts: Timeouts = { ...NO_TIMEOUTS };
  forwardFor: ForwardFor | null = null;
  originalTo: ForwardFor | null = null;
  forwarded: ForwardedDraft | null = null;
  restrictNames: RestrictNames = 'preserve';
  errorFiles: ErrorFileDraft[] = [];
  loggers: LoggerDraft[] = [];
  logTag = '';
  structuredData: FormatDraft | null = null; // log-format-sd
  errorFormat: FormatDraft | null = null;
  uniqueId: FormatDraft | null = null;
  customLogFormat: FormatAst | null = null; // these four are compiled by checks-formats.ts
  errorLogFormat: FormatAst | null = null;
  logFormatSd: FormatAst | null = null;
  uniqueIdFormat: FormatAst | null = null;
  uniqueIdHeader = '';

  // The rule language. `acls` are this section's named ones; rules already hold what they refer to.
  acls = new Map<string, { name: string; tests: AclTest[] }>();
  nameUses: NameUse[] = []; // names to be looked up when everything is read (names.ts)
  groupTests: GroupTest[] = [];
  rules: RulesDraft = noRules();
  serverRules: ServerRule[] = [];
  requestCaptures: CaptureSlot[] = [];
  responseCaptures: CaptureSlot[] = [];
  cookieCapture: CookieCapture | null = null;
  errorLines: ErrorLine[] = [];
  errorReplies: { status: number; reply: ReplyAst }[] = []; // as errorFiles: settled from errorLines
  // Rules of defaults sections: whom theirs serve, and whose come before a section's own.
  rulesFor: '' | 'frontend' | 'backend' = '';
  rulesOf: ProxyDraft | null = null;
  stickTable: StickTableDraft | null = null;
  upgradesToHttp = false; // a TCP frontend whose backend speaks HTTP

  constructor(kind: SectionKind, name: string, place: Place, maxconn: number) {
    this.kind = kind;
    this.name = name;
    this.file = place.file;
    this.line = place.line;
    this.front = kind !== 'backend';
    this.back = kind !== 'frontend';
    this.maxconn = maxconn;
  }

  /** HAProxy's word for this kind of proxy in messages; a `listen` is just a "proxy". */
  get typeWord(): string {
    return this.kind === 'listen' ? 'proxy' : this.kind;
  }

  /** Takes over what a section inherits from the `defaults` it is created from (manual §4). */
  inherit(from: ProxyDraft): void {
    if (from.defaultServer !== null) this.defaultServer = copyServerSettings(from.defaultServer);
    this.disabled = from.disabled;
    this.options = new Set(from.options);
    this.noOptions = new Set(from.noOptions);
    this.connectionMode = from.connectionMode;
    this.httpReuse = from.httpReuse;
    this.mode = from.mode;
    this.forwardFor = from.forwardFor;
    this.originalTo = from.originalTo;
    this.restrictNames = from.restrictNames;
    this.errorLines = [...from.errorLines];
    this.rules.tcpRequestInspectDelayMs = from.rules.tcpRequestInspectDelayMs;
    this.rules.tcpResponseInspectDelayMs = from.rules.tcpResponseInspectDelayMs;
    this.uniqueId = from.uniqueId;
    this.uniqueIdHeader = from.uniqueIdHeader;
    this.loggers = [...from.loggers];
    this.logTag = from.logTag;
    if (this.front) this.inheritFront(from);
    if (this.back) this.inheritBack(from);
  }

  private inheritFront(from: ProxyDraft): void {
    this.maxconn = from.maxconn;
    this.backlog = from.backlog;
    this.rateLimitSessions = from.rateLimitSessions;
    this.defaultBackend = from.defaultBackend;
    this.monitorUri = from.monitorUri;
    this.logFormat = from.logFormat === null ? null : { ...from.logFormat };
    this.structuredData = from.structuredData;
    this.errorFormat = from.errorFormat;
    this.requestCaptures = [...from.requestCaptures];
    this.responseCaptures = [...from.responseCaptures];
    const { client, clientFin, clientHandshake, tarpit, httpRequest, httpKeepAlive } = from.timeouts;
    Object.assign(this.timeouts, { client, clientFin, clientHandshake, tarpit, httpRequest, httpKeepAlive });
  }

  private inheritBack(from: ProxyDraft): void {
    this.forwarded = from.forwarded;
    this.balance = from.balance;
    this.hashType = from.hashType;
    this.hashBalanceFactor = from.hashBalanceFactor;
    this.hashAffinity = from.hashAffinity;
    this.fullconn = from.fullconn;
    this.retries = from.retries;
    this.redispatchAfter = from.redispatchAfter;
    this.source = from.source;
    const { connect, server, serverFin, check, queue, tarpit, httpRequest, httpKeepAlive, tunnel } = from.timeouts;
    Object.assign(this.timeouts, {
      connect,
      server,
      serverFin,
      check,
      queue,
      tarpit,
      httpRequest,
      httpKeepAlive,
      tunnel,
    });
  }
}

/** A userlist as read: who is in which group is settled when everything is read (sections-userlist). */
export interface UserlistDraft {
  readonly name: string;
  readonly users: UserDraft[];
  readonly groups: { readonly name: string; readonly users: string }[];
}

export interface UserDraft {
  readonly name: string;
  password: string;
  isHashed: boolean;
  groupNames: string; // as written, comma separated
  readonly groups: string[];
}

export interface StatsSocketDraft extends Place {
  readonly address: Address;
  readonly level: 'user' | 'operator' | 'admin';
  readonly unixMode: number;
  readonly unixUid: number;
  readonly unixGid: number;
}

export class GlobalDraft {
  daemon = false;
  pidfile = '';
  nbthread = 0; // 0: not set
  threadHardLimit = 0; // 0: none
  maxconn = 0;
  ulimitN = 0;
  fdHardLimit = 0;
  strictLimits = true;
  user = '';
  uid = -1;
  group = '';
  gid = -1;
  chroot = '';
  hardStopAfterMs = 0;
  graceMs = 0;
  bufsize = 16_384;
  maxrewrite = 1_024;
  maxhdr = 101;
  logUriBytes = 1_024;
  splice = true;
  reusePort = true;
  node = '';
  description = '';
  localPeer = '';
  log: LoggerDraft[] = [];
  logTag = '';
  logSendHostname = '';
  quiet = false;
  zeroWarning = false;
  unixBindPrefix = '';
  unixBindMode = -1;
  unixBindUid = -1;
  unixBindGid = -1;
  statsSockets: StatsSocketDraft[] = [];
  statsTimeoutMs = 10_000;
  statsMaxconn = 10;
  setVars: Model['global']['setVars'][number][] = [];
  variableLimits = { global: 0, proc: 0, sess: 0, txn: 0, reqres: 0 };
  cookieLength = 63;
  stickCounters = 3;
}
