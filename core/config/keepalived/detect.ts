// Whether a configuration file is keepalived's: by its first statement, never by its name.
//
// Alone here, without the parser: every start asks, and few have a keepalived.conf.

import { closeSync, openSync, readSync, statSync } from 'node:fs';

const HEAD_BYTES = 64 * 1024;

/** Every word that may stand outside all braces of keepalived.conf. */
export const TOP_WORDS: ReadonlySet<string> = new Set([
  ...['global_defs', 'vrrp_instance', 'vrrp_sync_group', 'vrrp_script', 'vrrp_track_process', 'vrrp_track_file'],
  ...['track_file', 'track_group', 'bfd_instance', 'garp_group', 'linkbeat_interfaces', 'interface_up_down_delays'],
  ...['static_ipaddress', 'static_routes', 'static_rules', 'virtual_server', 'virtual_server_group', 'SSL'],
  ...['linkbeat_use_polling', 'net_namespace', 'net_namespace_ipvs', 'namespace_with_ipsets', 'use_pid_dir'],
  ...['instance', 'child_wait_time'],
  ...['include', 'includer', 'includem', 'includew', 'includeb', 'includea'],
]);

/** True for text that begins, after comments, with a word, a definition, a condition or a loop of keepalived.conf. */
export function isKeepalivedText(text: string): boolean {
  for (const line of text.split('\n')) {
    const statement = line.trim();
    if (statement === '' || statement.startsWith('#') || statement.startsWith('!')) continue;
    if (/^(\$\w+=|@\^?\S+\s|~(SEQ|LST))/.test(statement)) return true;
    return TOP_WORDS.has(/^[^\s{]+/.exec(statement)?.[0] ?? '');
  }
  return false;
}

/** As isKeepalivedText, for a file; false when it cannot be read, or is no file: others will say so. */
export function isKeepalivedFile(path: string): boolean {
  let fd = -1;
  try {
    if (!statSync(path).isFile()) return false;
    fd = openSync(path, 'r');
    const bytes = Buffer.alloc(HEAD_BYTES);
    return isKeepalivedText(bytes.toString('latin1', 0, readSync(fd, bytes, 0, HEAD_BYTES, 0)));
  } catch {
    return false;
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}
