// What an instance's configuration comes to once strict mode and the owner's privileges are applied, with addresses
// as bytes. Made once per load, read on every packet.

import type { VrrpGlobal, VrrpInstance } from '../model/vrrp.ts';
import { addressOf, isLinkLocal6 } from './address.ts';
import { passwordBytes } from './auth.ts';
import { MULTICAST_GROUP4, MULTICAST_GROUP6 } from './checksum.ts';
import { PRIORITY_OWNER } from './timers.ts';

const DOWN_TIMER_ADVERTS = 3;

export interface Settings {
  config: VrrpInstance;
  strict: boolean;
  isOwner: boolean;
  accept: boolean;
  preempt: boolean;
  preemptDelayMs: number;
  downTimerAdverts: number;
  higherPrioSendAdvert: boolean;
  lowerPrioNoAdvert: boolean;
  ownerIgnoreAdverts: boolean;
  lowerPrioRepeat: number;
  lowerPrioDelayMs: number;
  auth: 'none' | 'pass' | 'ah';
  authKey: Uint8Array;
  advertised: readonly Uint8Array[];
  group: Uint8Array;
  peers: readonly { address: Uint8Array; minTtl: number; maxTtl: number }[];
  source: Uint8Array | null; // null: the interface's primary
}

/**
 * Strict mode (keepalived.conf: strict_mode) holds to the RFCs: three adverts, no reply to a lower priority, no
 * repeated GARP for it, no authentication, only the owner accepts unless v3's Accept_Mode is asked for.
 */
export function settingsOf(config: VrrpInstance, global: VrrpGlobal): Settings {
  const strict = config.strict ?? global.strict;
  const isOwner = config.priority === PRIORITY_OWNER;
  const auth = strict || config.version === 3 || config.family === 'inet6' ? 'none' : config.auth.type;
  const preempt = config.preempt || isOwner || config.wantedState === 'MASTER';
  const own = config.addresses.filter((each) => each.family === config.family).map((each) => addressOf(each.address));
  return {
    config,
    strict,
    isOwner,
    accept: acceptOf(config, strict, isOwner),
    // The owner always preempts (RFC 9568 §6.1), and `state MASTER` contradicts nopreempt.
    preempt,
    preemptDelayMs: strict || isOwner || !preempt || config.wantedState === 'MASTER' ? 0 : config.preemptDelayMs,
    downTimerAdverts: strict ? DOWN_TIMER_ADVERTS : config.downTimerAdverts,
    higherPrioSendAdvert: !strict && config.higherPrioSendAdvert,
    lowerPrioNoAdvert: strict || config.lowerPrioNoAdvert,
    ownerIgnoreAdverts: isOwner && (strict || config.ownerIgnoreAdverts),
    lowerPrioRepeat: strict ? 0 : config.garp.lowerPrioRepeat,
    lowerPrioDelayMs: strict ? 0 : config.garp.lowerPrioDelayMs,
    auth,
    authKey: passwordBytes(config.auth.password),
    // RFC 9568 §5.2.9: over IPv6 the link-local address comes first.
    advertised: [...own.filter(isLinkLocal6), ...own.filter((each) => !isLinkLocal6(each))],
    group: config.mcastGroup === '' ? defaultGroup(config) : addressOf(config.mcastGroup),
    peers: config.unicastPeers.map((each) => ({ ...each, address: addressOf(each.address) })),
    source: config.sourceAddress === '' ? null : addressOf(config.sourceAddress),
  };
}

function acceptOf(config: VrrpInstance, strict: boolean, isOwner: boolean): boolean {
  if (isOwner) return true;
  if (strict && config.version === 2) return false; // RFC 3768 knows no Accept_Mode
  return config.accept ?? !strict;
}

function defaultGroup(config: VrrpInstance): Uint8Array {
  return config.family === 'inet' ? MULTICAST_GROUP4 : MULTICAST_GROUP6;
}
