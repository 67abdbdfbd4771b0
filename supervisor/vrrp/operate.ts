// What an operator asks of the running election: dump files, the status socket, the scheduled reload.

import type { Server } from 'node:net';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import type { Events } from '../boot/events.ts';
import { type DumpKind, dumpText, writeDump } from './dump.ts';
import { ReloadClock } from './reload-clock.ts';
import { reportOf } from './report.ts';
import type { VrrpService } from './service.ts';
import type { DumpParts, GroupStatus, InstanceStatus } from './status.ts';
import { type Question, serveStatus } from './status-socket.ts';

export class Operation {
  private readonly service: VrrpService;
  private readonly events: Events;
  private readonly clock: ReloadClock;
  private readonly server: Server;
  private model: VrrpModel;

  /** `reload` is what SIGHUP does. */
  constructor(service: VrrpService, model: VrrpModel, events: Events, reload: () => void) {
    this.service = service;
    this.model = model;
    this.events = events;
    this.clock = new ReloadClock(reload, (level, text) => events.emit(level, text));
    this.clock.configure(model);
    this.server = serveStatus({ answer: (question) => this.answer(question) }, (text) => events.emit('warn', text));
  }

  /** After a reload. */
  configure(model: VrrpModel): void {
    this.model = model;
    this.clock.configure(model);
  }

  stop(): void {
    this.server.close();
    this.clock.stop();
  }

  /** Writes the files of `kinds`, from one moment; `clear` sets the counters to zero afterwards. */
  async dump(kinds: readonly DumpKind[], clear = false): Promise<void> {
    const parts = await this.parts();
    if (parts === null) return this.events.emit('warn', 'VRRP does not answer: nothing is dumped');
    for (const kind of kinds) {
      const { path, failure } = writeDump(kind, parts);
      if (failure === '') this.events.emit('info', `VRRP's ${kind} is written to ${path}`);
      else this.events.emit('error', failure);
    }
    if (clear) await this.service.ask('clear-counters');
  }

  private async parts(): Promise<DumpParts | null> {
    const answer = await this.service.ask('status');
    if (answer?.kind !== 'status') return null;
    return {
      model: this.model,
      instances: answer.instances as readonly InstanceStatus[],
      groups: answer.groups as readonly GroupStatus[],
      tracking: this.service.tracking(),
      sockets: answer.sockets ?? [],
      bfd: answer.bfd ?? [],
      nowMs: answer.nowMs,
      realtime: answer.figures.realtime,
    };
  }

  private async answer(question: Question): Promise<string | null> {
    if (question !== 'status') {
      const parts = await this.parts();
      return parts === null ? null : dumpText(question, parts);
    }
    const answer = await this.service.ask('status');
    if (answer?.kind !== 'status') return null;
    const { model, service } = this;
    const transitions = service.transitions();
    const report = reportOf({ model, answer, tracking: service.tracking(), transitions, wallMs: Date.now() });
    return `${JSON.stringify(report)}\n`;
  }
}
