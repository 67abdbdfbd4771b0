// `-dK<class>[,<class>…]`: what weir implements, in HAProxy's dump format (management guide §3 "-dK").
//
// Generated from the keyword tables, so that a diff against `haproxy -dKall` is the coverage. A class without
// entries prints its heading alone. As in HAProxy, the `cfg` class holds registered keywords only: `mode`, `log`
// and other words of its oldest parser are in neither program's dump.

import { actionLines } from '../../rules/rows.ts';
import { aclLines, converterLines, fetchLines } from '../../sample/dump.ts';
import { bindKeywords } from './keywords-bind.ts';
import { globalKeywords } from './keywords-global.ts';
import { switchOptions } from './keywords-option.ts';
import { proxyKeywords } from './keywords-proxy.ts';
import { serverKeywords } from './keywords-server.ts';
import { userlistKeywords } from './sections-userlist.ts';

type Write = (text: string) => void;

const SECTIONS: readonly string[] = [
  'global',
  'listen',
  'userlist',
  'peers',
  'crt-list',
  'crt-store',
  'traces',
  'acme',
];

const HELP = `# List of supported keyword classes:
all: list all keywords
acl: ACL keywords
cfg: configuration keywords
cli: CLI keywords
cnv: sample converter keywords
flt: filter names
smp: sample fetch functions
svc: service names
`;

interface Entry {
  readonly name: string;
  readonly text: string;
}

function print(entries: readonly Entry[], write: Write): void {
  const sorted = [...entries].sort((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0));
  for (const { text } of sorted) write(`\t${text}\n`);
}

const withCount = (text: string, count: number): string => (count === 0 ? text : `${text} +${count}`);

function printConfiguration(write: Write): void {
  write('# List of registered configuration keywords:\n');
  for (const section of SECTIONS) {
    write(`${section}\n`);
    if (section === 'global') print(listed(globalKeywords), write);
    if (section === 'userlist') print(listed(userlistKeywords), write);
    if (section !== 'listen') continue;
    print(listed(proxyKeywords), write);
    print(
      bindKeywords.map(({ name, argCount }) => ({ name, text: withCount(`bind <addr> ${name}`, argCount) })),
      write,
    );
    print(
      serverKeywords.map(({ name, argCount }) => ({ name, text: withCount(`server <name> <addr> ${name}`, argCount) })),
      write,
    );
    print(switchOptions.map(optionEntry), write);
    for (const line of actionLines()) write(`\t${line}\n`);
  }
}

function listed(rows: readonly { readonly name: string; readonly listed: boolean }[]): Entry[] {
  return rows.filter((row) => row.listed).map(({ name }) => ({ name, text: name }));
}

function optionEntry({ name, side, http }: (typeof switchOptions)[number]): Entry {
  const front = side === 'back' ? '' : 'FE ';
  const back = side === 'front' ? '' : 'BE ';
  return { name, text: `option ${name} [ ${front}${back}${http ? 'HTTP ' : ''}]` };
}

const heading =
  (text: string) =>
  (write: Write): void =>
    write(`${text}\n`);

function printLines(heading: string, lines: readonly string[], write: Write): void {
  for (const line of [heading, ...lines]) write(`${line}\n`);
}

// The runtime commands are the supervisor's, which names them: no configuration knows them.
function printCommands(write: Write, commands: readonly string[]): void {
  write('# List of registered CLI keywords:\n');
  for (const text of [...commands].sort((left, right) => (left < right ? -1 : 1))) write(`${text}\n`);
}

/** In the order of `-dKall`. Classes whose words weir has none of yet print their heading. */
const CLASSES: readonly (readonly [string, (write: Write, commands: readonly string[]) => void])[] = [
  ['acl', (write) => printLines('# List of registered ACL keywords:', aclLines(), write)],
  ['cfg', printConfiguration],
  ['cli', printCommands],
  ['cnv', (write) => printLines('# List of registered sample converter functions:', converterLines(), write)],
  ['flt', heading('# List of registered filter names:')],
  ['smp', (write) => printLines('# List of registered sample fetch functions:', fetchLines(), write)],
  ['svc', heading('# List of registered service names:')],
];

/**
 * `classes` as given after -dK: comma separated; unknown ones print nothing, `all` and `help` are classes too.
 * `commands` are the lines of the class `cli`.
 */
export function dumpKeywords(classes: string, write: Write, commands: readonly string[] = []): void {
  let all = false;
  for (const wanted of classes.split(',')) {
    if (wanted === 'help') {
      write(HELP);
      continue;
    }
    all ||= wanted === 'all';
    for (const [name, dump] of CLASSES) if (all || name === wanted) dump(write, commands);
  }
}
