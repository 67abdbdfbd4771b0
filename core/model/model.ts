// The whole configuration as plain data: what core/config makes and every thread is given.

import type { LogTarget, Proxy } from './proxy.ts';

export interface Global {
  daemon: boolean;
  pidfile: string; // '' none
  nbthread: number; // ≥ 1: already defaulted to the usable CPUs
  maxconn: number; // 0: computed from the fd limit at start
  ulimitN: number; // 0: computed
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
  engine: '' | 'uring' | 'epoll'; // '' choose at boot; from the command line, not from the file
  node: string; // '' the host name
  description: string;
  localPeer: string;
  log: readonly LogTarget[];
  logTag: string; // default: the program's name
  logSendHostname: string; // '' none
  quiet: boolean;
  zeroWarning: boolean;
}

export interface Model {
  global: Global;
  proxies: readonly Proxy[];
  serverCount: number; // servers of all backends: the size of the shared server tables
  files: readonly string[];
}
