// How long a message is by HAProxy's count: its internal form (HTX), not the wire. Logs (%B, %U) and the byte counters
// of statistics tell these numbers (manual §8.2.3, "bytes_read").
//
// A start line costs 20 bytes and its words, a header its name and value, the end of a head or of trailers 1.

import { HEADER_REMOVED, type Head } from './message.ts';

const START_LINE_BYTES = 20;
const VERSION_BYTES = 8;
const END_BYTES = 1;

/** Bytes a request head counts for. */
export function requestFormBytes(head: Head): number {
  return START_LINE_BYTES + head.methodLength + head.uriLength + VERSION_BYTES + fieldFormBytes(head);
}

/** Bytes a response head counts for. */
export function responseFormBytes(head: Head): number {
  return START_LINE_BYTES + VERSION_BYTES + statusBytes(head.status) + head.reasonLength + fieldFormBytes(head);
}

// As it stood in the message: three digits, but for a server that sent two.
function statusBytes(status: number): number {
  return status > 9 && status < 100 ? 2 : 3;
}

/** Bytes the end of a chunked body counts for, with its trailers. */
export function trailerFormBytes(trailers: Head): number {
  return fieldFormBytes(trailers);
}

function fieldFormBytes(head: Head): number {
  let sum = END_BYTES;
  for (let index = 0; index < head.headerCount; index++) {
    if ((head.headerFlags[index]! & HEADER_REMOVED) !== 0) continue;
    sum += head.nameLength[index]! + head.valueLength[index]!;
  }
  return sum;
}
