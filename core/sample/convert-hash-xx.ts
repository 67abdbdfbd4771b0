// xxHash: XXH64 and XXH3 (64 bits; XXH32 is in core/base), as github.com/Cyan4973/xxHash's specification has them.
//
// 64-bit words are pairs of 32-bit ones, high and low, held in cells of one Int32Array: nothing is allocated. The verbs below
// work on cells by their numbers, each named once; results are in cell RESULT when a hash is done. Not reentrant, and need
// not be: a hash runs to its end.

const WORD = 0x1_0000_0000;

// --- 64-bit words in cells: word c is cells[2c] (low) and cells[2c + 1] (high)

const RESULT = 0;
const LANES = 1; // eight accumulators
const LEFT = 9;
const RIGHT = 10;
const SEED = 11;
const EXTRA = 12;
const WORD_COUNT = 13;

const cells = new Int32Array(WORD_COUNT * 2);

function put(word: number, high: number, low: number): void {
  cells[word * 2] = low;
  cells[word * 2 + 1] = high;
}

function copy(word: number, from: number): void {
  cells[word * 2] = cells[from * 2]!;
  cells[word * 2 + 1] = cells[from * 2 + 1]!;
}

function read32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function load(word: number, bytes: Uint8Array, at: number): void {
  put(word, read32(bytes, at + 4), read32(bytes, at));
}

function loadXor(word: number, bytes: Uint8Array, at: number, otherAt: number): void {
  put(word, read32(bytes, at + 4) ^ read32(bytes, otherAt + 4), read32(bytes, at) ^ read32(bytes, otherAt));
}

function xorBytes(word: number, bytes: Uint8Array, at: number): void {
  cells[word * 2]! ^= read32(bytes, at);
  cells[word * 2 + 1]! ^= read32(bytes, at + 4);
}

function addPair(word: number, high: number, low: number): void {
  const sum = (cells[word * 2]! >>> 0) + (low >>> 0);
  cells[word * 2] = sum;
  cells[word * 2 + 1] = cells[word * 2 + 1]! + high + (sum >= WORD ? 1 : 0);
}

function add(word: number, other: number): void {
  addPair(word, cells[other * 2 + 1]!, cells[other * 2]!);
}

function subtract(word: number, other: number): void {
  const low = cells[word * 2]! >>> 0;
  const taken = cells[other * 2]! >>> 0;
  cells[word * 2] = low - taken;
  cells[word * 2 + 1] = cells[word * 2 + 1]! - cells[other * 2 + 1]! - (low < taken ? 1 : 0);
}

function xorWord(word: number, other: number): void {
  cells[word * 2]! ^= cells[other * 2]!;
  cells[word * 2 + 1]! ^= cells[other * 2 + 1]!;
}

// Upper 32 bits of the product of two unsigned 32-bit numbers.
function multiplyHigh(left: number, right: number): number {
  const leftLow = left & 0xffff;
  const leftHigh = left >>> 16;
  const rightLow = right & 0xffff;
  const rightHigh = right >>> 16;
  const cross = leftHigh * rightLow + ((leftLow * rightLow) >>> 16);
  const middle = leftLow * rightHigh + (cross & 0xffff);
  return (leftHigh * rightHigh + (cross >>> 16) + (middle >>> 16)) | 0;
}

function multiply(word: number, high: number, low: number): void {
  const wordLow = cells[word * 2]!;
  cells[word * 2 + 1] = multiplyHigh(wordLow, low) + Math.imul(cells[word * 2 + 1]!, low) + Math.imul(wordLow, high);
  cells[word * 2] = Math.imul(wordLow, low);
}

function rotate(word: number, bits: number): void {
  const isSwapped = bits >= 32;
  const turn = bits & 31;
  const low = cells[word * 2 + (isSwapped ? 1 : 0)]!;
  const high = cells[word * 2 + (isSwapped ? 0 : 1)]!;
  cells[word * 2] = turn === 0 ? low : (low << turn) | (high >>> (32 - turn));
  cells[word * 2 + 1] = turn === 0 ? high : (high << turn) | (low >>> (32 - turn));
}

/** word ^= word >>> bits, for 1 to 63. */
function xorShift(word: number, bits: number): void {
  const low = cells[word * 2]!;
  const high = cells[word * 2 + 1]!;
  if (bits >= 32) cells[word * 2] = low ^ (high >>> (bits - 32));
  else {
    cells[word * 2] = low ^ ((low >>> bits) | (high << (32 - bits)));
    cells[word * 2 + 1] = high ^ (high >>> bits);
  }
}

function swap32(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

// --- constants, as high and low words

const P1_HIGH = 0x9e3779b1 | 0;
const P1_LOW = 0x85ebca87 | 0;
const P2_HIGH = 0xc2b2ae3d | 0;
const P2_LOW = 0x27d4eb4f;
const P3_HIGH = 0x165667b1;
const P3_LOW = 0x9e3779f9 | 0;
const P4_HIGH = 0x85ebca77 | 0;
const P4_LOW = 0xc2b2ae63 | 0;
const P5_HIGH = 0x27d4eb2f;
const P5_LOW = 0x165667c5;

const Q1 = 0x9e3779b1 | 0;
const Q2 = 0x85ebca77 | 0;
const Q3 = 0xc2b2ae3d | 0;

// XXH3's two multipliers.
const M1_HIGH = 0x16566791;
const M1_LOW = 0x9e3779f9 | 0;
const M2_HIGH = 0x9fb21c65 | 0;
const M2_LOW = 0x1e98df25;

// --- XXH64

function round64(lane: number, input: number): void {
  multiply(input, P2_HIGH, P2_LOW);
  add(lane, input);
  rotate(lane, 31);
  multiply(lane, P1_HIGH, P1_LOW);
}

function mergeLane(lane: number): void {
  copy(LEFT, lane);
  put(EXTRA, 0, 0);
  round64(EXTRA, LEFT);
  xorWord(RESULT, EXTRA);
  multiply(RESULT, P1_HIGH, P1_LOW);
  addPair(RESULT, P4_HIGH, P4_LOW);
}

function addRotated(lane: number, bits: number): void {
  copy(EXTRA, lane);
  rotate(EXTRA, bits);
  add(RESULT, EXTRA);
}

/** The stripes of 32 bytes, folded into RESULT; returns where the rest begins. */
function stripes64(bytes: Uint8Array, offset: number, end: number): number {
  for (let lane = LANES; lane < LANES + 4; lane++) copy(lane, SEED);
  addPair(LANES, P1_HIGH, P1_LOW);
  addPair(LANES, P2_HIGH, P2_LOW);
  addPair(LANES + 1, P2_HIGH, P2_LOW);
  put(EXTRA, P1_HIGH, P1_LOW);
  subtract(LANES + 3, EXTRA);
  let at = offset;
  for (; at + 32 <= end; at += 32) {
    for (let lane = 0; lane < 4; lane++) {
      load(LEFT, bytes, at + lane * 8);
      round64(LANES + lane, LEFT);
    }
  }
  put(RESULT, 0, 0);
  addRotated(LANES, 1);
  addRotated(LANES + 1, 7);
  addRotated(LANES + 2, 12);
  addRotated(LANES + 3, 18);
  for (let lane = LANES; lane < LANES + 4; lane++) mergeLane(lane);
  return at;
}

function avalanche64(): void {
  xorShift(RESULT, 33);
  multiply(RESULT, P2_HIGH, P2_LOW);
  xorShift(RESULT, 29);
  multiply(RESULT, P3_HIGH, P3_LOW);
  xorShift(RESULT, 32);
}

/** XXH64 of bytes[offset, offset + length); resultHigh() and resultLow() then have it. The seed is two 32-bit words. */
export function xxh64(bytes: Uint8Array, offset: number, length: number, seedHigh: number, seedLow: number): void {
  const end = offset + length;
  let at = offset;
  put(SEED, seedHigh, seedLow);
  if (length >= 32) at = stripes64(bytes, offset, end);
  else {
    copy(RESULT, SEED);
    addPair(RESULT, P5_HIGH, P5_LOW);
  }
  addPair(RESULT, 0, length);
  for (; at + 8 <= end; at += 8) {
    load(LEFT, bytes, at);
    put(EXTRA, 0, 0);
    round64(EXTRA, LEFT);
    xorWord(RESULT, EXTRA);
    rotate(RESULT, 27);
    multiply(RESULT, P1_HIGH, P1_LOW);
    addPair(RESULT, P4_HIGH, P4_LOW);
  }
  if (at + 4 <= end) {
    put(EXTRA, 0, read32(bytes, at));
    multiply(EXTRA, P1_HIGH, P1_LOW);
    xorWord(RESULT, EXTRA);
    rotate(RESULT, 23);
    multiply(RESULT, P2_HIGH, P2_LOW);
    addPair(RESULT, P3_HIGH, P3_LOW);
    at += 4;
  }
  for (; at < end; at++) {
    put(EXTRA, 0, bytes[at]!);
    multiply(EXTRA, P5_HIGH, P5_LOW);
    xorWord(RESULT, EXTRA);
    rotate(RESULT, 11);
    multiply(RESULT, P1_HIGH, P1_LOW);
  }
  avalanche64();
}

/** Upper 32 bits of the last 64-bit hash, signed. */
export function resultHigh(): number {
  return cells[RESULT * 2 + 1]!;
}

export function resultLow(): number {
  return cells[RESULT * 2]!;
}

// --- XXH3

const SECRET_TEXT =
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f' +
  'cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' +
  '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
  'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364' +
  'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e' +
  '2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e';

const SECRET_BYTES = 192;
const SECRET_MIN_BYTES = 136;
const SHORT_BYTES_MAX = 240;
const STRIPE_BYTES = 64;
const STRIPES_PER_BLOCK = (SECRET_BYTES - STRIPE_BYTES) / 8;
const BLOCK_BYTES = STRIPE_BYTES * STRIPES_PER_BLOCK;

const defaultSecret = Uint8Array.from({ length: SECRET_BYTES }, (_, index) =>
  Number.parseInt(SECRET_TEXT.slice(index * 2, index * 2 + 2), 16),
);
const seededSecret = new Uint8Array(SECRET_BYTES); // made anew for each seeded hash of a long text

/** LEFT becomes the two halves of LEFT × RIGHT (128 bits), xored. */
function multiplyFold(): void {
  const leftLow = cells[LEFT * 2]!;
  const leftHigh = cells[LEFT * 2 + 1]!;
  const rightLow = cells[RIGHT * 2]!;
  const rightHigh = cells[RIGHT * 2 + 1]!;
  const lowLow = Math.imul(leftLow, rightLow);
  const cross =
    (multiplyHigh(leftLow, rightLow) >>> 0) +
    (Math.imul(leftHigh, rightLow) >>> 0) +
    (Math.imul(leftLow, rightHigh) >>> 0);
  const crossHigh = (multiplyHigh(leftLow, rightHigh) >>> 0) + Math.floor(cross / WORD);
  const upper = (multiplyHigh(leftHigh, rightLow) >>> 0) + crossHigh + (Math.imul(leftHigh, rightHigh) >>> 0);
  const upperHigh = multiplyHigh(leftHigh, rightHigh) + Math.floor(upper / WORD);
  put(LEFT, upperHigh ^ (cross | 0), (upper | 0) ^ lowLow);
}

/** `into` += the mix of sixteen bytes with sixteen of the secret and the seed. */
function mix16(into: number, bytes: Uint8Array, at: number, secretAt: number): void {
  load(LEFT, defaultSecret, secretAt);
  add(LEFT, SEED);
  xorBytes(LEFT, bytes, at);
  load(RIGHT, defaultSecret, secretAt + 8);
  subtract(RIGHT, SEED);
  xorBytes(RIGHT, bytes, at + 8);
  multiplyFold();
  add(into, LEFT);
}

function avalanche3(): void {
  xorShift(RESULT, 37);
  multiply(RESULT, M1_HIGH, M1_LOW);
  xorShift(RESULT, 32);
}

function upTo3(bytes: Uint8Array, offset: number, length: number): void {
  const first = bytes[offset]!;
  const middle = bytes[offset + (length >> 1)]!;
  const last = bytes[offset + length - 1]!;
  put(RESULT, 0, read32(defaultSecret, 0) ^ read32(defaultSecret, 4));
  add(RESULT, SEED);
  cells[RESULT * 2]! ^= (first << 16) | (middle << 24) | last | (length << 8);
  avalanche64();
}

function upTo8(bytes: Uint8Array, offset: number, length: number): void {
  cells[SEED * 2 + 1]! ^= swap32(cells[SEED * 2]!);
  loadXor(RESULT, defaultSecret, 8, 16);
  subtract(RESULT, SEED);
  cells[RESULT * 2]! ^= read32(bytes, offset + length - 4);
  cells[RESULT * 2 + 1]! ^= read32(bytes, offset);
  copy(LEFT, RESULT);
  rotate(LEFT, 49);
  copy(RIGHT, RESULT);
  rotate(RIGHT, 24);
  xorWord(RESULT, LEFT);
  xorWord(RESULT, RIGHT);
  multiply(RESULT, M2_HIGH, M2_LOW);
  // RESULT ^= (RESULT >>> 35) + length: what is shifted has 29 bits, so the sum stays in the low word.
  cells[RESULT * 2]! ^= (cells[RESULT * 2 + 1]! >>> 3) + length;
  multiply(RESULT, M2_HIGH, M2_LOW);
  xorShift(RESULT, 28);
}

function upTo16(bytes: Uint8Array, offset: number, length: number): void {
  loadXor(LEFT, defaultSecret, 24, 32);
  add(LEFT, SEED);
  xorBytes(LEFT, bytes, offset);
  loadXor(RIGHT, defaultSecret, 40, 48);
  subtract(RIGHT, SEED);
  xorBytes(RIGHT, bytes, offset + length - 8);
  put(RESULT, swap32(cells[LEFT * 2]!), swap32(cells[LEFT * 2 + 1]!));
  addPair(RESULT, 0, length);
  add(RESULT, RIGHT);
  multiplyFold();
  add(RESULT, LEFT);
  avalanche3();
}

function upTo128(bytes: Uint8Array, offset: number, length: number): void {
  put(RESULT, 0, length);
  multiply(RESULT, P1_HIGH, P1_LOW);
  for (let pair = (length - 1) >> 5; pair >= 0; pair--) {
    mix16(RESULT, bytes, offset + pair * 16, pair * 32);
    mix16(RESULT, bytes, offset + length - (pair + 1) * 16, pair * 32 + 16);
  }
  avalanche3();
}

function upTo240(bytes: Uint8Array, offset: number, length: number): void {
  put(RESULT, 0, length);
  multiply(RESULT, P1_HIGH, P1_LOW);
  for (let round = 0; round < 8; round++) mix16(RESULT, bytes, offset + round * 16, round * 16);
  avalanche3();
  const roundCount = length >> 4;
  for (let round = 8; round < roundCount; round++) mix16(RESULT, bytes, offset + round * 16, (round - 8) * 16 + 3);
  mix16(RESULT, bytes, offset + length - 16, SECRET_MIN_BYTES - 17);
  avalanche3();
}

function accumulate(bytes: Uint8Array, at: number, secret: Uint8Array, secretAt: number): void {
  for (let lane = 0; lane < 8; lane++) {
    load(LEFT, bytes, at + lane * 8);
    add(LANES + (lane ^ 1), LEFT);
    xorBytes(LEFT, secret, secretAt + lane * 8);
    const low = cells[LEFT * 2]!;
    const high = cells[LEFT * 2 + 1]!;
    addPair(LANES + lane, multiplyHigh(low, high), Math.imul(low, high));
  }
}

function scramble(secret: Uint8Array): void {
  for (let lane = 0; lane < 8; lane++) {
    xorShift(LANES + lane, 47);
    xorBytes(LANES + lane, secret, SECRET_BYTES - STRIPE_BYTES + lane * 8);
    multiply(LANES + lane, 0, Q1);
  }
}

function makeSecret(): Uint8Array {
  for (let at = 0; at < SECRET_BYTES; at += 16) {
    load(LEFT, defaultSecret, at);
    add(LEFT, SEED);
    store(LEFT, at);
    load(LEFT, defaultSecret, at + 8);
    subtract(LEFT, SEED);
    store(LEFT, at + 8);
  }
  return seededSecret;
}

function store(word: number, at: number): void {
  for (let index = 0; index < 8; index++)
    seededSecret[at + index] = cells[word * 2 + (index >> 2)]! >>> ((index & 3) * 8);
}

function startLanes(): void {
  put(LANES, 0, Q3);
  put(LANES + 1, P1_HIGH, P1_LOW);
  put(LANES + 2, P2_HIGH, P2_LOW);
  put(LANES + 3, P3_HIGH, P3_LOW);
  put(LANES + 4, P4_HIGH, P4_LOW);
  put(LANES + 5, 0, Q2);
  put(LANES + 6, P5_HIGH, P5_LOW);
  put(LANES + 7, 0, Q1);
}

function long(bytes: Uint8Array, offset: number, length: number): void {
  const isSeeded = (cells[SEED * 2]! | cells[SEED * 2 + 1]!) !== 0;
  const secret = isSeeded ? makeSecret() : defaultSecret;
  startLanes();
  const last = offset + length - 1;
  let at = offset;
  for (; at + BLOCK_BYTES <= last; at += BLOCK_BYTES) {
    for (let stripe = 0; stripe < STRIPES_PER_BLOCK; stripe++) {
      accumulate(bytes, at + stripe * STRIPE_BYTES, secret, stripe * 8);
    }
    scramble(secret);
  }
  for (let secretAt = 0; at + STRIPE_BYTES <= last; at += STRIPE_BYTES, secretAt += 8) {
    accumulate(bytes, at, secret, secretAt);
  }
  accumulate(bytes, offset + length - STRIPE_BYTES, secret, SECRET_BYTES - STRIPE_BYTES - 7);
  put(RESULT, 0, length);
  multiply(RESULT, P1_HIGH, P1_LOW);
  for (let pair = 0; pair < 4; pair++) {
    copy(LEFT, LANES + pair * 2);
    xorBytes(LEFT, secret, 11 + pair * 16);
    copy(RIGHT, LANES + pair * 2 + 1);
    xorBytes(RIGHT, secret, 19 + pair * 16);
    multiplyFold();
    add(RESULT, LEFT);
  }
  avalanche3();
}

/** XXH3_64bits of bytes[offset, offset + length); resultHigh() and resultLow() then have it. */
export function xxh3(bytes: Uint8Array, offset: number, length: number, seedHigh: number, seedLow: number): void {
  put(SEED, seedHigh, seedLow);
  if (length > SHORT_BYTES_MAX) long(bytes, offset, length);
  else if (length > 128) upTo240(bytes, offset, length);
  else if (length > 16) upTo128(bytes, offset, length);
  else if (length > 8) upTo16(bytes, offset, length);
  else if (length >= 4) upTo8(bytes, offset, length);
  else if (length > 0) upTo3(bytes, offset, length);
  else {
    loadXor(RESULT, defaultSecret, 56, 64);
    xorWord(RESULT, SEED);
    avalanche64();
  }
}
