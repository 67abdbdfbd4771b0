// Which addresses of the machine are virtual ones, and what a process that was killed left of them behind.

import type { VrrpModel } from '../../core/model/vrrp.ts';
import type { AddressInfo } from '../../core/netlink/address.ts';
import { addressOf, formatAddress } from '../../core/vrrp/address.ts';
import { ADDRESS_PROTOCOL, type Holdings } from './holdings.ts';
import type { Interfaces } from './interfaces.ts';

const PRIORITY_OWNER = 255;

export class VirtualAddresses {
  private priorities = new Map<string, number>(); // by address text: the highest of those who want it

  learn(model: VrrpModel): void {
    this.priorities = new Map();
    for (const instance of model.instances) {
      for (const each of [...instance.addresses, ...instance.excluded]) {
        const key = formatAddress(addressOf(each.address));
        this.priorities.set(key, Math.max(this.priorities.get(key) ?? 0, instance.priority));
      }
    }
  }

  /** An owner's virtual address may be the interface's own: only what carries our mark is ours then. */
  has(address: AddressInfo): boolean {
    const priority = this.priorities.get(formatAddress(address.address));
    if (priority === undefined) return false;
    return priority < PRIORITY_OWNER || address.protocol === ADDRESS_PROTOCOL;
  }
}

/** A process that was killed left what it held; until we are master it is not ours to answer for. */
export function clearLeftovers(
  model: VrrpModel,
  virtual: VirtualAddresses,
  { interfaces, holdings }: { interfaces: Interfaces; holdings: Holdings },
  tell: (text: string) => void,
): void {
  for (const address of interfaces.all()) {
    if (!virtual.has(address)) continue;
    holdings.removeLeftover(address);
    const link = interfaces.links.get(address.index)?.name ?? '';
    tell(`${formatAddress(address.address)} was left on ${link} by an earlier process and is removed`);
  }
  for (const instance of model.instances) {
    holdings.removeRules(instance.rules);
    holdings.removeRoutes(instance.routes);
  }
  interfaces.refresh();
}
