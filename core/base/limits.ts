// Limits that several rooms share. A limit that only one room needs lives in that room.

/** Proxy threads of one instance (manual §3.1 "nbthread"): waiter bitmaps hold one bit a thread in two Int32 cells. */
export const THREAD_COUNT_MAX = 64;
