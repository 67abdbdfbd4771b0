// The thread's parts, made in the order in which one needs the other. They last as long as the thread.

import type { FromVrrpWorker, VrrpWorkerData } from '../../core/model/vrrp-worker.ts';
import { RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR } from '../../core/netlink/address.ts';
import { RTMGRP_LINK } from '../../core/netlink/link.ts';
import { PacketIo } from '../../core/sys/packet-io.ts';
import { VrrpRouter } from '../../core/vrrp/router.ts';
import { Actions } from './actions.ts';
import { Announcer } from './announce.ts';
import { Bfd } from './bfd.ts';
import { Briefing } from './briefing.ts';
import { Election } from './election.ts';
import { Figures } from './figures.ts';
import { Filter } from './filter.ts';
import { Hearing } from './hearing.ts';
import { Holdings } from './holdings.ts';
import { Inputs } from './inputs.ts';
import { Interfaces } from './interfaces.ts';
import { Kernel } from './kernel.ts';
import { VirtualAddresses } from './leftovers.ts';
import { LinkStates } from './link-states.ts';
import { Rehearsal } from './rehearsal.ts';
import { Sockets } from './sockets.ts';
import { Statics } from './statics.ts';
import { Vmacs } from './vmac.ts';

const PACKET_BYTES_MAX = 256 * 1024; // a netlink dump's datagram is larger than any packet

export type Parts = ReturnType<typeof makeParts>;

/** Throws SysError when a socket cannot be had. */
export function makeParts(data: VrrpWorkerData, post: (message: FromVrrpWorker) => void) {
  const complain = (text: string): void => post({ kind: 'log', level: 'error', text });
  const io = new PacketIo(PACKET_BYTES_MAX);
  const figures = new Figures();
  const virtual = new VirtualAddresses();
  const kernel = new Kernel(io, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
  const interfaces = new Interfaces(kernel, (address) => virtual.has(address), new LinkStates(complain));
  const holdings = new Holdings(kernel, interfaces, complain);
  const statics = new Statics(holdings);
  const filter = new Filter(io, complain);
  const briefing = new Briefing(data.deputy, (text) => post({ kind: 'log', level: 'notice', text }));
  const sockets = new Sockets(io, interfaces, (fd) => briefing.letGo(fd), complain);
  const vmacs = new Vmacs(kernel, interfaces, filter, complain);
  const announcer = new Announcer(io);
  const actions = new Actions({ sockets, briefing, interfaces, holdings, filter, announcer, vmacs, figures, post });
  const router = new VrrpRouter(data.model, { wallMs: Date.now });
  const election = new Election(router, actions);
  const hearing = new Hearing(io, figures, election);
  const bfd = new Bfd(io, {
    log: (level, text) => post({ kind: 'log', level, text }),
    tell: (name, up) => election.onTracked([{ kind: 'bfd', name, up, value: 0, serversUp: 0 }]),
  });
  const inputs = new Inputs(data.wakeFd, kernel, sockets, bfd);
  const rehearsal = new Rehearsal({ io, kernel, interfaces, sockets, announcer, vmacs }, data.model);
  return {
    complain,
    figures,
    virtual,
    kernel,
    interfaces,
    holdings,
    statics,
    filter,
    briefing,
    sockets,
    vmacs,
    announcer,
    actions,
    router,
    election,
    hearing,
    bfd,
    inputs,
    rehearsal,
  };
}

export function closeParts({ sockets, bfd, announcer, kernel, filter, interfaces }: Parts): void {
  sockets.close();
  bfd.close();
  announcer.close();
  kernel.close();
  filter.close();
  interfaces.close();
}
