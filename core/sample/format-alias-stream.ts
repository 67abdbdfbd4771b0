// Aliases of addresses, names, counts and the end of a stream (manual §8.2.6).

import { hostname } from 'node:os';
import { asciiBytes, writeInet, writeInet6 } from '../base/text.ts';
import { type FormatAlias, isLine, namesOf, recordOf, type WriteAlias } from './format-alias.ts';
import { hintEarly } from './format-alias-time.ts';
import { HEX_DIGITS } from './format-encode.ts';
import { OPTION_HEXA } from './format-options.ts';
import type { FormatWriter } from './format-writer.ts';
import {
  ORIGIN_NAMES,
  WAIT_BACK_ADDRESS,
  WAIT_BYTES,
  WAIT_CLIENT,
  WAIT_FRONT_ADDRESS,
  WAIT_INIT,
  WAIT_REQUEST,
  WAIT_RESPONSE,
  WAIT_SERVER,
  WAIT_SERVER_ADDRESS,
  WAIT_TRANSPORT,
} from './log-origin.ts';
import { LOG_SERVER_NONE, type LogRecord } from './log-record.ts';
import type { Linker } from './rows.ts';
import { type ConnectionView, FAMILY_INET, FAMILY_INET6, FAMILY_NONE, FAMILY_UNIX, type Subject } from './subject.ts';
import { NO_BYTES } from './types.ts';

const PLUS = 0x2b;
const TILDE = 0x7e;
const ADDRESS_BYTES = 16;
const ADDRESS_TEXT_BYTES_MAX = 46;
const UNIX = asciiBytes('unix');

// Addresses

/** The address that was found last. */
const found = { family: FAMILY_NONE, port: 0, bytes: new Uint8Array(ADDRESS_BYTES) };
const text = new Uint8Array(ADDRESS_TEXT_BYTES_MAX);

function putWord(at: number, word: number): void {
  const { bytes } = found;
  bytes[at] = word >>> 24;
  bytes[at + 1] = (word >>> 16) & 255;
  bytes[at + 2] = (word >>> 8) & 255;
  bytes[at + 3] = word & 255;
}

function find(family: number, port: number, word0: number, word1: number, word2: number, word3: number): boolean {
  found.family = family;
  found.port = port;
  putWord(0, word0);
  putWord(4, word1);
  putWord(8, word2);
  putWord(12, word3);
  return family !== FAMILY_NONE;
}

/** Fills `found` with one end of a connection; false: it is not known. */
function findEnd(subject: Subject, connection: ConnectionView | null, isSource: boolean): boolean {
  if (connection === null) return false;
  if ((isSource ? connection.sourceFamily : connection.targetFamily) === FAMILY_NONE) {
    subject.world.learnAddresses?.(connection);
  }
  if (isSource) {
    const { sourceFamily, sourcePort, source0, source1, source2, source3 } = connection;
    return find(sourceFamily, sourcePort, source0, source1, source2, source3);
  }
  const { targetFamily, targetPort, target0, target1, target2, target3 } = connection;
  return find(targetFamily, targetPort, target0, target1, target2, target3);
}

/** As rules and the PROXY header have it. */
function findClient(subject: Subject, isSource: boolean): boolean {
  const { stream } = subject;
  const set = stream === null ? null : isSource ? stream.sourceSet : stream.targetSet;
  if (set !== null) return find(set.family, set.port, set.word0, set.word1, set.word2, set.word3);
  return findEnd(subject, subject.front, isSource);
}

function writeFoundAddress(writer: FormatWriter): boolean {
  const { family, bytes } = found;
  const length = family === FAMILY_INET ? 4 : ADDRESS_BYTES;
  const isHexa = (writer.options & OPTION_HEXA) !== 0;
  if (family !== FAMILY_INET && family !== FAMILY_INET6) return !isHexa && writer.text(UNIX, 0, UNIX.length);
  if (!isHexa) {
    const end = length === 4 ? writeInet(text, 0, bytes, 0) : writeInet6(text, 0, bytes);
    return writer.text(text, 0, end);
  }
  for (let index = 0; index < length; index++) {
    text[index * 2] = HEX_DIGITS[bytes[index]! >> 4]!;
    text[index * 2 + 1] = HEX_DIGITS[bytes[index]! & 15]!;
  }
  return length * 2 <= writer.limit - writer.at && writer.plainText(text, 0, length * 2);
}

const unknown = (writer: FormatWriter): boolean => writer.text(NO_BYTES, 0, 0);

function clientAddress(isSource: boolean): WriteAlias {
  return (subject, writer) => (findClient(subject, isSource) ? writeFoundAddress(writer) : unknown(writer));
}

/** On a Unix socket the bind's id stands for both ports. */
function clientPort(linker: Linker, isSource: boolean): WriteAlias {
  return (subject, writer) => {
    if (!findClient(subject, isSource)) return unknown(writer);
    return found.family === FAMILY_UNIX ? writer.int(bindId(linker, subject.front)) : writePort(writer, found.port);
  };
}

function bindId({ model }: Linker, front: ConnectionView | null): number {
  const proxy = model.proxies[front?.frontend?.proxy.index ?? -1];
  return proxy?.binds[front?.bindIndex ?? -1]?.id ?? 0;
}

function writePort(writer: FormatWriter, port: number): boolean {
  return (writer.options & OPTION_HEXA) !== 0 ? writer.hexadecimal(port, 4) : writer.int(port);
}

function serverAddress(isSource: boolean): WriteAlias {
  return (subject, writer) => (findEnd(subject, subject.back, isSource) ? writeFoundAddress(writer) : unknown(writer));
}

function serverPort(isSource: boolean): WriteAlias {
  return (subject, writer) =>
    findEnd(subject, subject.back, isSource) ? writePort(writer, found.port) : unknown(writer);
}

// Names

function write(writer: FormatWriter, name: Uint8Array): boolean {
  return writer.text(name, 0, name.length);
}

function frontendIndexOf(subject: Subject, record: LogRecord): number {
  return subject.stream?.frontendIndex ?? record.frontendIndex;
}

/** With a `~` when its connection speaks TLS. */
function frontendTransport(linker: Linker): WriteAlias {
  const { proxies } = namesOf(linker);
  return (subject, writer) => {
    const record = recordOf(subject);
    const name = proxies[frontendIndexOf(subject, record)] ?? NO_BYTES;
    return writer.beginText() && writer.plainText(name, 0, name.length) && (!record.tls || writer.char(TILDE));
  };
}

// Counts

type Count = (subject: Subject, record: LogRecord) => number;

function count(value: Count): WriteAlias {
  return (subject, writer) => writer.int(value(subject, recordOf(subject)));
}

/** A number whose +X form has four digits at least. */
function wideCount(value: Count): WriteAlias {
  return (subject, writer) => {
    const number = value(subject, recordOf(subject));
    return (writer.options & OPTION_HEXA) !== 0 ? writer.hexadecimal(number, 4) : writer.int(number);
  };
}

const processLoad: Count = (subject, record) =>
  isLine(subject) ? record.actconn : subject.load.current(subject.load.process());
const frontendLoad: Count = (subject, record) =>
  isLine(subject) ? record.feconn : subject.load.current(subject.load.frontend(frontendIndexOf(subject, record)));
const backendLoad: Count = (subject, record) =>
  isLine(subject) ? record.beconn : subject.load.current(subject.load.backend(record.backendIndex));
const serverLoad: Count = (subject, record) => {
  if (isLine(subject)) return record.srvConn;
  return record.serverIndex <= LOG_SERVER_NONE ? 0 : subject.load.current(subject.load.server(record.serverIndex));
};

/** In HTTP, −1 as long as there is none. */
const status: Count = ({ stream }, record) => (record.status === 0 && stream?.http === true ? -1 : record.status);

const retries: WriteAlias = (subject, writer) => {
  const record = recordOf(subject);
  return (!record.redispatched || writer.hint(PLUS)) && writer.int(record.retries);
};

// The end

const state = new Uint8Array(4);

function termination(letters: number): WriteAlias {
  return (subject, writer) => {
    const record = recordOf(subject);
    state[0] = record.terminationCause;
    state[1] = record.terminationPhase;
    state[2] = record.terminationCookie;
    state[3] = record.terminationSetCookie;
    return writer.plainText(state, 0, letters);
  };
}

const origins = ORIGIN_NAMES.map((name) => asciiBytes(name));

const uniqueId: WriteAlias = (subject, writer) => {
  const { stream } = subject;
  const cell = stream === null || stream.uniqueId.length >= 0 ? stream?.uniqueId : subject.world.uniqueId?.(stream);
  return cell == null ? unknown(writer) : writer.text(cell.bytes, 0, Math.max(cell.length, 0));
};

function row(name: string, waits: number, compile: FormatAlias['compile']): FormatAlias {
  return { name, http: false, uses: 0, waits, compile };
}

const same =
  (writeAlias: WriteAlias): FormatAlias['compile'] =>
  () =>
    writeAlias;

const CLIENT = WAIT_CLIENT | WAIT_TRANSPORT;
const FRONT = WAIT_FRONT_ADDRESS | WAIT_TRANSPORT;

export const streamAliases: readonly FormatAlias[] = [
  row(
    'OG',
    0,
    same((subject, writer) => write(writer, origins[subject.logOrigin] ?? NO_BYTES)),
  ),
  row('ci', CLIENT, same(clientAddress(true))),
  row('cp', CLIENT, (linker) => clientPort(linker, true)),
  row('fi', FRONT, same(clientAddress(false))),
  row('fp', FRONT, (linker) => clientPort(linker, false)),
  row('bi', WAIT_BACK_ADDRESS, same(serverAddress(true))),
  row('bp', WAIT_BACK_ADDRESS, same(serverPort(true))),
  row('si', WAIT_SERVER_ADDRESS, same(serverAddress(false))),
  row('sp', WAIT_SERVER_ADDRESS, same(serverPort(false))),
  // Without TLS they are there and write nothing, as in a HAProxy that was built without it.
  row(
    'sslc',
    WAIT_TRANSPORT,
    same((_subject, writer) => unknown(writer)),
  ),
  row(
    'sslv',
    WAIT_TRANSPORT,
    same((_subject, writer) => unknown(writer)),
  ),

  row('f', WAIT_INIT, (linker) => {
    const { proxies } = namesOf(linker);
    return (subject, writer) => write(writer, proxies[frontendIndexOf(subject, recordOf(subject))] ?? NO_BYTES);
  }),
  row('ft', WAIT_INIT, frontendTransport),
  row('b', WAIT_INIT, (linker) => {
    const { proxies } = namesOf(linker);
    return (subject, writer) => write(writer, proxies[recordOf(subject).backendIndex] ?? NO_BYTES);
  }),
  row('s', WAIT_SERVER, (linker) => {
    const known = namesOf(linker);
    return (subject, writer) => write(writer, known.server(recordOf(subject).serverIndex));
  }),
  row('H', WAIT_INIT, () => {
    const name = asciiBytes(hostname());
    return (_subject, writer) => write(writer, name);
  }),
  row('pid', WAIT_INIT, ({ pid }) => wideCount(() => pid)),
  row('lc', WAIT_INIT, () =>
    wideCount((subject, record) => subject.world.lineCount?.(frontendIndexOf(subject, record)) ?? 0),
  ),
  row('rt', WAIT_REQUEST, same(wideCount((subject, record) => (subject.stream?.id32 ?? record.id32) >>> 0))),
  row('ID', WAIT_BYTES, same(uniqueId)),

  row('ac', WAIT_BYTES, same(count(processLoad))),
  row('fc', WAIT_BYTES, same(count(frontendLoad))),
  row('bc', WAIT_BYTES, same(count(backendLoad))),
  row('sc', WAIT_BYTES, same(count(serverLoad))),
  row('sq', WAIT_BYTES, same(count((_subject, record) => record.srvQueue))),
  row('bq', WAIT_BYTES, same(count((_subject, record) => record.backendQueue))),
  row('rc', WAIT_BYTES, same(retries)),
  row('B', WAIT_BYTES, (linker) => (subject, writer) => {
    const record = recordOf(subject);
    return hintEarly(linker, subject, record, writer) && writer.int(record.bytesRead);
  }),
  row('U', WAIT_BYTES, same(count((_subject, record) => record.bytesUploaded))),
  row('ST', WAIT_RESPONSE, same(count(status))),
  row('ts', WAIT_BYTES, same(termination(2))),
  row('tsc', WAIT_INIT, same(termination(4))),
];
