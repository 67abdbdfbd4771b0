// What goes over a node's cable, as tshark decodes it: with the kernel's times, checksums verified.

import { existsSync } from 'node:fs';
import { LabProcess } from './vrrp-rig-process.ts';

const TSHARK = ['/usr/bin/tshark', '/usr/local/bin/tshark'].find((path) => existsSync(path)) ?? '';

export const wireMissing = TSHARK === '' ? 'tshark is not installed' : false;

/** A frame as tshark decodes it. */
export interface Frame {
  atMs: number;
  source: string;
  destination: string;
  ttl: number; // or hop limit
  sourceMac: string;
  destinationMac: string;
  vrid: number;
  version: number; // 0: no VRRP
  priority: number;
  addressCount: number;
  intervalMs: number;
  password: string; // of authentication PASS, as anybody can read it
  ahSequence: number; // 0: no AH
  arp: number; // opcode, 0 none
  arpAddress: string; // the sender's
  arpTarget: string;
  neighbour: string; // target of a neighbour advertisement
  isSolicited: boolean;
  isOverride: boolean;
  sought: string; // target of a neighbour solicitation
  joins: string; // groups of an IGMP report
  complaint: string;
}

const FIELDS = [
  'frame.time_epoch',
  'ip.src',
  'ipv6.src',
  'ip.dst',
  'ipv6.dst',
  'ip.ttl',
  'ipv6.hlim',
  'eth.src',
  'eth.dst',
  'vrrp.virt_rtr_id',
  'vrrp.version',
  'vrrp.prio',
  'vrrp.addr_count',
  'vrrp.adver_int',
  'vrrp.short_adver_int',
  'vrrp.auth_string',
  'ah.sequence',
  'arp.opcode',
  'arp.src.proto_ipv4',
  'arp.dst.proto_ipv4',
  'icmpv6.nd.na.target_address',
  'icmpv6.nd.na.flag.s',
  'icmpv6.nd.na.flag.o',
  'icmpv6.nd.ns.target_address',
  'igmp.maddr',
  '_ws.malformed',
  '_ws.expert.message',
] as const;

const CHECKED = ['-o', 'ip.check_checksum:TRUE', '-o', 'vrrp.v3_checksum_as_in_v2:FALSE'];
// Of ICMPv6 no errors: they quote adverts that are long gone.
const FILTER = 'proto 112 or proto 51 or igmp or arp or ip6 proto 112 or (icmp6 and ip6[40] >= 128)';
const SECOND_MS = 1_000;
const CENTISECOND_MS = 10;

export class Wire extends LabProcess {
  private readonly decoded: Frame[] = [];
  private restAt = 0; // of the output, where the rows not yet decoded begin

  constructor(namespace: string, device: string) {
    const fields = FIELDS.flatMap((field) => ['-e', field]);
    super(namespace, [TSHARK, '-l', '-n', '-i', device, '-f', FILTER, ...CHECKED, '-T', 'fields', ...fields]);
  }

  frames(): readonly Frame[] {
    for (;;) {
      const end = this.output.indexOf('\n', this.restAt);
      if (end < 0) return this.decoded;
      const row = this.output.slice(this.restAt, end);
      this.restAt = end + 1;
      if (/^\d+\.\d+\t/.test(row)) this.decoded.push(frameOf(row.split('\t')));
    }
  }

  /** Adverts of one source, or of all. */
  adverts(source?: string): Frame[] {
    return this.frames().filter((frame) => frame.version > 0 && (source === undefined || frame.source === source));
  }

  /** Gratuitous ARPs and unsolicited neighbour advertisements for the address. */
  announcements(address: string): Frame[] {
    return this.frames().filter((frame) => {
      if (frame.neighbour === address) return !frame.isSolicited;
      return frame.arp === 1 && frame.arpAddress === address && frame.arpTarget === address;
    });
  }
}

function frameOf(words: readonly string[]): Frame {
  const word = (field: (typeof FIELDS)[number]): string => words[FIELDS.indexOf(field)] ?? '';
  const isSet = (field: (typeof FIELDS)[number]): boolean => /^(1|True)/.test(word(field));
  const shortInterval = word('vrrp.short_adver_int');
  return {
    atMs: Number(word('frame.time_epoch')) * SECOND_MS,
    source: word('ip.src') || word('ipv6.src'),
    destination: word('ip.dst') || word('ipv6.dst'),
    ttl: Number(word('ip.ttl') || word('ipv6.hlim')),
    sourceMac: word('eth.src'),
    destinationMac: word('eth.dst'),
    vrid: Number(word('vrrp.virt_rtr_id')),
    version: Number(word('vrrp.version')),
    priority: word('vrrp.prio') === '' ? -1 : Number(word('vrrp.prio')),
    addressCount: Number(word('vrrp.addr_count')),
    intervalMs:
      shortInterval === '' ? Number(word('vrrp.adver_int')) * SECOND_MS : Number(shortInterval) * CENTISECOND_MS,
    password: word('vrrp.auth_string'),
    ahSequence: Number(word('ah.sequence')),
    arp: Number(word('arp.opcode')),
    arpAddress: word('arp.src.proto_ipv4'),
    arpTarget: word('arp.dst.proto_ipv4'),
    neighbour: word('icmpv6.nd.na.target_address'),
    isSolicited: isSet('icmpv6.nd.na.flag.s'),
    isOverride: isSet('icmpv6.nd.na.flag.o'),
    sought: word('icmpv6.nd.ns.target_address'),
    joins: word('igmp.maddr'),
    complaint: [word('_ws.malformed'), word('_ws.expert.message')].filter((text) => text).join(' '),
  };
}
