// Adverts on their way in: from the sockets to the election, or kept while another thread is the router.

import { monotonicExactMs as nowMs } from '../../core/base/clock.ts';
import type { PacketIo } from '../../core/sys/packet-io.ts';
import type { AdvertFact } from '../../core/vrrp/contract.ts';
import type { Election } from './election.ts';
import type { Figures } from './figures.ts';
import type { Listening } from './sockets.ts';
import { type Estate, Overheard } from './succession.ts';

const PACKETS_PER_TURN_MAX = 32; // of one socket: a flood does not keep our own adverts waiting
const NO_BYTES = new Uint8Array(0);

export class Hearing {
  /** While true packets are only kept, for catchUp(). */
  isWaiting = false;
  private readonly io: PacketIo;
  private readonly figures: Figures;
  private readonly election: Election;
  private readonly overheard = new Overheard();
  private readonly heard = new Map<string, number>(); // by socket: the stamp of the last packet acted on

  constructor(io: PacketIo, figures: Figures, election: Election) {
    this.io = io;
    this.figures = figures;
    this.election = election;
  }

  /** Takes what waits in a socket. */
  receive(listening: Listening): void {
    const isInet6 = listening.family === 'inet6';
    for (let count = 0; count < PACKETS_PER_TURN_MAX; count++) {
      const length = this.io.receive(listening.fd, true);
      if (length < 0) return;
      this.figures.packetsIn++;
      if (this.io.truncated) {
        this.figures.packetsDropped++;
        continue;
      }
      const fact: AdvertFact = {
        ifindex: listening.ifindex,
        family: listening.family,
        bytes: this.io.data.slice(0, length),
        source: isInet6 ? this.io.name.slice(8, 24) : NO_BYTES,
        destination: isInet6 ? this.io.destination6.slice() : NO_BYTES,
        hopLimit: isInet6 ? this.io.hopLimit : -1,
      };
      const { stampMs } = this.io;
      if (this.isWaiting) {
        this.overheard.keep(listening.key, stampMs, nowMs(), fact);
        continue;
      }
      if (stampMs > 0) this.heard.set(listening.key, stampMs);
      this.election.onAdvert(fact);
    }
  }

  /** For the next thread; see Estate. */
  stamps(): Estate['heard'] {
    return [...this.heard];
  }

  /** Goes on from where the predecessor was. */
  adopt(stamps: Estate['heard']): void {
    for (const [key, stampMs] of stamps) this.heard.set(key, stampMs);
  }

  /** Tells what came since the predecessor's last word, `takenAtMs`. */
  catchUp(stamps: Estate['heard'], takenAtMs: number): void {
    for (const fact of this.overheard.takeAfter(stamps, takenAtMs)) this.election.onAdvert(fact);
  }
}
