// Converters that take a proxy's or server's name and tell its state: nbsrv, srv_is_up, srv_queue, fe_exists (manual §7.3.1).

import type { Model } from '../model/model.ts';
import type { Proxy, Server } from '../model/proxy.ts';
import { SERVER_MAINT, SERVER_UP, wordFlags } from '../shared/server-words.ts';
import { bytesOfText } from './convert-arguments.ts';
import { crc32 } from './convert-hash-small.ts';
import { countUsable } from './fetch-server.ts';
import { type Convert, type ConverterRow, type Linker, NO_ARGS } from './rows.ts';
import type { Subject } from './subject.ts';
import { type Sample, type SampleType, TYPE_BOOL, TYPE_SINT, TYPE_STR } from './types.ts';

/** Things by their names in bytes, found without making a string. */
class NameIndex<T> {
  private readonly entries = new Map<number, { name: Uint8Array; value: T }[]>();

  add(text: string, value: T): void {
    const name = bytesOfText(text);
    const hash = crc32(name, 0, name.length);
    const same = this.entries.get(hash);
    if (same === undefined) this.entries.set(hash, [{ name, value }]);
    else same.push({ name, value });
  }

  /** What bytes[offset, end) names, null when nothing has that name. */
  find(bytes: Uint8Array, offset: number, end: number): T | null {
    const same = this.entries.get(crc32(bytes, offset, end - offset));
    if (same === undefined) return null;
    for (const entry of same) if (isEqual(entry.name, bytes, offset, end)) return entry.value;
    return null;
  }
}

function isEqual(name: Uint8Array, bytes: Uint8Array, offset: number, end: number): boolean {
  if (name.length !== end - offset) return false;
  for (let index = 0; index < name.length; index++) if (bytes[offset + index] !== name[index]) return false;
  return true;
}

interface Backend {
  proxy: Proxy;
  servers: NameIndex<Server>;
}

interface Names {
  frontends: NameIndex<Proxy>;
  backends: NameIndex<Backend>;
  byIndex: readonly (Backend | null)[]; // of Model.proxies
}

const namesOfModels = new WeakMap<Model, Names>();

function namesOf(model: Model): Names {
  const known = namesOfModels.get(model);
  if (known !== undefined) return known;
  const frontends = new NameIndex<Proxy>();
  const backends = new NameIndex<Backend>();
  const byIndex: (Backend | null)[] = [];
  for (const proxy of model.proxies) {
    if (proxy.kind !== 'backend') frontends.add(proxy.name, proxy);
    byIndex.push(null);
    if (proxy.kind === 'frontend') continue;
    const servers = new NameIndex<Server>();
    for (const server of proxy.servers) servers.add(server.name, server);
    const backend = { proxy, servers };
    byIndex[byIndex.length - 1] = backend;
    backends.add(proxy.name, backend);
  }
  const names = { frontends, backends, byIndex };
  namesOfModels.set(model, names);
  return names;
}

/** Names end at a NUL. */
function nameEnd(sample: Sample): number {
  const end = sample.offset + sample.length;
  for (let at = sample.offset; at < end; at++) if (sample.bytes[at] === 0) return at;
  return end;
}

const SLASH = 0x2f;

/** The server named `backend/server`, or `server` alone in the backend that the stream is in. */
function findServer(names: Names, sample: Sample, subject: Subject): Server | null {
  const { bytes, offset } = sample;
  const end = nameEnd(sample);
  let slash = offset;
  while (slash < end && bytes[slash] !== SLASH) slash++;
  if (slash < end) {
    const backend = names.backends.find(bytes, offset, slash);
    return backend === null ? null : backend.servers.find(bytes, slash + 1, end);
  }
  const { stream } = subject;
  if (stream === null) return null;
  const index = stream.backendIndex >= 0 ? stream.backendIndex : stream.frontendIndex;
  return names.byIndex[index]?.servers.find(bytes, offset, end) ?? null;
}

function row(name: string, out: SampleType, compile: (names: Names) => Convert): ConverterRow {
  return {
    name,
    args: NO_ARGS,
    in: TYPE_STR,
    out,
    compile: (_args, linker: Linker) => compile(namesOf(linker.model)),
  };
}

export const serverConverters: readonly ConverterRow[] = [
  row('nbsrv', TYPE_SINT, (names) => (sample, subject) => {
    const backend = names.backends.find(sample.bytes, sample.offset, nameEnd(sample));
    if (backend === null) return false;
    sample.setInt(countUsable(subject, backend.proxy));
    return true;
  }),
  row('srv_is_up', TYPE_BOOL, (names) => (sample, subject) => {
    const server = findServer(names, sample, subject);
    if (server === null) return false;
    const flags = wordFlags(subject.words.word(server.index));
    sample.setBool((flags & (SERVER_UP | SERVER_MAINT)) === SERVER_UP);
    return true;
  }),
  row('srv_queue', TYPE_SINT, (names) => (sample, subject) => {
    const server = findServer(names, sample, subject);
    if (server === null) return false;
    sample.setInt(subject.load.queued(subject.load.server(server.index)));
    return true;
  }),
  row('fe_exists', TYPE_BOOL, (names) => (sample) => {
    sample.setBool(names.frontends.find(sample.bytes, sample.offset, nameEnd(sample)) !== null);
    return true;
  }),
];
