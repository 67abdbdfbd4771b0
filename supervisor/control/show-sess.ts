// `show sess`, `shutdown session`, `shutdown sessions server` (management guide §9.3).
//
// The layout is HAProxy's; what describes its own insides (channel flags, analysers, scheduling) has no counterpart
// and shows as zero or empty. A stream is named by a number unique among all threads.

import type { StreamReport } from '../../core/model/worker-data.ts';
import { type Answer, type Call, type Command, CommandError, dump, durationMs, failure } from './command.ts';
import type { Control } from './control.ts';

const USAGE =
  'Usage: show sess [<id> | all | help] [<options>*]\n' +
  "Dumps active streams (formerly called 'sessions'). Available selectors:\n" +
  '   <id>         dump only this stream identifier (0x...)\n' +
  '   all          dump all matching streams in large format\n' +
  '   help         show this message\n' +
  'Available options: \n' +
  '   show-uri     also display the transaction URI, if available\n' +
  '   older <age>  only display streams older than <age> seconds\n' +
  '   server <b/s> only show streams attached to this backend+server\n' +
  '   backend <b>  only show streams attached to this backend\n' +
  '   frontend <f> only show streams attached to this frontend\n' +
  'Without any argument, all streams are dumped in a shorter format.';

interface Filter {
  all: boolean;
  id: number; // 0: any
  olderMs: number;
  serverIndex: number; // -1 any
  backendIndex: number;
  frontendIndex: number;
  showsUri: boolean;
}

function parseFilter(call: Call): Filter {
  const { control } = call;
  const filter: Filter = {
    all: false,
    id: 0,
    olderMs: 0,
    serverIndex: -1,
    backendIndex: -1,
    frontendIndex: -1,
    showsUri: false,
  };
  let at = 2;
  if (call.word(at) === 'help') throw new CommandError(USAGE);
  if (call.word(at) === 'all') {
    filter.all = true;
    at++;
  } else if (/^(0x[0-9a-f]+|[1-9]\d*)$/i.test(call.word(at))) filter.id = Number(call.word(at++));
  for (; call.word(at) !== ''; at++) {
    const option = call.word(at);
    if (option === 'show-uri') {
      filter.showsUri = true;
      continue;
    }
    const value = call.word(at + 1);
    if (option === 'older') {
      if (value === '') throw new CommandError('Expects a minimum age (in seconds by default).\n');
      filter.olderMs = durationMs(value, 's');
      if (filter.olderMs < 0) throw new CommandError('Invalid age.\n');
      if (at === 2) filter.all = true;
    } else if (option === 'server' || option === 'backend' || option === 'frontend') {
      setOwner(control, filter, option, value);
    } else if (option !== 'susp') {
      throw new CommandError(`Unsupported option '${option}', try 'help' for more info.\n`);
    }
    if (option !== 'susp') at++;
  }
  return filter;
}

function setOwner(control: Control, filter: Filter, what: 'server' | 'backend' | 'frontend', name: string): void {
  if (filter.serverIndex >= 0 || filter.backendIndex >= 0 || filter.frontendIndex >= 0) {
    throw new CommandError('Only one of backend, frontend or server may be set.\n');
  }
  if (what === 'server') {
    if (name === '') throw new CommandError('Missing server name (<backend>/<server>).\n');
    filter.serverIndex = control.server(name).server.index;
    return;
  }
  if (name === '') throw new CommandError(`Missing ${what} name.\n`);
  if (what === 'frontend') {
    filter.frontendIndex = control.frontend(name).index;
    return;
  }
  const proxy = control.findBackend(name);
  if (proxy === null) throw new CommandError('No such backend.\n');
  filter.backendIndex = proxy.index;
}

function matches(filter: Filter, stream: StreamReport): boolean {
  return (
    (filter.id === 0 || filter.id === stream.id) &&
    stream.ageMs >= filter.olderMs &&
    (filter.serverIndex < 0 || filter.serverIndex === stream.serverIndex) &&
    (filter.backendIndex < 0 || filter.backendIndex === stream.backendIndex) &&
    (filter.frontendIndex < 0 || filter.frontendIndex === stream.proxyIndex)
  );
}

const idText = (stream: StreamReport): string => `0x${stream.id.toString(16)}`;

/** "1m30s" and the like: the two highest units. */
function ageText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds >= 86_400) return `${Math.floor(seconds / 86_400)}d${Math.floor(seconds / 3600) % 24}h`;
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)}h${Math.floor(seconds / 60) % 60}m`;
  if (seconds >= 60) return `${Math.floor(seconds / 60)}m${seconds % 60}s`;
  return `${seconds}s`;
}

const leftText = (ms: number): string => (ms < 0 ? '' : ageText(ms));

interface Names {
  proto: string;
  front: string;
  back: string; // "<NONE>"
  server: string; // "<none>"
}

function namesOf({ model }: Control, stream: StreamReport): Names {
  const proxy = model.proxies[stream.proxyIndex]!;
  const { family } = proxy.binds[stream.bindIndex]!.address;
  const backend = model.proxies[stream.backendIndex];
  const server = backend?.servers.find(({ index }) => index === stream.serverIndex);
  const proto = family === 'inet' ? 'tcpv4' : family === 'inet6' ? 'tcpv6' : 'unix_stream';
  return {
    proto: stream.source.startsWith('unix') ? 'unix_stream' : family === 'fd' ? 'tcpv4' : proto,
    front: proxy.name,
    back: backend === undefined || backend.kind === 'frontend' ? '<NONE>' : backend.name,
    server: server?.name ?? '<none>',
  };
}

function shortRow(control: Control, stream: StreamReport, showsUri: boolean): string {
  const names = namesOf(control, stream);
  const soonest = [stream.frontLeftMs, stream.backLeftMs].filter((ms) => ms >= 0);
  const source = stream.source === '' ? '' : ` src=${stream.source}`;
  const uri = showsUri && stream.requestLine !== '' ? ` uri="${stream.requestLine}"` : '';
  return (
    `${idText(stream)}: proto=${names.proto}${source} fe=${names.front} be=${names.back} srv=${names.server} ts=00 ` +
    `epoch=0 age=${ageText(stream.ageMs)} calls=0 rate=0 cpu=0 lat=0 ` +
    `rq[f=000000h,i=${stream.bytesIn},an=00h,ax=] rp[f=000000h,i=${stream.bytesOut},an=00h,ax=] ` +
    `scf=[8,0h,fd=${stream.frontFd},rex=${leftText(stream.frontLeftMs)},wex=] ` +
    `scb=[${stream.backFd < 0 ? 0 : 8},0h,fd=${stream.backFd},rex=${leftText(stream.backLeftMs)},wex=] ` +
    `exp=${soonest.length === 0 ? '' : ageText(Math.min(...soonest))} rc=${stream.retries} c_exp=${uri}\n`
  );
}

function longText(control: Control, stream: StreamReport): string {
  const { model } = control;
  const names = namesOf(control, stream);
  const proxy = model.proxies[stream.proxyIndex]!;
  const bind = proxy.binds[stream.bindIndex]!;
  const backend = model.proxies[stream.backendIndex];
  const started = new Date(Date.now() - stream.ageMs);
  const backId = names.back === '<NONE>' ? -1 : backend!.id;
  const server = backend?.servers.find(({ index }) => index === stream.serverIndex);
  return [
    `${idText(stream)}: [${started.toISOString()}] id=${stream.id} proto=${names.proto} source=${stream.source}`,
    `  flags=0x0, conn_retries=${stream.retries}, conn_exp=<NEVER> conn_et=0x000 srv_conn=${names.server}, waiting=0 epoch=0`,
    `  frontend=${names.front} (id=${proxy.id} mode=${proxy.mode}), listener=${bind.name || '?'} (id=${bind.id}) addr=${stream.target}`,
    `  backend=${names.back} (id=${backId} mode=${backend?.mode ?? '-'})`,
    `  server=${names.server} (id=${server?.id ?? -1})`,
    `  phase=${stream.phase} age=${ageText(stream.ageMs)}`,
    `  scf=fd:${stream.frontFd} exp=${leftText(stream.frontLeftMs) || '<NEVER>'} in=${stream.bytesIn} unsent=${stream.waitingToSendFront}`,
    `  scb=fd:${stream.backFd} exp=${leftText(stream.backLeftMs) || '<NEVER>'} in=${stream.bytesOut} unsent=${stream.waitingToSendBack}`,
    stream.requestLine === '' ? '' : `  uri="${stream.requestLine}"`,
  ]
    .filter((row) => row !== '')
    .map((row) => `${row}\n`)
    .join('');
}

async function showSessions(call: Call): Promise<Answer> {
  const { control } = call;
  const filter = parseFilter(call);
  const answers = await control.threads.ask({ kind: 'streams' });
  const streams = answers
    .flatMap((answer) => (answer.kind === 'streams' ? answer.streams : []))
    .filter((stream) => matches(filter, stream));
  const isLong = filter.all || filter.id !== 0;
  return dump(
    streams.map((stream) => (isLong ? longText(control, stream) : shortRow(control, stream, filter.showsUri))).join(''),
  );
}

async function shutdownSession(call: Call): Promise<Answer> {
  const id = /^(0x[0-9a-f]{1,13}|\d{1,15})$/i.test(call.word(2)) ? Number(call.word(2)) : 0;
  if (id === 0) return failure("Session pointer expected (use 'show sess').\n");
  const answers = await call.control.threads.ask({ kind: 'kill-stream', id });
  const killed = answers.some((answer) => answer.kind === 'kill-stream' && answer.killed);
  return killed ? null : failure("No such session (use 'show sess').\n");
}

async function shutdownServerSessions(call: Call): Promise<Answer> {
  const { control } = call;
  const { server } = control.server(call.word(3));
  await control.threads.change({ kind: 'kill-server-streams', serverIndex: server.index });
  return null;
}

export const streamCommands: readonly Command[] = [
  {
    words: ['show', 'sess'],
    usage: 'show sess [help|<id>|all] [opts...]     : report the list of current streams or dump this exact stream',
    level: 'operator',
    run: showSessions,
  },
  {
    words: ['shutdown', 'session'],
    usage: 'shutdown session [id]                   : kill a specific session',
    level: 'admin',
    run: shutdownSession,
  },
  {
    words: ['shutdown', 'sessions', 'server'],
    usage: 'shutdown sessions server <bk>/<srv>     : kill sessions on a server',
    level: 'admin',
    run: shutdownServerSessions,
  },
];
