// The probe (vrrp-probe.ts) as tests use it: started on a node of a lab, told to kill, asked what it saw.

import { fileURLToPath } from 'node:url';
import type { ProbeReport } from './vrrp-probe.ts';
import { type Lab, type LabProcess, type NodeName, until } from './vrrp-rig.ts';

const REPORT_MS = 60_000; // long ones take their time on a busy machine
const PROBE = fileURLToPath(new URL('./vrrp-probe.ts', import.meta.url));

export class Probe {
  private readonly process: LabProcess;

  private constructor(process: LabProcess) {
    this.process = process;
  }

  /** Asks `address` every millisecond from `node`, or only listens there; resolves when it does. */
  static async start(lab: Lab, node: NodeName, address: string, mode: 'ask' | 'listen' = 'ask'): Promise<Probe> {
    const words = [process.execPath, PROBE, address, 'eth0', mode];
    const probe = new Probe(lab.run(node, words, { stdin: true }));
    await probe.process.says(/"probing"/);
    return probe;
  }

  /** kill -9 of these processes at one moment, which the next report names. */
  kill(pids: readonly number[]): void {
    this.command(`kill ${pids.join(' ')}`);
  }

  /** What was seen since the last report. */
  async report(): Promise<ProbeReport> {
    this.process.output = '';
    this.command('report');
    await until('the probe’s report', () => this.process.output.endsWith('\n'), REPORT_MS);
    return JSON.parse(this.process.output) as ProbeReport;
  }

  async stop(): Promise<void> {
    this.process.child.stdin!.end();
    await this.process.ended;
  }

  private command(line: string): void {
    this.process.child.stdin!.write(`${line}\n`);
  }
}
