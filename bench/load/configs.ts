// The config files of a measurement: one haproxy.cfg for weir and every haproxy, and an nginx.conf that does the
// same. One proxy thread or worker each.

import type { Peer } from '../rig/peers.ts';
import { MAP_NAME, type Scenario } from './scenarios.ts';

export interface Place {
  port: number; // where the proxy listens on 127.0.0.1
  originPort: number;
  logPort: number; // UDP port of the log sink; 0: no logging
  connectionCountMax: number; // clients and servers together
  mapPath: string; // '' none
}

/** The config of `scenario` in the language of `peer`. */
export function configFor(peer: Peer, scenario: Scenario, place: Place): string {
  return peer.kind === 'nginx' ? nginxConfig(peer, scenario, place) : haproxyConfig(scenario, place);
}

export function haproxyConfig(scenario: Scenario, place: Place): string {
  const logTarget = place.logPort > 0 ? [`    log 127.0.0.1:${place.logPort} local0`] : [];
  const logLines = place.logPort > 0 ? ['    log global', `    option ${scenario.mode}log`] : [];
  return [
    'global',
    '    nbthread 1',
    `    maxconn ${place.connectionCountMax}`,
    ...logTarget,
    'defaults',
    `    mode ${scenario.mode}`,
    '    timeout connect 5s',
    '    timeout client 60s',
    '    timeout server 60s',
    ...logLines,
    ...scenario.cfgLines.map((line) => `    ${line}`),
    'frontend front',
    `    bind 127.0.0.1:${place.port}`,
    ...scenario.frontLines.map((line) => `    ${line.replace(MAP_NAME, place.mapPath)}`),
    ...(scenario.map > 0 ? [] : ['    default_backend back']),
    'backend back',
    `    server origin 127.0.0.1:${place.originPort}`,
    '',
  ].join('\n');
}

const nginxHead = (connectionCountMax: number, modulePath: string): string[] => [
  ...(modulePath === '' ? [] : [`load_module ${modulePath};`]),
  // As root, nginx would drop to a user who may not read our folder.
  ...(process.getuid?.() === 0 ? ['user root;'] : []),
  'worker_processes 1;',
  'daemon off;',
  'pid nginx.pid;',
  'error_log stderr warn;',
  `worker_rlimit_nofile ${connectionCountMax * 2 + 100};`,
  `events { worker_connections ${connectionCountMax * 2 + 50}; }`,
];

// Folders relative to -p, so that a user who may not write /var can run it.
const nginxTempPaths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
  (name) => `  ${name}_temp_path ${name};`,
);

export function nginxConfig(peer: Peer, scenario: Scenario, place: Place): string {
  return [
    ...nginxHead(place.connectionCountMax, scenario.mode === 'tcp' ? peer.streamModule : ''),
    ...(scenario.mode === 'tcp' ? nginxStream(place) : nginxHttp(scenario, place)),
    '',
  ].join('\n');
}

function nginxStream(place: Place): string[] {
  return [
    'stream {',
    '  tcp_nodelay on;',
    `  server { listen 127.0.0.1:${place.port} backlog=4096; proxy_pass 127.0.0.1:${place.originPort}; }`,
    '}',
  ];
}

function nginxHttp(scenario: Scenario, place: Place): string[] {
  const keepsServer = scenario.serverConnection === 'keep';
  return [
    'http {',
    ...nginxTempPaths,
    place.logPort > 0 ? `  access_log syslog:server=127.0.0.1:${place.logPort} combined;` : '  access_log off;',
    '  tcp_nodelay on;',
    '  keepalive_timeout 60;',
    '  keepalive_requests 1000000000;',
    '  proxy_max_temp_file_size 0;', // bodies stay in memory, as in the others
    '  upstream back {',
    `    server 127.0.0.1:${place.originPort};`,
    ...(keepsServer ? ['    keepalive 64;', '    keepalive_requests 1000000000;'] : []),
    '  }',
    '  server {',
    `    listen 127.0.0.1:${place.port} backlog=4096;`,
    '    location / {',
    '      proxy_pass http://back;',
    '      proxy_http_version 1.1;',
    `      proxy_set_header Connection "${keepsServer ? '' : 'close'}";`,
    '    }',
    '  }',
    '}',
  ];
}

/** The map of a case: as many lines as it wants, the file that is asked for in the middle. */
export function mapText(scenario: Scenario): string {
  const lines = Array.from({ length: scenario.map }, (_, index) => `/service-${index} other-${index % 100}\n`);
  lines[scenario.map >> 1] = `/${scenario.file} back\n`;
  return lines.join('');
}

/** The origin of every measurement: nginx with the files of `folder`. */
export function nginxOriginConfig(port: number, folder: string, connectionCountMax: number): string {
  return [
    ...nginxHead(connectionCountMax, ''),
    'http {',
    ...nginxTempPaths,
    '  access_log off;',
    '  sendfile on;',
    '  tcp_nopush on;',
    '  tcp_nodelay on;',
    '  keepalive_timeout 75;',
    '  keepalive_requests 1000000000;',
    '  open_file_cache max=16 inactive=600s;',
    '  open_file_cache_valid 600s;',
    '  default_type application/octet-stream;',
    `  server { listen 127.0.0.1:${port} backlog=4096; root ${folder}; }`,
    '}',
    '',
  ].join('\n');
}
