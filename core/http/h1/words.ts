// Four bytes at a time: the arena seen through a DataView, which reads and writes words at any offset, and the
// arithmetic that judges the four bytes of a word together. Words are little-endian, in an int32.

let arena: Uint8Array = new Uint8Array(0);
let view: DataView = new DataView(arena.buffer);

/**
 * The DataView over the same bytes, with the same offsets. It is made anew when `bytes` is another array than in the
 * last call, so a thread does well to have one arena.
 */
export function viewOf(bytes: Uint8Array): DataView {
  if (bytes !== arena) {
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    arena = bytes;
  }
  return view;
}

/** A word from four ASCII letters, for comparing with one that was read. */
export function wordValue(text: string): number {
  return text.charCodeAt(0) | (text.charCodeAt(1) << 8) | (text.charCodeAt(2) << 16) | (text.charCodeAt(3) << 24);
}
