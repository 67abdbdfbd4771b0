// Goal: what keepalived.conf says about preemption, ties, tracking and groups means the same with weir on either side,
// and so does what happens to the network. Method: real keepalived and weir in network namespaces, each in each place; a
// third node is the client and listens. Numbers with # are those of the checklist of scenarios.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { Lab, type NodeName, until, wallMs, whyNot, wireMissing } from './vrrp-rig.ts';
import { confText, globalText, instanceText } from './vrrp-rig-conf.ts';
import {
  A,
  AT_ONCE_MS,
  B,
  DOWN_MS,
  FAREWELL,
  INTERVAL_MS,
  moreAdverts,
  pairUp,
  rule,
  SKEW_MS,
  STRONG_DOWN_MS,
  Switch,
  saysAll,
  TRACKED,
  VIP2,
} from './vrrp-rig-pair.ts';
import {
  advertAfter,
  advertBefore,
  assertCounted,
  assertDecoded,
  assertLasted,
  assertOwner,
  assertSaid,
  assertWaited,
  heardTwice,
  isWhole,
  SLACK_MS,
  VIP,
  WIRE_SLACK_MS,
} from './vrrp-rig-scene.ts';
import type { Frame } from './vrrp-rig-wire.ts';

const skip = isWhole ? whyNot() || wireMissing : 'VRRP_INTEROP=all runs it';
const OWNER_MS = 300; // less than the shortest Master_Down_Interval: it has waited for nobody

describe('preemption', { concurrency: 2, skip }, () => {
  rule('#7 with nopreempt a stronger router leaves a weaker master', async (context, [strongKind, weakKind]) => {
    const lab = new Lab(context, ['a', 'b', 'd']);
    const wire = await lab.wire('d');
    const weak = lab.start('b', weakKind, confText({ priority: 100 }));
    await weak.says(weak.enters('MASTER'));
    const strong = lab.start('a', strongKind, confText({ priority: 150, lines: ['nopreempt'] }));
    await strong.runs();
    await moreAdverts(wire, B, 12); // three times its Master_Down_Interval
    assert.deepEqual(wire.adverts(A), []);
    assert.equal(lab.holds('a', VIP), false);
    await assertOwner(lab, wire, 'd', VIP, lab.mac('b'));
    await assertCounted(strong, { become_master: 0, release_master: 0 });
    assert.deepEqual(strong.transitions(), ['BACKUP']);
    assertDecoded(wire);
  });

  rule(
    '#8 with preempt_delay 2 it takes over when that is over, not before',
    async (context, [strongKind, weakKind]) => {
      const lab = new Lab(context, ['a', 'b', 'd']);
      const wire = await lab.wire('d');
      const weak = lab.start('b', weakKind, confText({ priority: 100 }));
      await weak.says(weak.enters('MASTER'));
      const strong = lab.start('a', strongKind, confText({ priority: 150, lines: ['preempt_delay 2'] }));
      await strong.says(strong.enters('BACKUP'));
      const backupMs = wallMs();
      const claim = await advertAfter(wire, 150, 0);
      const tookMs = claim.atMs - backupMs;
      // The delay counts from the first advert it hears; then its Master_Down_Interval from the last one within it.
      assert.ok(tookMs >= 2_000 + STRONG_DOWN_MS - INTERVAL_MS - AT_ONCE_MS, `${tookMs} ms`);
      assert.ok(tookMs <= 2_000 + STRONG_DOWN_MS + INTERVAL_MS + WIRE_SLACK_MS[strongKind], `${tookMs} ms`);
      const claimed = wire.adverts(B).filter((frame) => frame.atMs > claim.atMs - 1_000 && frame.atMs < claim.atMs);
      assert.ok(claimed.length >= 8, 'the weaker speaks until then');
      await saysAll(weak, ['BACKUP', 'MASTER', 'BACKUP']);
      await assertOwner(lab, wire, 'd', VIP, lab.mac('a'));
      assertDecoded(wire);
    },
  );
});

describe('ties and owners', { concurrency: 2, skip }, () => {
  rule('#9 of equal priorities the first to claim is master and stays it', async (context, [strongKind, weakKind]) => {
    const lab = new Lab(context, ['a', 'b', 'd']);
    const wire = await lab.wire('d');
    lab.carrier(['a', 'b'], false);
    const routers = [lab.start('a', strongKind, confText({ priority: 100 }))];
    routers.push(lab.start('b', weakKind, confText({ priority: 100 })));
    for (const each of routers) await each.runs();
    const plugged = lab.carrier(['a', 'b'], true);
    const first = await advertAfter(wire, 100, plugged.fromMs);
    assertWaited(first, plugged, DOWN_MS, 'keepalived');
    const settledMs = first.atMs + 2 * INTERVAL_MS;
    const settled = (): Frame[] => wire.adverts().filter((frame) => frame.atMs > settledMs);
    await until('adverts of one', () => settled().length >= 8);
    const speakers = new Set(settled().map((frame) => frame.source));
    assert.equal(speakers.size, 1, `${[...speakers]}`);
    const [owner, other]: NodeName[] = speakers.has(A) ? ['a', 'b'] : ['b', 'a'];
    await lab.untilHeld(other!, VIP, false);
    assert.ok(lab.holds(owner!, VIP));
    await assertOwner(lab, wire, 'd', VIP, lab.mac(owner!));
    assertDecoded(wire);
  });

  rule('#11 after a partition the higher address wins a tie', async (context, kinds) => {
    const conf = confText({ priority: 100 });
    const { lab, wire, strong, weak } = await pairUp(context, kinds, conf, conf);
    lab.cable('a', false);
    await weak.says(weak.enters('MASTER'));
    lab.cable('a', true);
    await lab.untilHeld('a', VIP, false);
    await moreAdverts(wire, B, 3);
    const [first] = wire.adverts(B);
    const contested = wire.adverts(A).filter((frame) => frame.atMs > first!.atMs);
    assert.ok(contested.length <= 1, 'the lower address steps down within one interval');
    assert.ok(contested.every((frame) => frame.priority === 100));
    await saysAll(strong, ['BACKUP', 'MASTER', 'BACKUP']);
    await saysAll(weak, ['BACKUP', 'MASTER']);
    await assertOwner(lab, wire, 'd', VIP, lab.mac('b'));
    assertDecoded(wire);
  });

  rule('#12 the owner waits for nobody, and answers in strict mode', async (context, [strongKind, weakKind]) => {
    const lab = new Lab(context, ['a', 'b', 'd']);
    const wire = await lab.wire('d');
    const weak = lab.start('b', weakKind, confText({ priority: 100 }));
    await weak.says(weak.enters('MASTER'));
    const conf = confText({ priority: 255, state: 'MASTER', globals: ['vrrp_strict'] });
    const strong = lab.start('a', strongKind, conf);
    const claim = await advertAfter(wire, 255, 0);
    await strong.runs();
    assert.deepEqual(strong.transitions(), ['MASTER']);
    const joins = (): Frame[] => wire.frames().filter((frame) => frame.source === A && frame.joins !== '');
    await until('its join', () => joins().length > 0);
    const tookMs = claim.atMs - joins()[0]!.atMs;
    assert.ok(tookMs < OWNER_MS, `${tookMs} ms after its join`);
    await saysAll(weak, ['BACKUP', 'MASTER', 'BACKUP']);
    await heardTwice(wire);
    assert.ok(wire.adverts(B).every((frame) => frame.atMs < claim.atMs));
    await lab.untilHeld('b', VIP, false);
    await assertOwner(lab, wire, 'd', VIP, lab.mac('a'));
    await assertCounted(strong, { become_master: 1, release_master: 0 }, false);
    assertDecoded(wire);
  });

  rule('#13 of two owners one gives way', async (context, [strongKind, weakKind]) => {
    const lab = new Lab(context, ['a', 'b', 'd']);
    const wire = await lab.wire('d');
    const conf = confText({ priority: 255, state: 'MASTER' });
    const first = lab.start('a', strongKind, conf);
    await first.says(first.enters('MASTER'));
    await until('adverts of the first', () => wire.adverts(A).length >= 3);
    const second = lab.start('b', weakKind, conf);
    await second.says(second.enters('MASTER'));
    const recent = (): Frame[] => wire.adverts().slice(-10);
    const hasOne = (): boolean => new Set(recent().map((frame) => frame.source)).size === 1;
    await until('one master', () => wire.adverts(B).length >= 1 && hasOne());
    const [last] = recent().slice(-1);
    const owner: NodeName = last!.source === A ? 'a' : 'b';
    const other: NodeName = owner === 'a' ? 'b' : 'a';
    // By RFC and keepalived since 2.3 the higher address stays; 2.2 lowers whoever hears the other first.
    if (strongKind === 'weir' && weakKind === 'weir') assert.equal(owner, 'b');
    await lab.untilHeld(other, VIP, false);
    await assertOwner(lab, wire, 'd', VIP, lab.mac(owner));
    await moreAdverts(wire, owner === 'a' ? A : B, 5);
    assert.ok(hasOne(), 'it stays so');
    assertDecoded(wire);
  });
});

describe('networks that part', { concurrency: 2, skip }, () => {
  for (const lines of [[], ['nopreempt']]) {
    rule(`#10 after a partition the stronger answers at once ${lines.join()}`, async (context, kinds) => {
      // Its own adverts are far apart, so that an answer is told from the next in turn.
      const strongConf = confText({ priority: 150, advertInt: 1, lines: ['garp_lower_prio_repeat 5', ...lines] });
      const { lab, wire, strong, weak } = await pairUp(context, kinds, strongConf, confText({ priority: 100 }));
      lab.cable('a', false);
      await weak.says(weak.enters('MASTER'));
      assert.ok(lab.holds('a', VIP), 'it cannot know');
      const healedMs = wallMs();
      lab.cable('a', true);
      const answer = await advertAfter(wire, 150, healedMs);
      await lab.untilHeld('b', VIP, false);
      await saysAll(weak, ['BACKUP', 'MASTER', 'BACKUP']);
      const claims = wire.adverts(B).filter((frame) => frame.atMs > healedMs && frame.atMs < answer.atMs);
      // Unless its own turn came in just this moment, the first claim that reached it was answered.
      const waitedMs = claims.length === 0 ? 0 : answer.atMs - claims[0]!.atMs;
      assert.ok(waitedMs <= INTERVAL_MS + AT_ONCE_MS, `answered after ${waitedMs} ms`);
      const afterwards = wire.adverts(B).filter((frame) => frame.atMs > answer.atMs + AT_ONCE_MS);
      assert.deepEqual(afterwards, [], 'the weaker is silent at once');
      if (claims.length > 0) {
        const news = (): Frame[] => wire.announcements(VIP).filter((frame) => frame.atMs >= answer.atMs - AT_ONCE_MS);
        await until('the announcements', () => news().length >= 5);
        assert.ok(news().every((frame) => frame.sourceMac === lab.mac('a')));
        await assertOwner(lab, wire, 'd', VIP, lab.mac('a'));
      }
      assert.deepEqual(strong.transitions(), ['BACKUP', 'MASTER']);
      await assertCounted(weak, { become_master: 1, release_master: 1 });
      assertDecoded(wire);
    });
  }

  rule('#14 a router without its link yields, and claims again when it is back', async (context, kinds) => {
    const { lab, wire, strong, weak } = await pairUp(
      context,
      kinds,
      confText({ priority: 150 }),
      confText({ priority: 100 }),
    );
    lab.ip('a', 'link', 'set', 'eth0', 'down');
    const successor = await advertAfter(wire, 100, 0);
    assertLasted('after the link went', advertBefore(wire, 150, successor.atMs), successor, DOWN_MS, kinds[1]);
    await strong.says(strong.enters('FAULT'));
    assert.equal(wire.adverts(A).filter((frame) => frame.atMs > successor.atMs).length, 0);
    await assertOwner(lab, wire, 'd', VIP, lab.mac('b'));
    const fromMs = wallMs();
    lab.ip('a', 'link', 'set', 'eth0', 'up');
    const up = { fromMs, toMs: wallMs() };
    const claim = await advertAfter(wire, 150, fromMs);
    assertWaited(claim, up, STRONG_DOWN_MS, kinds[0]);
    await saysAll(strong, ['BACKUP', 'MASTER', 'FAULT', 'BACKUP', 'MASTER']);
    await saysAll(weak, ['BACKUP', 'MASTER', 'BACKUP']);
    await lab.untilHeld('b', VIP, false);
    await assertOwner(lab, wire, 'd', VIP, lab.mac('a'));
    await assertCounted(strong, { become_master: 2, release_master: 1 }, false);
    assertDecoded(wire);
  });

  rule('#15 a router cut off at the switch goes on, and the other takes over', async (context, kinds) => {
    const { lab, wire, strong } = await pairUp(
      context,
      kinds,
      confText({ priority: 150 }),
      confText({ priority: 100 }),
    );
    lab.cable('a', false);
    const successor = await advertAfter(wire, 100, 0);
    assertLasted('after the cut', advertBefore(wire, 150, successor.atMs), successor, DOWN_MS, kinds[1]);
    const before = (await strong.counters())['advert_sent']!;
    await moreAdverts(wire, B, 5);
    assert.ok((await strong.counters())['advert_sent']! >= before + 3, 'it goes on sending');
    assert.ok(lab.holds('a', VIP));
    assert.deepEqual(strong.transitions(), ['BACKUP', 'MASTER']);
    await assertOwner(lab, wire, 'd', VIP, lab.mac('b'));
    assertDecoded(wire);
  });
});

describe('tracking', { concurrency: 2, skip }, () => {
  rule('#16 a script that fails twice makes the master give way, and passing twice return', async (context, kinds) => {
    const lab = new Lab(context, ['a', 'b', 'd']);
    const fine = new Switch(lab, 'fall 2', 'rise 2');
    const conf = globalText() + fine.block + instanceText({ priority: 150, lines: TRACKED });
    const { wire, strong, weak } = await pairUp(context, kinds, conf, confText({ priority: 100 }), { lab });
    const failedMs = wallMs();
    fine.fail();
    const farewell = await advertAfter(wire, FAREWELL, failedMs);
    assert.ok(farewell.atMs - failedMs >= 1_000, `it has failed twice: ${farewell.atMs - failedMs} ms`);
    assert.ok(farewell.atMs - failedMs <= 2_000 + SLACK_MS, `${farewell.atMs - failedMs} ms`);
    const successor = await advertAfter(wire, 100, farewell.atMs);
    assertLasted('after priority 0', farewell, successor, SKEW_MS, kinds[1]);
    await strong.says(strong.enters('FAULT'));
    await lab.untilHeld('a', VIP, false);
    await assertOwner(lab, wire, 'd', VIP, lab.mac('b'));
    const passedMs = wallMs();
    fine.pass();
    const claim = await advertAfter(wire, 150, passedMs);
    assert.ok(claim.atMs - passedMs >= 1_000 + STRONG_DOWN_MS, `it has passed twice: ${claim.atMs - passedMs} ms`);
    await saysAll(strong, ['BACKUP', 'MASTER', 'FAULT', 'BACKUP', 'MASTER']);
    await saysAll(weak, ['BACKUP', 'MASTER', 'BACKUP']);
    await lab.untilHeld('b', VIP, false);
    await assertOwner(lab, wire, 'd', VIP, lab.mac('a'));
    await assertCounted(strong, { become_master: 2, release_master: 1, pri_zero_sent: 1 }, false);
    assertSaid(strong, [/VRRP_Script\(fine\) failed/, /VRRP_Script\(fine\) succeeded/]);
    // keepalived says it twice, and counts the first.
    await assertCounted(weak, { become_master: 1, release_master: 1, pri_zero_rcvd: kinds[0] === 'weir' ? 1 : 2 });
    assertDecoded(wire);
  });

  rule('#17 a script’s weight takes the master below the other, without a farewell', async (context, kinds) => {
    const lab = new Lab(context, ['a', 'b', 'd']);
    const fine = new Switch(lab, 'weight -60');
    const conf = globalText() + fine.block + instanceText({ priority: 150, lines: TRACKED });
    const { wire, strong } = await pairUp(context, kinds, conf, confText({ priority: 100 }), { lab });
    fine.fail();
    const lowered = await advertAfter(wire, 90, 0);
    const successor = await advertAfter(wire, 100, lowered.atMs);
    assertLasted('by lowered adverts', advertBefore(wire, 150, lowered.atMs), successor, DOWN_MS, kinds[1]);
    await saysAll(strong, ['BACKUP', 'MASTER', 'BACKUP']);
    await strong.says(/Changing effective priority from 150 to 90/);
    assert.ok(wire.adverts().every((frame) => frame.priority !== FAREWELL));
    await lab.untilHeld('a', VIP, false);
    await assertOwner(lab, wire, 'd', VIP, lab.mac('b'));
    assertDecoded(wire);
  });

  rule('#18 a sync group moves as one when one member’s script fails', async (context, kinds) => {
    const lab = new Lab(context, ['a', 'b', 'd']);
    const fine = new Switch(lab);
    const group = 'vrrp_sync_group G {\n  group {\n    VI_1\n    VI_2\n  }\n}\n';
    const second = { name: 'VI_2', vrid: 52, addresses: [`${VIP2}/32`] };
    const conf = (priority: number, lines: readonly string[]): string =>
      globalText() + group + fine.block + instanceText({ priority, lines }) + instanceText({ ...second, priority });
    const { wire, strong, weak } = await pairUp(context, kinds, conf(150, TRACKED), conf(100, []), { lab });
    await until('adverts of both', () => new Set(wire.adverts(A).map((frame) => frame.vrid)).size === 2);
    fine.fail();
    const spoken = (priority: number): Frame[] => {
      const all = wire.adverts().filter((frame) => frame.priority === priority);
      return [51, 52].map((vrid) => all.find((frame) => frame.vrid === vrid)).filter((frame) => frame !== undefined);
    };
    await until('the farewell of both', () => spoken(FAREWELL).length === 2);
    await until('both succeeded', () => spoken(100).length === 2);
    const farewells = spoken(FAREWELL);
    const successors = spoken(100);
    const apartMs = Math.abs(farewells[0]!.atMs - farewells[1]!.atMs);
    assert.ok(apartMs <= AT_ONCE_MS, `both say farewell within ${apartMs} ms`);
    // The second member is carried along by the first, before its own timer.
    const [first, next] = successors.sort((a, b) => a.atMs - b.atMs);
    const since = farewells.find((frame) => frame.vrid === first!.vrid)!;
    assertLasted('after priority 0', since, first!, SKEW_MS, kinds[1]);
    assert.ok(next!.atMs - first!.atMs <= AT_ONCE_MS + SKEW_MS, `${next!.atMs - first!.atMs} ms apart`);
    for (const address of [VIP, VIP2]) {
      await lab.untilHeld('a', address, false);
      await assertOwner(lab, wire, 'd', address, lab.mac('b'));
    }
    assert.equal(strong.transitions('VI_1').at(-1), 'FAULT');
    assert.equal(strong.transitions('VI_2').at(-1), 'FAULT');
    await strong.says(/VRRP_Group\(G\) Syncing instances to FAULT state/);
    await weak.says(/VRRP_Group\(G\) Syncing instances to MASTER state/);
    assertDecoded(wire);
  });
});
