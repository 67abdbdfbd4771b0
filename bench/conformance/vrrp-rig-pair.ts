// Two routers and a listening client, as most rules of keepalived.conf are tried: once for each pair of kinds.

import assert from 'node:assert/strict';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Kind, Lab, type LabOptions, type Router, until, wallMs } from './vrrp-rig.ts';
import { downMs, heardTwice, PAIRS, skewMs } from './vrrp-rig-scene.ts';
import type { Wire } from './vrrp-rig-wire.ts';

export const A = '10.77.0.1';
export const B = '10.77.0.2';
export const C = '10.77.0.3';
export const VIP2 = '10.77.0.101';
export const INTERVAL_MS = 100;
export const DOWN_MS = downMs(3, 100, INTERVAL_MS);
export const SKEW_MS = skewMs(3, 100, INTERVAL_MS);
export const STRONG_DOWN_MS = downMs(3, 150, INTERVAL_MS);
export const AT_ONCE_MS = 25; // what needs no timer, on a busy machine
export const FAREWELL = 0;

export interface Pair {
  lab: Lab;
  wire: Wire;
  strong: Router;
  weak: Router;
}

/** The stronger on node a is master, the weaker on b has heard it; d listens. */
export async function pairUp(
  context: TestContext,
  [strongKind, weakKind]: readonly [Kind, Kind],
  strongConf: string,
  weakConf: string,
  options: LabOptions & { lab?: Lab } = {},
): Promise<Pair> {
  const lab = options.lab ?? new Lab(context, ['a', 'b', 'd'], options);
  const wire = await lab.wire('d');
  const strong = lab.start('a', strongKind, strongConf);
  await strong.says(strong.enters('MASTER'));
  const weak = lab.start('b', weakKind, weakConf);
  await weak.runs();
  await weak.says(weak.enters('BACKUP'));
  await heardTwice(wire);
  return { lab, wire, strong, weak };
}

/** A script that passes as long as nobody says otherwise. */
export class Switch {
  readonly block: string;
  private readonly flag: string;

  constructor(lab: Lab, ...lines: string[]) {
    this.flag = join(lab.folder, 'fine');
    const script = join(lab.folder, 'check.sh');
    this.pass();
    writeFileSync(script, `#!/bin/sh\ntest -e ${this.flag}\n`);
    chmodSync(script, 0o755);
    const body = [`script "${script}"`, 'interval 1', ...lines];
    this.block = `vrrp_script fine {\n${body.map((line) => `  ${line}\n`).join('')}}\n`;
  }

  pass(): void {
    writeFileSync(this.flag, '');
  }

  fail(): void {
    rmSync(this.flag);
  }
}

export const TRACKED = ['track_script {', 'fine', '}'];

/** Waits until so many adverts of a source have come. */
export async function moreAdverts(wire: Wire, source: string, count: number): Promise<void> {
  const sinceMs = wallMs();
  const isMore = (): boolean => wire.adverts(source).filter((frame) => frame.atMs > sinceMs).length >= count;
  await until(`${count} more adverts from ${source}`, isMore);
}

/** Waits until the router has gone through these states and no others. */
export const saysAll = async (router: Router, states: readonly string[]): Promise<void> => {
  await until(`${router.kind} enters ${states}`, () => String(router.transitions()) === String(states)).catch(() => {
    assert.deepEqual(router.transitions(), states, router.output);
  });
};

/** One test for each pair of kinds. */
export function rule(title: string, play: (context: TestContext, kinds: readonly [Kind, Kind]) => Promise<void>): void {
  for (const kinds of PAIRS) test(`${title}: ${kinds[0]} above ${kinds[1]}`, (context) => play(context, kinds));
}
