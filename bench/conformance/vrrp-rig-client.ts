// A client that asks without pause who answers for an address, and says when another did for the first time.
//
// Over IPv4, where every router answers from its own hardware address, it is exact (vrrp-probe.ts: real time, the
// kernel's stamps). Otherwise it connects to the service of each node and is as late as the busy machine makes it.

import { isIPv4 } from 'node:net';
import { Probe } from './vrrp-probe-rig.ts';
import { type Lab, type LabProcess, type NodeName, until } from './vrrp-rig.ts';
import { WAIT_MS } from './vrrp-rig-process.ts';

const ASK_AGAIN_MS = 20;

export class Client {
  private readonly lab: Lab;
  private readonly exact: Probe | null;
  private readonly plain: LabProcess | null;
  private readonly answers: { atMs: number; mac: string }[] = [];

  private constructor(lab: Lab, exact: Probe | null, plain: LabProcess | null) {
    this.lab = lab;
    this.exact = exact;
    this.plain = plain;
  }

  /** `hasOneMac`: whoever is master answers from the same virtual MAC. Needs lab.serve(). */
  static async start(lab: Lab, node: NodeName, address: string, hasOneMac: boolean): Promise<Client> {
    if (isIPv4(address) && !hasOneMac) return new Client(lab, await Probe.start(lab, node, address), null);
    return new Client(lab, null, lab.probe(node, address));
  }

  /** Whether its times may be compared with those of the wire. */
  get isExact(): boolean {
    return this.exact !== null;
  }

  /** When this node's router answered for the first time; waits for it. */
  async firstAnswer(node: NodeName): Promise<number> {
    const { plain } = this;
    if (plain !== null) {
      const answered = (): RegExpExecArray | null =>
        new RegExp(`"at":([\\d.]+),"answers":"${node}"`).exec(plain.output);
      await until(`an answer of ${node}`, () => answered() !== null);
      return Number(answered()![1]);
    }
    const mac = this.lab.mac(node).replaceAll(':', '');
    for (const deadlineMs = performance.now() + WAIT_MS; performance.now() < deadlineMs; ) {
      this.answers.push(...(await this.exact!.report()).answers);
      const first = this.answers.find((each) => each.mac === mac);
      if (first !== undefined) return first.atMs;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
    throw new Error(`no answer of ${node}: ${JSON.stringify(this.answers)}`);
  }

  async stop(): Promise<void> {
    await this.exact?.stop();
    await this.plain?.stop('SIGKILL');
  }
}
