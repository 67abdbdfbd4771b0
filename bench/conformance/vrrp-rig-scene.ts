// What every election is judged by: the protocol's times, who answers for the address, what is on the wire, what the
// routers say and count.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ERROR_COUNTERS, type Kind, type Lab, type NodeName, type Router, until, wallMs } from './vrrp-rig.ts';
import type { Frame, Wire } from './vrrp-rig-wire.ts';

export const VIP = '10.77.0.100';
export const VMAC = '00:00:5e:00:01:33'; // of virtual_router_id 51
export const VMAC6 = '00:00:5e:00:02:33';
export const SLACK_MS = 1_000; // ip(8) tells us late on a busy machine
export const WIRE_SLACK_MS = { weir: 40, keepalived: 250 }; // of what the kernel's own times tell
const PING = fileURLToPath(new URL('./vrrp-rig-ping.ts', import.meta.url));
const PING_MS = 3_000;
const EARLY_MS = 2; // times of two machines' processors

/** All of it takes minutes and wants a machine for itself: VRRP_INTEROP=all. */
export const isWhole = process.env['VRRP_INTEROP'] === 'all';

/** Who plays the stronger router and who the weaker one; VRRP_PEER=keepalived adds the reference with itself. */
export const PAIRS: readonly (readonly [Kind, Kind])[] = [
  ['keepalived', 'weir'],
  ['weir', 'keepalived'],
  ['weir', 'weir'],
  ...(process.env['VRRP_PEER'] === 'keepalived' ? ([['keepalived', 'keepalived']] as const) : []),
];

/** RFC 9568 §6.1, RFC 3768 §6.1: v2 counts the skew in parts of a second whatever the interval. */
export function skewMs(version: 2 | 3, priority: number, intervalMs: number): number {
  return ((256 - priority) * (version === 2 ? 1_000 : intervalMs)) / 256;
}

export function downMs(version: 2 | 3, priority: number, intervalMs: number, adverts = 3): number {
  return adverts * intervalMs + skewMs(version, priority, intervalMs);
}

/** Subtests of which each needs the one before: after a failure the rest is skipped. */
export function stepper(context: TestContext): (title: string, play: () => Promise<void>) => Promise<void> {
  let hasFailed = false;
  return (title, play) =>
    context.test(title, async (step) => {
      if (hasFailed) return step.skip('an earlier step failed');
      hasFailed = true;
      await play();
      hasFailed = false;
    });
}

/** Between two frames, by the kernel's times: as long as the protocol says, late by what the busy machine excuses. */
export function assertLasted(what: string, from: Frame, to: Frame, protocolMs: number, kind: Kind): void {
  const tookMs = to.atMs - from.atMs;
  assert.ok(tookMs >= protocolMs - EARLY_MS, `${what}: after only ${tookMs} ms, not ${protocolMs}`);
  assert.ok(tookMs <= protocolMs + WIRE_SLACK_MS[kind], `${what}: after ${tookMs} ms, not ${protocolMs}`);
}

/** The same since something that was done between two moments of our own clock. */
export function assertWaited(
  frame: Frame,
  since: { fromMs: number; toMs: number },
  protocolMs: number,
  kind: Kind,
): void {
  const { fromMs, toMs } = since;
  assert.ok(frame.atMs - fromMs >= protocolMs - EARLY_MS, `after only ${frame.atMs - fromMs} ms, not ${protocolMs}`);
  assert.ok(frame.atMs - toMs <= protocolMs + WIRE_SLACK_MS[kind], `after ${frame.atMs - toMs} ms, not ${protocolMs}`);
}

/** Waits for an advert of this priority after a moment, and gives the first. */
export async function advertAfter(wire: Wire, priority: number, afterMs: number, source?: string): Promise<Frame> {
  const found = (): Frame | undefined =>
    wire.adverts(source).find((frame) => frame.priority === priority && frame.atMs > afterMs);
  await until(`an advert of priority ${priority} ${source === undefined ? '' : `from ${source}`}`, () => {
    return found() !== undefined;
  });
  return found()!;
}

/** The last advert of this priority before a moment. */
export function advertBefore(wire: Wire, priority: number, beforeMs: number): Frame {
  const found = wire.adverts().filter((frame) => frame.priority === priority && frame.atMs < beforeMs);
  assert.ok(found.length > 0, `no advert of priority ${priority}`);
  return found.at(-1)!;
}

/** A router says that it is BACKUP before it listens: waits until the master has sent twice more. */
export async function heardTwice(wire: Wire): Promise<void> {
  // By the frames' own times: what is written down just now may be from before.
  const sinceMs = wallMs();
  await until('two more adverts', () => wire.adverts().filter((frame) => frame.atMs > sinceMs).length >= 2);
}

/** tshark found nothing wrong with any advert or neighbour advertisement, and all were as far from the wire as told. */
export function assertDecoded(wire: Wire): void {
  const adverts = wire.adverts();
  const neighbours = wire.frames().filter((frame) => frame.neighbour !== '');
  assert.ok(adverts.length > 0, 'no adverts were seen');
  const complaints = [...adverts, ...neighbours].filter((frame) => frame.complaint !== '');
  assert.deepEqual(
    complaints.map((frame) => `${frame.source}: ${frame.complaint}`),
    [],
  );
}

/** The address answers ping from this node. */
export async function assertAnswers(lab: Lab, client: NodeName, address: string): Promise<void> {
  const ping = lab.run(client, [process.execPath, PING, address, String(PING_MS)]);
  await ping.ended;
  assert.match(ping.output, /^answered/, `ping of ${address}: ${ping.output}`);
}

/**
 * Asks from a client's node who has the address: it answers ping, every question had exactly one answer, and all from
 * one hardware address.
 */
export async function assertOwner(
  lab: Lab,
  wire: Wire,
  client: NodeName,
  address: string,
  ownerMac: string,
): Promise<void> {
  const askedMs = wallMs();
  lab.ip(client, 'neigh', 'flush', 'dev', 'eth0');
  const own = lab.mac(client);
  await assertAnswers(lab, client, address);
  const since = (): Frame[] => wire.frames().filter((frame) => frame.atMs >= askedMs);
  const answers = (): Frame[] =>
    since().filter(
      (frame) =>
        (frame.arp === 2 && frame.arpAddress === address) || (frame.neighbour === address && frame.isSolicited),
    );
  const questions = (): Frame[] =>
    since().filter(
      (frame) =>
        frame.sourceMac === own && ((frame.arp === 1 && frame.arpTarget === address) || frame.sought === address),
    );
  await until(`the answer of ${address}`, () => answers().length > 0 && answers().length >= questions().length);
  assert.deepEqual([...new Set(answers().map((frame) => frame.sourceMac))], [ownerMac], `owners of ${address}`);
  assert.equal(answers().length, questions().length, `answers for ${address}`);
}

/**
 * The same figures are asked of weir and of keepalived: so much mastership and so many farewells, no bad packet but
 * those that `expected` names.
 */
export async function assertCounted(
  router: Router,
  expected: Readonly<Record<string, number>>,
  hasHeard = true,
): Promise<void> {
  const counters = await router.counters();
  const whole: Record<string, number> = { ...Object.fromEntries(ERROR_COUNTERS.map((name) => [name, 0])), ...expected };
  const given = Object.fromEntries(Object.keys(whole).map((name) => [name, counters[name]]));
  assert.deepEqual(given, whole, `${router.kind} has counted`);
  if (hasHeard) assert.ok(counters['advert_rcvd']! > 0, `${router.kind} has heard adverts`);
}

/** What people grep for is said, by weir as by keepalived. */
export function assertSaid(router: Router, phrases: readonly RegExp[]): void {
  for (const phrase of phrases) assert.match(router.output, phrase, router.kind);
}
