// Routers in network namespaces on one bridge, for the VRRP tests: weir or keepalived from the same file, what they
// hold, what goes over the wire.
//
// Each lab has names of its own, so that labs may run side by side; the test's end removes processes and namespaces.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const AGENT = fileURLToPath(new URL('./vrrp-agent.ts', import.meta.url));
const KEEPALIVED = ['/usr/sbin/keepalived', '/usr/local/sbin/keepalived'].find((path) => existsSync(path)) ?? '';
const TSHARK = ['/usr/bin/tshark', '/usr/local/bin/tshark'].find((path) => existsSync(path)) ?? '';
const WAIT_MS = 15_000;
const POLL_MS = 2;
const SERVICE_PORT = 7_777;

export type Kind = 'weir' | 'keepalived';
export type NodeName = 'a' | 'b' | 'c' | 'd';

/** Why the tests cannot run here, or false. */
export function whyNot(needs: 'weir' | 'keepalived' = 'keepalived'): string | false {
  if (process.geteuid!() !== 0) return 'network namespaces need root';
  if (needs === 'keepalived' && KEEPALIVED === '') return 'keepalived is not installed';
  try {
    const name = `wv${process.pid}x`;
    ip('netns', 'add', name);
    ip('netns', 'del', name);
  } catch {
    return 'network namespaces cannot be made here';
  }
  return false;
}

export const wireMissing = TSHARK === '' ? 'tshark is not installed' : false;

export function ip(...words: string[]): string {
  return execFileSync('ip', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export async function until(what: string, isTrue: () => boolean, limitMs = WAIT_MS): Promise<number> {
  const deadlineMs = performance.now() + limitMs;
  while (!isTrue()) {
    if (performance.now() > deadlineMs) throw new Error(`took too long: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return wallMs();
}

export const wallMs = (): number => performance.timeOrigin + performance.now();

/** A process within a node's namespace. */
export class LabProcess {
  output = '';
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  isEnded = false;

  constructor(namespace: string, words: readonly string[], options: { uid?: number } = {}) {
    const identity = options.uid === undefined ? [] : ['setpriv', `--reuid=${options.uid}`, '--clear-groups'];
    this.child = spawn('ip', ['netns', 'exec', namespace, ...identity, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const take = (bytes: Buffer): void => {
      this.output += bytes.toString('latin1');
    };
    this.child.stdout!.on('data', take);
    this.child.stderr!.on('data', take);
    this.ended = new Promise((resolve) => {
      this.child.on('close', () => {
        this.isEnded = true;
        resolve();
      });
    });
  }

  async says(pattern: RegExp, limitMs = WAIT_MS): Promise<void> {
    try {
      await until(String(pattern), () => pattern.test(this.output) || this.isEnded, limitMs);
    } catch (error) {
      throw new Error(`${(error as Error).message}:\n${this.output}`);
    }
    if (!pattern.test(this.output)) throw new Error(`ended before saying ${pattern}:\n${this.output}`);
  }

  /** How often it said it. */
  count(pattern: RegExp): number {
    return [...this.output.matchAll(new RegExp(pattern, 'g'))].length;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    this.child.kill(signal);
    await this.ended;
  }
}

/** A VRRP router of either kind. */
export class Router extends LabProcess {
  readonly kind: Kind;
  private statusCount = 0;

  constructor(namespace: string, kind: Kind, folder: string, tag: string) {
    const conf = join(folder, `${tag}.conf`);
    const pidfiles = ['-p', join(folder, `${tag}.pid`), '-r', join(folder, `${tag}.vrrp.pid`)];
    super(
      namespace,
      kind === 'weir'
        ? [process.execPath, AGENT, 'weir', conf]
        : [KEEPALIVED, '-n', '-l', '-D', '-P', '-f', conf, ...pidfiles],
    );
    this.kind = kind;
  }

  /** kill -9 of all its processes: no last word on the wire. */
  crash(): number {
    const pid = this.child.pid!;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').map(Number);
    const pids = [...children.filter((each) => each > 0), pid];
    // The worker process first would be restarted, the parent first makes it say priority 0: both stand still before.
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    const at = wallMs();
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    return at;
  }

  enters(state: 'MASTER' | 'BACKUP' | 'FAULT'): RegExp {
    return new RegExp(`Entering ${state} STATE`);
  }

  /** weir's own figures. */
  async status(): Promise<{ instances: InstanceFigures[]; figures: ThreadFigures }> {
    const seen = ++this.statusCount;
    this.signal('SIGUSR2');
    const rows = (): string[] => this.output.split('\n').filter((row) => row.includes('"status":'));
    await until('weir’s status', () => rows().length >= seen && this.output.endsWith('\n'));
    return JSON.parse(rows()[seen - 1]!).status;
  }
}

export interface InstanceFigures {
  name: string;
  state: string;
  effectivePriority: number;
  counters: Record<string, number>;
}

export interface ThreadFigures {
  lateMsMax: number;
  lateCounts: number[];
  deadlineCount: number;
  turnMsMax: number;
  packetsIn: number;
  packetsOut: number;
}

/** A frame as tshark decodes it. */
export interface Frame {
  atMs: number;
  source: string;
  destination: string;
  vrid: number;
  version: number; // 0: no VRRP
  priority: number;
  arp: number; // opcode, 0 none
  arpAddress: string;
  neighbour: string; // target of a neighbour advertisement
  sourceMac: string;
  complaint: string;
}

const FIELDS = [
  ...['frame.time_epoch', 'ip.src', 'ipv6.src', 'ip.dst', 'ipv6.dst', 'vrrp.virt_rtr_id', 'vrrp.version', 'vrrp.prio'],
  ...[
    'arp.opcode',
    'arp.src.proto_ipv4',
    'icmpv6.nd.na.target_address',
    'eth.src',
    '_ws.malformed',
    '_ws.expert.message',
  ],
];

export class Wire extends LabProcess {
  constructor(namespace: string, device: string) {
    const fields = FIELDS.flatMap((field) => ['-e', field]);
    super(namespace, [
      TSHARK,
      '-l',
      '-n',
      '-i',
      device,
      '-f',
      'proto 112 or proto 51 or arp or ip6',
      '-T',
      'fields',
      ...fields,
    ]);
  }

  frames(): Frame[] {
    const rows = this.output.split('\n').filter((row) => /^\d+\.\d+\t/.test(row));
    return rows.map((row) => {
      const word = row.split('\t');
      return {
        atMs: Number(word[0]) * 1000,
        source: word[1] || word[2]!,
        destination: word[3] || word[4]!,
        vrid: Number(word[5]),
        version: Number(word[6]),
        priority: word[7] === '' ? -1 : Number(word[7]),
        arp: Number(word[8]),
        arpAddress: word[9]!,
        neighbour: word[10]!,
        sourceMac: word[11]!,
        complaint: [word[12], word[13]].filter((text) => text).join(' '),
      };
    });
  }

  adverts(source?: string): Frame[] {
    return this.frames().filter((frame) => frame.version > 0 && (source === undefined || frame.source === source));
  }
}

export class Lab {
  readonly folder: string;
  private readonly tag: string;
  private readonly processes: LabProcess[] = [];
  private readonly names: readonly NodeName[];
  private fileCount = 0;

  /** Nodes a, b, … have 10.77.0.1, .2, … and fd77::1, ::2, … on eth0. */
  constructor(context: TestContext, names: readonly NodeName[]) {
    labCount++;
    this.tag = `wv${process.pid}n${labCount}`;
    this.names = names;
    this.folder = mkdtempSync(join(tmpdir(), 'weir-vrrp-'));
    context.after(() => this.close());
    const bridge = this.namespace('s');
    ip('netns', 'add', bridge);
    ip('-n', bridge, 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0');
    ip('-n', bridge, 'link', 'set', 'br0', 'up');
    for (const [index, name] of names.entries()) this.addNode(name, index + 1);
  }

  namespace(name: NodeName | 's'): string {
    return `${this.tag}${name}`;
  }

  /** Starts a router on a node with keepalived.conf's text. */
  start(name: NodeName, kind: Kind, conf: string): Router {
    const tag = `${name}${++this.fileCount}`;
    writeFileSync(join(this.folder, `${tag}.conf`), conf);
    const router = new Router(this.namespace(name), kind, this.folder, tag);
    this.processes.push(router);
    return router;
  }

  /** Writes another text over the file that the router was started with, and tells it. */
  reload(name: NodeName, router: Router, conf: string): void {
    const path = router.child.spawnargs.find((word) => word.endsWith('.conf'))!;
    writeFileSync(path, conf);
    router.signal('SIGHUP');
    assertNode(name);
  }

  run(name: NodeName, words: readonly string[], options: { uid?: number } = {}): LabProcess {
    const started = new LabProcess(this.namespace(name), words, options);
    this.processes.push(started);
    return started;
  }

  agent(name: NodeName, ...words: string[]): LabProcess {
    return this.run(name, [process.execPath, AGENT, ...words]);
  }

  /** Answers on every node with the node's name. */
  async serve(...names: NodeName[]): Promise<void> {
    await Promise.all(names.map((name) => this.agent(name, 'serve', name, String(SERVICE_PORT)).says(/serving/)));
  }

  /** Asks `address` without pause who is there. */
  probe(from: NodeName, address: string): LabProcess {
    return this.agent(from, 'probe', address, String(SERVICE_PORT));
  }

  /** Listens on a node's own interface; resolves when it does. */
  async wire(name: NodeName): Promise<Wire> {
    const wire = new Wire(this.namespace(name), 'eth0');
    this.processes.push(wire);
    await wire.says(/Capturing on/);
    return wire;
  }

  holds(name: NodeName, address: string): boolean {
    return ip('-n', this.namespace(name), '-o', 'addr', 'show').includes(` ${address}/`);
  }

  /** Waits until the node holds the address, or no longer does. */
  async untilHeld(name: NodeName, address: string, held: boolean, limitMs?: number): Promise<number> {
    return until(
      `${name} ${held ? 'holds' : 'has let go of'} ${address}`,
      () => this.holds(name, address) === held,
      limitMs,
    );
  }

  /** ip(8) in a node's namespace. */
  ip(name: NodeName, ...words: string[]): string {
    return ip('-n', this.namespace(name), ...words);
  }

  /** Cuts or mends a node's cable at the switch: the node itself does not notice. */
  cable(name: NodeName, connected: boolean): void {
    ip('-n', this.namespace('s'), 'link', 'set', `p${name}`, ...(connected ? ['master', 'br0'] : ['nomaster']));
  }

  async close(): Promise<void> {
    for (const each of this.processes) {
      if (each instanceof Router && !each.isEnded && each.kind === 'keepalived') each.crash();
      each.child.kill('SIGKILL');
    }
    await Promise.all(this.processes.map((each) => each.ended));
    for (const name of [...this.names, 's'] as const) {
      try {
        ip('netns', 'del', this.namespace(name));
      } catch {
        // It was never made.
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  private addNode(name: NodeName, number: number): void {
    const namespace = this.namespace(name);
    const bridge = this.namespace('s');
    ip('netns', 'add', namespace);
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    ip('-n', bridge, 'link', 'add', `p${name}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    ip('-n', bridge, 'link', 'set', `p${name}`, 'master', 'br0', 'up');
    ip('netns', 'exec', namespace, 'sh', '-c', 'echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad');
    ip('-n', namespace, 'link', 'set', 'eth0', 'up');
    ip('-n', namespace, 'addr', 'add', `10.77.0.${number}/24`, 'dev', 'eth0');
    ip('-n', namespace, 'addr', 'add', `fd77::${number}/64`, 'dev', 'eth0', 'nodad');
  }
}

let labCount = 0;

function assertNode(name: NodeName): void {
  if (!/^[a-d]$/.test(name)) throw new Error(`no node ${name}`);
}

export interface ConfSpec {
  priority: number;
  version?: 2 | 3;
  advertInt?: number; // seconds
  addresses?: readonly string[];
  state?: 'MASTER' | 'BACKUP';
  lines?: readonly string[]; // more lines of the instance
  name?: string;
  vrid?: number;
}

/** The text of one vrrp_instance. */
export function instanceText(spec: ConfSpec): string {
  const { priority, version = 3, advertInt = 0.1, addresses = ['10.77.0.100/32'], state = 'BACKUP' } = spec;
  return [
    `vrrp_instance ${spec.name ?? 'VI_1'} {`,
    `  state ${state}`,
    '  interface eth0',
    `  virtual_router_id ${spec.vrid ?? 51}`,
    `  priority ${priority}`,
    `  version ${version}`,
    `  advert_int ${advertInt}`,
    '  garp_master_delay 1',
    ...(spec.lines ?? []).map((line) => `  ${line}`),
    '  virtual_ipaddress {',
    ...addresses.map((address) => `    ${address}`),
    '  }',
    '}',
    '',
  ].join('\n');
}

// Without the second limit keepalived's thread is killed for 10 ms of work at a time, on a busy machine.
export const GLOBAL = [
  'global_defs {',
  '  enable_script_security',
  '  script_user root',
  '  vrrp_rt_priority 50',
  '  vrrp_rlimit_rttime 2000000',
  '}',
  '',
].join('\n');

/** A whole file with one instance. */
export function confText(spec: ConfSpec): string {
  return GLOBAL + instanceText(spec);
}
