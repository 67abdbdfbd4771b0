// The network interfaces in keepalived.data, as the kernel shows them in /sys/class/net and /proc/sys/net.
//
// In a chroot neither is there: then the section is empty.

import { readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { VrrpModel } from '../../core/model/vrrp.ts';

const FOLDER = '/sys/class/net';
const IFF_UP = 0x1;
const IFF_BROADCAST = 0x2;
const IFF_LOOPBACK = 0x8;
const IFF_POINTOPOINT = 0x10;
const IFF_NOARP = 0x80;
const IFF_MULTICAST = 0x1000;
const ARPHRD_LOOPBACK = 772;
const ARPHRD_ETHER = 1;

const BEATS = {
  '': 'netlink status update',
  any: 'ioctl refresh polling',
  MII: 'support MII regs',
  ETHTOOL: 'support ETHTOOL GLINK interface',
  IOCTL: 'ioctl refresh polling',
} as const;

interface Link {
  name: string;
  index: number;
  flags: number;
  running: boolean;
  mac: string;
  macBroadcast: string;
  mtu: number;
  type: number;
}

export function interfaceRows(model: VrrpModel): string[] {
  const links = readLinks();
  if (links.length === 0) return [];
  const own = ownAddresses(model);
  return ['------< Interfaces >------', ...links.flatMap((link) => linkRows(link, model, own, links))];
}

function readLinks(): Link[] {
  let names: string[];
  try {
    names = readdirSync(FOLDER);
  } catch {
    return [];
  }
  return names.map(readLink).sort((a, b) => a.index - b.index);
}

function readLink(name: string): Link {
  const text = (file: string): string => read(`${FOLDER}/${name}/${file}`);
  const flags = Number(text('flags') || 0);
  // A link without an operational state of its own (lo) runs while it is up.
  const running = (flags & IFF_UP) !== 0 && /^(up|unknown)$/.test(text('operstate'));
  return {
    name,
    index: Number(text('ifindex') || 0),
    flags,
    running,
    mac: text('address'),
    macBroadcast: text('broadcast'),
    mtu: Number(text('mtu') || 0),
    type: Number(text('type') || 0),
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return '';
  }
}

/** Addresses that weir adds: they are not an interface's own. */
function ownAddresses(model: VrrpModel): Set<string> {
  const virtual = model.instances.flatMap((each) => [...each.addresses, ...each.excluded]);
  return new Set([...virtual, ...model.staticAddresses].map((each) => each.address));
}

function linkRows(link: Link, model: VrrpModel, own: ReadonlySet<string>, links: readonly Link[]): string[] {
  const addresses = (networkInterfaces()[link.name] ?? []).filter((each) => !own.has(each.address));
  const first4 = addresses.find((each) => each.family === 'IPv4')?.address ?? '(none)';
  const first6 = addresses.find((each) => each.family === 'IPv6' && each.address.startsWith('fe80:'))?.address;
  const rows = [
    ` Name = ${link.name}`,
    `   index = ${link.index}`,
    `   IPv4 address = ${first4}`,
    `   IPv6 address = ${first6 ?? '(none)'}`,
  ];
  if (link.mac !== '' && link.type !== ARPHRD_LOOPBACK) {
    rows.push(`   MAC = ${link.mac}`, `   MAC broadcast = ${link.macBroadcast}`);
  }
  rows.push(`   State = ${stateText(link)}`);
  rows.push(`   Seen up = ${link.running ? 1 : 0}`, '   Delayed state change running = false');
  const settings = model.links?.find((each) => each.name === link.name);
  rows.push(`   Up debounce timer = ${(settings?.upDelayMs ?? 0) * 1000}us`);
  rows.push(`   Down debounce timer = ${(settings?.downDelayMs ?? 0) * 1000}us`);
  const vmacOf = model.instances.find((each) => each.vmac?.name === link.name);
  const base = vmacOf === undefined ? undefined : links.find((each) => each.name === vmacOf.interfaceName);
  if (base !== undefined) {
    const up = `${(base.flags & IFF_UP) === 0 ? 'not ' : ''}UP, ${base.running ? '' : 'not '}RUNNING`;
    rows.push(`   VMAC type private, underlying interface = ${base.name}, state = ${up}`);
    rows.push('   I/f created by keepalived');
  }
  rows.push(`   MTU = ${link.mtu}`, `   HW Type = ${typeText(link.type)}`, `   NIC ${BEATS[settings?.linkbeat ?? '']}`);
  rows.push(...settingRows(link, model));
  const tracking = trackingRows(link.name, model);
  if (tracking.length > 0) rows.push('   Tracking VRRP instances :', ...tracking);
  return rows;
}

function stateText({ flags, running }: Link): string {
  return [
    `${(flags & IFF_UP) === 0 ? 'not ' : ''}UP, ${running ? '' : 'not '}RUNNING`,
    (flags & IFF_BROADCAST) === 0 ? ', no broadcast' : '',
    (flags & IFF_LOOPBACK) === 0 ? '' : ', loopback',
    (flags & IFF_POINTOPOINT) === 0 ? '' : ', point to point',
    (flags & IFF_NOARP) === 0 ? '' : ', no arp',
    (flags & IFF_MULTICAST) === 0 ? ', no multicast' : '',
  ].join('');
}

const typeText = (type: number): string =>
  type === ARPHRD_LOOPBACK ? 'LOOPBACK' : type === ARPHRD_ETHER ? 'ETHERNET' : `UNKNOWN (${type})`;

// How many of ours have changed a setting, and what the kernel has for it now.
function settingRows({ name }: Link, model: VrrpModel): string[] {
  const here = model.instances.filter((each) => each.interfaceName === name);
  const groupMs = here.find((each) => each.garp.intervalMs > 0)?.garp.intervalMs ?? 0;
  const conf = (setting: string): string => read(`/proc/sys/net/ipv4/conf/${name}/${setting}`) || '0';
  const vmacs = here.filter((each) => each.vmac !== null).length;
  const rows = groupMs > 0 ? [`   Gratuitous ARP interval ${Math.floor(groupMs)}ms`] : [];
  rows.push(`   Reset ARP config counter ${vmacs}`, `   Original arp_ignore ${conf('arp_ignore')}`);
  rows.push(`   Original arp_filter ${conf('arp_filter')}`);
  rows.push(`   Original promote_secondaries ${conf('promote_secondaries')}`);
  const promoting = here.filter((each) => each.promoteSecondaries).length;
  rows.push(`   Reset promote_secondaries counter ${promoting}`);
  return rows;
}

/** Whom a change of the link concerns; weight 255 stands for dont_track_primary. */
function trackingRows(name: string, model: VrrpModel): string[] {
  const rows: string[] = [];
  for (const instance of model.instances) {
    const { interfaceName, vmac } = instance;
    const tracked = instance.trackInterfaces.find((each) => each.name === name);
    const group = model.groups.find((each) => each.members.includes(instance.name));
    const groupTracked = group?.trackInterfaces.find((each) => each.name === name);
    const isOn = name === (vmac?.name ?? interfaceName) || name === interfaceName;
    if (isOn) rows.push(`     ${instance.name}, weight ${instance.dontTrackPrimary ? 255 : 0}`);
    else if (tracked !== undefined) rows.push(trackedRow(instance.name, tracked));
    else if (groupTracked !== undefined) rows.push(trackedRow(instance.name, groupTracked));
  }
  return rows;
}

const trackedRow = (name: string, { weight, reverse }: { weight: number; reverse: boolean }): string =>
  `     ${name}, weight ${weight}${reverse ? ' reverse' : ''}`;
