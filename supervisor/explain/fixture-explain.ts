// What the tests of explain share: a configuration's text and a request in, the explanation out; and a TLS ClientHello.

import assert from 'node:assert/strict';
import { formatDiagnostics } from '../../core/config/haproxy/diagnostics.ts';
import { loadConfiguration } from '../../core/config/haproxy/load.ts';
import type { Model } from '../../core/model/model.ts';
import type { Explanation } from './explanation.ts';
import { allTargets, findTarget, parseFrom } from './input.ts';
import { explain } from './walk.ts';

export function loadModel(files: readonly string[]): Model {
  const { model, diagnostics } = loadConfiguration({ files, environment: {}, cpuCount: 1, hostName: 'host' });
  assert.ok(model !== null, formatDiagnostics(diagnostics.entries, 1, ''));
  return model;
}

export interface Asked {
  from?: string;
  to?: string;
  response?: string | Uint8Array;
}

const bytesOf = (text: string | Uint8Array): Uint8Array =>
  typeof text === 'string' ? Uint8Array.from(Buffer.from(text, 'latin1')) : text;

/** As the command does it, without a command line. */
export function explained(model: Model, request: string | Uint8Array, asked: Asked = {}): Explanation {
  const from = parseFrom(asked.from);
  const target = asked.to === undefined ? allTargets(model)[0]! : findTarget(model, asked.to);
  assert.ok(from !== null && target !== null, 'from or to is wrong');
  return explain(model, {
    request: bytesOf(request),
    response: asked.response === undefined ? null : bytesOf(asked.response),
    from,
    target,
    toAssumed: asked.to === undefined,
  });
}

/** The shortest ClientHello of TLS 1.2 that names a server (RFC 8446 §4.1.2, RFC 6066 §3). */
export function clientHello(serverName: string): Buffer {
  const uint16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
  const prefixed = (bytes: Buffer): Buffer => Buffer.concat([uint16(bytes.length), bytes]);
  const name = Buffer.concat([Buffer.from([0]), prefixed(Buffer.from(serverName, 'latin1'))]);
  const extensions = prefixed(Buffer.concat([uint16(0), prefixed(prefixed(name))]));
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7), // random
    Buffer.from([0]), // session id
    prefixed(uint16(0x1301)),
    Buffer.from([1, 0]), // compression
    extensions,
  ]);
  const handshake = Buffer.concat([Buffer.from([1, 0]), uint16(body.length), body]);
  return Buffer.concat([Buffer.from([0x16, 3, 1]), prefixed(handshake)]);
}
