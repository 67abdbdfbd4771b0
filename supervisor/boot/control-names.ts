// How the runtime API's sockets are written for people and scripts: `show cli sockets` and HAPROXY_CLI.

import { AF_INET, AF_INET6 } from '../../core/sys/abi.ts';
import { localAddress } from '../../core/sys/socket.ts';
import type { BoundControl } from './listeners.ts';

/** "unix@/path", "ipv4@127.0.0.1:9999" and so on; of an inherited socket what the kernel says it is bound to. */
export function controlName({ socket, fd }: BoundControl): string {
  const { address } = socket;
  if (address.family === 'unix') return `unix@${address.path}`;
  if (address.family === 'abns') return `abns@${address.name}`;
  const bound = localAddress(fd);
  if (bound.family === AF_INET) return `ipv4@${bound.host}:${bound.port}`;
  if (bound.family === AF_INET6) return `ipv6@[${bound.host}]:${bound.port}`;
  return `fd@${fd}`;
}
