// Names of routing tables, scopes, protocols, realms and the like: iproute2's files, and the few everyone knows.

import { readFileSync } from 'node:fs';
import { wholeNumber } from './numbers.ts';

const TABLES = { default: 253, main: 254, local: 255 };
const SCOPES = { global: 0, nowhere: 255, host: 254, link: 253, site: 200 };
const PROTOCOLS = {
  none: 0,
  redirect: 1,
  kernel: 2,
  boot: 3,
  static: 4,
  gated: 8,
  ra: 9,
  mrt: 10,
  zebra: 11,
  bird: 12,
  dnrouted: 13,
  xorp: 14,
  ntk: 15,
  dhcp: 16,
  babel: 42,
};

/** RTN_…: what a route does. */
const ROUTE_TYPES: Readonly<Record<string, number>> = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  brd: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
  nat: 10,
  xresolve: 11,
};

interface NameFile {
  readonly file: string;
  readonly known: Readonly<Record<string, number>>;
  readonly max: number;
}

export class RouteNames {
  private readonly folders: readonly string[];
  private readonly files = new Map<string, Map<string, number>>();

  /** @param folders where iproute2 keeps its files, the first that has one wins */
  constructor(folders: readonly string[] = ['/etc/iproute2', '/usr/share/iproute2']) {
    this.folders = folders;
  }

  table(name: string): number | null {
    return this.find(name, { file: 'rt_tables', known: TABLES, max: 0xffff_ffff });
  }

  scope(name: string): number | null {
    return this.find(name, { file: 'rt_scopes', known: SCOPES, max: 255 });
  }

  protocol(name: string): number | null {
    return this.find(name, { file: 'rt_protos', known: PROTOCOLS, max: 255 });
  }

  dsfield(name: string): number | null {
    return this.find(name, { file: 'rt_dsfield', known: {}, max: 255 });
  }

  group(name: string): number | null {
    return this.find(name, { file: 'group', known: {}, max: 0x7fff_ffff });
  }

  /** REALM or SOURCE/DESTINATION, as the kernel's 32 bits. */
  realms(text: string): number | null {
    const parts = text.split('/');
    const numbers = parts.map((part) => this.find(part, { file: 'rt_realms', known: {}, max: 255 }));
    if (numbers.length > 2 || numbers.includes(null)) return null;
    return numbers.length === 1 ? numbers[0]! : numbers[0]! * 65_536 + numbers[1]!;
  }

  /** RTN_… of `blackhole` and the like, or of a number. */
  routeType(name: string): number | null {
    if (Object.hasOwn(ROUTE_TYPES, name)) return ROUTE_TYPES[name]!;
    const number = wholeNumber(name);
    return number === null || number < 0 || number > 255 ? null : number;
  }

  private find(name: string, { file, known, max }: NameFile): number | null {
    const number = wholeNumber(name);
    if (number !== null) return number >= 0 && number <= max ? number : null;
    const named = this.read(file).get(name);
    if (named !== undefined) return named <= max ? named : null;
    return Object.hasOwn(known, name) ? known[name]! : null;
  }

  private read(file: string): Map<string, number> {
    const before = this.files.get(file);
    if (before !== undefined) return before;
    const names = new Map<string, number>();
    this.files.set(file, names);
    for (const folder of this.folders) {
      let text: string;
      try {
        text = readFileSync(`${folder}/${file}`, 'utf8');
      } catch {
        continue;
      }
      for (const row of text.split('\n')) {
        const [number, name] = row.replace(/#.*$/, '').trim().split(/\s+/) as [string, string | undefined];
        const value = wholeNumber(number);
        if (name !== undefined && value !== null && value >= 0) names.set(name, value);
      }
      return names;
    }
    return names;
  }
}
