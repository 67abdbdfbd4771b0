// Routers in network namespaces on one bridge, for the VRRP tests: weir or keepalived from the same file, what they
// hold, what goes over the wire.
//
// Each lab has names of its own, so that labs may run side by side; the test's end removes processes and namespaces.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ip, LabProcess, type LabProcessOptions, until, wallMs } from './vrrp-rig-process.ts';
import { Wire } from './vrrp-rig-wire.ts';

export { type ConfSpec, confText, GLOBAL, instanceText } from './vrrp-rig-conf.ts';
export { ip, LabProcess, type LabProcessOptions, until, wallMs } from './vrrp-rig-process.ts';
export { type Frame, Wire, wireMissing } from './vrrp-rig-wire.ts';

const AGENT = fileURLToPath(new URL('./vrrp-agent.ts', import.meta.url));
const KEEPALIVED = ['/usr/sbin/keepalived', '/usr/local/sbin/keepalived'].find((path) => existsSync(path)) ?? '';
const SERVICE_PORT = 7_777;
const HELD_POLL_MS = 10; // each look runs ip(8)

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

/** A VRRP router of either kind. */
export class Router extends LabProcess {
  readonly kind: Kind;
  private statusCount = 0;

  /** A folder of its own: keepalived's dumps have fixed names below TMPDIR. */
  private readonly dumps: string;

  constructor(namespace: string, kind: Kind, folder: string, tag: string) {
    const conf = join(folder, `${tag}.conf`);
    const dumps = join(folder, `${tag}.tmp`);
    // All four, also of what it does not start: it looks for another keepalived by each of them.
    const pidfiles = ['-p', '-r', '-c', '-b'].flatMap((option) => [option, join(folder, `${tag}${option}.pid`)]);
    mkdirSync(dumps);
    super(
      namespace,
      kind === 'weir'
        ? [process.execPath, AGENT, 'weir', conf]
        : [KEEPALIVED, '-n', '-l', '-D', '-P', '-f', conf, ...pidfiles],
      { env: { TMPDIR: dumps } },
    );
    this.kind = kind;
    this.dumps = dumps;
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

  /** Waits until its sockets are open; the election may have begun before. */
  async runs(): Promise<void> {
    await this.says(this.kind === 'weir' ? /VRRP runs/ : /Startup complete/);
  }

  /** The states an instance went through, by the words that people grep for. */
  transitions(instance = 'VI_1'): string[] {
    return [...this.output.matchAll(new RegExp(`\\(${instance}\\) Entering (\\w+) STATE`, 'g'))].map(
      (each) => each[1]!,
    );
  }

  /** weir's own figures. */
  async status(): Promise<{ instances: InstanceFigures[]; figures: ThreadFigures }> {
    const seen = ++this.statusCount;
    this.signal('SIGUSR2');
    const rows = (): string[] => this.output.split('\n').filter((row) => row.includes('"status":'));
    await until('weir’s status', () => rows().length >= seen && this.output.endsWith('\n'));
    return JSON.parse(rows()[seen - 1]!).status;
  }

  /** What either kind has counted for an instance, under the names of keepalived's JSON. */
  async counters(instance = 'VI_1'): Promise<Record<string, number>> {
    if (this.kind === 'weir') {
      const { instances } = await this.status();
      return instances.find((each) => each.name === instance)!.counters;
    }
    const path = join(this.dumps, 'keepalived.stats');
    rmSync(path, { force: true });
    this.signal('SIGUSR2');
    await until('keepalived’s counters', () => existsSync(path));
    const text = readFileSync(path, 'latin1');
    const part = text.slice(text.indexOf(`VRRP Instance: ${instance}\n`)).split('VRRP Instance: ')[1]!;
    const numbers = [...part.matchAll(/: (\d+)$/gm)].map((each) => Number(each[1]));
    if (numbers.length < STATS_ROWS.length) throw new Error(`not keepalived's counters:\n${text}`);
    return Object.fromEntries(STATS_ROWS.map((name, index) => [name, numbers[index]!]));
  }
}

/** What keepalived counts as wrong with a packet. */
export const ERROR_COUNTERS = [
  'packet_len_err',
  'ip_ttl_err',
  'invalid_type_rcvd',
  'advert_interval_err',
  'addr_list_err',
  'invalid_authtype',
  'authtype_mismatch',
  'auth_failure',
];

/** In the order of the rows of keepalived.stats. */
const STATS_ROWS = [
  'advert_rcvd',
  'advert_sent',
  'become_master',
  'release_master',
  ...ERROR_COUNTERS,
  'pri_zero_rcvd',
  'pri_zero_sent',
];

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

export interface LabOptions {
  /** The bridge repeats every frame to everybody, so that a third one overhears what is unicast. */
  isHub?: boolean;
}

export class Lab {
  readonly folder: string;
  private readonly tag: string;
  private readonly processes: LabProcess[] = [];
  private readonly names: readonly NodeName[];
  private readonly macs = new Map<NodeName, string>();
  private fileCount = 0;

  /** Nodes a, b, … have 10.77.0.1, .2, … and fd77::1, ::2, … on eth0. */
  constructor(context: TestContext, names: readonly NodeName[], options: LabOptions = {}) {
    labCount++;
    this.tag = `wv${process.pid}n${labCount}`;
    this.names = names;
    this.folder = mkdtempSync(join(tmpdir(), 'weir-vrrp-'));
    context.after(() => this.close());
    const bridge = this.namespace('s');
    ip('netns', 'add', bridge);
    ip('-n', bridge, 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0');
    if (options.isHub === true) ip('-n', bridge, 'link', 'set', 'br0', 'type', 'bridge', 'ageing_time', '0');
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

  run(name: NodeName, words: readonly string[], options: LabProcessOptions = {}): LabProcess {
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
      HELD_POLL_MS,
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

  /**
   * Pulls or plugs cables at the nodes' end, all at one moment: they see their carrier go and come. Says between which
   * two moments it was.
   */
  carrier(names: readonly NodeName[], isThere: boolean): { fromMs: number; toMs: number } {
    const lines = names.map((name) => `link set p${name} ${isThere ? 'up' : 'down'}\n`);
    const path = join(this.folder, 'carrier');
    writeFileSync(path, lines.join(''));
    const fromMs = wallMs();
    ip('-n', this.namespace('s'), '-batch', path);
    return { fromMs, toMs: wallMs() };
  }

  /** The hardware address of the node's eth0. */
  mac(name: NodeName): string {
    const known = this.macs.get(name);
    if (known !== undefined) return known;
    const [, mac] = /link\/ether ([0-9a-f:]+)/.exec(this.ip(name, '-o', 'link', 'show', 'eth0'))!;
    this.macs.set(name, mac!);
    return mac!;
  }

  async close(): Promise<void> {
    for (const each of this.processes) {
      if (each instanceof Router && !each.isEnded && each.kind === 'keepalived') each.crash();
      each.child.kill('SIGKILL');
    }
    // What they started: tshark's dumpcap outlives it on a silent wire, and keeps our pipe open.
    for (const name of this.names) this.killAll(name);
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

  private killAll(name: NodeName): void {
    try {
      for (const pid of ip('netns', 'pids', this.namespace(name)).split('\n')) {
        if (pid !== '') process.kill(Number(pid), 'SIGKILL');
      }
    } catch {
      // The namespace was never made, or the process ended meanwhile.
    }
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
