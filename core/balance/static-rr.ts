// `balance static-rr`: turns along a fixed table (manual §4.2 "balance"); weights cannot change at run time.

import { PICK_FULL, PICK_NONE } from './contract.ts';
import { GroupBalancer } from './group-balancer.ts';
import { GROUP_NONE, type ServerGroup } from './server-group.ts';
import { ServerMap } from './server-map.ts';

/** Walks a ServerMap; also what map-based hashing falls back to for streams without a key. */
export class MapRotation {
  private readonly group: ServerGroup;
  private readonly map: ServerMap;
  private nextPlace: number;

  constructor(group: ServerGroup, map: ServerMap, firstTurn: number) {
    this.group = group;
    this.map = map;
    this.nextPlace = firstTurn;
  }

  /** The next with room that is not `avoid`; `avoid` when no other has; −1 when none has. */
  pick(avoid: number): number {
    const { length, entries } = this.map;
    if (this.nextPlace >= length) this.nextPlace = 0;
    let avoided = -1;
    let avoidedPlace = 0;
    let place = this.nextPlace;
    do {
      const position = entries[place]!;
      place++;
      if (this.group.hasRoom(position)) {
        if (position !== avoid) {
          this.nextPlace = place;
          return position;
        }
        avoided = position;
        avoidedPlace = place;
      }
      if (place === length) place = 0;
    } while (place !== this.nextPlace);
    if (avoided >= 0) this.nextPlace = avoidedPlace;
    return avoided;
  }
}

export class StaticRoundRobin extends GroupBalancer {
  override readonly needsSourceHash = false;
  private readonly map: ServerMap;
  private readonly rotation: MapRotation;

  constructor(group: ServerGroup, firstTurn: number) {
    super(group);
    this.map = new ServerMap(group);
    this.rotation = new MapRotation(group, this.map, firstTurn);
  }

  override pick(_hash: number, avoid: number): number {
    const group = this.group;
    if (group.stale()) this.refresh();
    if (group.using === GROUP_NONE) return PICK_NONE;
    if (group.queueBlocks()) return PICK_FULL;
    const position = this.rotation.pick(avoid);
    return position < 0 ? PICK_FULL : position;
  }

  protected override refresh(): void {
    if (this.group.refresh()) this.map.rebuild();
  }
}
