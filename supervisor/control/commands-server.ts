// Commands that change servers: state, weight, address, maxconn (management guide §9.3 "set server").
//
// State and weight are words in shared memory, which all threads see at their next pick; the threads are told as well,
// so that queued streams are looked at again. What threads keep for themselves is changed in each of them before the
// command answers. What needs health checks, agents, name servers or TLS is answered as HAProxy answers where a server
// has none configured.

import { isIPv4, isIPv6 } from 'node:net';
import type { Address, Proxy, Server } from '../../core/model/proxy.ts';
import {
  SERVER_DRAIN,
  SERVER_MAINT,
  SERVER_STOPPING,
  SERVER_UNRESOLVED,
  SERVER_UP,
  wordUsable,
  wordWeight,
} from '../../core/shared/server-words.ts';
import { type Answer, type Call, type Command, dump, failure, warning } from './command.ts';
import type { Control } from './control.ts';
import { HEALTH_FULL } from './state.ts';

const SET_USAGE =
  'usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | ' +
  'check-port | fqdn | health | ssl | state | weight\n';

const NO_AGENT = 'agent checks are not enabled on this server.\n';
const NO_CHECK = 'health checks are not enabled on this server.\n';

/** Weights that change while a balancer runs need an algorithm that can take it (manual §4.2 "balance"). */
function takesWeights(proxy: Proxy): boolean {
  const { name } = proxy.balance;
  if (name === 'static-rr' || name === 'first') return false;
  if (name === 'roundrobin' || name === 'leastconn' || name === 'random') return true;
  return proxy.hashType.method === 'consistent';
}

async function changeFlags(control: Control, proxy: Proxy, server: Server, set: number, clear: number): Promise<void> {
  const wasUp = control.state.backendIsUp(proxy);
  control.tables.serverWords.setFlags(server.index, set, clear);
  control.state.noteChange(proxy, Date.now());
  await control.threads.change({ kind: 'server-changed', serverIndex: server.index });
  const isUp = control.state.backendIsUp(proxy);
  if (wasUp && !isUp) control.parts.alert(`proxy '${proxy.name}' has no server available!`);
}

function fullName(proxy: Proxy, server: Server): string {
  return `${server.backup ? 'Backup ' : ''}Server ${proxy.name}/${server.name}`;
}

/** "1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue." */
function whatIsLeft(control: Control, proxy: Proxy, server: Server): string {
  const { serverLoad, serverWords } = control.tables;
  const usable = proxy.servers.filter(({ index }) => wordUsable(serverWords.word(index)));
  const active = usable.filter(({ backup }) => !backup).length;
  const backup = usable.length - active;
  const onBackup = active === 0 && backup > 0 ? ' Running on backup.' : '';
  const sessions = serverLoad.current(server.index);
  const queued = serverLoad.queued(server.index);
  return (
    `${active} active and ${backup} backup servers left.${onBackup} ` +
    `${sessions} sessions active, 0 requeued, ${queued} remaining in queue.`
  );
}

function setWeight(control: Control, proxy: Proxy, server: Server, text: string): Promise<Answer> | Answer {
  if (text === '') return failure('Require <weight> or <weight%>.\n');
  const match = /^\s*([+-]?\d+)(.*)$/s.exec(text);
  if (match === null) return failure('Empty weight string empty or preceded by garbage\n');
  const initial = control.state.initialWeight(server);
  let weight = Number(match[1]);
  if (match[2] === '%') {
    if (weight < 0) return failure('Relative weight must be positive.\n');
    weight = Math.min(256, Math.floor((initial * Math.min(weight, 25_600)) / 100));
  } else if (weight < 0 || weight > 256) {
    return failure('Absolute weight can only be between 0 and 256 inclusive.\n');
  } else if (match[2] !== '') return failure('Trailing garbage in weight string\n');
  if (weight !== 0 && weight !== initial && !takesWeights(proxy)) {
    return failure("Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.\n");
  }
  return applyWeight(control, proxy, server, weight);
}

async function applyWeight(control: Control, proxy: Proxy, server: Server, weight: number): Promise<Answer> {
  control.tables.serverWords.setWeight(server.index, weight);
  control.state.noteChange(proxy, Date.now());
  await control.threads.change({ kind: 'server-changed', serverIndex: server.index });
  return null;
}

async function setState(control: Control, proxy: Proxy, server: Server, state: string): Promise<Answer> {
  const word = control.tables.serverWords.word(server.index);
  const unresolved = (word & SERVER_UNRESOLVED) !== 0;
  if (state === 'ready') {
    const wasMaint = (word & SERVER_MAINT) !== 0;
    // Without an address it stays out of service for that reason alone.
    await changeFlags(control, proxy, server, 0, SERVER_DRAIN | (unresolved ? 0 : SERVER_MAINT));
    if (wasMaint && !unresolved) {
      control.parts.warn(`${fullName(proxy, server)} is UP/READY (leaving forced maintenance).`);
    }
  } else if (state === 'drain') {
    await changeFlags(control, proxy, server, SERVER_DRAIN, unresolved ? 0 : SERVER_MAINT);
  } else if (state === 'maint') {
    const wasMaint = (word & SERVER_MAINT) !== 0;
    await changeFlags(control, proxy, server, SERVER_MAINT, SERVER_DRAIN);
    if (!wasMaint)
      control.parts.warn(
        `${fullName(proxy, server)} is going DOWN for maintenance. ${whatIsLeft(control, proxy, server)}`,
      );
  } else return failure("'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n");
  return null;
}

async function setHealth(control: Control, proxy: Proxy, server: Server, health: string): Promise<Answer> {
  if (health === 'up') await changeFlags(control, proxy, server, SERVER_UP, SERVER_STOPPING);
  else if (health === 'stopping') await changeFlags(control, proxy, server, SERVER_UP | SERVER_STOPPING, 0);
  else if (health === 'down') await changeFlags(control, proxy, server, 0, SERVER_UP | SERVER_STOPPING);
  else return failure("'set server <srv> health' expects 'up', 'stopping', or 'down'.\n");
  control.state.setHealth(server, health === 'down' ? 0 : HEALTH_FULL);
  return null;
}

interface NewAddress {
  address: Address;
  portOffset: number;
  portShown: string;
}

function portShown(server: Server): string {
  const { address, portOffset } = server;
  if (address.family !== 'inet' && address.family !== 'inet6') return '0';
  if (portOffset !== 0) return `${portOffset > 0 ? '+' : ''}${portOffset}`;
  return String(address.port);
}

/** A string is what is wrong with it. */
function parseNewAddress(server: Server, host: string, port: string): NewAddress | string {
  const old = server.address;
  const isInet = old.family === 'inet' || old.family === 'inet6';
  if (server.resolved && !isInet) {
    return 'Update for the current server address family is only supported through configuration file.';
  }
  const family = isIPv4(host) ? 'inet' : isIPv6(host) && !host.includes('%') ? 'inet6' : '';
  if (family === '') return `Invalid addr '${host}'`;
  let number = isInet ? old.port : 0;
  let { portOffset } = server;
  if (port !== '') {
    const match = /^([+-]?)(\d{1,9})$/.exec(port);
    if (match === null) return `problem converting port '${port}' to an int`;
    const value = Number(match[2]);
    if (value > 65_535) return 'provided port is not valid';
    number = match[1] === '' ? value : 0;
    portOffset = match[1] === '' ? 0 : match[1] === '-' ? -value : value;
  }
  const address: Address =
    family === 'inet'
      ? { family, host, port: number }
      : { family: 'inet6', host: shortInet6(host), port: number, scope: '' };
  return { address, portOffset, portShown: port === '' ? portShown(server) : port };
}

const shortInet6 = (host: string): string => new URL(`http://[${host}]/`).hostname.slice(1, -1);

async function setAddress(control: Control, proxy: Proxy, server: Server, host: string, port: string): Promise<Answer> {
  const parsed = parseNewAddress(server, host, port);
  if (typeof parsed === 'string') return warning(parsed);
  const old = server.address;
  const oldHost = old.family === 'inet' || old.family === 'inet6' ? old.host : '';
  const newHost = (parsed.address as { host: string }).host;
  const changes: string[] = [];
  if (!server.resolved || oldHost !== newHost) {
    changes.push(
      oldHost === '' || !server.resolved ? `IP set to '${newHost}'` : `IP changed from '${oldHost}' to '${newHost}'`,
    );
  }
  const oldPort = portShown(server);
  if (port !== '' && oldPort !== parsed.portShown) {
    changes.push(`port changed from '${oldPort}' to '${parsed.portShown}'`);
  }
  if (changes.length === 0) return warning('nothing changed');
  server.address = parsed.address;
  server.portOffset = parsed.portOffset;
  server.resolved = true;
  const { address, portOffset } = parsed;
  await control.threads.change({ kind: 'server-address', serverIndex: server.index, address, portOffset });
  const word = control.tables.serverWords.word(server.index);
  if ((word & SERVER_UNRESOLVED) !== 0) {
    const maint = server.disabled ? 0 : SERVER_MAINT;
    await changeFlags(control, proxy, server, 0, SERVER_UNRESOLVED | maint);
  }
  const said = `${changes.join(', ')} by 'stats socket command'`;
  control.parts.warn(`${proxy.name}/${server.name}: ${said}.`);
  return warning(said);
}

function setServer(call: Call): Promise<Answer> | Answer {
  const { control } = call;
  const { proxy, server } = control.server(call.word(2));
  const value = call.word(4);
  switch (call.word(3)) {
    case 'weight':
      return setWeight(control, proxy, server, value);
    case 'state':
      return setState(control, proxy, server, value);
    case 'health':
      return setHealth(control, proxy, server, value);
    case 'addr':
      if (value === '') return failure('set server <b>/<s> addr requires an address and optionally a port.\n');
      return setAddress(control, proxy, server, value, call.word(5) === 'port' ? call.word(6) : '');
    case 'agent':
    case 'agent-send':
      return failure(NO_AGENT);
    case 'agent-addr':
      if (value === '') return failure('set server <b>/<s> agent-addr requires an address and optionally a port.\n');
      return warning(NO_AGENT);
    case 'agent-port':
      return value === '' ? failure('set server <b>/<s> agent-port requires a port.\n') : warning(NO_AGENT);
    case 'check-addr':
      if (value === '') return failure('set server <b>/<s> check-addr requires an address and optionally a port.\n');
      return warning(NO_CHECK);
    case 'check-port':
      return value === '' ? failure('set server <b>/<s> check-port requires a port.\n') : warning(NO_CHECK);
    case 'fqdn':
      if (value === '') return failure('set server <b>/<s> fqdn requires a FQDN.\n');
      return failure('set server <b>/<s> fqdn failed because no resolution is configured.\n');
    case 'ssl':
      return failure("'set server <srv> ssl' cannot be set.  default-server should define ssl settings\n");
    default:
      return failure(SET_USAGE);
  }
}

async function setMaxconn(call: Call): Promise<Answer> {
  const { control } = call;
  const { server } = control.server(call.word(3));
  const text = call.word(4);
  if (text === '') return failure('Require <maxconn>.\n');
  const match = /^\s*([+-]?\d+)(.*)$/s.exec(text);
  if (match === null) return failure('maxconn string empty or preceded by garbage\n');
  if (match[2] !== '') return failure('Trailing garbage in maxconn string\n');
  const maxconn = Math.max(0, Math.min(0x7fffffff, Number(match[1])));
  // One of the two alone stands for both.
  const isStatic = server.minconn === 0 || server.minconn === server.maxconn;
  server.maxconn = maxconn;
  if (isStatic) server.minconn = server.minconn === 0 ? 0 : maxconn;
  const { minconn } = server;
  await control.threads.change({ kind: 'server-maxconn', serverIndex: server.index, maxconn, minconn });
  return null;
}

function getWeight(call: Call): Answer {
  const { control } = call;
  const { server } = control.server(call.word(2));
  const weight = wordWeight(control.tables.serverWords.word(server.index));
  return dump(`${weight} (initial ${control.state.initialWeight(server)})\n`);
}

function onServer(run: (control: Control, proxy: Proxy, server: Server) => Promise<Answer> | Answer) {
  return (call: Call): Promise<Answer> | Answer => {
    const { proxy, server } = call.control.server(call.word(2));
    return run(call.control, proxy, server);
  };
}

export const serverCommands: readonly Command[] = [
  {
    words: ['disable', 'agent'],
    usage: 'disable agent                           : disable agent checks',
    level: 'admin',
    run: onServer(() => null),
  },
  {
    words: ['disable', 'health'],
    usage: 'disable health                          : disable health checks',
    level: 'admin',
    run: onServer(() => null),
  },
  {
    words: ['disable', 'server'],
    usage: "disable server (DEPRECATED)             : disable a server for maintenance (use 'set server' instead)",
    level: 'admin',
    run: onServer((control, proxy, server) => setState(control, proxy, server, 'maint')),
  },
  {
    words: ['enable', 'agent'],
    usage: 'enable agent                            : enable agent checks',
    level: 'admin',
    run: onServer(() => failure('Agent was not configured on this server, cannot enable.\n')),
  },
  {
    words: ['enable', 'health'],
    usage: 'enable health                           : enable health checks',
    level: 'admin',
    run: onServer(() => failure('Health check was not configured on this server, cannot enable.\n')),
  },
  {
    words: ['enable', 'server'],
    usage: "enable server  (DEPRECATED)             : enable a disabled server (use 'set server' instead)",
    level: 'admin',
    run: onServer((control, proxy, server) => setState(control, proxy, server, 'ready')),
  },
  {
    words: ['set', 'maxconn', 'server'],
    usage: "set maxconn server <bk>/<srv>           : change a server's maxconn setting",
    level: 'admin',
    run: setMaxconn,
  },
  {
    words: ['set', 'server'],
    usage: "set server <bk>/<srv> [opts]            : change a server's state, weight, address or ssl",
    level: 'admin',
    run: setServer,
  },
  {
    words: ['get', 'weight'],
    usage: "get weight <bk>/<srv>                   : report a server's current weight",
    level: 'user',
    run: getWeight,
  },
  {
    words: ['set', 'weight'],
    usage: "set weight <bk>/<srv>  (DEPRECATED)     : change a server's weight (use 'set server' instead)",
    level: 'admin',
    run: (call) => {
      const { proxy, server } = call.control.server(call.word(2));
      return setWeight(call.control, proxy, server, call.word(3));
    },
  },
];
