// What all balancers have in common: questions about their group, answered after looking at the epoch.

import type { Balancer } from './contract.ts';
import type { ServerGroup } from './server-group.ts';

export abstract class GroupBalancer implements Balancer {
  readonly hashes: boolean = false;
  readonly needsSourceHash: boolean = false;
  protected readonly group: ServerGroup;

  constructor(group: ServerGroup) {
    this.group = group;
  }

  abstract pick(hash: number, avoid: number): number;

  taken(_position: number): void {}

  dropped(_position: number): void {}

  maxconn(position: number): number {
    return this.group.maxconn(position);
  }

  setMaxconn(position: number, maxconn: number, minconn: number): void {
    this.group.setMaxconn(position, maxconn, minconn);
  }

  rekey(_position: number, _key: number): void {}

  hasRoom(position: number): boolean {
    return this.group.hasRoom(position);
  }

  usable(position: number): boolean {
    if (this.group.stale()) this.refresh();
    return this.group.member(position);
  }

  /** Reads the group again and brings the algorithm's own tables in line. */
  protected abstract refresh(): void;
}
