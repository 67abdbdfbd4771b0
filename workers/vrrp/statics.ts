// Static addresses, routes and rules of the file: held from the start to the end, whoever is master.

import type { VrrpModel } from '../../core/model/vrrp.ts';
import type { Holdings } from './holdings.ts';

export class Statics {
  private readonly holdings: Holdings;

  constructor(holdings: Holdings) {
    this.holdings = holdings;
  }

  /** Addresses first: routes may name them as their source. What is there already stays as it is. */
  add({ staticAddresses, staticRoutes, staticRules }: VrrpModel): void {
    for (const each of staticAddresses) this.holdings.addAddress(each, each.interfaceName, each.interfaceName);
    this.holdings.addRoutes(staticRoutes);
    this.holdings.addRules(staticRules);
  }

  /** A predecessor handed them over: they are in the kernel. Of routes and rules nobody keeps account. */
  adopt({ staticAddresses }: VrrpModel): void {
    for (const each of staticAddresses) this.holdings.adoptAddress(each, each.interfaceName, each.interfaceName);
  }

  /** After a reload: what both have is never gone in between. */
  replace(before: VrrpModel, model: VrrpModel): void {
    const kept = new Set(model.staticAddresses.map((each) => `${each.address}|${each.interfaceName}`));
    for (const each of before.staticAddresses) {
      if (!kept.has(`${each.address}|${each.interfaceName}`)) this.holdings.removeAddress(each, each.interfaceName);
    }
    const texts = new Set([...model.staticRoutes, ...model.staticRules].map(contentOf));
    this.holdings.removeRules(before.staticRules.filter((each) => !texts.has(contentOf(each))));
    this.holdings.removeRoutes(before.staticRoutes.filter((each) => !texts.has(contentOf(each))));
    this.add(model);
  }

  remove({ staticAddresses, staticRoutes, staticRules }: VrrpModel): void {
    this.holdings.removeRules(staticRules);
    this.holdings.removeRoutes(staticRoutes);
    for (const each of staticAddresses) this.holdings.removeAddress(each, each.interfaceName);
  }
}

// Without its place in the file: a line that only moved is the same.
const contentOf = (each: { family: string; attributes: object }): string =>
  JSON.stringify({ ...each, file: '', line: 0 });
