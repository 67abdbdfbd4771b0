// A router under load, for the VRRP measurements: the whole program (proxies and election in one process) with a client
// that keeps its proxy thread at the limit, or keepalived beside the same proxies under the same client.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { LAUNCHER } from '../../core/testing/weir-process.ts';
import type { Kind, Lab, LabProcess, NodeName } from './vrrp-rig.ts';

const WRK = ['/usr/bin/wrk', '/usr/local/bin/wrk'].find((path) => existsSync(path)) ?? '';
const URL_TEXT = 'http://127.0.0.1:8080/';
const CONNECTIONS = 32;
const HOUR_S = 3_600;
const START_MS = 60_000; // on a machine without an idle moment
const PROXIES = [
  'global',
  '  nbthread 1',
  '  maxconn 1000',
  '  user root',
  '  chroot /',
  'defaults',
  '  mode http',
  '  timeout client 30s',
  'frontend load',
  '  bind 127.0.0.1:8080',
  '  http-request return status 200 content-type text/plain string "hello"',
  '',
].join('\n');

// Ends with the test, however that ends.
const BURNER = 'const parent = process.ppid; while (process.ppid === parent);';

export const loadMissing = WRK === '' ? 'wrk is not installed' : false;

/** Burns every processor besides whatever else runs, until the result is called, or the test ends. */
export function burn(context: TestContext): () => void {
  const burners: ChildProcess[] = [];
  for (let index = 0; index < availableParallelism(); index++) {
    burners.push(spawn(process.execPath, ['-e', BURNER], { stdio: 'ignore' }));
  }
  const end = (): void => {
    for (const each of burners) each.kill('SIGKILL');
  };
  context.after(end);
  return end;
}

/** What a thread has had of its processor and waited for it, in nanoseconds (/proc/PID/task/TID/schedstat). */
interface Turn {
  ran: number;
  waited: number;
}

export class LoadedRouter {
  readonly proxies: LabProcess;
  readonly election: LabProcess; // the same process for weir
  private readonly lab: Lab;
  private readonly node: NodeName;
  private client: LabProcess | null = null;
  private readonly kind: Kind;
  private before = new Map<string, Turn>();
  private sinceMs = 0;

  private constructor(lab: Lab, node: NodeName, kind: Kind, proxies: LabProcess, election: LabProcess) {
    this.lab = lab;
    this.node = node;
    this.kind = kind;
    this.proxies = proxies;
    this.election = election;
  }

  /** Starts it on a node with the text of a keepalived.conf; resolves when the proxies run. */
  static async start(lab: Lab, node: NodeName, kind: Kind, conf: string): Promise<LoadedRouter> {
    const cfg = join(lab.folder, `${node}.cfg`);
    const keepalived = join(lab.folder, `${node}.whole.conf`);
    writeFileSync(cfg, PROXIES);
    writeFileSync(keepalived, conf);
    const proxies = lab.run(node, [LAUNCHER, '-f', cfg, ...(kind === 'weir' ? ['-f', keepalived] : [])]);
    await proxies.says(/"msg":"started"/, START_MS);
    const election = kind === 'weir' ? proxies : lab.start(node, kind, conf);
    return new LoadedRouter(lab, node, kind, proxies, election);
  }

  /** From now on a client asks the proxies as fast as they can answer. It comes before others, so that it is faster. */
  load(): void {
    const words = ['nice', '-n', '-10', WRK, '-t2', `-c${CONNECTIONS}`, '-d', String(HOUR_S), URL_TEXT];
    this.client = this.lab.run(this.node, words);
  }

  /** All processes of the router that a crash of the machine would end. */
  pids(): number[] {
    const all = [this.proxies.child.pid!];
    if (this.kind === 'weir') return all;
    const pid = this.election.child.pid!;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').map(Number);
    return [...children.filter((each) => each > 0), pid, ...all];
  }

  /** From now on busy() counts. */
  watch(): void {
    this.before = this.turns();
    this.sinceMs = performance.now();
  }

  /** How much of the time since watch() the busiest proxy thread ran or waited for a processor: 1 is saturated. */
  busy(): number {
    const passedNs = (performance.now() - this.sinceMs) * 1e6;
    let most = 0;
    for (const [thread, turn] of this.turns()) {
      const { ran, waited } = this.before.get(thread) ?? { ran: 0, waited: 0 };
      most = Math.max(most, (turn.ran - ran + turn.waited - waited) / passedNs);
    }
    return most;
  }

  async stop(): Promise<void> {
    const all = [this.client, this.election, this.proxies].filter((each) => each !== null);
    for (const each of all) each.signal('SIGKILL');
    await Promise.all(all.map((each) => each.ended));
  }

  private turns(): Map<string, Turn> {
    const folder = `/proc/${this.proxies.child.pid}/task`;
    const turns = new Map<string, Turn>();
    for (const thread of readdirSync(folder)) {
      const [ran, waited] = readFileSync(join(folder, thread, 'schedstat'), 'latin1')
        .split(' ')
        .map(Number);
      turns.set(thread, { ran: ran!, waited: waited! });
    }
    return turns;
  }
}
