// The programs we start and compare: weir itself and what is installed beside it.
//
// HAPROXY_PEER names the haproxy to use when it is not the one on PATH; NGINX_PEER and WRK_PEER likewise.

import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChild } from './children.ts';

export type PeerKind = 'weir' | 'haproxy' | 'nginx';

export interface Peer {
  name: string; // how tables call it: the kind, or what the user said in `name=path`
  kind: PeerKind;
  path: string;
  version: string; // as it says itself: `3.4.0-…`, `1.22.1`
  canTcp: boolean; // forwards plain TCP; nginx may lack its stream module
  streamModule: string; // nginx: the module to load for TCP; '' when it is built in or there is none
}

const VERSION_TIMEOUT_MS = 10_000;

/** The launcher of this checkout. */
export const weirPath: string = fileURLToPath(new URL('../../supervisor/weir', import.meta.url));

/** Full path of `program` if it is an executable file on PATH (or in the system directories PATH often lacks); else ''. */
export function findOnPath(program: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/sbin'];
  for (const folder of folders) {
    if (folder === '') continue;
    const path = join(folder, program);
    if (isExecutable(path)) return path;
  }
  return '';
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function pathOf(program: string, variable: string): string {
  const named = process.env[variable];
  return named !== undefined && named !== '' ? named : findOnPath(program);
}

/** The haproxy to compare with; null when none is installed. Throws when HAPROXY_PEER names something else. */
export async function findHaproxy(): Promise<Peer | null> {
  const path = pathOf('haproxy', 'HAPROXY_PEER');
  return path === '' ? null : await describePeer('haproxy', path);
}

/** The nginx to use as origin and peer; null when none is installed. */
export async function findNginx(): Promise<Peer | null> {
  const path = pathOf('nginx', 'NGINX_PEER');
  return path === '' ? null : await describePeer('nginx', path);
}

/** This checkout's weir; null while its launcher is not there. */
export async function findWeir(): Promise<Peer | null> {
  return isExecutable(weirPath) ? await describePeer('weir', weirPath) : null;
}

/** Path of wrk, or '' when it is not installed. */
export function findWrk(): string {
  return pathOf('wrk', 'WRK_PEER');
}

/** The peer that `word` names: `weir`, `haproxy`, `nginx`, or `name=path` of any of the three. null: not installed. */
export async function findPeer(word: string): Promise<Peer | null> {
  if (word === 'weir') return findWeir();
  if (word === 'haproxy') return findHaproxy();
  if (word === 'nginx') return findNginx();
  const at = word.indexOf('=');
  if (at <= 0) throw new Error(`unknown peer '${word}': give weir, haproxy, nginx or name=path`);
  return describePeer(word.slice(0, at), word.slice(at + 1));
}

/** Which kind of program each `-v` belongs to; exported for its test. */
export function parseVersion(text: string): { kind: PeerKind; version: string } | null {
  // weir first: it also answers in HAProxy's form, so that scripts which look for a version find one.
  const weir = /weir(?: version)? v?(\d\S*)/i.exec(text);
  if (weir) return { kind: 'weir', version: weir[1]! };
  const haproxy = /HAProxy version (\S+)/i.exec(text);
  if (haproxy) return { kind: 'haproxy', version: haproxy[1]! };
  const nginx = /nginx version: nginx\/(\S+)/.exec(text);
  if (nginx) return { kind: 'nginx', version: nginx[1]! };
  return null;
}

async function describePeer(name: string, path: string): Promise<Peer> {
  const { stdout, stderr } = await runChild(path, ['-v'], VERSION_TIMEOUT_MS);
  const parsed = path === weirPath ? weirVersion(stdout + stderr) : parseVersion(stdout + stderr);
  if (parsed === null) throw new Error(`${path} is no weir, haproxy or nginx: its -v says none of these names`);
  const peer: Peer = { name, path, ...parsed, canTcp: true, streamModule: '' };
  if (peer.kind === 'nginx') await describeStream(peer);
  return peer;
}

function weirVersion(text: string): { kind: PeerKind; version: string } {
  const parsed = parseVersion(text);
  return { kind: 'weir', version: parsed?.version ?? (/\d+\.\d+\S*/.exec(text)?.[0] || 'unknown') };
}

async function describeStream(peer: Peer): Promise<void> {
  const { stdout, stderr } = await runChild(peer.path, ['-V'], VERSION_TIMEOUT_MS);
  const flags = stdout + stderr;
  if (/--with-stream(\s|$)/.test(flags)) return;
  const folder = /--modules-path=(\S+)/.exec(flags)?.[1] ?? '/usr/lib/nginx/modules';
  const modulePath = join(folder, 'ngx_stream_module.so');
  if (existsSync(modulePath)) peer.streamModule = modulePath;
  else peer.canTcp = false;
}
