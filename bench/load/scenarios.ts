// What is measured: one row a case. A new case is a new row; nothing else knows their names.

export type Kind =
  | 'load' // as many requests as 64 clients get through
  | 'logging' // the same, each proxy twice: with and without a log line per request
  | 'idle'; // many keep-alive clients that made one request and wait: memory, no load

export interface Scenario {
  name: string; // for --cases
  title: string; // for tables and the chart
  kind: Kind;
  mode: 'http' | 'tcp';
  file: 'small' | '16k' | '1m'; // what the origin serves
  newConnectionPerRequest: boolean; // the client says `Connection: close`
  serverConnection: 'keep' | 'close'; // what the proxy does with the server's side after each request
  cfgLines: readonly string[]; // haproxy.cfg, `defaults` section: what makes the case
  frontLines: readonly string[]; // haproxy.cfg, `frontend` section: rules; nginx has no equal and stays away
  map: number; // lines of the map file that frontLines name as MAP_NAME; 0 none
  isBulk: boolean; // CPU is told per megabyte too
}

/** Stands for the map's path in frontLines. */
export const MAP_NAME = '@MAP@';

/** What each file holds, in bytes. */
export const fileBytes: Readonly<Record<Scenario['file'], number>> = { small: 128, '16k': 16_384, '1m': 1_048_576 };

const base = {
  kind: 'load',
  mode: 'http',
  file: 'small',
  newConnectionPerRequest: false,
  serverConnection: 'keep',
  cfgLines: [],
  frontLines: [],
  map: 0,
  isBulk: false,
} as const;

export const scenarios: readonly Scenario[] = [
  { ...base, name: 'keep-alive', title: 'HTTP keep-alive, small' },
  { ...base, name: '16k', title: 'HTTP keep-alive, 16 KiB', file: '16k' },
  { ...base, name: '1m', title: 'HTTP keep-alive, 1 MiB', file: '1m', isBulk: true, cfgLines: ['option splice-auto'] },
  {
    ...base,
    name: 'server-close',
    title: 'HTTP server-close',
    serverConnection: 'close',
    cfgLines: ['option http-server-close'],
  },
  {
    ...base,
    name: 'close',
    title: 'HTTP close',
    newConnectionPerRequest: true,
    serverConnection: 'close',
    cfgLines: ['option httpclose'],
  },
  { ...base, name: 'tcp-small', title: 'TCP, small requests', mode: 'tcp' },
  {
    ...base,
    name: 'tcp-bulk',
    title: 'TCP, 1 MiB bodies',
    mode: 'tcp',
    file: '1m',
    isBulk: true,
    cfgLines: ['option splice-auto'],
  },
  // Each client's first request may only take a server connection that others use when sharing is allowed:
  // without it HAProxy holds one server connection per idle client, and the figure would be about both.
  { ...base, name: 'idle', title: 'Idle keep-alive clients', kind: 'idle', cfgLines: ['http-reuse always'] },
  // Every request is asked a thousand questions: only the last rule is about the file that is asked for.
  {
    ...base,
    name: 'rules',
    title: '1 000 use_backend rules',
    frontLines: [
      ...Array.from({ length: 999 }, (_, index) => `use_backend back if { path_beg /service-${index}/ }`),
      'use_backend back if { path_beg /small }',
    ],
  },
  {
    ...base,
    name: 'map',
    title: 'a map of 100 000 lines',
    frontLines: [`use_backend %[path,map_str(${MAP_NAME},none)]`],
    map: 100_000,
  },
  { ...base, name: 'logging', title: 'HTTP keep-alive, small, logging', kind: 'logging' },
];

/** The rows that `words` name, in the table's order; all of them for none. Throws on an unknown name. */
export function chooseScenarios(words: readonly string[]): Scenario[] {
  const names = scenarios.map((scenario) => scenario.name);
  for (const word of words) {
    if (!names.includes(word)) throw new Error(`unknown case '${word}': the cases are ${names.join(', ')}`);
  }
  return scenarios.filter((scenario) => words.length === 0 || words.includes(scenario.name));
}
