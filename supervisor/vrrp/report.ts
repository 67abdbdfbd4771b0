// `weir vrrp`: what the running election says of itself, as a table or as JSON, over a socket of the same machine.
//
// The socket has an abstract name, which belongs to the network namespace as the election does: nothing to clean up, no
// folder to be writable, reachable from a chroot. It only answers; passwords never leave the process.

import { connect, createServer, type Server } from 'node:net';
import type { VrrpAnswer } from '../../core/model/vrrp-worker.ts';
import { ipv6ToText } from '../../core/sys/sockaddr.ts';
import type { InstanceStatus } from './status.ts';

const SOCKET = '\0weir-vrrp';
const ASK_MS = 3_000;

type StatusAnswer = Extract<VrrpAnswer, { kind: 'status' }>;

/** Answers each connection with one JSON document; `onFailure` is told when the name is taken. */
export function serveStatus(ask: () => Promise<VrrpAnswer | null>, onFailure: (text: string) => void): Server {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    void ask().then((answer) => {
      socket.end(answer?.kind === 'status' ? `${JSON.stringify(reportOf(answer))}\n` : '{}\n');
    });
  });
  server.on('error', (error) => onFailure(`'weir vrrp' will not answer: ${error.message}`));
  server.listen(SOCKET);
  server.unref();
  return server;
}

export interface VrrpReport {
  instances: InstanceReport[];
  groups: readonly object[];
  figures: object;
}

interface InstanceReport {
  name: string;
  group: string;
  state: string;
  interface: string;
  vrid: number;
  version: number;
  priority: number;
  effectivePriority: number;
  master: string;
  masterPriority: number;
  masterDownMs: number;
  nextAdvertInMs: number;
  masterDownInMs: number;
  sinceMs: number; // ago
  addresses: string[];
  counters: Readonly<Record<string, number>>;
}

/** What may be shown: no passwords. */
export function reportOf(answer: StatusAnswer): VrrpReport {
  const instances = (answer.instances as readonly InstanceStatus[]).map((each) => ({
    name: each.name,
    group: each.group,
    state: each.state,
    interface: each.config.interfaceName,
    vrid: each.config.vrid,
    version: each.config.version,
    priority: each.basePriority,
    effectivePriority: each.effectivePriority,
    master: each.masterAddress === null ? '' : addressText(each.masterAddress),
    masterPriority: each.masterPriority,
    masterDownMs: each.masterDownMs,
    nextAdvertInMs: each.nextAdvertInMs,
    masterDownInMs: each.masterDownInMs,
    sinceMs: answer.nowMs - each.sinceMs,
    addresses: each.config.addresses.map((address) => `${address.address}/${address.prefix}`),
    counters: each.counters,
  }));
  return { instances, groups: answer.groups, figures: answer.figures };
}

/** One row an instance, columns aligned. */
export function tableOf(report: VrrpReport): string {
  const rows = [['INSTANCE', 'STATE', 'FOR', 'IF', 'VRID', 'PRIO', 'MASTER', 'SENT', 'RCVD', 'ERRORS', 'ADDRESSES']];
  for (const each of report.instances) {
    const { counters } = each;
    const errors = ERRORS.reduce((sum, name) => sum + (counters[name] ?? 0), 0);
    const priority =
      each.priority === each.effectivePriority ? String(each.priority) : `${each.effectivePriority} (${each.priority})`;
    rows.push([
      each.name,
      each.state.toUpperCase(),
      `${Math.floor(each.sinceMs / 1000)}s`,
      each.interface,
      String(each.vrid),
      priority,
      each.state === 'master' ? 'self' : each.master || '-',
      String(counters['advert_sent'] ?? 0),
      String(counters['advert_rcvd'] ?? 0),
      String(errors),
      each.addresses.join(' '),
    ]);
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

/** The command `weir vrrp [--json]`: its exit code. */
export async function runVrrpCommand(
  words: readonly string[],
  say: (fd: number, text: string) => void,
): Promise<number> {
  const asJson = words.length === 1 && words[0] === '--json';
  if (words.length > 0 && !asJson) {
    say(2, 'Usage: weir vrrp [--json]\n');
    return 1;
  }
  const text = await askRunning();
  if (text === null) {
    say(2, 'No weir with VRRP runs in this network namespace.\n');
    return 1;
  }
  say(1, asJson ? text : tableOf(JSON.parse(text) as VrrpReport));
  return 0;
}

function askRunning(): Promise<string | null> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(SOCKET);
    socket.setTimeout(ASK_MS, () => socket.destroy(new Error('it takes too long')));
    socket.on('data', (bytes) => {
      text += bytes.toString('utf8');
    });
    socket.on('error', () => resolve(null));
    socket.on('end', () => resolve(text.startsWith('{"instances"') ? text : null));
  });
}

const ERRORS = [
  ...[
    'packet_len_err',
    'ip_ttl_err',
    'invalid_type_rcvd',
    'advert_interval_err',
    'addr_list_err',
    'chk_err',
    'vers_err',
  ],
  ...['invalid_authtype', 'authtype_mismatch', 'auth_failure'],
];

function addressText(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join('.') : ipv6ToText(bytes, 0);
}
