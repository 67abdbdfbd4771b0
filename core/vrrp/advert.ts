// The next advertisement of an instance: what it says, and the counters that must never repeat.

import { nextSequence, type Sequence } from './auth.ts';
import type { AdvertSpec } from './packet.ts';
import type { Settings } from './settings.ts';

const IP_ID_MAX = 0xffff;
const TTL_MULTICAST = 255; // RFC 9568 §5.1.1.3

/** What goes up with every advertisement sent. */
export interface SendLine {
  ipId: number; // 0 is skipped, as keepalived does
  ahSequence: number;
  hmacSent: Sequence;
}

/** Moves the line on and gives the fields; one call per advertisement, however many unicast peers it goes to. */
export function nextAdvert(
  line: SendLine,
  settings: Settings,
  priority: number,
  source: Uint8Array,
  wallMs: number,
): AdvertSpec {
  const { config, auth, authKey, advertised } = settings;
  line.ipId = line.ipId === IP_ID_MAX ? 1 : line.ipId + 1;
  if (auth === 'ah') line.ahSequence = (line.ahSequence + 1) >>> 0;
  return {
    version: config.version,
    vrid: config.vrid,
    priority,
    advertIntMs: config.advertIntMs,
    addresses: advertised,
    auth,
    authKey,
    pseudoHeader: config.checksumPseudoHeader,
    source,
    ttl: config.unicast ? config.unicastTtl : TTL_MULTICAST,
    ipId: line.ipId,
    ahSequence: line.ahSequence,
    unicast: config.unicast,
    trailer: nextTrailer(line, settings, wallMs),
  };
}

function nextTrailer(line: SendLine, settings: Settings, wallMs: number): AdvertSpec['trailer'] {
  const auth = settings.config.authHmac;
  const key = auth?.keys.find((each) => each.id === auth.sendId);
  if (auth === null || key === undefined || auth.mode === 'receive-only') return null;
  line.hmacSent = nextSequence(line.hmacSent, wallMs, auth.windowMs);
  return { keyId: key.id, key: key.secret, sequence: line.hmacSent };
}
