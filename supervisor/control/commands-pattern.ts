// Maps and acls at run time (management guide §9.3 "add map" … "show map").

import { type Answer, type Call, type Command, CommandError, dump, failure } from './command.ts';
import { type PatternControl, PatternError, type PatternMatch, type PatternRefInfo } from './pattern-control.ts';

type Kind = 'map' | 'acl';

const NAMES: Readonly<Record<Kind, string>> = { map: 'map', acl: 'ACL' };

interface Target {
  patterns: PatternControl;
  ref: PatternRefInfo;
  version: number | null; // null: not given
  next: number; // index of the word after the identifier
}

const unknown = (kind: Kind): CommandError =>
  new CommandError(`Unknown ${NAMES[kind]} identifier. Please use #<id> or <file>.\n`);

// "[@<ver>] <identifier>" from word `at` on. Only `add` and `set` take a reference of the other kind; `del` calls an
// acl a map in its message.
function target(call: Call, kind: Kind, at: number, anyKind: boolean, called: Kind = kind): Target {
  let version: number | null = null;
  let index = at;
  if (call.word(index).startsWith('@')) version = versionOf(call.word(index++));
  const { patterns } = call.control.parts;
  const ref = patterns?.find(call.word(index)) ?? null;
  if (patterns === null || ref === null) throw unknown(called);
  if (!anyKind && !(kind === 'map' ? ref.isMap : ref.isAcl)) throw unknown(called);
  return { patterns, ref, version, next: index + 1 };
}

/** str2uic(3): the digits it begins with, within 32 bits. */
const versionOf = (text: string): number => Number(/^@(\d*)/.exec(text)![1] || 0) >>> 0;

/** Versions are numbers on a circle of 32 bits. */
const isAfter = (left: number, right: number): boolean => ((left - right) | 0) > 0;

function show(call: Call, kind: Kind): Answer {
  if (call.word(2) === '') {
    const refs = (call.control.parts.patterns?.list() ?? []).filter((ref) => (kind === 'map' ? ref.isMap : ref.isAcl));
    const rows = refs.map(
      (ref) =>
        `${ref.id} (${ref.name}) ${ref.display}. ` +
        `curr_ver=${ref.currentVersion} next_ver=${ref.nextVersion} entry_cnt=${ref.entryCount}\n`,
    );
    return dump(`# id (file) description\n${rows.join('')}`);
  }
  const { patterns, ref, version } = target(call, kind, 2, false);
  const rows: string[] = [];
  for (const entry of patterns.entries(ref.id, version ?? ref.currentVersion)) {
    const value = entry.value === null ? '' : ` ${entry.value}`;
    rows.push(`0x${entry.ref.toString(16)} ${entry.key}${value}\n`);
  }
  return dump(rows.join(''));
}

function matchText(match: PatternMatch, kind: Kind): string {
  const isMap = kind === 'map';
  let text = `type=${match.method}, case=${match.ignoresCase ? 'insensitive' : 'sensitive'}`;
  if (match.key === null) return `${text}, ${isMap ? 'found' : 'match'}=no\n`;
  text += `, ${isMap ? 'found' : 'match'}=yes, idx=${match.isTree ? 'tree' : 'list'}`;
  text += isMap ? `, key="${match.key}"` : `, pattern="${match.key}"`;
  if (isMap) text += match.value === null ? ', value=none' : `, value="${match.value}", type="${match.valueType}"`;
  return `${text}\n`;
}

function get(call: Call, kind: Kind): Answer {
  if (call.word(2) === '' || call.word(3) === '') {
    return failure(kind === 'map' ? 'Missing map identifier and/or key.\n' : 'Missing ACL identifier and/or key.\n');
  }
  const { patterns, ref } = target(call, kind, 2, false);
  return dump(
    patterns
      .get(ref.id, call.word(3))
      .map((match) => matchText(match, kind))
      .join(''),
  );
}

type Pair = { key: string; value: string | null };

function pairsOf(call: Call, kind: Kind, at: number): Pair[] {
  const { payload } = call;
  if (payload === null) return [{ key: call.word(at), value: kind === 'map' ? call.word(at + 1) : null }];
  const pairs: Pair[] = [];
  for (const line of payload.split('\n')) {
    if (line === '') continue;
    const match = /^([^ \t]*)[ \t]*(.*)$/.exec(line)!;
    if (kind === 'map' && !/[ \t]/.test(line)) throw new CommandError(`Missing value for key '${match[1]}'.\n`);
    pairs.push({ key: match[1]!, value: kind === 'map' ? match[2]! : null });
  }
  return pairs;
}

async function add(call: Call, kind: Kind): Promise<Answer> {
  const at = call.word(2).startsWith('@') ? 3 : 2;
  if (kind === 'map') {
    const missing = call.payload === null ? call.word(at + 2) === '' : call.word(at) === '';
    if (missing) {
      return failure(
        "'add map' expects three parameters (map identifier, key and value) or one parameter (map identifier) and a payload\n",
      );
    }
  } else if (call.word(at + 1) === '' && call.payload === null) {
    return failure("'add acl' expects two parameters: ACL identifier and pattern.\n");
  }
  const { patterns, ref, version, next } = target(call, kind, 2, true);
  if (version !== null && isAfter(version, ref.nextVersion)) {
    return failure(`Version number in the future, please use 'prepare ${kind}' before.\n`);
  }
  if (kind === 'acl' && ref.hasSamples) {
    return failure(
      "This ACL is shared with a map containing samples. You must use the command 'add map' to add values.\n",
    );
  }
  await patterns.add(ref.id, version ?? ref.currentVersion, pairsOf(call, kind, next));
  return null;
}

// "#0x…" names one entry, anything else a key.
function entryOrKey(word: string): string | bigint {
  if (!word.startsWith('#0x')) return word;
  if (!/^#0x[0-9a-f]{1,16}$/i.test(word)) {
    throw new CommandError('Malformed identifier. Please use #<id> or <file>.\n');
  }
  return BigInt(word.slice(1));
}

async function set(call: Call): Promise<Answer> {
  if (call.word(4) === '') {
    return failure("'set map' expects three parameters: map identifier, key and value.\n");
  }
  const { patterns, ref } = target(call, 'map', 2, true);
  const found = await patterns.set(ref.id, entryOrKey(call.word(3)), call.word(4));
  return found ? null : failure('entry not found.\n');
}

async function del(call: Call, kind: Kind): Promise<Answer> {
  if (call.word(3) === '') {
    return failure(`This command expects two parameters: ${NAMES[kind]} identifier and key.\n`);
  }
  const { patterns, ref } = target(call, kind, 2, false, 'map');
  const found = await patterns.delete(ref.id, entryOrKey(call.word(3)));
  return found ? null : failure('Key not found.\n');
}

async function clear(call: Call, kind: Kind): Promise<Answer> {
  const at = call.word(2).startsWith('@') ? 3 : 2;
  if (call.word(at) === '') return failure(`Missing ${NAMES[kind]} identifier.\n`);
  const { patterns, ref, version } = target(call, kind, 2, false);
  await patterns.clear(ref.id, version ?? ref.currentVersion);
  return null;
}

async function prepare(call: Call, kind: Kind): Promise<Answer> {
  if (call.word(2) === '') return failure(`Missing ${NAMES[kind]} identifier.\n`);
  const { patterns, ref } = target(call, kind, 2, false);
  return { kind: 'message', severity: 6, text: `New version created: ${await patterns.prepare(ref.id)}\n` };
}

async function commit(call: Call, kind: Kind): Promise<Answer> {
  if (!call.word(2).startsWith('@')) return failure('Missing version number.\n');
  if (call.word(3) === '') return failure(`Missing ${NAMES[kind]} identifier.\n`);
  const { patterns, ref, version } = target(call, kind, 2, false);
  const distance = (version! - (ref.currentVersion + 1)) >>> 0;
  if (distance >= (ref.nextVersion - ref.currentVersion) >>> 0) return failure('Version number out of range.\n');
  await patterns.commit(ref.id, version!);
  return null;
}

type Run = (call: Call, kind: Kind) => Answer | Promise<Answer>;

// What the store refuses is an answer, not a fault.
function row(verb: string, kind: Kind, usage: string, run: Run): Command {
  return {
    words: [verb, kind],
    usage,
    level: 'admin',
    run: async (call) => {
      try {
        return await run(call, kind);
      } catch (error) {
        if (error instanceof PatternError) return failure(`${error.message}.\n`);
        throw error;
      }
    },
  };
}

export const patternCommands: readonly Command[] = [
  row('add', 'acl', 'add acl [@<ver>] <acl> <pattern>        : add an acl entry', add),
  row('clear', 'acl', 'clear acl [@<ver>] <acl>                : clear the contents of this acl', clear),
  row('commit', 'acl', 'commit acl @<ver> <acl>                 : commit the ACL at this version', commit),
  row('del', 'acl', 'del acl <acl> [<key>|#<ref>]            : delete acl entries matching <key>', del),
  row('get', 'acl', 'get acl <acl> <value>                   : report the patterns matching a sample for an ACL', get),
  row(
    'prepare',
    'acl',
    'prepare acl <acl>                       : prepare a new version for atomic ACL replacement',
    prepare,
  ),
  row('show', 'acl', "show acl [@<ver>] <acl>                 : report available acls or dump an acl's contents", show),
  row(
    'add',
    'map',
    'add map [@<ver>] <map> <key> <val>      : add a map entry (payload supported instead of key/val)',
    add,
  ),
  row('clear', 'map', 'clear map [@<ver>] <map>                : clear the contents of this map', clear),
  row('commit', 'map', 'commit map @<ver> <map>                 : commit the map at this version', commit),
  row('del', 'map', 'del map <map> [<key>|#<ref>]            : delete map entries matching <key>', del),
  row(
    'get',
    'map',
    'get map <map> <value>                   : report the keys and values matching a sample for a map',
    get,
  ),
  row(
    'prepare',
    'map',
    'prepare map <map>                       : prepare a new version for atomic map replacement',
    prepare,
  ),
  row('set', 'map', 'set map <map> [<key>|#<ref>] <value>    : modify a map entry', (call) => set(call)),
  row('show', 'map', "show map [@<ver>] [map]                 : report available maps or dump a map's contents", show),
];
