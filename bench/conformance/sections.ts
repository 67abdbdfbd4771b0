// The configuration both proxies get: one section per behaviour, each with a listener and origins of its own.
// section.ts says how one is written.

import { REPLY_FILES, REPLY_SECTIONS } from './cases-replies.ts';
import { RULE_FILES, RULE_SECTIONS } from './cases-rules.ts';
import { RESPONSE_RULE_SECTIONS } from './cases-rules-response.ts';
import { TCP_RULE_SECTIONS } from './cases-rules-tcp.ts';
import { SWITCHING_FILES, SWITCHING_SECTIONS } from './cases-switching.ts';
import { WAIT_SECTIONS } from './cases-waits.ts';
import { type Section, section } from './section.ts';

export type { Section };

export const GLOBAL = `
global
  nbthread 1
  expose-experimental-directives
  maxconn 2000
`;

const MODES = ['keep-alive', 'server-close', 'httpclose'] as const;
const modeOption = (mode: string): string =>
  mode === 'keep-alive' ? 'option http-keep-alive' : mode === 'httpclose' ? 'option httpclose' : `option http-${mode}`;

function modeSections(): Section[] {
  return MODES.flatMap((front) =>
    MODES.map((back) => section(`mode-${front}-${back}`, { front: modeOption(front), back: modeOption(back) })),
  );
}

const PAGE = '@DIR@/page-503.http';

export const SECTIONS: readonly Section[] = [
  section('plain', {}, { copies: 8 }),
  section('cut', {}, { copies: 12 }),
  ...modeSections(),
  section('pretend', { back: 'option http-server-close\noption http-pretend-keepalive' }),
  section('forwardfor', { back: 'option forwardfor' }),
  section('forwardfor-front', { front: 'option forwardfor' }),
  section('forwardfor-both', { front: 'option forwardfor header X-Front', back: 'option forwardfor header X-Back' }),
  section('forwardfor-except', { back: 'option forwardfor except 127.0.0.0/8' }),
  section('forwardfor-other-except', { back: 'option forwardfor except 10.0.0.0/8' }),
  section('forwardfor-if-none', { back: 'option forwardfor if-none' }),
  section('forwardfor-if-none-both', { front: 'option forwardfor if-none', back: 'option forwardfor if-none' }),
  section('forwardfor-if-none-mixed', { front: 'option forwardfor', back: 'option forwardfor if-none' }),
  section('originalto', { back: 'option originalto' }),
  section('originalto-header', { front: 'option originalto header X-To' }),
  section('originalto-except', { back: 'option originalto except 127.0.0.1' }),
  section('forwarded', { back: 'option forwarded' }, { since: '3.4' }),
  section('forwarded-all', { back: 'option forwarded proto host by by_port for for_port' }, { since: '3.4' }),
  section('forwarded-order', { back: 'option forwarded\noption originalto\noption forwardfor' }, { since: '3.4' }),
  section(
    'accept-proxy',
    { bind: 'accept-proxy', back: 'option forwardfor', timeouts: 'timeout client 400ms' },
    { copies: 4 },
  ),
  section('accept-proxy-tcp', { mode: 'tcp', bind: 'accept-proxy', timeouts: 'timeout client 400ms' }, { copies: 4 }),
  section('proxy-in-out', { bind: 'accept-proxy', server: 'send-proxy' }),
  section('send-proxy', { server: 'send-proxy' }),
  section('send-proxy-v2', { server: 'send-proxy-v2' }),
  section('send-proxy-v2-crc', { server: 'send-proxy-v2 proxy-v2-options crc32c' }),
  section('send-proxy-tcp', { mode: 'tcp', server: 'send-proxy' }),
  section('errorfile', { front: `errorfile 503 ${PAGE}\nerrorfile 400 @DIR@/page-400.http`, server: 'disabled' }),
  section('errorfile-back', { back: `errorfile 503 ${PAGE}`, server: 'disabled' }),
  section('disabled', { server: 'disabled' }),
  section('monitor', { front: 'monitor-uri /alive' }),
  section('reuse-never', { back: 'http-reuse never' }),
  section('reuse-safe', { back: 'http-reuse safe' }),
  section('reuse-aggressive', { back: 'http-reuse aggressive' }),
  section('reuse-always', { back: 'http-reuse always' }),
  section('pool-none', { back: 'http-reuse always', server: 'pool-max-conn 0' }),
  section('dead', { servers: 'server s 127.0.0.1:@DEAD@', back: 'retries 0' }),
  section('dead-retry', { servers: 'server s 127.0.0.1:@DEAD@', back: 'retries 1', timeouts: 'timeout connect 300ms' }),
  section('dead-tcp', { mode: 'tcp', servers: 'server s 127.0.0.1:@DEAD@', back: 'retries 0' }),
  section('redispatch', {
    back: 'balance roundrobin\nretries 2\noption redispatch',
    timeouts: 'timeout connect 300ms',
    servers: 'server s1 127.0.0.1:@DEAD@\nserver s2 @ORIGIN@',
  }),
  section('no-redispatch', {
    back: 'balance roundrobin\nretries 1',
    timeouts: 'timeout connect 300ms',
    servers: 'server s1 127.0.0.1:@DEAD@\nserver s2 @ORIGIN@ backup',
  }),
  section('redispatch-source', {
    back: 'balance source\nretries 2\noption redispatch 1',
    timeouts: 'timeout connect 300ms',
    servers: 'server s1 127.0.0.1:@DEAD@\nserver s2 127.0.0.1:@DEAD@\nserver s3 @ORIGIN@ backup',
  }),
  section('full', { servers: 'server s 127.0.0.1:@FULL@', back: 'retries 0', timeouts: 'timeout connect 300ms' }),
  section('full-retry', { servers: 'server s 127.0.0.1:@FULL@', back: 'retries 1', timeouts: 'timeout connect 300ms' }),
  section('request-timeout', { timeouts: 'timeout http-request 300ms' }, { copies: 3 }),
  section('probes', { front: 'option http-ignore-probes', timeouts: 'timeout http-request 300ms' }, { copies: 2 }),
  section('dontlognull', { front: 'option dontlognull', timeouts: 'timeout http-request 300ms' }, { copies: 2 }),
  section('keep-alive-timeout', { timeouts: 'timeout http-keep-alive 300ms' }),
  section('client-timeout', { timeouts: 'timeout client 400ms' }, { copies: 3 }),
  section('server-timeout', { timeouts: 'timeout server 400ms' }, { copies: 3 }),
  section(
    'queue',
    {
      back: 'balance roundrobin',
      server: 'maxconn 1',
      timeouts: 'timeout queue 400ms',
    },
    { copies: 2 },
  ),
  section('maxqueue', { server: 'maxconn 1 maxqueue 1', timeouts: 'timeout queue 600ms' }),
  section('abort', { back: 'option abortonclose' }, { copies: 2 }),
  section('no-abort', { back: 'no option abortonclose' }, { copies: 2 }),
  section('tcp', { mode: 'tcp' }, { copies: 2 }),
  section(
    'tcp-timeout',
    {
      mode: 'tcp',
      timeouts: 'timeout client 400ms\ntimeout server 400ms',
    },
    { copies: 2 },
  ),
  section('tcp-default-log', { mode: 'tcp', log: 'tcpka' }),
  section('http-default-log', { log: 'tcpka' }),
  section('tunnel', { timeouts: 'timeout tunnel 400ms' }, { copies: 2 }),
  section('logasap', { front: 'option logasap' }),
  section('tcp-logasap', { mode: 'tcp', front: 'option logasap' }),
  section('separate-errors', { front: 'option log-separate-errors' }),
  section('backup', {
    back: 'balance roundrobin',
    servers: 'server s1 @ORIGIN@ disabled\nserver s2 @ORIGIN2@ backup',
  }),
  section('roundrobin', { back: 'balance roundrobin', servers: 'server s1 @ORIGIN@\nserver s2 @ORIGIN2@ weight 2' }),
  section('no-backend-servers', { servers: '' }),
  ...RULE_SECTIONS,
  ...REPLY_SECTIONS,
  ...RESPONSE_RULE_SECTIONS,
  ...TCP_RULE_SECTIONS,
  ...SWITCHING_SECTIONS,
  ...WAIT_SECTIONS,
];

/** The files the configuration names, by the word after @DIR@/. */
export const FILES: Readonly<Record<string, string>> = {
  'page-503.http':
    'HTTP/1.1 503 Gone Fishing\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nback',
  'page-400.http': 'HTTP/1.0 400 Nope\r\nX-Page: own\r\nConnection: close\r\n\r\n<p>no</p>\n',
  ...RULE_FILES,
  ...REPLY_FILES,
  ...SWITCHING_FILES,
};
