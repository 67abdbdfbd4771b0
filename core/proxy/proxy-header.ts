// The PROXY protocol on connections: read from clients that come through another proxy, written to servers
// (manual §5.1 "accept-proxy", §5.2 "send-proxy", "send-proxy-v2", "proxy-v2-options").

import { NO_BUFFER } from '../io/engine.ts';
import { AF_INET, AF_INET6, setNoLinger } from '../io/net.ts';
import { CONNECTION_OPEN, type Connection } from './connection.ts';
import { fillAddresses } from './endpoints.ts';
import { closeFront } from './finish.ts';
import { gather, takeGathered } from './gather.ts';
import { beginSession } from './listener.ts';
import {
  PROXY_BAD_PROTOCOL,
  PROXY_FAMILY_INET,
  PROXY_FAMILY_NONE,
  PROXY_NOT_HEADER,
  PROXY_OK,
  PROXY_PARTIAL,
  ProxyHeader,
  parseProxyHeader,
} from './proxy-protocol.ts';
import type { ProxyThread } from './thread.ts';

const header = new ProxyHeader();

/** Bytes of a connection that must begin with a PROXY header; the session begins when it is whole. */
export function proxyHeaderBytes(
  thread: ProxyThread,
  front: Connection,
  bufferId: number,
  offset: number,
  length: number,
): void {
  gather(thread, front, bufferId, offset, length);
  const verdict = parseProxyHeader(thread.bytes, front.headStart, front.headEnd, header);
  if (verdict === PROXY_PARTIAL) {
    thread.recvStart(front);
    return;
  }
  if (verdict !== PROXY_OK) {
    refuseConnection(thread, front, refusal(verdict));
    return;
  }
  takeAddresses(front);
  front.receivedProxy = true;
  if (header.tlvEnd > header.tlvStart) front.proxyTlvs = thread.bytes.slice(header.tlvStart, header.tlvEnd);
  const from = front.headStart + header.consumedBytes;
  const end = front.headEnd;
  const slot = takeGathered(front);
  if (from < end) thread.hold(front, slot, from, end - from);
  else thread.buffers.release(slot);
  beginSession(thread, front);
  if (front.stream === null && front.state === CONNECTION_OPEN) thread.fronts.push(front);
}

function refusal(verdict: number): string {
  if (verdict === PROXY_NOT_HEADER) return 'Received something which does not look like a PROXY protocol header';
  if (verdict === PROXY_BAD_PROTOCOL) return 'Received an unhandled protocol in the PROXY protocol header';
  return 'Received an invalid PROXY protocol header';
}

/** No header came in time, or the client closed before it. */
export function proxyHeaderMissing(thread: ProxyThread, front: Connection, timedOut: boolean): void {
  const text = timedOut
    ? 'Timeout while waiting for PROXY protocol header'
    : 'Connection closed while waiting for PROXY protocol header';
  refuseConnection(thread, front, text);
}

// Closed without a word, with HAProxy's line in the log. What the client said is thrown back at it: a reset.
function refuseConnection(thread: ProxyThread, front: Connection, text: string): void {
  const frontend = front.frontend!;
  if (frontend.logger.active) {
    const stream = thread.takeStream();
    stream.log.reset();
    stream.log.frontendIndex = frontend.proxy.index;
    stream.log.acceptDateMs = front.sinceWallMs;
    fillAddresses(thread, front, stream.log);
    const bind = frontend.proxy.binds[front.bindIndex]!;
    if (frontend.customLog === null || !frontend.customLog.refused(front, stream.log)) {
      frontend.logger.refused(stream.log, bind.name === '' ? String(bind.id) : bind.name, text);
    }
    thread.freeStream(stream);
  }
  if (front.headBuffer !== NO_BUFFER) setNoLinger(front.fd);
  closeFront(thread, front);
}

function takeAddresses(front: Connection): void {
  const addresses = header.addresses;
  if (header.local || addresses.sourceFamily === PROXY_FAMILY_NONE) return;
  const family = addresses.sourceFamily === PROXY_FAMILY_INET ? AF_INET : AF_INET6;
  const source = addresses.source;
  const target = addresses.destination;
  front.sourceFamily = family;
  front.sourcePort = addresses.sourcePort;
  front.source0 = wordAt(source, 0);
  front.source1 = family === AF_INET ? 0 : wordAt(source, 4);
  front.source2 = family === AF_INET ? 0 : wordAt(source, 8);
  front.source3 = family === AF_INET ? 0 : wordAt(source, 12);
  front.targetFamily = family;
  front.targetPort = addresses.destinationPort;
  front.target0 = wordAt(target, 0);
  front.target1 = family === AF_INET ? 0 : wordAt(target, 4);
  front.target2 = family === AF_INET ? 0 : wordAt(target, 8);
  front.target3 = family === AF_INET ? 0 : wordAt(target, 12);
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}
