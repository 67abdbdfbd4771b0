// The whole configuration as plain data: what core/config makes and every thread is given.

import type { ExpressionAst, FormatAst, PatternRef, Userlist, VariableScope } from './language.ts';
import type { Address, LogTarget, Proxy } from './proxy.ts';
import type { HttpErrors } from './rules.ts';
import type { StickTableModel } from './tables.ts';

/** A `stats socket` line: where the runtime commands are served (management guide §9.3). */
export interface ControlSocket {
  address: Address;
  level: 'user' | 'operator' | 'admin';
  unixMode: number; // -1 not set, as for Bind
  unixUid: number;
  unixGid: number;
  file: string;
  line: number;
}

export interface Global {
  daemon: boolean;
  pidfile: string; // '' none
  nbthread: number; // ≥ 1: already defaulted to the usable CPUs
  maxconn: number; // 0: computed from the fd limit at start
  ulimitN: number; // 0: computed
  fdHardLimit: number; // the computed limits never exceed it; 0 none
  strictLimits: boolean; // default true: start fails where a limit cannot be set; false: warns
  user: string; // '' not set
  uid: number; // -1 not set
  group: string;
  gid: number;
  chroot: string; // '' none
  hardStopAfterMs: number; // 0: none
  graceMs: number;
  bufsize: number; // tune.bufsize, default 16384
  maxrewrite: number; // tune.maxrewrite, default 1024
  maxhdr: number; // tune.http.maxhdr, default 101
  logUriBytes: number; // tune.http.logurilen, default 1024: a logged request line is cut there
  splice: boolean; // default true; false: `nosplice`
  reusePort: boolean; // default true; false: `noreuseport`
  engine: '' | 'uring' | 'epoll'; // '' choose at boot; from the command line, not from the file
  node: string; // '' the host name
  description: string;
  localPeer: string;
  log: readonly LogTarget[];
  logTag: string; // default: the program's name
  logSendHostname: string; // '' none
  controlSockets: readonly ControlSocket[];
  controlTimeoutMs: number; // `stats timeout`, default 10000
  controlMaxconn: number; // `stats maxconn`, default 10
  /** `set-var`, `set-var-fmt`: run once before anything else, in order. */
  setVars: readonly {
    scope: VariableScope;
    name: string;
    expression: ExpressionAst | null;
    format: FormatAst | null;
  }[];
  /** tune.vars.*-max-size, bytes; 0: no limit. */
  variableLimits: { global: number; proc: number; sess: number; txn: number; reqres: number };
  stickCounters: number; // tune.stick-counters, default 3
  cookieLength: number; // tune.http.cookielen, default 63
  quiet: boolean;
  zeroWarning: boolean;
}

export interface Model {
  global: Global;
  proxies: readonly Proxy[];
  serverCount: number; // servers of all backends: the size of the shared server tables
  files: readonly string[];
  patternRefs: readonly PatternRef[];
  userlists: readonly Userlist[];
  tables: readonly StickTableModel[];
  httpErrors: readonly HttpErrors[];
}
