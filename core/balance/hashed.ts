// `balance source`, `uri`, `url_param`, `hdr`, `rdp-cookie`, `hash`: the hash of a key decides (manual §4.2 "balance" and
// "hash-type"). Where the key comes from is core/proxy's business; here it is 32 bits.
//
// Map-based: place hash mod length of the server map; when servers come or go most keys move. Consistent: the nearest
// node of the ring; only a lost server's keys move. Neither looks at load unless told so (hash-balance-factor,
// hash-preserve-affinity): a full server's streams wait in its own queue. Streams without a key take turns instead,
// each thread for itself.

import { Rotation, TURN } from '../shared/rotations.ts';
import { ConsistentRing } from './consistent.ts';
import { HASH_NONE, PICK_FULL, PICK_NONE } from './contract.ts';
import { GroupBalancer } from './group-balancer.ts';
import { GROUP_NONE, type ServerGroup } from './server-group.ts';
import { ServerMap } from './server-map.ts';
import { MapRotation } from './static-rr.ts';

/** What decides between algorithms that only differ in their key. */
export interface HashedKind {
  readonly isSource: boolean; // the key is the client's address
  readonly aloneWithoutKey: boolean; // hdr, hash: the only server is not asked for a key, so its streams never take turns
}

export class HashedMap extends GroupBalancer {
  override readonly hashes = true;
  override readonly needsSourceHash: boolean;
  private readonly aloneWithoutKey: boolean;
  private readonly map: ServerMap;
  private readonly rotation: MapRotation;

  constructor(group: ServerGroup, kind: HashedKind, firstTurn: number) {
    super(group);
    this.needsSourceHash = kind.isSource;
    this.aloneWithoutKey = kind.aloneWithoutKey;
    this.map = new ServerMap(group);
    const { cells } = Rotation.own('static-rr', group.serverCount);
    cells[TURN] = firstTurn;
    this.rotation = new MapRotation(group, this.map, cells);
  }

  override pick(hash: number, avoid: number): number {
    const { group, map } = this;
    if (group.stale()) this.refresh();
    if (group.using === GROUP_NONE) return PICK_NONE;
    if (hash !== HASH_NONE) return map.entries[(hash >>> 0) % map.length]!;
    if (this.aloneWithoutKey && group.memberCount === 1) return map.entries[0]!;
    const position = this.rotation.pick(avoid);
    return position < 0 ? PICK_FULL : position;
  }

  protected override refresh(): void {
    if (this.group.refresh()) this.map.rebuild();
  }
}

export class HashedRing extends GroupBalancer {
  override readonly hashes = true;
  override readonly needsSourceHash: boolean;
  private readonly aloneWithoutKey: boolean;
  private readonly ring: ConsistentRing;

  constructor(group: ServerGroup, kind: HashedKind) {
    super(group);
    this.needsSourceHash = kind.isSource;
    this.aloneWithoutKey = kind.aloneWithoutKey;
    this.ring = new ConsistentRing(group);
  }

  override pick(hash: number, avoid: number): number {
    const { group, ring } = this;
    if (group.stale()) this.refresh();
    if (group.using === GROUP_NONE) return PICK_NONE;
    if (hash !== HASH_NONE) return ring.nearest(hash, avoid);
    if (this.aloneWithoutKey && group.memberCount === 1) return ring.nearest(0, avoid);
    const position = ring.nextTurn(avoid);
    return position < 0 ? PICK_FULL : position;
  }

  override rekey(position: number, key: number): void {
    this.group.ringKeys[position] = key;
    this.ring.rekey();
  }

  protected override refresh(): void {
    if (this.group.refresh()) this.ring.rebuild();
  }
}
