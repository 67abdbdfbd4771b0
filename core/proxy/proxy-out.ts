// The PROXY header that opens a server connection (manual §5.2 "send-proxy", "send-proxy-v2").

import { NO_BUFFER } from '../io/engine.ts';
import { AF_INET, AF_INET6 } from '../io/net.ts';
import type { Connection } from './connection.ts';
import { putWord } from './endpoints.ts';
import {
  PROXY_FAMILY_INET,
  PROXY_FAMILY_INET6,
  PROXY_FAMILY_NONE,
  ProxyAddresses,
  writeProxyV1,
  writeProxyV2,
} from './proxy-protocol.ts';
import type { ServerLink } from './runtime.ts';
import type { ProxyThread } from './thread.ts';

const addresses = new ProxyAddresses();

/** Sends the header that tells the server who the client is; false when no slot was free. */
export function writeProxyHeader(
  thread: ProxyThread,
  front: Connection,
  back: Connection,
  server: ServerLink,
): boolean {
  const bufferId = thread.buffers.take();
  if (bufferId === NO_BUFFER) return false;
  addresses.sourceFamily = familyOf(front.sourceFamily);
  addresses.sourcePort = front.sourcePort;
  putWord(addresses.source, 0, front.source0);
  putWord(addresses.source, 4, front.source1);
  putWord(addresses.source, 8, front.source2);
  putWord(addresses.source, 12, front.source3);
  addresses.destinationFamily = familyOf(front.targetFamily);
  addresses.destinationPort = front.targetPort;
  putWord(addresses.destination, 0, front.target0);
  putWord(addresses.destination, 4, front.target1);
  putWord(addresses.destination, 8, front.target2);
  putWord(addresses.destination, 12, front.target3);
  const at = thread.buffers.dataOffset(bufferId);
  const length =
    server.model.sendProxy === 'v1'
      ? writeProxyV1(thread.bytes, at, addresses)
      : writeProxyV2(thread.bytes, at, addresses, server.proxyTlvs);
  thread.send(back, bufferId, at, length);
  return true;
}

function familyOf(family: number): number {
  if (family === AF_INET) return PROXY_FAMILY_INET;
  return family === AF_INET6 ? PROXY_FAMILY_INET6 : PROXY_FAMILY_NONE;
}
