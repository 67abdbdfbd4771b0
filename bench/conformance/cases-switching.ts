// use_backend, default_backend, use-server: where a request goes.

import { ask, type Case, get, post } from './parity-case.ts';
import { type Section, section } from './section.ts';

const backend = (name: string, server: string, lines = ''): string =>
  `backend @NAME@_${name}\n  mode http\n  timeout connect 1s\n  timeout server 5s\n${lines}  server ${name}1 ${server}\n`;

const more = [
  backend('one', '@ORIGIN@', '  http-request set-header X-Backend one\n  http-response set-header X-Backend one\n'),
  backend('two', '@ORIGIN2@', '  http-request set-header X-Backend two\n'),
  backend('down', '@ORIGIN@ disabled'),
].join('');

const switching = `
  acl one path_beg /one
  acl odd req.hdr(x-n),mod(2) -m int eq 1
  http-request set-header X-Seen "%[nbsrv(@NAME@_one)] %[fe_name]"
  use_backend @NAME@_one if one
  use_backend @NAME@_two if { path_beg /two } !odd
  use_backend @NAME@_one unless { path_beg / }
  use_backend @NAME@_%[req.hdr(x-be)] if { req.hdr(x-be) -m found }
  use_backend @NAME@_down if { path /down }
  use_backend @NAME@_%[path,map(@DIR@/none.map,one)] if { path_beg /map }
  use_backend %[req.hdr(x-full)] if { path_beg /full }
`;

const servers = `
  balance roundrobin
  use-server a if { path_beg /a }
  use-server b unless { path_beg /r }
  use-server down if { path /r-down }
  use-server %[req.hdr(x-srv)] if { req.hdr(x-srv) -m found }
`;

export const SWITCHING_SECTIONS: readonly Section[] = [
  section('switching', { front: switching, extra: more }, { copies: 2, since: '3.4' }),
  section(
    'switching-server',
    { back: servers, servers: 'server a @ORIGIN@\nserver b @ORIGIN2@\nserver down @ORIGIN@ disabled' },
    { since: '3.4' },
  ),
  section(
    'switching-force',
    {
      back: 'use-server down if { path_beg /forced }\nuse-server down if { path_beg /down }',
      servers: 'server a @ORIGIN@\nserver down @ORIGIN2@ disabled',
    },
    { since: '3.4' },
  ),
  {
    name: 'switching-none',
    since: '3.4',
    config: `frontend @NAME@
  mode http
  bind 127.0.0.1:@BIND@
  log @LOG@ local0
  option httplog
  timeout client 5s
  http-request set-header X-A 1
  use_backend @NAME@_b if { path /yes }
backend @NAME@_b
  mode http
  timeout connect 1s
  timeout server 5s
  server s @ORIGIN@
`,
  },
  {
    name: 'rules-defaults',
    since: '3.4',
    config: `defaults @NAME@_d
  mode http
  log @LOG@ local0
  option httplog
  timeout client 5s
  timeout connect 1s
  timeout server 5s
  http-request set-header X-Defaults "%[path]"
  http-request deny if { path /denied }
  http-request allow if { path /allowed }
  http-response set-header X-Defaults "%[status]"
  http-after-response add-header X-After defaults
  tcp-request content set-var(txn.d) str(defaults)
  errorfile 403 @DIR@/own-403.http
defaults @NAME@_e
  mode http
  timeout connect 1s
  timeout server 5s
  http-request add-header X-Defaults backend
  http-response add-header X-Defaults backend
frontend @NAME@ from @NAME@_d
  bind 127.0.0.1:@BIND@
  http-request set-header X-Own "%[var(txn.d)]"
  http-after-response add-header X-After own
  default_backend @NAME@_b
backend @NAME@_b from @NAME@_e
  http-request add-header X-Own backend
  server s @ORIGIN@
defaults
`,
  },
];

export const SWITCHING_FILES: Readonly<Record<string, string>> = { 'none.map': '/map2 two\n/map3 three\n' };

const cases = (on: string, list: readonly (readonly [string, string])[]): Case[] =>
  list.map(([name, text]) => ({ name: `${on}: ${name}`, on, steps: ask(text) }));

export const SWITCHING_CASES: readonly Case[] = [
  ...cases('switching', [
    ['default', get('/')],
    ['one', get('/one')],
    ['two', get('/two')],
    ['two, but not', get('/two', 'X-N: 3')],
    ['two, an even number', get('/two', 'X-N: 4')],
    ['dynamic', get('/x', 'X-Be: two')],
    ['dynamic, unknown', get('/x', 'X-Be: three')],
    ['dynamic, the frontend', get('/full', 'X-Full: switching')],
    ['dynamic, empty', get('/full')],
    ['dynamic, after an unknown the next rule', get('/down', 'X-Be: three')],
    ['down', get('/down')],
    ['by map', get('/map2')],
    ['by map, default', get('/map')],
    ['by map, no such backend', get('/map3')],
    ['another for each request', get('/one') + get('/two') + get('/') + get('/down') + get('/one')],
    ['bodies to different ones', post('/one', 'abc') + post('/two', 'def') + get('/one')],
  ]),
  ...cases('switching-server', [
    ['a', get('/a')],
    ['b', get('/b')],
    ['one that is down', get('/r-down')],
    ['by name', get('/r', 'X-Srv: b')],
    ['by an unknown name', get('/r', 'X-Srv: z')],
    ['for each request', get('/a') + get('/b') + get('/a2') + get('/b2')],
  ]),
  ...cases('switching-force', [
    ['down, forced', get('/force')],
    ['down', get('/down')],
  ]),
  ...cases('switching-none', [
    ['no backend', get('/')],
    ['no backend, a POST and another request', post('/', 'abc') + get('/yes')],
    ['a backend', get('/yes')],
  ]),
  ...cases('rules-defaults', [
    ['both', get('/')],
    ['denied', get('/denied')],
    ['allowed', get('/allowed')],
    ['two requests', get('/allowed') + get('/')],
  ]),
];
