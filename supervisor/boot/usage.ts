// What `-v`, `-vv` and a wrong command line print: text only, so that it costs no other module.

import {
  FEATURES,
  featureList,
  HAPROXY_BRANCH,
  HAPROXY_DATE,
  HAPROXY_VERSION,
  VERSION_TEXT,
  WEIR_VERSION,
} from '../../core/base/version.ts';

export interface SystemName {
  type: string;
  release: string;
  version: string;
  machine: string;
}

/** `-v`. The first line is weir's own; the second is the one scripts made for haproxy look for. */
export function versionText(system: SystemName): string {
  return (
    `weir version ${WEIR_VERSION}\n` +
    `HAProxy version ${VERSION_TEXT} ${HAPROXY_DATE} (the release whose configuration and behaviour weir follows)\n` +
    `Running on: ${system.type} ${system.release} ${system.version} ${system.machine}\n`
  );
}

/** `-vq`, `-vqs`, `-vqb`. */
export function plainVersionText(form: 'plain' | 'number' | 'branch'): string {
  if (form === 'plain') return `${VERSION_TEXT}\n`;
  return `${form === 'number' ? HAPROXY_VERSION : HAPROXY_BRANCH}\n`;
}

export interface BuildFacts {
  node: string;
  uringUsable: boolean;
  uringReason: string;
  threadCount: number;
  threadCountMax: number;
}

/** What `-vv` adds: only what is true of this weir, laid out as HAProxy's so that scripts can grep it. */
export function buildText(facts: BuildFacts): string {
  const splice = FEATURES.some((each) => each.name === 'LINUX_SPLICE' && each.enabled);
  return [
    'Build options :',
    '  TARGET  = linux-glibc',
    `  RUNTIME = Node.js ${facts.node}`,
    `  OPTIONS = ${splice ? 'USE_LINUX_SPLICE=1' : ''}`,
    '',
    `Feature list : ${featureList()}`,
    '',
    'Default settings :',
    '  bufsize = 16384, maxrewrite = 1024',
    '',
    `Built with multi-threading support (MAX_THREADS=${facts.threadCountMax}, default=${facts.threadCount}).`,
    '',
    'Available polling systems :',
    `   io_uring : pref=400,  test result ${facts.uringUsable ? 'OK' : `FAILED (${facts.uringReason})`}`,
    '      epoll : pref=300,  test result OK',
    `Total: 2 (${facts.uringUsable ? 2 : 1} usable), will use ${facts.uringUsable ? 'io_uring' : 'epoll'}.`,
    '',
    'Available multiplexer protocols :',
    "(protocols marked as <default> cannot be specified using 'proto' keyword)",
    '  <default> : mode=HTTP  side=FE|BE  mux=H1    flags=HTX',
    '  <default> : mode=TCP   side=FE|BE  mux=PASS  flags=',
    '',
    'Available services : none',
    '',
    'Available filters :',
    '',
    '',
  ].join('\n');
}

/** `--help`, and what a command line that cannot be read gets. */
export function usageText(programName: string): string {
  return `Usage : ${programName} [-f FILE|DIR]* [options] [-- FILE*]

  Configuration
    -f FILE|DIR      read FILE, or every *.cfg of DIR in order; may be repeated; a keepalived.conf is known by its
                     first statement
    -- FILE...       all words that follow are files
    -C DIR           change to DIR first
    -L NAME          local peer name, else the host's name
    -n N             connections of the whole process; -N N those of each frontend without 'maxconn'
    -m MEGABYTES     take no more connections than fit into this memory

  Ask and exit
    -c               check the files: 0 valid, 1 errors, 2 nothing to listen on; -c -V says "valid"
    --vrrp-optional  run the proxies though VRRP lacks CAP_NET_RAW or CAP_NET_ADMIN
    --config-test[=LOG]  check keepalived.conf files as keepalived does: 0 good, 2 parameter missing, 5 mistakes,
                     6 scripts not secured, or no file; --config-id ID for their @id lines
    -cc CONDITION    evaluate a condition as '.if' does: 0 true, 1 false, 2 error
    -dK CLASS,...    list the implemented keywords; -dKhelp names the classes
    -v, -vv          version; and what it can do      -vq, -vqs, -vqb  version as one word
    -h, --help       this text
    --signum=WORD    the signal's number for STOP, RELOAD, DATA, STATS, STATS_CLEAR or JSON: 'kill -NUMBER PID'
    vrrp [--json | --watch | --dump data|stats|json]   what the election that runs here says of itself
    explain ...      why a request goes where it goes: '${programName} explain --help'

  Running
    -D               daemon; -db stay in the foreground; -d foreground with more to see
    -p FILE          write the pid there (daemon)
    -q, -V           say nothing; say more
    -dW              any warning is an error          -dD  more warnings
    -dr              a server name that does not resolve is no error
    -dS              no splice(2)                     -dR  no SO_REUSEPORT
    -dL              list the loaded libraries
    -sf PID...       once started, let these processes finish; -st PID... end them. A role in the election and its
                     addresses are taken over from them before, unnoticed
    --engine uring|epoll   force the I/O engine

  Taken for haproxy's sake, without effect: -dM -dI -de -dp -dG -dV -dT
  Not implemented yet, refused: -W -Ws -S -x -4 -dA -dC -dc -dt

`;
}
