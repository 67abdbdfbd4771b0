// keepalived.conf for the labs.

export interface ConfSpec {
  priority: number;
  version?: 2 | 3;
  advertInt?: number; // seconds
  addresses?: readonly string[];
  state?: 'MASTER' | 'BACKUP';
  lines?: readonly string[]; // more lines of the instance
  globals?: readonly string[]; // more lines of global_defs
  name?: string;
  vrid?: number;
}

/** The text of one vrrp_instance. */
export function instanceText(spec: ConfSpec): string {
  const { priority, version = 3, advertInt = 0.1, addresses = ['10.77.0.100/32'], state = 'BACKUP' } = spec;
  return [
    `vrrp_instance ${spec.name ?? 'VI_1'} {`,
    `  state ${state}`,
    '  interface eth0',
    `  virtual_router_id ${spec.vrid ?? 51}`,
    `  priority ${priority}`,
    `  version ${version}`,
    `  advert_int ${advertInt}`,
    '  garp_master_delay 1',
    ...(spec.lines ?? []).map((line) => `  ${line}`),
    '  virtual_ipaddress {',
    ...addresses.map((address) => `    ${address}`),
    '  }',
    '}',
    '',
  ].join('\n');
}

/** global_defs with more lines. */
export function globalText(lines: readonly string[] = []): string {
  return [
    'global_defs {',
    '  enable_script_security',
    '  script_user root',
    '  vrrp_rt_priority 50',
    // Without this limit keepalived's thread is killed for 10 ms of work at a time, on a busy machine.
    '  vrrp_rlimit_rttime 2000000',
    ...lines.map((line) => `  ${line}`),
    '}',
    '',
  ].join('\n');
}

export const GLOBAL = globalText();

/** A whole file with one instance. */
export function confText(spec: ConfSpec): string {
  return globalText(spec.globals) + instanceText(spec);
}

/** The lines that make an instance's own address `own` talk to `peers` alone. */
export function unicastLines(own: string, peers: readonly string[]): string[] {
  return [`unicast_src_ip ${own}`, 'unicast_peer {', ...peers, '}'];
}

/** The lines of one kind of authentication. */
export function authLines(type: 'PASS' | 'AH', password: string): string[] {
  return ['authentication {', `auth_type ${type}`, `auth_pass ${password}`, '}'];
}
