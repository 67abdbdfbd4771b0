// Drafts → the Model: plain, frozen, with every fall-back applied that the Model's comments promise.

import type { Global, Model } from '../../model/model.ts';
import type { Bind, LogTarget, Proxy, SendProxy, Server } from '../../model/proxy.ts';
import type { StickTableModel } from '../../model/tables.ts';
import type { ParseContext } from './context.ts';
import type { BindDraft, GlobalDraft, LoggerDraft, ProxyDraft, ServerDraft, ServerSettings } from './drafts.ts';
import { allRules } from './keywords-rules.ts';
import { fromBytes } from './text.ts';

export interface CommandLineSettings {
  readonly maxconn: number; // -n; 0 not given
  readonly engine: Global['engine'];
  readonly cpuCount: number;
  readonly programName: string;
}

export function buildModel(context: ParseContext, files: readonly string[], settings: CommandLineSettings): Model {
  let serverIndex = 0;
  const proxies = context.proxies.map((draft, index) => {
    const proxy = buildProxy(draft, index, serverIndex);
    serverIndex += proxy.servers.length;
    return proxy;
  });
  const model: Model = {
    global: buildGlobal(context.global, settings),
    proxies,
    serverCount: serverIndex,
    files: [...files],
    patternRefs: context.patternRefs,
    userlists: context.userlists,
    tables: buildTables(context),
    httpErrors: context.httpErrors.map(({ name, replies }) => ({ name, replies })),
  };
  return settle(model);
}

// Numbered as names.ts numbers them: in order of sections.
function buildTables(context: ParseContext): StickTableModel[] {
  const owners = context.proxies.filter(({ stickTable }) => stickTable !== null);
  return owners.map((proxy, index) => {
    const { keyType, keyBytes, size, expireMs, nopurge, columns, file, line } = proxy.stickTable!;
    const proxyIndex = context.proxies.indexOf(proxy);
    const { name } = proxy;
    return { index, name, proxyIndex, keyType: keyType!, keyBytes, size, expireMs, nopurge, columns, file, line };
  });
}

function buildGlobal(draft: GlobalDraft, settings: CommandLineSettings): Global {
  const limit = draft.threadHardLimit === 0 ? Number.POSITIVE_INFINITY : draft.threadHardLimit;
  return {
    daemon: draft.daemon,
    pidfile: draft.pidfile,
    nbthread: Math.min(draft.nbthread === 0 ? settings.cpuCount : draft.nbthread, limit),
    maxconn: settings.maxconn > 0 ? settings.maxconn : draft.maxconn,
    ulimitN: draft.ulimitN,
    fdHardLimit: draft.fdHardLimit,
    strictLimits: draft.strictLimits,
    user: draft.user,
    uid: draft.uid,
    group: draft.group,
    gid: draft.gid,
    chroot: draft.chroot,
    hardStopAfterMs: draft.hardStopAfterMs,
    graceMs: draft.graceMs,
    bufsize: draft.bufsize,
    maxrewrite: Math.min(draft.maxrewrite, Math.floor(draft.bufsize / 2)),
    maxhdr: draft.maxhdr,
    logUriBytes: draft.logUriBytes,
    splice: draft.splice,
    reusePort: draft.reusePort,
    engine: settings.engine,
    node: draft.node,
    description: draft.description,
    localPeer: draft.localPeer,
    log: logTargets(draft.log),
    logTag: draft.logTag === '' ? settings.programName : draft.logTag,
    logSendHostname: draft.logSendHostname,
    controlSockets: draft.statsSockets.map((socket) => ({ ...socket })),
    controlTimeoutMs: draft.statsTimeoutMs,
    controlMaxconn: draft.statsMaxconn,
    setVars: draft.setVars,
    variableLimits: { ...draft.variableLimits },
    stickCounters: draft.stickCounters,
    cookieLength: draft.cookieLength,
    quiet: draft.quiet,
    zeroWarning: draft.zeroWarning,
  };
}

function logTargets(loggers: readonly LoggerDraft[]): LogTarget[] {
  return loggers.map((logger) => logger.target);
}

function buildProxy(draft: ProxyDraft, index: number, firstServerIndex: number): Proxy {
  const has = (name: string): boolean => draft.options.has(name);
  const http = draft.mode === 'http';
  const kind = draft.kind as Proxy['kind']; // `defaults` never get here
  return {
    id: draft.id,
    index,
    name: draft.name,
    kind,
    mode: draft.mode,
    disabled: draft.disabled,
    file: draft.file,
    line: draft.line,
    description: draft.description,
    // A backend's `bind` lines were read, warned about, and mean nothing.
    binds: draft.front ? draft.binds.flatMap(buildBinds) : [],
    maxconn: draft.maxconn,
    backlog: draft.backlog,
    rateLimitSessions: draft.rateLimitSessions,
    switching: draft.front ? draft.switching.map((rule) => ({ ...rule, backend: fromBytes(rule.backend) })) : [],
    defaultBackend: draft.front ? draft.defaultBackend : '',
    monitorUri: draft.front ? draft.monitorUri : '',
    clitcpka: has('clitcpka'),
    dontlognull: has('dontlognull'),
    dontlogNormal: has('dontlog-normal'),
    logasap: has('logasap'),
    logSeparateErrors: has('log-separate-errors'),
    httpIgnoreProbes: has('http-ignore-probes'),
    servers: draft.servers.map((server, at) => buildServer(server, firstServerIndex + at)),
    balance: draft.balance.algorithm ?? { name: 'random', draws: 0 },
    hashType: draft.hashType,
    hashBalanceFactor: draft.hashBalanceFactor,
    hashAffinity: draft.hashAffinity,
    fullconn: draft.fullconn,
    retries: draft.retries,
    redispatch: has('redispatch') ? draft.redispatchAfter : 0,
    allbackups: has('allbackups'),
    httpReuse: draft.httpReuse,
    srvtcpka: has('srvtcpka'),
    source: draft.source,
    connectionMode: draft.connectionMode === '' ? 'KAL' : draft.connectionMode,
    connectionModeSet: draft.connectionMode !== '',
    pretendKeepAlive: has('http-pretend-keepalive'),
    timeouts: { ...draft.timeouts },
    forwardFor: draft.forwardFor,
    originalTo: draft.originalTo,
    forwarded: draft.forwarded === null ? null : draft.forwarded.option,
    // Unless said otherwise, HTTP proxies notice a client that left (3.3 and later).
    abortonclose: has('abortonclose') || (http && !draft.noOptions.has('abortonclose')),
    nolingerFront: draft.front && has('nolinger'),
    nolingerBack: draft.back && has('nolinger'),
    httpNoDelay: has('http-no-delay'),
    spliceRequest: has('splice-request'),
    spliceResponse: has('splice-response'),
    spliceAuto: has('splice-auto'),
    // Delaying the first ACK is automatic where a request always comes first.
    tcpSmartAccept: has('tcp-smart-accept') || (http && !draft.noOptions.has('tcp-smart-accept')),
    tcpSmartConnect: has('tcp-smart-connect'),
    errorFiles: lastOfEachStatus(draft),
    log: logTargets(draft.loggers),
    logFormat: draft.front ? logFormatKind(draft) : 'default',
    logTag: draft.logTag,
    customLogFormat: draft.front ? draft.customLogFormat : null,
    errorLogFormat: draft.front ? draft.errorLogFormat : null,
    logFormatSd: draft.front ? draft.logFormatSd : null,
    uniqueIdFormat: draft.front ? draft.uniqueIdFormat : null,
    uniqueIdHeader: draft.front ? draft.uniqueIdHeader : '',
    rules: allRules(draft),
    serverRules: draft.back ? buildServerRules(draft, firstServerIndex) : [],
    requestCaptures: draft.front ? draft.requestCaptures : [],
    responseCaptures: draft.front ? draft.responseCaptures : [],
    cookieCapture: draft.front ? draft.cookieCapture : null,
    errorReplies: draft.errorReplies,
    httpBufferRequest: has('http-buffer-request'),
    restrictNames: draft.restrictNames,
    unsafeRequest: draft.front && has('accept-unsafe-violations-in-http-request'),
    unsafeResponse: draft.back && has('accept-unsafe-violations-in-http-response'),
  };
}

function buildServerRules(draft: ProxyDraft, firstServerIndex: number): Proxy['serverRules'] {
  return draft.serverRules.map((rule) => {
    const at = rule.format === null ? draft.servers.findIndex((server) => server.name === rule.server) : -1;
    return { ...rule, serverIndex: at < 0 ? -1 : firstServerIndex + at };
  });
}

function logFormatKind({ logFormat }: ProxyDraft): Proxy['logFormat'] {
  if (logFormat === null) return 'default';
  return logFormat.kind === 'httplog' || logFormat.kind === 'tcplog' ? logFormat.kind : 'custom';
}

function lastOfEachStatus(draft: ProxyDraft): Proxy['errorFiles'] {
  const byStatus = new Map(draft.errorFiles.map(({ errorFile }) => [errorFile.status, errorFile]));
  return [...byStatus.values()];
}

function buildBinds(draft: BindDraft): Bind[] {
  const { settings, file, line } = draft;
  const { protocol: _, ...kept } = settings;
  return draft.listeners.map(({ address, id }) => ({ ...kept, address, id, file, line }));
}

function sendProxy(settings: ServerSettings): SendProxy {
  // Where both were asked for, HAProxy sends version 2.
  if (settings.sendProxyV2) return 'v2';
  return settings.sendProxyV1 ? 'v1' : 'none';
}

function buildServer(draft: ServerDraft, index: number): Server {
  const { settings } = draft;
  return {
    id: draft.id,
    index,
    name: draft.name,
    address: draft.address,
    portOffset: draft.portOffset,
    hostName: draft.hostName,
    resolved: draft.resolved,
    weight: settings.weight,
    backup: settings.backup,
    disabled: settings.disabled,
    ...connectionLimits(settings),
    maxqueue: settings.maxqueue,
    sendProxy: sendProxy(settings),
    proxyV2Options: [...settings.proxyV2Options],
    source: settings.source,
    poolMaxConn: settings.poolMaxConn,
    poolPurgeDelayMs: settings.poolPurgeDelayMs,
    poolLowConn: settings.poolLowConn,
    maxReuse: settings.maxReuse,
    tcpUserTimeoutMs: settings.tcpUserTimeoutMs,
    hashKey: settings.hashKey,
    guid: draft.guid,
    file: draft.file,
    line: draft.line,
  };
}

/** `minconn` without a higher `maxconn` is a fixed limit (manual §5.2 "minconn"). */
function connectionLimits({ minconn, maxconn }: ServerSettings): { minconn: number; maxconn: number } {
  return minconn > maxconn ? { minconn: 0, maxconn: minconn } : { minconn, maxconn };
}

/** Parts in the rule language: their text stays bytes (latin1), as it is compared with bytes. */
const LANGUAGE_KEYS: ReadonlySet<string> = new Set([
  ...['patternRefs', 'userlists', 'httpErrors', 'setVars', 'switching', 'rules', 'serverRules', 'errorReplies'],
  ...['customLogFormat', 'errorLogFormat', 'logFormatSd', 'uniqueIdFormat'],
  ...['requestCaptures', 'responseCaptures', 'cookieCapture', 'balance', 'forwarded'],
]);

/** A plain structure with its byte strings made text, frozen all through; byte arrays stay as they are. */
function settle<Value>(value: Value): Value {
  if (typeof value === 'string') return fromBytes(value) as Value;
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(settle)) as Value;
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key];
    out[key] = LANGUAGE_KEYS.has(key) ? item : settle(item);
  }
  return Object.freeze(out) as Value;
}
