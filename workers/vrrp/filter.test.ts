// Goal: whatever happens, the kernel's sets hold what they ought to, in as few steps as that takes. Method: a kernel of
// some lines that takes transactions whole or refuses them, in the place of the socket.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import { MessageWriter, type NetlinkMessage, parseAttributes, parseMessages } from '../../core/netlink/message.ts';
import type { PacketIo } from '../../core/sys/packet-io.ts';
import { RECEIVE_NOTHING } from '../../core/sys/packet-io.ts';
import { instanceOf, modelOf } from '../../core/vrrp/fixture-model.ts';
import { Filter } from './filter.ts';
import type { FilteredAddress } from './filter-content.ts';

const EEXIST = 17;
const ENOENT = 2;
const EOPNOTSUPP = 95;
const [NEWTABLE, GETTABLE, DELTABLE, NEWRULE, NEWSET, NEWELEMENT, DELELEMENT] = [0, 1, 2, 6, 9, 12, 14];

type Table = { rules: number; sets: Map<string, Set<string>> };

/** Enough of nf_tables to say what is where. */
class FakeKernel {
  readonly data = new Uint8Array(256 * 1024);
  readonly dataBytesMax = this.data.length;
  errno = 0;
  tables = new Map<string, Table>();
  transactions = 0;
  refuses: string | null = null; // batches that hold this text
  private answers: Uint8Array[] = [];

  send(_fd: number, length: number): number {
    const bytes = this.data.slice(0, length);
    const messages = parseMessages(bytes).filter((each) => each.type >= 0x100);
    const before = structuredClone(this.tables);
    if (messages[0]!.type % 256 !== GETTABLE) this.transactions++;
    const isRefused = this.refuses !== null && Buffer.from(bytes).includes(this.refuses);
    let verdict = isRefused ? EOPNOTSUPP : 0;
    for (const message of messages) verdict ||= this.take(message);
    if (verdict !== 0) this.tables = before;
    this.answer(messages.at(-1)!.sequence, verdict);
    return 0;
  }

  receive(): number {
    const next = this.answers.shift();
    if (next === undefined) return RECEIVE_NOTHING;
    this.data.set(next);
    return next.length;
  }

  /** What a family's set holds, as hexadecimal keys. */
  holds(family: number, set: string): string[] {
    return [...(this.tables.get(`${family} keepalived`)?.sets.get(set) ?? [])].sort();
  }

  rules(family: number): number {
    return this.tables.get(`${family} keepalived`)?.rules ?? 0;
  }

  private answer(sequence: number, errno: number): void {
    const writer = new MessageWriter(64);
    writer.begin(2, 0, sequence);
    writer.u32(-errno);
    this.answers.push(writer.end().slice());
  }

  private take(message: NetlinkMessage): number {
    const attributes = parseAttributes(message.payload, 4);
    const text = (type: number): string => Buffer.from(attributes.get(type)!).toString().replace('\0', '');
    const key = `${message.payload[0]} ${text(1)}`;
    const table = this.tables.get(key);
    const kind = message.type % 256;
    if (kind === NEWTABLE) {
      if (table === undefined) this.tables.set(key, { rules: 0, sets: new Map() });
      return 0;
    }
    if (table === undefined) return ENOENT;
    if (kind === DELTABLE) this.tables.delete(key);
    if (kind === NEWRULE) table.rules++;
    if (kind === NEWSET && !table.sets.has(text(2))) table.sets.set(text(2), new Set());
    if (kind !== NEWELEMENT && kind !== DELELEMENT) return 0;
    const set = table.sets.get(text(2));
    return set === undefined ? ENOENT : changeSet(set, attributes.get(3)!, kind === NEWELEMENT);
  }
}

function changeSet(set: Set<string>, list: Uint8Array, isAdded: boolean): number {
  for (let at = 0; at < list.length; ) {
    const length = list[at]! | (list[at + 1]! << 8);
    const element = parseAttributes(list.subarray(at + 4, at + length), 0);
    const key = Buffer.from(parseAttributes(element.get(1)!, 0).get(1)!).toString('hex');
    if (set.has(key) === isAdded) return isAdded ? EEXIST : ENOENT;
    if (isAdded) set.add(key);
    else set.delete(key);
    at += length;
  }
  return 0;
}

const model = (lines: Partial<VrrpModel['instances'][number]>): VrrpModel => {
  const made = modelOf([instanceOf(lines)]);
  return { ...made, global: { ...made.global, nftables: 'keepalived' } };
};

function rig(lines: Partial<VrrpModel['instances'][number]> = { accept: false }): {
  kernel: FakeKernel;
  filter: Filter;
  said: string[];
} {
  const kernel = new FakeKernel();
  const said: string[] = [];
  const filter = new Filter(kernel as unknown as PacketIo, (text) => said.push(text));
  filter.learn(model(lines));
  return { kernel, filter, said };
}

const v4 = (last: number): FilteredAddress => ({
  bytes: new Uint8Array([10, 0, last >> 8, last & 255]),
  ifindex: 2,
  linkName: 'eth0',
  byName: false,
});
const hexOf = (last: number): string => `0a00${last.toString(16).padStart(4, '0')}`;
const vmac = { name: 'vrrp.1', ifindex: 7, baseIndex: 2, baseLinkLocal: null, families: ['inet'] } as const;

test('tables are made before the first takeover, which then only adds elements', () => {
  const { kernel, filter } = rig();
  filter.start();
  assert.equal(kernel.rules(2), 2);
  assert.deepEqual(kernel.holds(2, 'vips'), []);
  const before = kernel.transactions;
  filter.drop('v', [v4(1), v4(2)]);
  assert.deepEqual(kernel.holds(2, 'vips'), [hexOf(1), hexOf(2)]);
  filter.drop('v', [v4(1), v4(2)]);
  filter.pass('v', [v4(1).bytes]);
  assert.deepEqual(kernel.holds(2, 'vips'), [hexOf(2)]);
  assert.equal(kernel.transactions, before + 2);
  filter.close();
});

test('an address that two instances hold stays until both have let go', () => {
  const { kernel, filter } = rig();
  filter.start();
  filter.drop('v', [v4(1)]);
  filter.drop('w', [v4(1)]);
  filter.pass('v', [v4(1).bytes]);
  assert.deepEqual(kernel.holds(2, 'vips'), [hexOf(1)]);
  filter.pass('w', [v4(1).bytes]);
  assert.deepEqual(kernel.holds(2, 'vips'), []);
  filter.close();
});

test('nothing is sent before the start, and what a predecessor made gives way in one step', () => {
  const { kernel, filter } = rig();
  kernel.tables.set('2 keepalived', { rules: 9, sets: new Map([['vips', new Set([hexOf(8)])]]) });
  filter.drop('v', [v4(1)]);
  assert.equal(kernel.transactions, 0);
  filter.start();
  assert.equal(kernel.transactions, 1);
  assert.deepEqual(kernel.holds(2, 'vips'), [hexOf(1)]);
  assert.equal(kernel.rules(2), 2);
  filter.close();
});

test('what somebody removed is made again: with the next change, or when it is looked after', () => {
  const { kernel, filter, said } = rig();
  filter.start();
  filter.drop('v', [v4(1)]);
  kernel.tables.clear();
  filter.drop('v', [v4(2)]);
  assert.deepEqual(kernel.holds(2, 'vips'), [hexOf(1), hexOf(2)]);
  filter.onTime(10_000);
  assert.equal(said.length, 0);
  kernel.tables.clear();
  filter.onTime(10_999);
  assert.equal(kernel.tables.size, 0, 'a second has not passed');
  filter.onTime(11_000);
  assert.deepEqual(kernel.holds(2, 'vips'), [hexOf(1), hexOf(2)]);
  assert.match(said.join(), /removed by somebody else/);
  filter.clear();
  assert.equal(filter.nextMs, Number.POSITIVE_INFINITY);
  filter.close();
});

test('rules about virtual MACs stand before those about addresses, also when they come later', () => {
  const { kernel, filter } = rig();
  filter.start();
  filter.drop('v', [v4(1)]);
  const before = kernel.transactions;
  filter.addVmac(vmac);
  assert.equal(kernel.transactions, before + 1);
  assert.deepEqual([...kernel.tables.get('2 keepalived')!.sets.keys()], ['vmac_map', 'vips']);
  assert.deepEqual(kernel.holds(2, 'vmac_map'), ['07000000']);
  filter.addVmac({ ...vmac });
  assert.equal(kernel.transactions, before + 1, 'it was known');
  filter.removeVmac('vrrp.1');
  assert.deepEqual(kernel.holds(2, 'vmac_map'), []);
  filter.close();
});

test('a kernel that cannot copy packets still drops them', () => {
  const { kernel, filter, said } = rig();
  kernel.refuses = 'dup\0';
  filter.start();
  filter.addVmac(vmac);
  filter.drop('v', [v4(1)]);
  assert.deepEqual(kernel.holds(2, 'vips'), [hexOf(1)]);
  assert.equal(said.length, 1);
  assert.match(said[0]!, /reports of virtual MACs leave by their own interface/);
  filter.close();
});

test('a refusal is told once an instance, and what follows is tried again', () => {
  const { kernel, filter, said } = rig();
  kernel.refuses = 'keepalived';
  filter.start();
  filter.drop('v', [v4(1)]);
  filter.drop('v', [v4(2)]);
  assert.equal(said.length, 1);
  assert.match(said[0]!, /^\(v\) no packet filter: nftables: .*accepted$/);
  kernel.refuses = null;
  filter.drop('v', [v4(3)]);
  assert.deepEqual(kernel.holds(2, 'vips'), [hexOf(1), hexOf(2), hexOf(3)]);
  filter.close();
});

test('thousands of addresses are dropped in one transaction', () => {
  const { kernel, filter } = rig();
  filter.start();
  const before = kernel.transactions;
  filter.drop(
    'v',
    Array.from({ length: 3_000 }, (_, index) => v4(index)),
  );
  assert.equal(kernel.transactions, before + 1);
  assert.equal(kernel.holds(2, 'vips').length, 3_000);
  filter.close();
});

test('without a table in the file nothing is sent, and a reload takes the old one away', () => {
  const { kernel, filter } = rig();
  filter.start();
  filter.drop('v', [v4(1)]);
  filter.learn({ ...model({ accept: true }), global: { ...model({}).global, nftables: '' } });
  assert.equal(kernel.tables.size, 0);
  const before = kernel.transactions;
  filter.drop('v', [v4(2)]);
  assert.equal(kernel.transactions, before);
  filter.close();
});
