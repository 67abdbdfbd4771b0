// The PROXY header that opens a server connection (manual §5.2 "send-proxy", "send-proxy-v2").

import { NO_BUFFER } from '../io/engine.ts';
import { AF_INET, AF_INET6 } from '../io/net.ts';
import { NO_BYTES } from '../sample/types.ts';
import type { Connection } from './connection.ts';
import { endsOf, putWord } from './endpoints.ts';
import { aimLine } from './language.ts';
import {
  PROXY_FAMILY_INET,
  PROXY_FAMILY_INET6,
  PROXY_FAMILY_NONE,
  ProxyAddresses,
  writeProxyV1,
  writeProxyV2,
} from './proxy-protocol.ts';
import type { ServerLink } from './runtime.ts';
import type { Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

const addresses = new ProxyAddresses();

/** Sends the header that tells the server who the client is; false when no slot was free. */
export function writeProxyHeader(thread: ProxyThread, stream: Stream, back: Connection, server: ServerLink): boolean {
  const ends = endsOf(stream);
  const bufferId = thread.buffers.take();
  if (bufferId === NO_BUFFER) return false;
  addresses.sourceFamily = familyOf(ends.sourceFamily);
  addresses.sourcePort = ends.sourcePort;
  putWord(addresses.source, 0, ends.source0);
  putWord(addresses.source, 4, ends.source1);
  putWord(addresses.source, 8, ends.source2);
  putWord(addresses.source, 12, ends.source3);
  addresses.destinationFamily = familyOf(ends.targetFamily);
  addresses.destinationPort = ends.targetPort;
  putWord(addresses.destination, 0, ends.target0);
  putWord(addresses.destination, 4, ends.target1);
  putWord(addresses.destination, 8, ends.target2);
  putWord(addresses.destination, 12, ends.target3);
  if (server.sendsUniqueId) server.proxyTlvs.uniqueId = uniqueIdOf(thread, stream);
  const at = thread.buffers.dataOffset(bufferId);
  const length =
    server.model.sendProxy === 'v1'
      ? writeProxyV1(thread.bytes, at, addresses)
      : writeProxyV2(thread.bytes, at, addresses, server.proxyTlvs);
  thread.send(back, bufferId, at, length);
  return true;
}

// Empty where the frontend has no format for it.
function uniqueIdOf(thread: ProxyThread, stream: Stream): Uint8Array {
  const maker = stream.frontend!.uniqueId;
  if (maker === null) return NO_BYTES;
  const cell = maker.of(stream, aimLine(thread, stream));
  return cell.bytes.subarray(0, cell.length);
}

function familyOf(family: number): number {
  if (family === AF_INET) return PROXY_FAMILY_INET;
  return family === AF_INET6 ? PROXY_FAMILY_INET6 : PROXY_FAMILY_NONE;
}
