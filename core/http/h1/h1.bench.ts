// What one request costs in here: parse and write of a small request and of an nginx response head, nanoseconds each.
// Run: node core/http/h1/h1.bench.ts [rounds]

import { Head, METHOD_GET } from '../message.ts';
import { wordOf } from './chars.ts';
import { parseRequestHead, parseResponseHead } from './parse.ts';
import { HEAD_OK, headLimits } from './verdict.ts';
import { CONNECTION_NONE, writeRequestHead, writeResponseHead } from './write.ts';

const ITERATIONS = 200_000;
const ARENA_BYTES = 1 << 24;
const SLOT_BYTES = 4096 + 256;
const SLOT_COUNT = 16; // few enough to stay in the cache, as bytes are that the kernel has just put there

const request = wordOf('GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n');
const response = wordOf(
  'HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 14:35:00 GMT\r\nContent-Type: text/html\r\n' +
    'Content-Length: 615\r\nLast-Modified: Sun, 22 Nov 2026 14:00:00 GMT\r\nConnection: keep-alive\r\n' +
    'ETag: "637b8f1a-267"\r\nAccept-Ranges: bytes\r\n\r\n',
);

const arena = new Uint8Array(ARENA_BYTES);
const requestHead = new Head(128);
const responseHead = new Head(128);
const limits = headLimits(16_384, 1024, 101);
const out = SLOT_BYTES * SLOT_COUNT * 2;

/** Fills every slot with fresh bytes: a parse lower-cases names, and the next one should not profit from that. */
function fill(): void {
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    arena.set(request, slot * SLOT_BYTES);
    arena.set(response, (SLOT_COUNT + slot) * SLOT_BYTES);
  }
}

function parseBoth(): number {
  let checksum = 0;
  for (let index = 0; index < ITERATIONS; index++) {
    const slot = index % SLOT_COUNT;
    const first = slot * SLOT_BYTES;
    const second = (SLOT_COUNT + slot) * SLOT_BYTES;
    if (parseRequestHead(arena, first, first + request.length, requestHead, limits) !== HEAD_OK)
      throw new Error('request');
    const verdict = parseResponseHead(arena, second, second + response.length, responseHead, METHOD_GET, limits);
    if (verdict !== HEAD_OK) throw new Error('response');
    checksum += requestHead.endOffset + responseHead.contentLength;
  }
  return checksum;
}

function writeBoth(): number {
  let checksum = 0;
  for (let index = 0; index < ITERATIONS; index++) {
    const to = out + (index % SLOT_COUNT) * SLOT_BYTES;
    checksum += writeRequestHead(requestHead, arena, to, to + SLOT_BYTES, false, CONNECTION_NONE);
    checksum += writeResponseHead(responseHead, arena, to, to + SLOT_BYTES, CONNECTION_NONE);
  }
  return checksum;
}

function nanosecondsPer(work: () => number): number {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / ITERATIONS;
}

const rounds = Number(process.argv[2] ?? 15);
const parses: number[] = [];
const writes: number[] = [];
for (let round = 0; round < rounds; round++) {
  fill();
  parses.push(nanosecondsPer(parseBoth));
  writes.push(nanosecondsPer(writeBoth));
}
const sorted = (numbers: number[]): number[] => numbers.toSorted((a, b) => a - b);
const best = (numbers: number[]): string => sorted(numbers)[0]!.toFixed(0);
const median = (numbers: number[]): string => sorted(numbers)[numbers.length >> 1]!.toFixed(0);
console.log(`request ${request.length} bytes, response ${response.length} bytes; best and median of ${rounds} rounds`);
console.log(`parse both ${best(parses)} / ${median(parses)} ns, write both ${best(writes)} / ${median(writes)} ns`);
