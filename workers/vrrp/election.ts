// The router and those who do what it asks for: each fact is told, and what it asks for is carried out before the next.

import { monotonicExactMs as nowMs } from '../../core/base/clock.ts';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import type { AdvertFact, Intent, TrackedFact } from '../../core/vrrp/contract.ts';
import type { VrrpRouter } from '../../core/vrrp/router.ts';
import type { Actions } from './actions.ts';
import type { Holdings } from './holdings.ts';
import type { LinkNews } from './interfaces.ts';

export class Election {
  private readonly router: VrrpRouter;
  private readonly actions: Actions;
  private readonly intents: Intent[] = []; // empty between two facts

  constructor(router: VrrpRouter, actions: Actions) {
    this.router = router;
    this.actions = actions;
  }

  start(): void {
    this.router.start(nowMs(), this.intents);
    this.actions.carryOut(this.intents);
  }

  /** Where we are master: priority 0, and everything is let go of. */
  stop(): void {
    this.router.stop(nowMs(), this.intents);
    this.actions.carryOut(this.intents);
  }

  reload(model: VrrpModel): void {
    this.router.reload(model, nowMs(), this.intents);
    this.actions.carryOut(this.intents);
  }

  onTime(now: number): void {
    this.router.onTime(now, this.intents);
    this.actions.carryOut(this.intents);
  }

  onAdvert(fact: AdvertFact): void {
    this.router.onAdvert(fact, nowMs(), this.intents);
    this.actions.carryOut(this.intents);
  }

  /** The router's adverts that its deputy sent: before anything that may find it late. */
  readonly onSpokenFor = (instance: string, count: number, atMs: number): void => {
    this.router.onSpokenFor(instance, count, atMs);
  };

  onLinks(news: LinkNews): void {
    for (const ifindex of news.goneIndexes) this.router.onLinkGone(ifindex, nowMs(), this.intents);
    for (const fact of news.changed) this.router.onLink(fact, nowMs(), this.intents);
    this.actions.carryOut(this.intents);
  }

  onTracked(facts: readonly TrackedFact[]): void {
    for (const fact of facts) this.router.onTracked(fact, nowMs(), this.intents);
    this.actions.carryOut(this.intents);
  }

  /** Tells which of the addresses that are held somebody else took away. */
  tellLost(holdings: Holdings): void {
    for (const lost of holdings.takeLost()) {
      this.router.onAddressLost(lost.toldName, lost.address, nowMs(), this.intents);
      this.actions.carryOut(this.intents);
    }
  }

  /** The addresses of those who are master, as a predecessor left them in the kernel: they are held already. */
  adoptAddresses(model: VrrpModel, holdings: Holdings): void {
    const status = this.router.status(nowMs());
    const masters = new Set(status.filter((each) => each.state === 'master').map((each) => each.name));
    for (const instance of model.instances) {
      if (!masters.has(instance.name)) continue;
      this.actions.adopt(instance);
      for (const address of [...instance.addresses, ...instance.excluded]) {
        const toldName = this.actions.toldName(instance.name, address, instance.interfaceName);
        const device = this.actions.deviceName(instance.name, toldName, address.family, address.address);
        holdings.adoptAddress(address, device, toldName);
      }
    }
  }
}
