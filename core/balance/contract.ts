// What every load-balancing algorithm promises to the proxy core (manual §4.2 "balance").
//
// A balancer belongs to one backend in one thread. Weights and states come from ServerWords (by epoch), load from
// ServerLoad, whose turn it is from Rotations: all threads agree on who is fit, who is busy and who is next. Servers
// are named by *position* in Proxy.servers. No pick allocates; none throws on any hash.
//
// How to use it, for one stream:
//   const position = balancer.pick(hash, avoid);
//   PICK_NONE  → no server is fit: 503
//   PICK_FULL  → all are at their maxconn: into the backend's queue
//   otherwise  → load.tryAcquire(server row, balancer.maxconn(position)), or load.enqueue(server row) when that
//                fails; in both cases then balancer.taken(position)
//   at its end → load.release(server row), or load.dequeue(); then balancer.dropped(position)
// A hash algorithm answers with a full server too: the stream waits in that server's own queue.

/** No server is usable: answer 503. */
export const PICK_NONE = -1;
/** Usable servers exist but all are full: queue on the backend. */
export const PICK_FULL = -2;
/** `avoid` when no server has failed yet. */
export const AVOID_NONE = -1;
/** `hash` for algorithms that use none, and for streams that have no key (they take turns instead). */
export const HASH_NONE = -1;

export interface Balancer {
  /** True for algorithms that go by the hash of a key; HASH_NONE then means that the stream has none. */
  readonly hashes: boolean;

  /** True when that key is the client's address (core/balance/hash.ts hashSource). */
  readonly needsSourceHash: boolean;

  /**
   * Chooses a server. `hash`: unsigned 32 bits, or HASH_NONE. `avoid`: the position that just failed (redispatch),
   * or AVOID_NONE; it comes back all the same when it is the only one left, and map-based hashing ignores it.
   * Returns a position, PICK_NONE or PICK_FULL.
   */
  pick(hash: number, avoid: number): number;

  /** This thread's stream was assigned to (or queued on) the server: its load in ServerLoad has just grown. */
  taken(position: number): void;

  /** This thread's stream left the server or its queue: its load has just shrunk. */
  dropped(position: number): void;

  /** The server's maxconn at this moment (minconn…maxconn by the backend's load); 0: no limit. */
  maxconn(position: number): number;

  /** `set maxconn server` (0: no limit), with the minconn that goes with it. */
  setMaxconn(position: number, maxconn: number, minconn: number): void;

  /** The server has another key on the ring (its address changed): core/balance/server-key.ts. */
  rekey(position: number, key: number): void;

  /** Has it a free place and nobody queued before us? */
  hasRoom(position: number): boolean;

  /**
   * May it get streams from load balancing and from the backend's queue now? Not so a backup while an active server
   * works. (Persistence asks ServerWords instead: a draining server still serves those who belong to it.)
   */
  usable(position: number): boolean;
}
