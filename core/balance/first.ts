// `balance first`: the server with the lowest id that has a free place (manual §4.2 "balance"); weights only
// matter by being 0 or not. A pick looks at the full servers before it, so it costs as many steps as are full.

import { PICK_FULL, PICK_NONE } from './contract.ts';
import { GroupBalancer } from './group-balancer.ts';
import { GROUP_NONE, GROUP_ONE_BACKUP, type ServerGroup } from './server-group.ts';

export class First extends GroupBalancer {
  private readonly byId: Int32Array; // all positions by rising id

  constructor(group: ServerGroup) {
    super(group);
    this.byId = Int32Array.from(group.ids.keys()).sort((a, b) => group.ids[a]! - group.ids[b]! || a - b);
  }

  override pick(_hash: number, avoid: number): number {
    const group = this.group;
    if (group.stale()) this.refresh();
    if (group.using === GROUP_NONE) return PICK_NONE;
    if (group.queueBlocks()) return PICK_FULL;
    if (group.using === GROUP_ONE_BACKUP) return group.firstBackup;
    let chosen = PICK_FULL;
    for (let i = 0; i < this.byId.length; i++) {
      const position = this.byId[i]!;
      if (!group.member(position) || !group.hasRoom(position)) continue;
      if (position !== avoid) return position;
      chosen = position;
    }
    return chosen;
  }

  protected override refresh(): void {
    this.group.refresh();
  }
}
