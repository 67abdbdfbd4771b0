// `balance source`: the client's address decides (manual §4.2 "balance" and "hash-type").
//
// Map-based: place hash mod length of the server map; when servers come or go most clients move. Consistent: the
// nearest node of the ring; only a lost server's clients move. Neither looks at load: a full server's streams wait
// in its own queue. Streams without an address (Unix sockets) take turns instead, each thread for itself.

import { Rotation, TURN } from '../shared/rotations.ts';
import { ConsistentRing } from './consistent.ts';
import { HASH_NONE, PICK_FULL, PICK_NONE } from './contract.ts';
import { GroupBalancer } from './group-balancer.ts';
import { GROUP_NONE, type ServerGroup } from './server-group.ts';
import { ServerMap } from './server-map.ts';
import { MapRotation } from './static-rr.ts';

export class SourceMap extends GroupBalancer {
  override readonly needsSourceHash = true;
  private readonly map: ServerMap;
  private readonly rotation: MapRotation;

  constructor(group: ServerGroup, firstTurn: number) {
    super(group);
    this.map = new ServerMap(group);
    const { cells } = Rotation.own('static-rr', group.serverCount);
    cells[TURN] = firstTurn;
    this.rotation = new MapRotation(group, this.map, cells);
  }

  override pick(hash: number, avoid: number): number {
    if (this.group.stale()) this.refresh();
    if (this.group.using === GROUP_NONE) return PICK_NONE;
    if (hash !== HASH_NONE) return this.map.entries[(hash >>> 0) % this.map.length]!;
    const position = this.rotation.pick(avoid);
    return position < 0 ? PICK_FULL : position;
  }

  protected override refresh(): void {
    if (this.group.refresh()) this.map.rebuild();
  }
}

export class SourceConsistent extends GroupBalancer {
  override readonly needsSourceHash = true;
  private readonly ring: ConsistentRing;

  constructor(group: ServerGroup) {
    super(group);
    this.ring = new ConsistentRing(group);
  }

  override pick(hash: number, avoid: number): number {
    if (this.group.stale()) this.refresh();
    if (this.group.using === GROUP_NONE) return PICK_NONE;
    if (hash !== HASH_NONE) return this.ring.nearest(hash, avoid);
    const position = this.ring.nextTurn(avoid);
    return position < 0 ? PICK_FULL : position;
  }

  protected override refresh(): void {
    if (this.group.refresh()) this.ring.rebuild();
  }
}
