// Goal: among three routers of both kinds the right one is master, the right one follows when it crashes, and the right
// one is master when it is back; its address answers ping, and nobody else's does. Method: weir, keepalived, weir and
// keepalived, weir, keepalived in network namespaces on one bridge, a fourth node is the client and listens.

import assert from 'node:assert/strict';

import { describe, type TestContext, test } from 'node:test';
import { type Kind, Lab, type NodeName, type Router, until, wallMs, whyNot, wireMissing } from './vrrp-rig.ts';
import { authLines, type ConfSpec, globalText, instanceText, unicastLines } from './vrrp-rig-conf.ts';
import { Switch, TRACKED } from './vrrp-rig-pair.ts';
import {
  advertAfter,
  advertBefore,
  assertCounted,
  assertDecoded,
  assertLasted,
  assertOwner,
  downMs,
  isWhole,
  skewMs,
  VIP,
  WIRE_SLACK_MS,
} from './vrrp-rig-scene.ts';
import type { Frame, Wire } from './vrrp-rig-wire.ts';

const skip = isWhole ? whyNot() || wireMissing : 'VRRP_INTEROP=all runs it';
const NODES = ['a', 'b', 'c'] as const;
// The second and the third are far enough apart for a busy machine: 59 ms of skew, at 100 ms.
const PRIORITIES = [250, 200, 50] as const;
const TIE = 100;

const HEAR_MS = 30_000;
const SECOND_VIP = '10.77.0.101';
const MIXES: readonly (readonly [Kind, Kind, Kind])[] = [
  ['weir', 'keepalived', 'weir'],
  ['keepalived', 'weir', 'keepalived'],
];

interface Form {
  title?: string;
  spec?: Partial<ConfSpec>;
  address?: string;
  unicast?: 'inet' | 'inet6';
  isGroup?: boolean; // two instances in a sync group
  isTied?: boolean; // all have the same priority
  isStaying?: boolean; // nopreempt
  isScripted?: boolean; // a script takes the master away, not a crash
}

const V2 = { version: 2, advertInt: 1 } as const;
const INET6 = { spec: { addresses: ['fe80::100/64', 'fd77::100/128'] }, address: 'fd77::100' } as const;

const FORMS: readonly Form[] = [
  { title: 'v3' },
  { title: 'v2', spec: V2 },
  { title: 'v3 over IPv6', ...INET6 },
  { title: 'v3 to unicast peers', unicast: 'inet' },
  { title: 'v3 over IPv6 to unicast peers', unicast: 'inet6', ...INET6 },
  { title: 'v2 to unicast peers', unicast: 'inet', spec: V2 },
  { title: 'v2 with PASS', spec: { ...V2, lines: authLines('PASS', 'secret12') } },
  { title: 'v2 with AH', spec: { ...V2, lines: authLines('AH', 'secret12') } },
  { title: 'v3 in sync groups', isGroup: true },
  { title: 'v3 with nopreempt', spec: { lines: ['nopreempt'] }, isStaying: true },
  { title: 'v3 with equal priorities', isTied: true },
  { title: 'v3 with a tracked script', isScripted: true },
];

describe('three routers of both kinds', { concurrency: 2, skip }, () => {
  for (const form of FORMS) {
    for (const kinds of MIXES)
      test(`${form.title}: ${kinds.join(', ')}`, (context) => new Play(context, form, kinds).run());
  }
});

describe('one crash after the other', { concurrency: 2, skip }, () => {
  for (const kinds of MIXES) {
    test(`each time the next strongest follows: ${kinds.join(', ')}`, (context) => new Play(context, {}, kinds).fall());
  }
});

class Play {
  readonly form: Form;
  readonly kinds: readonly [Kind, Kind, Kind];
  readonly lab: Lab;
  readonly address: string;
  readonly routers = new Map<NodeName, Router>();
  readonly script: Switch;
  wire!: Wire;

  constructor(context: TestContext, form: Form, kinds: readonly [Kind, Kind, Kind]) {
    this.form = form;
    this.kinds = kinds;
    this.lab = new Lab(context, ['a', 'b', 'c', 'd'], { isHub: form.unicast !== undefined });
    this.address = form.address ?? VIP;
    this.script = new Switch(this.lab);
  }

  /** The first goes and returns. */
  async run(): Promise<void> {
    const { form, routers } = this;
    await this.begin();
    const follower = await (form.isScripted === true ? this.failScript() : this.crash());
    await this.owns(follower);
    await this.bringBack(follower);
    const owner = form.isStaying === true || form.isTied === true ? follower : 'a';
    await this.owns(owner);
    await this.hears(owner, 3);
    this.onlyOneSpeaks(owner);
    if (form.isTied !== true) {
      assert.deepEqual(routers.get('c')!.transitions(), ['BACKUP'], 'the last is never needed');
      const released = owner === 'a' ? 1 : 0;
      await assertCounted(routers.get('b')!, { become_master: 1, release_master: released, pri_zero_sent: 0 });
      await assertCounted(routers.get('c')!, { become_master: 0, release_master: 0, pri_zero_sent: 0 });
    }
    assertDecoded(this.wire);
  }

  /** The first goes, then the second. */
  async fall(): Promise<void> {
    await this.begin();
    const { lab, wire, routers } = this;
    await this.owns(await this.crash());
    routers.get('b')!.crash();
    lab.cable('b', false);
    const third = await advertAfter(wire, PRIORITIES[2], 0);
    const last = advertBefore(wire, PRIORITIES[1], third.atMs);
    assertLasted('after the second crash', last, third, this.waitMs(PRIORITIES[2]), this.kinds[2]);
    await this.owns('c');
    assert.deepEqual(routers.get('c')!.transitions(), ['BACKUP', 'MASTER']);
    assertDecoded(wire);
  }

  private async begin(): Promise<void> {
    const { lab } = this;
    this.wire = await lab.wire('d');
    for (const node of NODES) {
      const router = this.start(node);
      await router.runs();
      await router.says(router.enters(node === 'a' ? 'MASTER' : 'BACKUP'));
    }
    await this.hears('a', 2);
    await this.owns('a');
    assert.deepEqual(this.saidBy('b', 'c'), [], 'only the first speaks');
  }

  /** All addresses of the node's router answer the client from its hardware, and from no other. */
  private async owns(node: NodeName): Promise<void> {
    const { lab, wire } = this;
    await lab.untilHeld(node, this.address, true);
    await assertOwner(lab, wire, 'd', this.address, lab.mac(node));
    if (this.form.isGroup === true) await assertOwner(lab, wire, 'd', SECOND_VIP, lab.mac(node));
  }

  private async crash(): Promise<NodeName> {
    const { lab, wire, form, routers } = this;
    const killedMs = routers.get('a')!.crash();
    // The machine is dead, not only its process: a kernel that was left alone answers on.
    lab.cable('a', false);
    const following = (): Frame[] => this.saidBy('b', 'c').filter((frame) => frame.atMs > killedMs);
    await until('a follower', () => following().length > 0);
    const [first] = following();
    if (form.isTied === true) return this.settleTie();
    const last = advertBefore(wire, PRIORITIES[0], first!.atMs);
    assert.equal(first!.priority, PRIORITIES[1], 'the second follows');
    assertLasted('after a crash', last, first!, this.waitMs(PRIORITIES[1]), this.kinds[1]);
    return 'b';
  }

  // Both time out together: both may claim, and the higher address stays. It takes an interval.
  private async settleTie(): Promise<NodeName> {
    const last = (): Frame[] => this.wire.adverts().slice(-6);
    const isSettled = (): boolean => new Set(last().map((frame) => frame.source)).size === 1;
    await until('one master', () => this.saidBy('b', 'c').length >= 6 && isSettled());
    const isSecond = last()[0]!.sourceMac === this.lab.mac('b');
    const [node, other]: NodeName[] = isSecond ? ['b', 'c'] : ['c', 'b'];
    await this.lab.untilHeld(other!, this.address, false);
    return node!;
  }

  private async failScript(): Promise<NodeName> {
    const { wire } = this;
    const failedMs = wallMs();
    this.script.fail();
    const farewell = await advertAfter(wire, 0, failedMs);
    const successor = await advertAfter(wire, PRIORITIES[1], farewell.atMs);
    assertLasted('after priority 0', farewell, successor, skewMs(3, PRIORITIES[1], 100), this.kinds[1]);
    await this.lab.untilHeld('a', this.address, false);
    return 'b';
  }

  private async bringBack(follower: NodeName): Promise<void> {
    const { lab, form, wire } = this;
    const backMs = wallMs();
    if (form.isScripted === true) {
      this.script.pass();
    } else {
      const router = this.start('a');
      await router.runs();
      // What its predecessor left is removed before anybody can ask it.
      if (form.isStaying === true || form.isTied === true) await lab.untilHeld('a', this.address, false);
      lab.cable('a', true);
    }
    if (form.isStaying === true || form.isTied === true) {
      await this.hears(follower, 12);
      return;
    }
    const claim = await advertAfter(wire, PRIORITIES[0], backMs);
    await lab.untilHeld(follower, this.address, false);
    await this.hears('a', 2);
    const settledMs = claim.atMs + WIRE_SLACK_MS[this.routers.get(follower)!.kind];
    const late = this.saidBy(follower).filter((frame) => frame.atMs > settledMs);
    assert.deepEqual(late, [], 'the follower is silent when the first is back');
  }

  private start(node: (typeof NODES)[number]): Router {
    const number = NODES.indexOf(node);
    const router = this.lab.start(node, this.kinds[number]!, this.conf(number));
    this.routers.set(node, router);
    return router;
  }

  private conf(number: number): string {
    const { form } = this;
    const priority = form.isTied === true ? TIE : PRIORITIES[number]!;
    const addresses = NODES.map((_, index) =>
      form.unicast === 'inet6' ? `fd77::${index + 1}` : `10.77.0.${index + 1}`,
    );
    const peers = addresses.filter((_, index) => index !== number);
    const tracking = form.isScripted === true && number === 0 ? TRACKED : [];
    const unicast = form.unicast === undefined ? [] : unicastLines(addresses[number]!, peers);
    const spec = { ...form.spec, priority, lines: [...(form.spec?.lines ?? []), ...tracking, ...unicast] };

    const first = globalText() + (tracking.length > 0 ? this.script.block : '') + instanceText(spec);
    if (form.isGroup !== true) return first;
    const second = instanceText({ ...spec, name: 'VI_2', vrid: 52, addresses: [`${SECOND_VIP}/32`] });
    return `${first}${second}vrrp_sync_group G {\n  group {\n    VI_1\n    VI_2\n  }\n}\n`;
  }

  private waitMs(priority: number): number {
    const { version = 3, advertInt = 0.1 } = this.form.spec ?? {};
    return downMs(version, priority, advertInt * 1_000);
  }

  /** What was said by these nodes so far. */
  private saidBy(...nodes: NodeName[]): Frame[] {
    const macs = new Set(nodes.map((node) => this.lab.mac(node)));
    return this.wire.adverts().filter((frame) => macs.has(frame.sourceMac));
  }

  private async hears(node: NodeName, count: number): Promise<void> {
    const mac = this.lab.mac(node);
    const heard = (): number => this.wire.adverts().filter((frame) => frame.sourceMac === mac).length;
    const goal = heard() + count;
    await until(`${count} adverts from ${node}`, () => heard() >= goal, HEAR_MS);
  }

  private onlyOneSpeaks(node: NodeName): void {
    const mac = this.lab.mac(node);
    const last = this.wire.adverts().slice(-3);
    assert.ok(last.every((frame) => frame.sourceMac === mac));
  }
}
