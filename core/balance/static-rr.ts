// `balance static-rr`: turns along a fixed table (manual §4.2 "balance"); weights cannot change at run time.
//
// All threads walk together: the next place is one shared cell, moved by compare-and-exchange, so that the picks of all
// threads are one walk along the table. Exact, except in the moment in which a server comes or goes: some threads then
// already walk along the new table.

import { type Rotation, TURN } from '../shared/rotations.ts';
import { PICK_FULL, PICK_NONE } from './contract.ts';
import { GroupBalancer } from './group-balancer.ts';
import { GROUP_NONE, type ServerGroup } from './server-group.ts';
import { ServerMap } from './server-map.ts';

// Who loses the race for a place so often takes the server all the same: that one then gets a turn too many. Each loss
// is another thread's pick, and threads do more than pick: a few losses in a row are rare already.
const TRIES_MAX = 10_000;

/** Walks a ServerMap; also what map-based hashing falls back to for streams without a key. */
export class MapRotation {
  private readonly group: ServerGroup;
  private readonly map: ServerMap;
  private readonly cells: Int32Array; // [TURN]: the next place; Atomics only
  private placeAfter = 0; // after the server that find() found

  constructor(group: ServerGroup, map: ServerMap, cells: Int32Array) {
    this.group = group;
    this.map = map;
    this.cells = cells;
  }

  /** The next with room that is not `avoid`; `avoid` when no other has; −1 when none has. */
  pick(avoid: number): number {
    let position = -1;
    let place = Atomics.load(this.cells, TURN);
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      position = this.find(place, avoid);
      if (position < 0) break;
      const seen = Atomics.compareExchange(this.cells, TURN, place, this.placeAfter);
      if (seen === place) break;
      place = seen;
    }
    return position;
  }

  private find(from: number, avoid: number): number {
    const { length, entries } = this.map;
    const start = from >= length ? 0 : from;
    let avoided = -1;
    let place = start;
    do {
      const position = entries[place]!;
      place++;
      if (this.group.hasRoom(position)) {
        this.placeAfter = place;
        if (position !== avoid) return position;
        avoided = position;
      }
      if (place === length) place = 0;
    } while (place !== start);
    return avoided;
  }
}

export class StaticRoundRobin extends GroupBalancer {
  private readonly map: ServerMap;
  private readonly rotation: MapRotation;

  constructor(group: ServerGroup, rotation: Rotation, firstTurn: number) {
    super(group);
    this.map = new ServerMap(group);
    if (rotation.alone) rotation.cells[TURN] = firstTurn;
    this.rotation = new MapRotation(group, this.map, rotation.cells);
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
