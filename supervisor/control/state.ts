// What the operator has changed at run time, and since when things are as they are: the supervisor's own notes.
//
// The truth about servers is in shared memory (core/shared/server-words.ts); here stands what only commands and
// statistics need. Values of the model that commands change are changed in the supervisor's copy of it, too: that is
// what a replacement thread is started with.

import { fullconnOf } from '../../core/balance/make.ts';
import type { Model } from '../../core/model/model.ts';
import type { Proxy, Server } from '../../core/model/proxy.ts';
import { SERVER_DRAIN, SERVER_MAINT, SERVER_UNRESOLVED, wordUsable } from '../../core/shared/server-words.ts';
import type { SharedTables } from '../fleet/shared-tables.ts';

// The bits of `show servers state`'s srv_admin_state (management guide §9.3).
const ADMIN_FORCED_MAINT = 0x01;
const ADMIN_CONFIGURED_MAINT = 0x04;
const ADMIN_FORCED_DRAIN = 0x08;
const ADMIN_UNRESOLVED_MAINT = 0x20;

interface ServerNotes {
  initialWeight: number;
  configuredMaint: boolean;
  changedAtMs: number; // wall clock of the last change of its state
  lastFlags: number; // as of then
  health: number; // of a check that nobody makes: what `set server health` left
}

export type FrontState = 'OPEN' | 'PAUSED' | 'STOP';

interface ProxyNotes {
  frontState: FrontState;
  changedAtMs: number; // wall clock: the backend came up or went down
  wasUp: boolean;
  fullconn: number; // as computed at the start
  downMs: number; // before `changedAtMs`
}

const CHECK_PAUSED = 8; // CHK_ST_PAUSED: of a check that began with its server out of service
/** rise + fall - 1 with their defaults 2 and 3. */
export const HEALTH_FULL = 4;

const STATE_FLAGS = ~0x1fff & ~(0x1ff << 19); // all of a server word but its weights

export class RuntimeState {
  readonly hardMaxconn: number; // what `set maxconn global` cannot exceed
  private readonly tables: SharedTables;
  private readonly servers: ServerNotes[] = [];
  private readonly proxies: ProxyNotes[] = [];

  constructor(model: Model, tables: SharedTables, nowMs: number) {
    this.hardMaxconn = model.global.maxconn;
    this.tables = tables;
    for (const proxy of model.proxies) {
      this.proxies[proxy.index] = {
        frontState: proxy.disabled ? 'STOP' : 'OPEN',
        changedAtMs: nowMs,
        wasUp: this.backendIsUp(proxy),
        fullconn: proxy.kind === 'frontend' ? 0 : fullconnOf(model, proxy, model.global.maxconn),
        downMs: 0,
      };
      for (const server of proxy.servers) {
        this.servers[server.index] = {
          initialWeight: server.weight,
          configuredMaint: server.disabled,
          changedAtMs: nowMs,
          lastFlags: tables.serverWords.word(server.index) & STATE_FLAGS,
          health: 0,
        };
      }
    }
  }

  initialWeight(server: Server): number {
    return this.servers[server.index]!.initialWeight;
  }

  frontState(proxy: Proxy): FrontState {
    return this.proxies[proxy.index]!.frontState;
  }

  setFrontState(proxy: Proxy, state: FrontState): void {
    this.proxies[proxy.index]!.frontState = state;
  }

  /** Seconds since the server's state last changed, as far as anyone has looked. */
  serverAgeSeconds(server: Server, nowMs: number): number {
    const notes = this.servers[server.index]!;
    const flags = this.tables.serverWords.word(server.index) & STATE_FLAGS;
    if (flags !== notes.lastFlags) {
      notes.lastFlags = flags;
      notes.changedAtMs = nowMs;
    }
    return Math.floor((nowMs - notes.changedAtMs) / 1000);
  }

  backendAgeSeconds(proxy: Proxy, nowMs: number): number {
    const notes = this.proxies[proxy.index]!;
    const isUp = this.backendIsUp(proxy);
    if (isUp !== notes.wasUp) {
      if (!notes.wasUp) notes.downMs += nowMs - notes.changedAtMs;
      notes.wasUp = isUp;
      notes.changedAtMs = nowMs;
    }
    return Math.floor((nowMs - notes.changedAtMs) / 1000);
  }

  /** How long the backend had no usable server, in all. */
  downSeconds(proxy: Proxy, nowMs: number): number {
    this.backendAgeSeconds(proxy, nowMs);
    const notes = this.proxies[proxy.index]!;
    return Math.floor((notes.downMs + (notes.wasUp ? 0 : nowMs - notes.changedAtMs)) / 1000);
  }

  fullconn(proxy: Proxy): number {
    return this.proxies[proxy.index]!.fullconn;
  }

  health(server: Server): number {
    return this.servers[server.index]!.health;
  }

  setHealth(server: Server, health: number): void {
    this.servers[server.index]!.health = health;
  }

  checkState(server: Server): number {
    return this.servers[server.index]!.configuredMaint ? CHECK_PAUSED : 0;
  }

  /** After a command changed servers: dates the change. */
  noteChange(proxy: Proxy, nowMs: number): void {
    for (const server of proxy.servers) this.serverAgeSeconds(server, nowMs);
    this.backendAgeSeconds(proxy, nowMs);
  }

  /** Does it need no server, or has it one that balancing may use? */
  backendIsUp(proxy: Proxy): boolean {
    if (proxy.servers.length === 0) return true;
    return proxy.servers.some((server) => wordUsable(this.tables.serverWords.word(server.index)));
  }

  /** srv_admin_state of `show servers state`. */
  adminState(server: Server): number {
    const word = this.tables.serverWords.word(server.index);
    let bits = 0;
    if ((word & SERVER_MAINT) !== 0 && (word & SERVER_UNRESOLVED) === 0) bits |= ADMIN_FORCED_MAINT;
    if ((word & SERVER_UNRESOLVED) !== 0) bits |= ADMIN_UNRESOLVED_MAINT;
    if ((word & SERVER_DRAIN) !== 0) bits |= ADMIN_FORCED_DRAIN;
    // This one tells where the server began, and stays.
    if (this.servers[server.index]!.configuredMaint) bits |= ADMIN_CONFIGURED_MAINT;
    return bits;
  }
}
