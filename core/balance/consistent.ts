// The ring of consistent hashing (manual §4.2 "hash-type consistent"), also what `balance random` draws from.
//
// Each server has a node per sixteenth of its weight, at mix(key + node) with the key of server-key.ts (by default its id
// × 4096). A hash belongs to the nearest
// node on either side. Only nodes of servers that stay decide about keys that stay, so losing one server moves
// its keys alone.
//
// All nodes of all servers are sorted once; a change of state or weight only filters that list into the live one,
// which costs one pass. Sorting again is needed only when a weight rises above what was sorted for.

import { assert } from '../base/assert.ts';
import { EFFECTIVE_WEIGHT_MAX, WEIGHT_SCALE } from '../shared/server-words.ts';
import { mix } from './hash.ts';
import { GROUP_NONE, GROUP_ONE_BACKUP, type ServerGroup } from './server-group.ts';

const RADIX_BITS = 8;
const RADIX_COUNT = 1 << RADIX_BITS;

export class ConsistentRing {
  nodeCount = 0; // live nodes
  private readonly group: ServerGroup;
  private readonly isBounded: boolean; // some servers may be passed over for their load
  private readonly refusedBy: Float64Array; // by position: the search that last passed it over
  private search = 0;
  private servedTotal = -1; // −1: not counted yet in this search
  private readonly sortedWeights: Int32Array; // by position: nodes it has in the sorted list
  private sortedKeys = new Uint32Array(0);
  private sortedPositions = new Int32Array(0);
  private sortedNodes = new Uint16Array(0); // which of its server's nodes
  private keys = new Uint32Array(0);
  private positions = new Int32Array(0);
  private lastAt = -1; // where the rotation stands, −1 before the first
  private lastKey = 0;

  constructor(group: ServerGroup) {
    this.group = group;
    this.isBounded = group.balanceFactor !== 0 || group.affinity !== 'always';
    this.refusedBy = new Float64Array(group.serverCount);
    this.sortedWeights = new Int32Array(group.serverCount);
    this.rebuild();
  }

  /** After group.refresh() said that something changed. */
  rebuild(): void {
    if (this.outgrown()) this.sortAll();
    const { group } = this;
    let count = 0;
    for (let i = 0; i < this.sortedKeys.length; i++) {
      const position = this.sortedPositions[i]!;
      if (this.sortedNodes[i]! >= group.weights[position]! || !group.member(position)) continue;
      this.keys[count] = this.sortedKeys[i]!;
      this.positions[count] = position;
      count++;
    }
    this.nodeCount = count;
    assert(count === group.totalWeight, 'the ring does not match the weights');
    if (this.lastAt >= 0 && count > 0) this.lastAt = this.lowerBound(this.lastKey) % count;
    else this.lastAt = -1;
  }

  /** After a change of group.ringKeys. */
  rekey(): void {
    this.sortAll();
    this.rebuild();
  }

  /**
   * The server nearest to `hash` that is neither `avoid` nor past its load (hash-balance-factor, hash-preserve-affinity);
   * when all are, the one with the ring's last node. −1 when there is none at all.
   */
  nearest(hash: number, avoid: number): number {
    const { group, positions } = this;
    if (group.using === GROUP_NONE) return -1;
    if (group.using === GROUP_ONE_BACKUP) return group.firstBackup;
    let at = this.nearestNode(hash >>> 0);
    if (!this.isBounded && positions[at] !== avoid) return positions[at]!;
    this.search++;
    this.servedTotal = -1;
    let left = group.memberCount; // servers that were not passed over yet
    while (this.refuses(positions[at]!, avoid)) {
      if (this.refusedBy[positions[at]!] !== this.search) {
        this.refusedBy[positions[at]!] = this.search;
        left--;
        if (left === 0) return positions[this.nodeCount - 1]!;
      }
      at = at + 1 === this.nodeCount ? 0 : at + 1;
    }
    return positions[at]!;
  }

  private refuses(position: number, avoid: number): boolean {
    if (position === avoid || this.refusedBy[position] === this.search) return true;
    if (!this.isBounded) return false;
    const { group } = this;
    if (group.balanceFactor !== 0) {
      if (this.servedTotal < 0) this.servedTotal = group.servedTotal();
      if (!group.withinBound(position, this.servedTotal)) return true;
    }
    return group.pastAffinity(position);
  }

  /** Node after node, for streams without a key: the next server with room that is not `avoid`, else `avoid`, else −1. */
  nextTurn(avoid: number): number {
    const { group } = this;
    if (group.using === GROUP_NONE) return -1;
    if (group.using === GROUP_ONE_BACKUP) return group.firstBackup;
    let avoidedAt = -1;
    for (let steps = 0; steps < this.nodeCount; steps++) {
      this.lastAt = this.lastAt + 1 >= this.nodeCount ? 0 : this.lastAt + 1;
      const position = this.positions[this.lastAt]!;
      if (!group.hasRoom(position)) continue;
      if (position !== avoid) {
        this.lastKey = this.keys[this.lastAt]!;
        return position;
      }
      avoidedAt = this.lastAt;
    }
    if (avoidedAt < 0) return -1;
    this.lastAt = avoidedAt;
    this.lastKey = this.keys[avoidedAt]!;
    return avoid;
  }

  private nearestNode(hash: number): number {
    const { keys, nodeCount } = this;
    const found = this.lowerBound(hash);
    const after = found === nodeCount ? 0 : found;
    const before = after === 0 ? nodeCount - 1 : after - 1;
    const distanceBefore = (hash - keys[before]!) >>> 0;
    const distanceAfter = (keys[after]! - hash) >>> 0;
    return distanceBefore <= distanceAfter ? before : after;
  }

  // The first node at or after `hash`; nodeCount when all lie before it.
  private lowerBound(hash: number): number {
    const { keys } = this;
    let low = 0;
    let high = this.nodeCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (keys[middle]! < hash) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private outgrown(): boolean {
    for (let position = 0; position < this.group.serverCount; position++) {
      if (this.group.weights[position]! > this.sortedWeights[position]!) return true;
    }
    return false;
  }

  private sortAll(): void {
    const { group, sortedWeights } = this;
    let total = 0;
    for (let position = 0; position < group.serverCount; position++) {
      const configured = group.configuredWeights[position]! * WEIGHT_SCALE;
      sortedWeights[position] = Math.max(sortedWeights[position]!, group.weights[position]!, configured);
      assert(sortedWeights[position]! <= EFFECTIVE_WEIGHT_MAX, 'more nodes than a weight can have');
      total += sortedWeights[position]!;
    }
    const keys = new Uint32Array(total);
    const owners = new Int32Array(total);
    const nodes = new Uint16Array(total);
    let count = 0;
    for (let position = 0; position < group.serverCount; position++) {
      const base = group.ringKeys[position]!;
      for (let node = 0; node < sortedWeights[position]!; node++) {
        keys[count] = mix(base + node);
        owners[count] = position;
        nodes[count] = node;
        count++;
      }
    }
    const order = sortedOrder(keys);
    this.sortedKeys = new Uint32Array(total);
    this.sortedPositions = new Int32Array(total);
    this.sortedNodes = new Uint16Array(total);
    for (let i = 0; i < total; i++) {
      this.sortedKeys[i] = keys[order[i]!]!;
      this.sortedPositions[i] = owners[order[i]!]!;
      this.sortedNodes[i] = nodes[order[i]!]!;
    }
    this.keys = new Uint32Array(total);
    this.positions = new Int32Array(total);
  }
}

// Indices of `keys` by rising key, equal keys in index order: a radix sort, as millions of nodes are possible.
function sortedOrder(keys: Uint32Array): Uint32Array {
  let from: Uint32Array = new Uint32Array(keys.length).map((_zero, index) => index);
  let to: Uint32Array = new Uint32Array(keys.length);
  const starts = new Uint32Array(RADIX_COUNT);
  for (let shift = 0; shift < 32; shift += RADIX_BITS) {
    starts.fill(0);
    for (let i = 0; i < keys.length; i++) starts[(keys[i]! >>> shift) & (RADIX_COUNT - 1)]!++;
    let sum = 0;
    for (let digit = 0; digit < RADIX_COUNT; digit++) {
      const count = starts[digit]!;
      starts[digit] = sum;
      sum += count;
    }
    for (let i = 0; i < from.length; i++) {
      const digit = (keys[from[i]!]! >>> shift) & (RADIX_COUNT - 1);
      to[starts[digit]!++] = from[i]!;
    }
    const swap = from;
    from = to;
    to = swap;
  }
  return from;
}
