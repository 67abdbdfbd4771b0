// `show servers state`, `show servers conn`, `show backend` (management guide §9.3).

import type { Proxy, Server } from '../../core/model/proxy.ts';
import type { ThreadFigures } from '../../core/model/worker-data.ts';
import {
  SERVER_MAINT,
  SERVER_STOPPING,
  SERVER_UNRESOLVED,
  SERVER_UP,
  wordWeight,
} from '../../core/shared/server-words.ts';
import { type Answer, type Call, type Command, CommandError, dump } from './command.ts';
import type { Control } from './control.ts';

const STATE_FIELDS =
  '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight ' +
  'srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state ' +
  'bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr ' +
  'srv_agent_addr srv_agent_port';

const OP_STOPPED = 0;
const OP_RUNNING = 2;
const OP_STOPPING = 3;

const CHECK_UNCHECKED = 1; // HCHK_STATUS_INI

function chosenBackends(call: Call): Proxy[] {
  const { model } = call.control;
  const name = call.word(3);
  if (name === '') return model.proxies.filter((proxy) => proxy.kind !== 'frontend');
  const proxy = call.control.findBackend(name);
  if (proxy === null) throw new CommandError("Can't find backend.\n");
  return [proxy];
}

const hostOf = ({ address }: Server): string =>
  address.family === 'inet' || address.family === 'inet6' ? address.host : '-';

const portOf = ({ address }: Server): number =>
  address.family === 'inet' || address.family === 'inet6' ? address.port : 0;

function operationalState(word: number): number {
  if ((word & (SERVER_MAINT | SERVER_UNRESOLVED)) !== 0 || (word & SERVER_UP) === 0) return OP_STOPPED;
  return (word & SERVER_STOPPING) !== 0 ? OP_STOPPING : OP_RUNNING;
}

function stateRow(control: Control, proxy: Proxy, server: Server, wallMs: number): string {
  const { state, tables } = control;
  const word = tables.serverWords.word(server.index);
  const identity = `${proxy.id} ${proxy.name} ${server.id} ${server.name} ${server.resolved ? hostOf(server) : '-'}`;
  const weights = `${wordWeight(word)} ${state.initialWeight(server)}`;
  const age = state.serverAgeSeconds(server, wallMs);
  // Whether `id` was written is not kept: a server's shows when it is not the number its position gives.
  const forced = `0 ${server.id === proxy.servers.indexOf(server) + 1 ? 0 : 1}`;
  const name = server.hostName === '' ? '-' : server.hostName;
  return (
    `${identity} ${operationalState(word)} ${state.adminState(server)} ${weights} ${age} ` +
    `${CHECK_UNCHECKED} 0 ${state.health(server)} ${state.checkState(server)} 0 ${forced} ${name} ${portOf(server)} - 0 0 - - 0\n`
  );
}

function showState(call: Call): Answer {
  const wallMs = Date.now();
  let text = `1\n${STATE_FIELDS}\n`;
  for (const proxy of chosenBackends(call)) {
    for (const server of proxy.servers) text += stateRow(call.control, proxy, server, wallMs);
  }
  return dump(text);
}

async function showConnections(call: Call): Promise<Answer> {
  const { control } = call;
  const backends = chosenBackends(call);
  const answers = await control.threads.ask({ kind: 'figures' });
  const figures = answers.filter((answer) => answer.kind === 'figures');
  let text =
    '# bkname/svname bkid/svid addr port - purge_delay served used_cur used_max need_est idle_sess unsafe_nb safe_nb ' +
    `idle_lim idle_cur idle_per_thr[${control.parts.threadCount}]\n`;
  for (const proxy of backends) {
    for (const server of proxy.servers) text += connectionRow(control, proxy, server, figures);
  }
  return dump(text);
}

function connectionRow(control: Control, proxy: Proxy, server: Server, figures: readonly ThreadFigures[]): string {
  const each = figures.map(({ servers }) => servers[server.index]);
  const sum = (pick: (of: ThreadFigures['servers'][number]) => number): number =>
    each.reduce((total, of) => total + (of === undefined ? 0 : pick(of)), 0);
  const unproven = sum((of) => of.unproven);
  const safe = sum((of) => of.safe);
  const perThread = each.map((of) => (of === undefined ? 0 : of.unproven + of.safe));
  const identity = `${proxy.name}/${server.name} ${proxy.id}/${server.id} ${hostOf(server)} ${portOf(server)} -`;
  const used = `${sum((of) => of.used)} ${sum((of) => of.usedMax)} ${sum((of) => of.needed)} ${sum((of) => of.priv)}`;
  return (
    `${identity} ${server.poolPurgeDelayMs} ${control.tables.serverLoad.current(server.index)} ${used} ` +
    `${unproven} ${safe} ${server.poolMaxConn} ${unproven + safe} ${perThread.join(' ')}\n`
  );
}

export const serverStateCommands: readonly Command[] = [
  {
    words: ['show', 'servers', 'conn'],
    usage: 'show servers conn [<backend>]           : dump server connections status (all or for a single backend)',
    level: 'user',
    run: showConnections,
  },
  {
    words: ['show', 'servers', 'state'],
    usage: 'show servers state [<backend>]          : dump volatile server information (all or for a single backend)',
    level: 'user',
    run: showState,
  },
  {
    words: ['show', 'backend'],
    usage: 'show backend                            : list backends in the current running config',
    level: 'user',
    run: ({ control }) => {
      const backends = control.model.proxies.filter((proxy) => proxy.kind !== 'frontend');
      return dump(`# name\n${backends.map(({ name }) => `${name}\n`).join('')}`);
    },
  },
];
