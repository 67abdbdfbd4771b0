// What a master holds in the kernel: addresses, routes and rules, and the intents that put them there and take them away.

import type { VirtualAddress } from '../model/vrrp.ts';
import { addressOf, sameAddress } from './address.ts';
import type { Intents } from './contract.ts';
import type { Announced } from './garp.ts';
import type { Settings } from './settings.ts';

/** All addresses, the excluded ones (not advertised) too. */
export function heldAddresses(settings: Settings): VirtualAddress[] {
  return [...settings.config.addresses, ...settings.config.excluded];
}

/** Addresses first: routes may need them as their source. */
export function addResources(settings: Settings, intents: Intents): void {
  const { config, accept } = settings;
  const { name: instance, interfaceName } = config;
  const addresses = heldAddresses(settings);
  if (addresses.length > 0) intents.push({ do: 'add-addresses', instance, interfaceName, accept, addresses });
  if (config.routes.length > 0) intents.push({ do: 'add-routes', instance, routes: config.routes });
  if (config.rules.length > 0) intents.push({ do: 'add-rules', instance, rules: config.rules });
}

/** The other way round; also for what a killed predecessor may have left. */
export function removeResources(settings: Settings, intents: Intents): void {
  const { config } = settings;
  const { name: instance, interfaceName } = config;
  const addresses = heldAddresses(settings);
  if (config.rules.length > 0) intents.push({ do: 'remove-rules', instance, rules: config.rules });
  if (config.routes.length > 0) intents.push({ do: 'remove-routes', instance, routes: config.routes });
  if (addresses.length > 0) intents.push({ do: 'remove-addresses', instance, interfaceName, addresses });
}

/** A master's reload: only what differs is touched. Gives the new addresses, which are to be announced. */
export function exchangeResources(before: Settings, after: Settings, intents: Intents): Announced[] {
  const { config, accept } = after;
  const { name: instance, interfaceName } = config;
  const rules = difference(before.config.rules, config.rules);
  const routes = difference(before.config.routes, config.routes);
  const addresses = difference(heldAddresses(before), heldAddresses(after));
  if (rules.gone.length > 0) intents.push({ do: 'remove-rules', instance, rules: rules.gone });
  if (routes.gone.length > 0) intents.push({ do: 'remove-routes', instance, routes: routes.gone });
  if (addresses.gone.length > 0) {
    intents.push({ do: 'remove-addresses', instance, interfaceName, addresses: addresses.gone });
  }
  // Another accept mode is told with all addresses: adding what is there is no error.
  const added = accept === before.accept ? addresses.added : heldAddresses(after);
  if (added.length > 0) intents.push({ do: 'add-addresses', instance, interfaceName, accept, addresses: added });
  if (routes.added.length > 0) intents.push({ do: 'add-routes', instance, routes: routes.added });
  if (rules.added.length > 0) intents.push({ do: 'add-rules', instance, rules: rules.added });
  return addresses.added.map((each) => announcedOf(each, after));
}

export function announcedOf(address: VirtualAddress, settings: Settings): Announced {
  const { interfaceName } = settings.config;
  return {
    family: address.family,
    interfaceName: address.interfaceName === '' ? interfaceName : address.interfaceName,
    address: addressOf(address.address),
  };
}

/** Whether an address of that interface is one of these, and its loss matters. */
export function isTrackedAddress(settings: Settings, interfaceName: string, address: Uint8Array): boolean {
  const { config } = settings;
  const ours = config.vmac === null ? config.interfaceName : vmacName(config.vmac.name, config.vrid);
  return heldAddresses(settings).some((each) => {
    const where = each.interfaceName === '' ? ours : each.interfaceName;
    return !each.noTrack && where === interfaceName && sameAddress(addressOf(each.address), address);
  });
}

/** keepalived's default name of a virtual router's interface. */
export function vmacName(name: string, vrid: number): string {
  return name === '' ? `vrrp.${vrid}` : name;
}

interface Sited {
  file: string;
  line: number;
}

// `gone` are in `before` alone, `added` in `after` alone. Where in the file they stand does not count.
function difference<T extends Sited>(before: readonly T[], after: readonly T[]): { gone: T[]; added: T[] } {
  const keyOf = (each: T): string => JSON.stringify({ ...each, file: '', line: 0 });
  const had = new Set(before.map(keyOf));
  const wants = new Set(after.map(keyOf));
  return {
    gone: before.filter((each) => !wants.has(keyOf(each))),
    added: after.filter((each) => !had.has(keyOf(each))),
  };
}
