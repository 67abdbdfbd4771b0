// Goal: what scripts parse is laid out as HAProxy 3.4 lays it out. Method: both programs run with the same file and
// are asked the same; values that differ by nature (times, pids, computed limits) are masked, everything else is equal.

import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { ask } from '../../core/testing/cli-client.ts';
import { type Folder, freePort, makeFolder, startWeir } from '../../core/testing/weir-process.ts';

const PEER = process.env['HAPROXY_PEER'] ?? 'haproxy';

function skipReason(): string | false {
  try {
    const version = execFileSync(PEER, ['-v'], { encoding: 'latin1' });
    return /version 3\.4/.test(version) ? false : `needs a HAProxy 3.4, by HAPROXY_PEER or on PATH (found ${version})`;
  } catch {
    return 'needs a HAProxy 3.4, by HAPROXY_PEER or on PATH';
  }
}

const skip = skipReason();

function config(socket: string, ports: readonly number[], folder: Folder): string {
  return `global
  maxconn 200
  nbthread 2
  node here
  stats socket ${socket} level admin
defaults
  timeout client 5s
  timeout connect 1s
  timeout server 5s
frontend web
  mode http
  maxconn 50
  rate-limit sessions 10
  bind 127.0.0.1:${ports[0]} name main
  acl known path -f ${folder.path}/known.acl
  use_backend %[path,map(${folder.path}/places.map,app)] if known
  default_backend app
frontend raw
  mode tcp
  bind 127.0.0.1:${ports[1]}
  default_backend db
backend app
  mode http
  balance roundrobin
  server a 127.0.0.1:1 weight 10 maxconn 30 maxqueue 5
  server b 127.0.0.1:2 weight 20 backup
  server c 127.0.0.1:3 disabled pool-max-conn 4
backend db
  mode tcp
  balance leastconn
  server a [::1]:4
backend empty
  mode http
listen both
  mode http
  bind 127.0.0.1:${ports[2]}
  server s 127.0.0.1:5
`;
}

interface Pair {
  weir: string;
  peer: string;
}

// As another program: HAProxy ends by itself with the test.
async function startBoth(context: TestContext, folder: Folder): Promise<Pair> {
  folder.file('places.map', '/x app\n/y both\n/y empty\n');
  folder.file('known.acl', '/x\n/y\n');
  const sockets: Pair = { weir: `${folder.path}/weir.sock`, peer: `${folder.path}/peer.sock` };
  for (const who of ['weir', 'peer'] as const) {
    const ports = [await freePort(), await freePort(), await freePort()];
    const file = folder.file(`${who}.cfg`, config(sockets[who], ports, folder));
    const options = who === 'peer' ? { program: PEER } : {};
    const started = startWeir(context, ['-f', file, '-db'], options);
    await started.until('it answers', async () => {
      try {
        return (await ask(sockets[who], 'show version\n')) !== '';
      } catch {
        return false;
      }
    });
  }
  return sockets;
}

/** Every number of a line but its first word's replaced, so that layout and names remain. */
const withoutNumbers = (text: string): string => text.replace(/\b\d+\b/g, 'N');

// Whatever is asked and changed: after each step both answer alike.
const SAME: readonly string[] = [
  'show backend',
  'show servers state',
  'show servers state app',
  'show servers state nope',
  'show servers conn',
  'show servers conn app',
  'show cli level',
  'show stat nope 1 1',
  'show stat domain nope',
  'prompt help',
  'prompt nope',
  'help show stat',
  'set server',
  'set server app',
  'set server app/nope',
  'set server app/a',
  'set server app/a addr',
  'set server app/a addr 127.0.0.2',
  'set server app/a addr 127.0.0.2',
  'set server app/a addr 127.0.0.3 port 99',
  'set server app/a addr 127.0.0.3 port x',
  'set server app/a addr x',
  'set server app/a addr ::1 port 0',
  'set server app/a addr ::1 port +5',
  'set server app/a addr 127.0.0.1 port 1',
  'set server app/a state nope',
  'set server app/a state drain',
  'show servers state app',
  'set server app/a state maint',
  'show servers state app',
  'show stat up',
  'show stat no-maint',
  'set server app/a state ready',
  'set server app/c state ready',
  'show servers state app',
  'set server app/a health stopping',
  'show servers state app',
  'set server app/a health down',
  'show servers state app',
  'set server app/a health up',
  'set server app/a health nope',
  'set server app/a agent up',
  'set server app/a agent-addr',
  'set server app/a fqdn',
  'set server app/a fqdn x',
  'set server app/a weight',
  'set server app/a weight 50%',
  'get weight app/a',
  'set weight app/a x',
  'set weight app/a 300',
  'set weight app/a 5x',
  'set weight app/a -5',
  'set weight app/a -5%',
  'get weight app',
  'get weight app/nope',
  'get weight nope/a',
  'set maxconn server app/a',
  'set maxconn server app/a x',
  'set maxconn server app/a 7',
  'set maxconn frontend',
  'set maxconn frontend nope 1',
  'set maxconn frontend web',
  'set maxconn frontend web -1',
  'set maxconn frontend web 9',
  'set maxconn global',
  'set maxconn global 99999999',
  'enable health app/a',
  'disable health app/a',
  'enable agent app/a',
  'disable frontend',
  'disable frontend nope',
  'disable frontend web',
  'disable frontend web',
  'show stat web 1 -1',
  'enable frontend web',
  'enable frontend web',
  'shutdown frontend raw',
  'shutdown frontend raw',
  'enable frontend raw',
  'disable frontend raw',
  'show stat',
  'show stat typed',
  'show stat 4 -1 -1',
  'show stat app 4 2',
  'show stat json',
  'add map',
  'add map nope a b',
  'add acl nope',
  'add acl nope x',
  'set map nope a',
  'set map nope a b',
  'get map nope',
  'get map nope a',
  'get acl nope a',
  'del map nope',
  'del map nope a',
  'del acl nope a',
  'clear map',
  'clear map nope',
  'clear acl nope',
  'prepare map nope',
  'commit map',
  'commit map @1',
  'commit map @1 nope',
  'show map nope',
  'show acl nope',
  'get var',
  'get var proc.nope',
  'set var proc.x int(1)',
  'set timeout',
  'set timeout cli',
  'set timeout cli x',
  'set timeout cli 10',
  'set severity-output',
  'set severity-output string;show cli level;set server app/nope;get weight app/a',
  'set severity-output number;shutdown frontend raw',
  'operator;set weight app/a 1',
  'user;show env HOME',
  'user;operator',
  'shutdown session',
  'shutdown session 0x1',
  'shutdown sessions server app/nope',
  'shutdown sessions server app/a',
  'show sess older',
  'show sess older x',
  'show sess backend',
  'show sess backend nope',
  'show sess server app',
  'show sess nope nope',
  'show env NOPE_AT_ALL',
  'show errors nope',
  'clear counters',
  'clear counters all',
  'wait',
  'wait x',
  'expert-mode;expert-mode on;expert-mode',
  'echo a  b\\ c;;echo',
  ';;',
  '',
];

// Ages differ by the moment; the limits of connections by what each program needs for itself.
function masked(text: string): string {
  return text
    .replace(/^((?:\d+ \S+ ){2}\S+ \d+ \d+ \d+ \d+) \d+ /gm, '$1 AGE ')
    .replace(/(\.(?:lastchg|downtime)\.1:\w+:\w+):\d+/g, '$1:AGE')
    .replace(/("name":"(?:lastchg|downtime)".*?"value":)\d+/g, '$1AGE')
    .split('\n')
    .map(maskedCsv)
    .join('\n');
}

const AGE_COLUMNS = [23, 24];

function maskedCsv(row: string): string {
  const cells = row.split(',');
  if (cells.length < 100 || row.startsWith('#')) return row;
  for (const column of AGE_COLUMNS) if (/^\d+$/.test(cells[column]!)) cells[column] = 'AGE';
  return cells.join(',');
}

function firstDifference(command: string, ours: string, theirs: string): string {
  let at = 0;
  while (ours[at] === theirs[at]) at++;
  const from = Math.max(0, Math.max(ours.lastIndexOf('\n', at), at - 400));
  const piece = (text: string): string => JSON.stringify(text.slice(from, at + 100));
  return `${command}\n  weir:    ${piece(ours)}\n  haproxy: ${piece(theirs)}`;
}

test('commands are answered byte for byte as HAProxy answers them', { skip }, async (t) => {
  const { weir, peer } = await startBoth(t, makeFolder(t));
  const differing: string[] = [];
  for (const command of SAME) {
    const ours = masked(await ask(weir, `${command}\n`));
    const theirs = masked(await ask(peer, `${command}\n`));
    if (ours !== theirs) differing.push(firstDifference(command, ours, theirs));
  }
  strictEqual(differing.length, 0, `\n${differing.join('\n')}`);
});

test('show info has the same names and types in the same order', { skip }, async (t) => {
  const { weir, peer } = await startBoth(t, makeFolder(t));
  const shape = (text: string): string[] => text.split('\n').map((row) => row.split(':').slice(0, 3).join(':'));
  deepStrictEqual(shape(await ask(weir, 'show info typed\n')), shape(await ask(peer, 'show info typed\n')));
  const names = (text: string): string[] => text.split('\n').map((row) => row.split(':')[0]!);
  deepStrictEqual(names(await ask(weir, 'show info\n')), names(await ask(peer, 'show info\n')));
  const head = (text: string): string => withoutNumbers(text).replace(/\[.*?\]/, '[DATE]');
  strictEqual(head(await ask(weir, 'show errors\n')), head(await ask(peer, 'show errors\n')));
});

// FILE is the folder's name; entries are named by numbers that differ.
const OF_PATTERNS: readonly string[] = [
  'show map',
  'show map FILE/places.map',
  'show acl FILE/known.acl',
  'get map FILE/places.map /x',
  'get map FILE/places.map /none',
  'get acl FILE/known.acl /x',
  'get acl FILE/known.acl /none',
  'add map FILE/places.map /new both',
  'add map FILE/places.map <<\n/a app\n/b both\n',
  'add map FILE/places.map <<\n/c\n',
  'show map FILE/places.map',
  'set map FILE/places.map /new app',
  'set map FILE/places.map /none app',
  'del map FILE/places.map /y',
  'del map FILE/places.map /none',
  'del map FILE/places.map #0x1',
  'del map FILE/places.map #0xzz',
  'set map FILE/places.map #0x1 v',
  'show map FILE/places.map',
  'prepare map FILE/places.map',
  'add map @1 FILE/places.map k v',
  'add map @2 FILE/places.map k v',
  'show map @1 FILE/places.map',
  'show map @7 FILE/places.map',
  'commit map @3 FILE/places.map',
  'commit map FILE/places.map',
  'show map',
  'commit map @1 FILE/places.map',
  'show map FILE/places.map',
  'prepare acl FILE/known.acl',
  'clear acl @1 FILE/known.acl',
  'clear map FILE/places.map',
  'show map FILE/places.map',
  'add acl FILE/known.acl /z',
  'del acl FILE/known.acl /x',
  'show acl FILE/known.acl',
  'show map FILE/known.acl',
  'set map FILE/known.acl x y',
  'add map FILE/places.map x',
  'add map #bad x y',
];

test('maps and acls are shown and changed alike', { skip }, async (t) => {
  const folder = makeFolder(t);
  const { weir, peer } = await startBoth(t, folder);
  const answer = async (socket: string, command: string): Promise<string> => {
    const text = await ask(socket, `${command.replaceAll('FILE', folder.path)}\n`);
    // HAProxy numbers references of its own in between.
    return text
      .replace(/^0x[0-9a-f]+ /gm, 'ENTRY ')
      .replace(/^\d+ \(/gm, 'ID (')
      .replace(/\/\w+\.cfg/g, '/CFG');
  };
  const differing: string[] = [];
  for (const command of OF_PATTERNS) {
    const [ours, theirs] = [await answer(weir, command), await answer(peer, command)];
    if (ours !== theirs) differing.push(firstDifference(command, ours, theirs));
  }
  strictEqual(differing.length, 0, `\n${differing.join('\n')}`);
});

test('payloads and lines are cut into commands alike', { skip }, async (t) => {
  const { weir, peer } = await startBoth(t, makeFolder(t));
  const texts = [
    'add map nope <<\na b\nc d\n\n',
    'add map nope <<EOF\n\nEOF\nshow version\n',
    'prompt\nadd map nope <<x\na\nx\nshow cli level\nquit\n',
    'prompt i\nshow cli level\n\nshow cli level;show cli level\nquit\n',
    'show cli level\nshow cli level\n',
    'show cli level',
    'show\\ cli level\n',
    'quit;show cli level\n',
    'prompt;prompt;show cli level\nshow cli level\n',
    `${'a '.repeat(70)}\n`,
  ];
  for (const text of texts) {
    const ours = await ask(weir, text, true);
    const theirs = await ask(peer, text, true);
    if (/^Unknown command/.test(theirs)) strictEqual(ours.split('\n')[0], theirs.split('\n')[0], text);
    else strictEqual(ours, theirs, text);
  }
});
