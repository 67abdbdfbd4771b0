// The servers of one backend as balancers see them: who is usable, with which weight, and which group is in use.
//
// Active servers come first; backups only when no active one is usable: the first usable backup alone, or all of
// them with `option allbackups` (manual §4.2). The words are read again only when their epoch moved.

import { assert } from '../base/assert.ts';
import type { Proxy } from '../model/proxy.ts';
import type { ServerLoad } from '../shared/server-load.ts';
import { type ServerWords, wordEffectiveWeight, wordUsable } from '../shared/server-words.ts';
import { serverKey } from './server-key.ts';

export const GROUP_NONE = 0;
export const GROUP_ACTIVE = 1;
export const GROUP_BACKUPS = 2; // all of them: `option allbackups`
export const GROUP_ONE_BACKUP = 3; // the first usable one, whatever its load

/** The part of a backend that balancing needs. */
export type BalancedProxy = Pick<Proxy, 'index' | 'servers' | 'allbackups' | 'hashBalanceFactor' | 'hashAffinity'>;

export class ServerGroup {
  readonly serverCount: number;
  readonly rows: Int32Array; // by position: the server's row in ServerLoad and Counters, its word in ServerWords
  readonly ids: Int32Array;
  readonly configuredWeights: Int32Array; // the operator's units
  readonly isBackup: Uint8Array;
  readonly ringKeys: Uint32Array; // by position; HashedRing.rekey changes them
  readonly balanceFactor: number; // hash-balance-factor, percent; 0: none
  readonly affinity: Proxy['hashAffinity'];
  // Sixteenths, 0 exactly when load balancing must not use the server.
  readonly weights: Int32Array;

  using = GROUP_NONE;
  totalWeight = 0; // of the group in use, sixteenths
  memberCount = 0; // servers of the group in use
  activeWeight = 0;
  backupWeight = 0; // of all usable backups
  firstBackup = -1; // position

  epoch: number; // of the words as last read

  // What the last refresh() changed: positions, and the weights they had before.
  changedCount = 0;
  readonly changed: Int32Array;
  readonly weightsBefore: Int32Array;

  private readonly words: ServerWords;
  private readonly load: ServerLoad;
  private readonly backendRow: number;
  private readonly allbackups: boolean;
  private readonly maxconns: Int32Array;
  private readonly minconns: Int32Array;
  private readonly maxqueues: Int32Array;
  private readonly fullconn: number;
  private readonly weightsBelow: Float64Array; // by position: usable weight before it, of its own kind (active, backup)

  /** `fullconn`: streams in the backend at which `maxconn` counts in full; only used beside `minconn`. */
  constructor(proxy: BalancedProxy, words: ServerWords, load: ServerLoad, fullconn: number) {
    assert(fullconn > 0, 'fullconn must be positive');
    const servers = proxy.servers;
    this.serverCount = servers.length;
    this.words = words;
    this.load = load;
    this.backendRow = load.backend(proxy.index);
    this.allbackups = proxy.allbackups;
    this.fullconn = fullconn;
    this.rows = Int32Array.from(servers, (server) => load.server(server.index));
    this.ids = Int32Array.from(servers, (server) => server.id);
    this.configuredWeights = Int32Array.from(servers, (server) => server.weight);
    this.ringKeys = Uint32Array.from(servers, serverKey);
    this.balanceFactor = proxy.hashBalanceFactor;
    this.affinity = proxy.hashAffinity;
    this.isBackup = Uint8Array.from(servers, (server) => (server.backup ? 1 : 0));
    // One of the two alone means both: no dynamic limit.
    this.maxconns = Int32Array.from(servers, (server) => Math.max(server.maxconn, server.minconn));
    this.minconns = Int32Array.from(servers, (server) => server.minconn);
    this.maxqueues = Int32Array.from(servers, (server) => server.maxqueue);
    this.weights = new Int32Array(servers.length);
    this.weightsBelow = new Float64Array(servers.length);
    this.changed = new Int32Array(servers.length);
    this.weightsBefore = new Int32Array(servers.length);
    this.epoch = words.epoch() - 1;
    this.refresh();
    this.changedCount = 0;
  }

  /** Cheap enough for every pick: has any word of the process changed since the last refresh()? */
  stale(): boolean {
    return this.words.epoch() !== this.epoch;
  }

  /** Reads the words again; true when one of ours changed in a way that balancing cares about. */
  refresh(): boolean {
    // The epoch first: a change in between is then seen again next time, never missed.
    this.epoch = this.words.epoch();
    this.changedCount = 0;
    for (let position = 0; position < this.serverCount; position++) {
      const word = this.words.word(this.rows[position]!);
      const weight = wordUsable(word) ? wordEffectiveWeight(word) : 0;
      const before = this.weights[position]!;
      if (weight === before) continue;
      this.changed[this.changedCount++] = position;
      this.weightsBefore[position] = before;
      this.weights[position] = weight;
    }
    if (this.changedCount > 0) this.recount();
    return this.changedCount > 0;
  }

  usable(position: number): boolean {
    return this.weights[position]! > 0;
  }

  /** Is this server one that the group in use gives streams to? */
  member(position: number): boolean {
    if (this.weights[position] === 0) return false;
    if (this.using === GROUP_ACTIVE) return this.isBackup[position] === 0;
    if (this.using === GROUP_BACKUPS) return this.isBackup[position] === 1;
    return this.using === GROUP_ONE_BACKUP && position === this.firstBackup;
  }

  served(position: number): number {
    return this.load.current(this.rows[position]!);
  }

  inflight(position: number): number {
    const row = this.rows[position]!;
    return this.load.current(row) + this.load.queued(row);
  }

  /** Between minconn and maxconn in proportion to the backend's load (manual §5.2 "minconn"); 0: no limit. */
  maxconn(position: number): number {
    const max = this.maxconns[position]!;
    const min = this.minconns[position]!;
    if (min === 0 || min === max) return max;
    const backendCurrent = this.load.current(this.backendRow);
    if (backendCurrent >= this.fullconn) return max;
    return Math.max(min, Math.floor((backendCurrent * max) / this.fullconn));
  }

  /** New limits; as in the constructor one of the two alone means both. */
  setMaxconn(position: number, maxconn: number, minconn: number): void {
    this.maxconns[position] = Math.max(maxconn, minconn);
    this.minconns[position] = minconn;
  }

  /** A free place and nobody queued for it; always true without maxconn. */
  hasRoom(position: number): boolean {
    if (this.maxconns[position] === 0) return true;
    const row = this.rows[position]!;
    return this.load.queued(row) === 0 && this.load.current(row) < this.maxconn(position);
  }

  /** Like hasRoom, but places in the server's own queue (maxqueue) count too. */
  hasRoomOrQueue(position: number): boolean {
    if (this.maxconns[position] === 0) return true;
    return this.inflight(position) < this.maxconn(position) + this.maxqueues[position]!;
  }

  /** Streams that hold a place on any server of the backend. */
  servedTotal(): number {
    let total = 0;
    for (let position = 0; position < this.serverCount; position++) total += this.served(position);
    return total;
  }

  /**
   * hash-balance-factor (Mirrokni, Thorup, Zadimoghaddam: "Consistent Hashing with Bounded Loads"): the streams there are,
   * one more and the factor make so many slots for the whole group; each server has those of its share of the weight, at
   * least one. True while the server has one free.
   */
  withinBound(position: number, servedTotal: number): boolean {
    const { totalWeight } = this;
    const weight = this.weights[position]!;
    const below = this.weightsBelow[position]!;
    const slots = Math.floor(((servedTotal + 1) * this.balanceFactor + 99) / 100);
    const rest = slots % totalWeight;
    const whole = weight * Math.floor(slots / totalWeight);
    const share = Math.floor(((below + weight) * rest) / totalWeight) - Math.floor((below * rest) / totalWeight);
    return this.served(position) < Math.max(1, whole + share);
  }

  /** hash-preserve-affinity: is the server so busy that its streams go elsewhere? */
  pastAffinity(position: number): boolean {
    if (this.affinity === 'always' || this.maxconns[position] === 0) return false;
    if (this.affinity === 'maxconn') return this.served(position) >= this.maxconn(position);
    const maxqueue = this.maxqueues[position]!;
    return maxqueue !== 0 && this.inflight(position) >= this.maxconn(position) + maxqueue;
  }

  /** A queue on the server itself counts as full even without maxconn: the rule of random. */
  fullForRandom(position: number): boolean {
    return this.load.queued(this.rows[position]!) !== 0 || !this.hasRoom(position);
  }

  /**
   * Streams wait in the backend's queue while servers work: with roundrobin, static-rr and first that proves that
   * all are full, so a newcomer joins the queue instead of overtaking it. When every stream of the backend waits
   * there or nothing is served, nobody would ever empty the queue: then choose as usual.
   */
  queueBlocks(): boolean {
    const queued = this.load.queued(this.backendRow);
    if (queued === 0 || queued === this.load.current(this.backendRow)) return false;
    for (let position = 0; position < this.serverCount; position++) {
      if (this.served(position) !== 0) return true;
    }
    return false;
  }

  private recount(): void {
    this.activeWeight = 0;
    this.backupWeight = 0;
    this.firstBackup = -1;
    let activeCount = 0;
    let backupCount = 0;
    for (let position = 0; position < this.serverCount; position++) {
      const weight = this.weights[position]!;
      assert(weight >= 0, 'a weight cannot be negative');
      if (this.isBackup[position] === 0) {
        this.weightsBelow[position] = this.activeWeight;
        this.activeWeight += weight;
        if (weight > 0) activeCount++;
      } else {
        this.weightsBelow[position] = this.backupWeight;
        this.backupWeight += weight;
        if (weight > 0) backupCount++;
        if (weight > 0 && this.firstBackup < 0) this.firstBackup = position;
      }
    }
    if (this.activeWeight > 0) {
      this.using = GROUP_ACTIVE;
      this.totalWeight = this.activeWeight;
      this.memberCount = activeCount;
    } else if (this.firstBackup < 0) {
      this.using = GROUP_NONE;
      this.totalWeight = 0;
      this.memberCount = 0;
    } else if (this.allbackups) {
      this.using = GROUP_BACKUPS;
      this.totalWeight = this.backupWeight;
      this.memberCount = backupCount;
    } else {
      this.using = GROUP_ONE_BACKUP;
      this.totalWeight = this.weights[this.firstBackup]!;
      this.memberCount = 1;
    }
  }
}
