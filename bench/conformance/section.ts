// One section of the parity configuration: a frontend and its backend.
//
// Words between @: NAME (the section's name and copy), BIND, BIND2 (its ports), ORIGIN, ORIGIN2 (scripted origins),
// DEAD (a port nobody listens on), FULL (one that accepts nothing, so that connecting times out), LOG, DIR.

export interface Section {
  readonly name: string;
  readonly copies?: number; // cases of a section run one after the other in each copy
  readonly since?: '3.4'; // keywords or behaviour an older HAProxy does not have
  readonly config: string;
}

export interface Parts {
  front?: string; // lines of the frontend
  back?: string; // lines of the backend
  server?: string; // words after the server's address
  servers?: string; // the server lines instead
  mode?: 'http' | 'tcp';
  bind?: string; // words after the address
  timeouts?: string;
  log?: string; // after `option`; '' when the section says its own log-format
  extra?: string; // sections of its own that follow, as they are; NAME as everywhere
}

function lines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => `  ${line}\n`)
    .join('');
}

const TIMEOUTS_FRONT: Readonly<Record<string, string>> = { client: '5s' };
const TIMEOUTS_BACK: Readonly<Record<string, string>> = { connect: '1s', server: '5s' };
const FRONT_NAMES = ['client', 'client-fin', 'http-request', 'http-keep-alive'];

// `own` are the section's timeout lines, for both sides; each side takes what is its.
function timeouts(own: string, isFront: boolean): string {
  const values = new Map(Object.entries(isFront ? TIMEOUTS_FRONT : TIMEOUTS_BACK));
  for (const [, name, value] of own.matchAll(/timeout (\S+) (\S+)/g)) {
    if (FRONT_NAMES.includes(name!) === isFront) values.set(name!, value!);
  }
  return [...values].map(([name, value]) => `  timeout ${name} ${value}\n`).join('');
}

export function section(name: string, parts: Parts, rest: { copies?: number; since?: '3.4' } = {}): Section {
  const mode = parts.mode ?? 'http';
  const config = [
    `frontend @NAME@\n  mode ${mode}\n  bind 127.0.0.1:@BIND@ ${parts.bind ?? ''}\n`,
    `  log @LOG@ local0\n${parts.log === '' ? '' : `  option ${parts.log ?? `${mode}log`}\n`}`,
    timeouts(parts.timeouts ?? '', true),
    lines(parts.front ?? ''),
    '  default_backend @NAME@_b\n',
    `backend @NAME@_b\n  mode ${mode}\n`,
    timeouts(parts.timeouts ?? '', false),
    lines(parts.back ?? ''),
    lines(parts.servers ?? `server s @ORIGIN@ ${parts.server ?? ''}`),
    parts.extra ?? '',
  ].join('');
  return { name, config, ...rest };
}
