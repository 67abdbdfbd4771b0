// What the thread waits for besides time: messages, news of the kernel, packets of VRRP and of BFD.
//
// They stand in the poller's list in that order, and what a wait found is read from their places. Opening or closing a
// socket starts that list anew.

import { POLLIN } from '../../core/sys/abi.ts';
import * as libc from '../../core/sys/libc.ts';
import { Poller } from '../../core/sys/packet-io.ts';
import type { Bfd, BfdReceiving } from './bfd.ts';
import type { Kernel } from './kernel.ts';
import type { Listening, Sockets } from './sockets.ts';

const FD_COUNT_MAX = 1024;
const WAKE_INDEX = 0;
const MONITOR_INDEX = 1;
const SOCKETS_INDEX = 2;

export class Inputs {
  hasMessages = false;
  hasNews = false; // of the kernel's
  readonly readable: Listening[] = [];
  readonly readableBfd: BfdReceiving[] = [];
  private readonly poller = new Poller(FD_COUNT_MAX);
  private readonly wakeFd: number;
  private readonly wakeBytes = new Uint8Array(8);
  private readonly kernel: Kernel;
  private readonly sockets: Sockets;
  private readonly bfd: Bfd;

  constructor(wakeFd: number, kernel: Kernel, sockets: Sockets, bfd: Bfd) {
    this.wakeFd = wakeFd;
    this.kernel = kernel;
    this.sockets = sockets;
    this.bfd = bfd;
  }

  /** To be called whenever one of the sockets is another. */
  watch(): void {
    const sockets = [...this.sockets.listening, ...this.bfd.receiving];
    this.poller.watch([this.wakeFd, this.kernel.monitorFd, ...sockets.map((each) => each.fd)], POLLIN);
  }

  /** Waits at most `waitMs`, with its fractions; look() says for what. */
  wait(waitMs: number): void {
    this.poller.wait(waitMs);
  }

  /** Messages are about to be taken: the next one wakes us again. */
  acknowledge(): void {
    libc.read(this.wakeFd, this.wakeBytes, 8);
  }

  /** Notes what the wait found, in the fields; to be called before anything opens or closes a socket. */
  look(): void {
    const { poller, readable, readableBfd } = this;
    const { listening } = this.sockets;
    const { receiving } = this.bfd;
    const bfdIndex = SOCKETS_INDEX + listening.length;
    this.hasMessages = poller.ready(WAKE_INDEX) !== 0;
    this.hasNews = poller.ready(MONITOR_INDEX) !== 0;
    readable.length = 0;
    readableBfd.length = 0;
    for (let at = 0; at < listening.length; at++) {
      if (poller.ready(SOCKETS_INDEX + at) !== 0) readable.push(listening[at]!);
    }
    for (let at = 0; at < receiving.length; at++) {
      if (poller.ready(bfdIndex + at) !== 0) readableBfd.push(receiving[at]!);
    }
  }
}
