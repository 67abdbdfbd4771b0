// Whether a link counts as up: as the kernel tells, or as the card is asked each second (linkbeat), and not before the
// time that `interface_up_down_delays` gives it (keepalived.conf(5)).
//
// A delay counts once the link has been up; a change back within it cancels it. Asked by name with what the kernel
// says, each time facts are made; nextMs says when the answer may change by itself.

import type { VrrpLink } from '../../core/model/vrrp.ts';
import { type LinkMethod, LinkProber } from '../../core/sys/link-status.ts';

const POLL_MS = 1_000;

interface Standing {
  isUp: boolean; // what was answered last
  hasBeenUp: boolean;
  changeAtMs: number; // when the pending opposite counts; Infinity: none
}

interface Beat {
  method: LinkMethod | null; // null: not known yet
  isUp: boolean;
}

export class LinkStates {
  private readonly log: (text: string) => void;
  private links: ReadonlyMap<string, VrrpLink> = new Map();
  private readonly standings = new Map<string, Standing>();
  private readonly beats = new Map<string, Beat>();
  private prober: LinkProber | null = null;
  private pollAtMs = Number.POSITIVE_INFINITY;

  constructor(log: (text: string) => void) {
    this.log = log;
  }

  /** What the file says now; the states are kept. */
  configure(links: readonly VrrpLink[], nowMs: number): void {
    this.links = new Map(links.map((each) => [each.name, each]));
    const polled = links.filter((each) => each.linkbeat !== '');
    for (const name of this.beats.keys()) if (!polled.some((each) => each.name === name)) this.beats.delete(name);
    for (const { name } of polled) if (!this.beats.has(name)) this.beats.set(name, { method: null, isUp: false });
    this.pollAtMs = polled.length === 0 ? Number.POSITIVE_INFINITY : nowMs;
  }

  /** When isUp() may answer otherwise though the kernel told nothing; Infinity: never. */
  get nextMs(): number {
    let nextMs = this.pollAtMs;
    for (const { changeAtMs } of this.standings.values()) nextMs = Math.min(nextMs, changeAtMs);
    return nextMs;
  }

  /** Asks the cards, when it is time. */
  poll(nowMs: number): void {
    if (nowMs < this.pollAtMs) return;
    this.pollAtMs = nowMs + POLL_MS;
    this.prober ??= new LinkProber();
    for (const [name, beat] of this.beats) {
      beat.method ??= this.choose(name);
      beat.isUp = this.prober.hasLink(name, beat.method) === true && this.prober.isRunning(name);
    }
  }

  /** Whether the link counts as up, when the kernel says `isRunning`. */
  isUp(name: string, isRunning: boolean, nowMs: number): boolean {
    const now = this.beats.get(name)?.isUp ?? isRunning;
    const link = this.links.get(name);
    const standing = this.standings.get(name);
    if (link === undefined || standing === undefined) {
      if (link !== undefined)
        this.standings.set(name, { isUp: now, hasBeenUp: now, changeAtMs: Number.POSITIVE_INFINITY });
      return now;
    }
    if (now === standing.isUp) standing.changeAtMs = Number.POSITIVE_INFINITY;
    else {
      const delayMs = standing.hasBeenUp ? (now ? link.upDelayMs : link.downDelayMs) : 0;
      if (!Number.isFinite(standing.changeAtMs)) standing.changeAtMs = nowMs + delayMs;
      if (nowMs >= standing.changeAtMs) {
        standing.isUp = now;
        standing.changeAtMs = Number.POSITIVE_INFINITY;
      }
    }
    standing.hasBeenUp ||= standing.isUp;
    return standing.isUp;
  }

  /** The link is gone: another of the name starts anew. */
  forget(name: string): void {
    this.standings.delete(name);
    const beat = this.beats.get(name);
    if (beat !== undefined) beat.method = null;
  }

  close(): void {
    this.prober?.close();
    this.prober = null;
  }

  // The method that was asked for, if the driver knows it, else the first that it knows.
  private choose(name: string): LinkMethod {
    const wanted = this.links.get(name)?.linkbeat ?? 'any';
    const order: readonly LinkMethod[] =
      wanted === 'ETHTOOL' ? ['ETHTOOL', 'MII'] : wanted === 'IOCTL' ? [] : ['MII', 'ETHTOOL'];
    const found = order.find((method) => this.prober!.hasLink(name, method) !== null) ?? 'IOCTL';
    if (wanted !== 'any' && wanted !== '' && found !== wanted) {
      this.log(`(${name}): Configured linkbeat type ${wanted} not supported, using ${found}`);
    }
    return found;
  }
}
