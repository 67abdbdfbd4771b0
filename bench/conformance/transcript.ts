// What one case looked like from outside, as text: what clients got, what origins got, how connections ended, what
// was logged. Two transcripts are equal when their texts are and their times are near.
//
// Only what must differ between two programs is replaced: port numbers, section copies, dates and durations.

import type { ClientState } from './raw-client.ts';

export interface ClientRecord {
  bytes: string;
  state: ClientState;
  firstMs: number; // from connecting to the first byte; -1: none came
  endedMs: number; // from connecting to the end; -1: not ended
}

export interface OriginRecord {
  origin: string; // 'a' or 'b'
  bytes: string;
  state: 'open' | 'closed';
}

export interface Transcript {
  clients: ClientRecord[];
  origins: OriginRecord[];
  logs: string[];
}

export interface Names {
  laneName: string; // as in the config: section name and copy
  sectionName: string;
  ports: ReadonlyMap<number, string>; // number → what it is
}

const TIME_SLACK_MS = 250;
const BYTES_SHOWN_MAX = 2_000;
const LOG_LINE_SHOWN_MAX = 700;

/** Text with what is not printable escaped, one line per line on the wire. */
export function printable(bytes: string, indent: string): string {
  const shown = bytes.length > BYTES_SHOWN_MAX ? bytes.slice(0, BYTES_SHOWN_MAX) : bytes;
  const text = shown.replace(/[^\x20-\x7e]/g, escapeByte).replace(/\\n(?!$)/g, `\\n\n${indent}`);
  return bytes.length > BYTES_SHOWN_MAX ? `${text}… (${bytes.length} bytes, sum ${checksum(bytes)})` : text;
}

function escapeByte(byte: string): string {
  if (byte === '\n') return '\\n';
  if (byte === '\r') return '\\r';
  if (byte === '\t') return '\\t';
  return `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

function checksum(text: string): string {
  let sum = 0;
  for (let index = 0; index < text.length; index++) sum = (Math.imul(sum, 31) + text.charCodeAt(index)) | 0;
  return (sum >>> 0).toString(16);
}

export function rename(text: string, names: Names): string {
  let renamed = names.laneName === names.sectionName ? text : text.replaceAll(names.laneName, names.sectionName);
  for (const [port, name] of names.ports) renamed = renamed.replace(new RegExp(`\\b${port}\\b`, 'g'), name);
  return renamed;
}

const PROXY_V2 = '\r\n\r\n\0\r\nQUIT\n';

/** A PROXY v2 header holds its ports as bytes (and perhaps a checksum over them): told as words instead. */
export function proxyV2AsText(bytes: string, names: Names): string {
  if (!bytes.startsWith(PROXY_V2) || bytes.length < 16) return bytes;
  const header = Buffer.from(bytes, 'latin1');
  const end = 16 + header.readUInt16BE(14);
  const family = header[13]!;
  const addressBytes = family >> 4 === 1 ? 12 : family >> 4 === 2 ? 36 : 0;
  if (header.length < end || addressBytes === 0) return bytes;
  const ports = [16 + addressBytes - 4, 16 + addressBytes - 2].map((at) => {
    const port = header.readUInt16BE(at);
    return names.ports.get(port) ?? String(port);
  });
  const addresses = header.subarray(16, 16 + addressBytes - 4).toString('hex');
  const tlvs: string[] = [];
  for (let at = 16 + addressBytes; at + 3 <= end; at += 3 + header.readUInt16BE(at + 1)) {
    const value = header.subarray(at + 3, at + 3 + header.readUInt16BE(at + 1));
    tlvs.push(`${header[at]!.toString(16)}:${header[at] === 3 ? 'crc' : value.toString('hex')}`);
  }
  const command = header.subarray(12, 14).toString('hex');
  return `<PROXY v2 ${command} ${addresses} ${ports.join(' ')} [${tlvs.join(' ')}]>\r\n${bytes.slice(end)}`;
}

/** A log line without what differs between any two runs: its header, dates, durations, the process's connections. */
export function normalizeLog(line: string): string {
  // The end is left out of long ones: a line is cut at its greatest length elsewhere when its header is longer.
  return line
    .replace(/^<\d+>.*?\[\d+\]: /, '')
    .replace(/\[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d\.\d{3}\]/, '[date]')
    .replace(/ (?:\+?-?\d+\/){2}(?:(?:\+?-?\d+\/){2})?\+?-?\d+ /, (times) => times.replace(/(?<![-\d])\d+/g, 'N'))
    .replace(/ \d+((?:\/\d+){3}\/\+?\d+ \d+\/\d+)/, ' N$1')
    .slice(0, LOG_LINE_SHOWN_MAX);
}

/** The transcript as lines to read and to compare; times are not in it. */
export function render(transcript: Transcript, withLogs: boolean): string {
  const lines: string[] = [];
  transcript.clients.forEach((client, index) => {
    lines.push(`client ${index} got:`);
    if (client.bytes !== '') lines.push(`  ${printable(client.bytes, '  ')}`);
    lines.push(client.state === 'open' ? '  (stays open)' : client.state === 'fin' ? '  (closed)' : '  (RESET)');
  });
  transcript.origins.forEach((origin, index) => {
    lines.push(`origin ${origin.origin}, connection ${index}, got:`);
    if (origin.bytes !== '') lines.push(`  ${printable(origin.bytes, '  ')}`);
    lines.push(origin.state === 'open' ? '  (stays open)' : '  (closed)');
  });
  if (withLogs) for (const log of [...transcript.logs].sort()) lines.push(`log: ${log}`);
  return lines.join('\n');
}

/** Whether the two transcripts are the same as far as their bytes and ends go. */
export function sameBytes(left: Transcript, right: Transcript): boolean {
  if (left.clients.length !== right.clients.length || left.origins.length !== right.origins.length) return false;
  const clients = left.clients.every((client, index) => {
    const other = right.clients[index]!;
    return client.bytes === other.bytes && client.state === other.state;
  });
  return (
    clients &&
    left.origins.every((origin, index) => {
      const other = right.origins[index]!;
      return origin.bytes === other.bytes && origin.state === other.state && origin.origin === other.origin;
    })
  );
}

export function sameLogs(left: Transcript, right: Transcript): boolean {
  return [...left.logs].sort().join('\n') === [...right.logs].sort().join('\n');
}

/** What took clearly longer on one side, in words; '' when nothing did. */
export function timeDifference(left: Transcript, right: Transcript): string {
  for (let index = 0; index < Math.min(left.clients.length, right.clients.length); index++) {
    const one = left.clients[index]!;
    const other = right.clients[index]!;
    if (Math.abs(one.firstMs - other.firstMs) > TIME_SLACK_MS) {
      return `first byte for client ${index} after ${one.firstMs.toFixed(0)} and ${other.firstMs.toFixed(0)} ms`;
    }
    if (one.endedMs >= 0 && other.endedMs >= 0 && Math.abs(one.endedMs - other.endedMs) > TIME_SLACK_MS) {
      return `end for client ${index} after ${one.endedMs.toFixed(0)} and ${other.endedMs.toFixed(0)} ms`;
    }
  }
  return '';
}
