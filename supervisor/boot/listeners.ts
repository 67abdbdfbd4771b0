// Binds every `bind` of the model, before privileges are dropped and before any thread exists (manual §4.2 "bind").
//
// TCP gets one SO_REUSEPORT socket a thread, so that the kernel spreads connections and no thread ever waits for
// another's lock; Unix and inherited sockets exist once and are shared. All failures of one round are reported
// together, in HAProxy's words; whether another round may help (an old process still holds the port) is said too.

import { chmodSync, chownSync, linkSync, readFileSync, renameSync, unlinkSync } from 'node:fs';
import type { ControlSocket, Model } from '../../core/model/model.ts';
import type { Bind, Proxy } from '../../core/model/proxy.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  IP_FREEBIND,
  IP_TRANSPARENT,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_TRANSPARENT,
  IPV6_V6ONLY,
  SHUT_RD,
  SO_ACCEPTCONN,
  SO_BINDTODEVICE,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_DEFER_ACCEPT,
  TCP_FASTOPEN,
  TCP_MAXSEG,
  TCP_USER_TIMEOUT,
} from '../../core/sys/abi.ts';
import { check, EADDRINUSE, errnoText, SysError } from '../../core/sys/errno.ts';
import { lastErrno } from '../../core/sys/ffi.ts';
import * as libc from '../../core/sys/libc.ts';
import { encodeInet, encodeUnixAbstract, encodeUnixPath } from '../../core/sys/sockaddr.ts';
import {
  adoptFd,
  closeFd,
  getOption,
  localAddress,
  openSocket,
  setOption,
  setOptionText,
  socketFamily,
  trySetOption,
} from '../../core/sys/socket.ts';

const BACKLOG_DEFAULT = 1024;
const DEFER_ACCEPT_SECONDS = 1;

export interface BoundSocket {
  proxyIndex: number;
  bindIndex: number;
  fds: number[]; // one a thread, or the one that all share
  inherited: boolean; // also held by who started us: never shut down
  tcp: boolean;
  backlog: number;
}

/** A listening socket of the runtime API. */
export interface BoundControl {
  socket: ControlSocket;
  fd: number;
}

export interface BindFailure {
  severity: 'ALERT' | 'WARNING';
  text: string; // "Binding [file:line] for frontend f: protocol tcpv4: … for [ip:port]."
  retryable: boolean;
}

export interface BindResult {
  sockets: BoundSocket[];
  controls: BoundControl[];
  failures: BindFailure[];
}

export interface BindOptions {
  threadCount: number;
  reusePort: boolean; // false with -dR: then threads share one socket
}

/** Binds and listens everywhere. With any ALERT among the failures the caller must give up or try again. */
export function bindAll(model: Model, options: BindOptions): BindResult {
  const result: BindResult = { sockets: [], controls: [], failures: [] };
  const seenFds = new Set<number>();
  const said = new Set<string>(); // sockets of several threads fail alike
  for (const socket of model.global.controlSockets) {
    const round = new BindRound(model, controlProxy(model), controlBind(socket), SHARED_BY_ALL, seenFds);
    const fds = round.open();
    result.failures.push(...round.failures);
    if (fds !== null) result.controls.push({ socket, fd: fds[0]! });
  }
  for (const proxy of model.proxies) {
    if (proxy.disabled) continue;
    for (const [bindIndex, bind] of proxy.binds.entries()) {
      const round = new BindRound(model, proxy, bind, options, seenFds);
      const fds = round.open();
      for (const failure of round.failures) if (!said.has(failure.text)) result.failures.push(failure);
      for (const failure of round.failures) said.add(failure.text);
      if (fds === null) continue;
      const { inherited, tcp, backlog } = round;
      result.sockets.push({ proxyIndex: proxy.index, bindIndex, fds, inherited, tcp, backlog });
    }
  }
  return result;
}

const SHARED_BY_ALL: BindOptions = { threadCount: 1, reusePort: false };

/** What messages and backlogs need of the proxy a bind belongs to. */
type BindOwner = Pick<Proxy, 'kind' | 'name' | 'backlog' | 'maxconn'>;

// HAProxy's name for what stands behind its runtime sockets.
function controlProxy(model: Model): BindOwner {
  return { kind: 'frontend', name: 'GLOBAL', backlog: 0, maxconn: model.global.controlMaxconn };
}

function controlBind({ address, unixMode, unixUid, unixGid, file, line }: ControlSocket): Bind {
  return {
    address,
    name: '',
    id: 0,
    acceptProxy: false,
    backlog: 0,
    maxconn: 0,
    interfaceName: '',
    transparent: false,
    tcpFastOpen: false,
    deferAccept: false,
    mss: 0,
    v4v6: false,
    v6only: false,
    unixMode,
    unixUid,
    unixGid,
    tcpUserTimeoutMs: 0,
    file,
    line,
  };
}

export function closeControls(controls: readonly BoundControl[]): void {
  for (const { fd } of controls) closeFd(fd);
}

export function closeSockets(sockets: readonly BoundSocket[]): void {
  for (const socket of sockets) {
    for (const fd of socket.fds) closeFd(fd);
  }
}

/** SIGTTOU: connections are refused until resumeSockets. What others may listen on too is only left alone. */
export function pauseSockets(sockets: readonly BoundSocket[]): void {
  for (const socket of sockets) {
    if (!socket.tcp || socket.inherited) continue;
    for (const fd of socket.fds) libc.shutdown(fd, SHUT_RD);
  }
}

/** SIGTTIN: false for those whose address has meanwhile been taken. */
export function resumeSockets(sockets: readonly BoundSocket[]): boolean {
  let resumed = true;
  for (const socket of sockets) {
    if (!socket.tcp || socket.inherited) continue;
    for (const fd of socket.fds) {
      if (libc.listen(fd, socket.backlog) < 0) resumed = false;
    }
  }
  return resumed;
}

/** "proxy" is HAProxy's word for a listen section. */
export function proxyTypeText(proxy: Pick<Proxy, 'kind'>): string {
  return proxy.kind === 'listen' ? 'proxy' : proxy.kind;
}

class BindError extends Error {
  readonly retryable: boolean;
  readonly step: 'Binding' | 'Starting';

  constructor(text: string, retryable: boolean, step: 'Binding' | 'Starting' = 'Binding') {
    super(text);
    this.retryable = retryable;
    this.step = step;
  }
}

// One bind line's address: everything that is opened is closed again when it fails.
class BindRound {
  readonly failures: BindFailure[] = [];
  readonly backlog: number;
  inherited = false;
  tcp = false;
  private readonly proxy: BindOwner;
  private readonly bind: Bind;
  private readonly options: BindOptions;
  private readonly seenFds: Set<number>;
  private readonly fds: number[] = [];
  private protocol = 'tcpv4';
  private label = '';

  constructor(model: Model, proxy: BindOwner, bind: Bind, options: BindOptions, seenFds: Set<number>) {
    this.proxy = proxy;
    this.bind = bind;
    this.options = options;
    this.seenFds = seenFds;
    this.backlog =
      bind.backlog || proxy.backlog || bind.maxconn || proxy.maxconn || model.global.maxconn || BACKLOG_DEFAULT;
  }

  /** The listening fds, or null when they could not be had. */
  open(): number[] | null {
    try {
      this.openByFamily();
      return this.fds;
    } catch (error) {
      if (!(error instanceof BindError || error instanceof SysError || error instanceof RangeError)) throw error;
      for (const fd of this.fds) libc.close(fd);
      const retryable = error instanceof BindError && error.retryable;
      this.fail('ALERT', error instanceof BindError ? error.step : 'Binding', error.message, retryable);
      return null;
    }
  }

  private openByFamily(): void {
    const { address } = this.bind;
    switch (address.family) {
      case 'inet':
        return this.openInet(AF_INET, address.host, address.port, '');
      case 'inet6':
        return this.openInet(AF_INET6, address.host, address.port, address.scope);
      case 'unix':
        return this.openUnixPath(address.path);
      case 'abns':
        return this.openAbstract(address.name, !address.zeroTerminated);
      case 'fd':
        return this.openInherited(address.fd);
    }
  }

  private openInet(family: number, host: string, port: number, scope: string): void {
    this.protocol = family === AF_INET ? 'tcpv4' : 'tcpv6';
    this.tcp = true;
    this.label = `for [${host}:${port}]`;
    const scopeId = scope === '' ? 0 : interfaceIndex(scope);
    if (scopeId < 0) throw new BindError(`no interface '${scope}'`, false);
    const socketCount = this.options.reusePort ? this.options.threadCount : 1;
    let boundPort = port;
    for (let index = 0; index < socketCount; index++) {
      const fd = this.openReceiving(family);
      this.prepareInet(fd, family);
      if (tryBind(fd, encodeInet(host, boundPort, scopeId)) < 0) {
        const errno = lastErrno();
        throw new BindError(`cannot bind socket (${errnoText(errno)})`, errno === EADDRINUSE);
      }
      if (boundPort === 0) boundPort = localAddress(fd).port;
    }
    for (const fd of this.fds) {
      this.tuneTcp(fd);
      this.listen(fd);
    }
  }

  private openReceiving(family: number): number {
    try {
      const fd = openSocket(family, SOCK_STREAM);
      this.fds.push(fd);
      return fd;
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      throw new BindError(`cannot create receiving socket (${errnoText(error.errno)})`, true);
    }
  }

  private prepareInet(fd: number, family: number): void {
    const { bind } = this;
    setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (this.options.reusePort) trySetOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (bind.transparent && !makeTransparent(fd, family)) {
      throw new BindError('cannot make receiving socket transparent', false);
    }
    if (bind.interfaceName !== '') {
      try {
        setOptionText(fd, SOL_SOCKET, SO_BINDTODEVICE, bind.interfaceName);
      } catch (error) {
        if (!(error instanceof SysError)) throw error;
        this.warn(`cannot bind receiver to device '${bind.interfaceName}' (${errnoText(error.errno)})`, 'Binding');
      }
    }
    if (family === AF_INET6) {
      const only = bind.v6only || (!bind.v4v6 && v6onlyDefault());
      setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, only ? 1 : 0);
    }
  }

  // None of these keeps weir from serving, so each refusal is a warning, as in HAProxy.
  private tuneTcp(fd: number): void {
    const { bind } = this;
    if (bind.mss > 0) this.tune(fd, TCP_MAXSEG, bind.mss, `set MSS to ${bind.mss},`);
    if (bind.tcpUserTimeoutMs > 0) {
      this.tune(fd, TCP_USER_TIMEOUT, bind.tcpUserTimeoutMs, 'set TCP User Timeout,');
    }
    if (bind.deferAccept) this.tune(fd, TCP_DEFER_ACCEPT, DEFER_ACCEPT_SECONDS, 'enable DEFER_ACCEPT,');
    if (bind.tcpFastOpen) this.tune(fd, TCP_FASTOPEN, this.backlog, 'enable TCP_FASTOPEN,');
  }

  private tune(fd: number, option: number, value: number, what: string): void {
    if (trySetOption(fd, IPPROTO_TCP, option, value) < 0) {
      this.warn(`cannot ${what} (${errnoText(lastErrno())})`, 'Starting');
    }
  }

  private listen(fd: number): void {
    if (libc.listen(fd, this.backlog) === 0) return;
    const text = this.tcp ? 'cannot listen to socket:' : 'cannot listen on UNIX socket';
    throw new BindError(`${text} (${errnoText(lastErrno())})`, true, 'Starting');
  }

  // The path appears in one step, complete with owner and mode, and replaces an older socket without a gap in
  // which connecting fails; a backup name keeps the old one should the last step fail.
  private openUnixPath(path: string): void {
    this.protocol = 'unix_stream';
    this.label = `[${path}]`;
    const tempPath = `${path}.${process.pid}.tmp`;
    const backupPath = `${path}.${process.pid}.bak`;
    let sockaddr: Uint8Array;
    try {
      sockaddr = encodeUnixPath(tempPath);
    } catch {
      throw new BindError('name too long for UNIX socket (limit usually 97)', false);
    }
    attempt('error when trying to unlink previous UNIX socket', () => unlinkSync(tempPath), 'ENOENT');
    attempt('error when trying to unlink previous UNIX socket', () => unlinkSync(backupPath), 'ENOENT');
    attempt('error when trying to preserve previous UNIX socket', () => linkSync(path, backupPath), 'ENOENT');
    const fd = this.openReceiving(AF_UNIX);
    try {
      if (tryBind(fd, sockaddr) < 0) throw unixBindError(lastErrno());
      attempt('cannot change UNIX socket ownership', () => this.setOwner(tempPath), '');
      this.listen(fd);
      attempt('cannot switch final and temporary UNIX sockets', () => renameSync(tempPath, path), '');
    } catch (error) {
      silently(() => unlinkSync(tempPath));
      throw error;
    } finally {
      silently(() => unlinkSync(backupPath));
    }
  }

  private setOwner(path: string): void {
    const { unixUid, unixGid, unixMode } = this.bind;
    if (unixUid >= 0 || unixGid >= 0) {
      // chown(2) leaves alone what is -1, which Node does not take: name what it would have been.
      chownSync(path, unixUid >= 0 ? unixUid : process.geteuid!(), unixGid >= 0 ? unixGid : process.getegid!());
    }
    if (unixMode > 0) chmodSync(path, unixMode);
  }

  private openAbstract(name: string, padded: boolean): void {
    this.protocol = 'unix_stream';
    this.label = `[abns@${name}]`;
    const fd = this.openReceiving(AF_UNIX);
    if (tryBind(fd, encodeUnixAbstract(name, padded)) < 0) throw unixBindError(lastErrno());
    this.listen(fd);
  }

  // A socket that who started us has already bound; it may be listening already. Named twice, it is duplicated,
  // since every bind closes its own.
  private openInherited(inheritedFd: number): void {
    this.protocol = 'fd';
    this.label = `[fd ${inheritedFd}]`;
    this.inherited = true;
    let fd = inheritedFd;
    if (this.seenFds.has(fd)) fd = check('dup', libc.dup(fd));
    this.seenFds.add(inheritedFd);
    let family: number;
    try {
      family = socketFamily(fd);
      adoptFd(fd);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      throw new BindError(`cannot use file descriptor '${inheritedFd}' (${errnoText(error.errno)})`, false);
    }
    this.fds.push(fd);
    this.tcp = family === AF_INET || family === AF_INET6;
    this.protocol = this.tcp ? (family === AF_INET ? 'tcpv4' : 'tcpv6') : 'unix_stream';
    if (this.tcp) this.tuneTcp(fd);
    if (getOption(fd, SOL_SOCKET, SO_ACCEPTCONN) === 0) this.listen(fd);
  }

  private warn(text: string, step: 'Binding' | 'Starting'): void {
    this.fail('WARNING', step, text, false);
  }

  private fail(severity: 'ALERT' | 'WARNING', step: string, text: string, retryable: boolean): void {
    const { bind, proxy } = this;
    const where = `${step} [${bind.file}:${bind.line}] for ${proxyTypeText(proxy)} ${proxy.name}`;
    this.failures.push({ severity, text: `${where}: protocol ${this.protocol}: ${text} ${this.label}.`, retryable });
  }
}

function tryBind(fd: number, sockaddr: Uint8Array): number {
  return libc.bind(fd, sockaddr, sockaddr.length);
}

function unixBindError(errno: number): BindError {
  if (errno === EADDRINUSE) return new BindError('cannot bind UNIX socket (already in use)', true);
  return new BindError(`cannot bind UNIX socket (${errnoText(errno)})`, false);
}

function makeTransparent(fd: number, family: number): boolean {
  const free = trySetOption(fd, IPPROTO_IP, IP_FREEBIND, 1) === 0;
  if (family === AF_INET) return trySetOption(fd, IPPROTO_IP, IP_TRANSPARENT, 1) === 0 || free;
  return trySetOption(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1) === 0 || free;
}

/** /proc/sys/net/ipv6/bindv6only. */
function v6onlyDefault(): boolean {
  try {
    return readFileSync('/proc/sys/net/ipv6/bindv6only', 'latin1').trim() === '1';
  } catch {
    return false;
  }
}

/** The index of a scope written as a number or an interface's name; -1 when there is none. */
function interfaceIndex(scope: string): number {
  if (/^\d+$/.test(scope)) return Number(scope);
  if (scope.includes('/')) return -1;
  try {
    return Number(readFileSync(`/sys/class/net/${scope}/ifindex`, 'latin1'));
  } catch {
    return -1;
  }
}

function attempt(what: string, action: () => void, ignoredCode: string): void {
  try {
    action();
  } catch (error) {
    const { code, errno } = error as NodeJS.ErrnoException;
    if (code === ignoredCode) return;
    throw new BindError(`${what} (${errnoText(Math.abs(errno ?? 0))})`, false);
  }
}

function silently(action: () => void): void {
  try {
    action();
  } catch {
    // Nothing was there.
  }
}
