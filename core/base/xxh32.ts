// XXH32, as github.com/Cyan4973/xxHash's specification has it.

const Q1 = 0x9e3779b1 | 0;
const Q2 = 0x85ebca77 | 0;
const Q3 = 0xc2b2ae3d | 0;
const Q4 = 0x27d4eb2f;
const Q5 = 0x165667b1;

function read32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function rotate32(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function round32(lane: number, input: number): number {
  return Math.imul(rotate32((lane + Math.imul(input, Q2)) | 0, 13), Q1);
}

/** XXH32 of bytes[offset, offset + length), unsigned. */
export function xxh32(bytes: Uint8Array, offset: number, length: number, seed: number): number {
  const end = offset + length;
  let at = offset;
  let hash = (seed + Q5) | 0;
  if (length >= 16) {
    let lane1 = (seed + Q1 + Q2) | 0;
    let lane2 = (seed + Q2) | 0;
    let lane3 = seed | 0;
    let lane4 = (seed - Q1) | 0;
    for (; at + 16 <= end; at += 16) {
      lane1 = round32(lane1, read32(bytes, at));
      lane2 = round32(lane2, read32(bytes, at + 4));
      lane3 = round32(lane3, read32(bytes, at + 8));
      lane4 = round32(lane4, read32(bytes, at + 12));
    }
    hash = (rotate32(lane1, 1) + rotate32(lane2, 7) + rotate32(lane3, 12) + rotate32(lane4, 18)) | 0;
  }
  hash = (hash + length) | 0;
  for (; at + 4 <= end; at += 4) {
    hash = Math.imul(rotate32((hash + Math.imul(read32(bytes, at), Q3)) | 0, 17), Q4);
  }
  for (; at < end; at++) hash = Math.imul(rotate32((hash + Math.imul(bytes[at]!, Q5)) | 0, 11), Q1);
  hash = Math.imul(hash ^ (hash >>> 15), Q2);
  hash = Math.imul(hash ^ (hash >>> 13), Q3);
  return (hash ^ (hash >>> 16)) >>> 0;
}
