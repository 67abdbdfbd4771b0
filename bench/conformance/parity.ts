// The parity command: the same requests through HAProxy and through weir, and where they differ, both side by side.
//
//   node bench/conformance/parity.ts [--case WORDS] [--peer PATH] [--engine uring|epoll] [--against PATH] [--all]
//
// --case: only the cases whose name holds WORDS. --peer: the haproxy to compare with (else HAPROXY_PEER, else the one on
// PATH). --against: another program in weir's place, to compare two HAProxies. --all: also the listed differences
// (differences.ts). Exit 1 when something differs that is not listed, or a listed difference is gone.

import { fileURLToPath } from 'node:url';
import { findHaproxy, findPeer, findWeir, type Peer } from '../rig/peers.ts';
import { CONNECTION_CASES } from './cases-connections.ts';
import { FAILURE_CASES } from './cases-failures.ts';
import { FORWARDING_CASES } from './cases-forwarding.ts';
import { REQUEST_CASES } from './cases-requests.ts';
import { RESPONSE_CASES } from './cases-responses.ts';
import { DIFFERENCES } from './differences.ts';
import type { Case } from './parity-case.ts';
import { type Result, startRig } from './parity-run.ts';
import { render } from './transcript.ts';

const COLUMNS = 100;

export const CASES: readonly Case[] = [
  ...REQUEST_CASES,
  ...RESPONSE_CASES,
  ...CONNECTION_CASES,
  ...FORWARDING_CASES,
  ...FAILURE_CASES,
];

/** Whether this HAProxy is old enough to differ from the reference in many small things. */
export function isOld(peer: Peer): boolean {
  const [major, minor] = peer.version.split('.').map(Number) as [number, number];
  return major < 3 || (major === 3 && minor < 4);
}

/** The two transcripts next to each other, line by line; a mark where they differ. */
export function sideBySide(result: Result): string {
  const left = render(result.left, true).split('\n');
  const right = render(result.right, true).split('\n');
  const rows = [`== ${result.case.name}   (section ${result.case.on})`];
  if (result.timeNote !== '') rows.push(`   ${result.timeNote}`);
  for (const [index, line] of align(left, right).entries()) {
    if (index > 200) break;
    const [one, other] = line;
    rows.push(one === other ? `    ${one}` : `  ! ${one.padEnd(COLUMNS)} | ${other}`);
  }
  return rows.join('\n');
}

// Pairs equal lines by their longest common subsequence, so that one line too many moves nothing else.
function align(left: readonly string[], right: readonly string[]): [string, string][] {
  const table: number[][] = Array.from({ length: left.length + 1 }, () => new Array<number>(right.length + 1).fill(0));
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      table[i]![j] = left[i] === right[j] ? table[i + 1]![j + 1]! + 1 : Math.max(table[i + 1]![j]!, table[i]![j + 1]!);
    }
  }
  const rows: [string, string][] = [];
  let i = 0;
  let j = 0;
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) rows.push([left[i++]!, right[j++]!]);
    else if (j >= right.length || (i < left.length && table[i + 1]![j]! >= table[i]![j + 1]!))
      rows.push([left[i++]!, '']);
    else rows.push(['', right[j++]!]);
  }
  return rows;
}

interface Options {
  words: string;
  peer: string;
  engine: string;
  against: string;
  all: boolean;
}

function parseOptions(words: readonly string[]): Options {
  const options: Options = { words: '', peer: '', engine: '', against: '', all: false };
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === '--all') options.all = true;
    else if (word === '--case') options.words = words[++at] ?? '';
    else if (word === '--peer') options.peer = words[++at] ?? '';
    else if (word === '--engine') options.engine = words[++at] ?? '';
    else if (word === '--against') options.against = words[++at] ?? '';
    else throw new Error(`unknown option '${word}'`);
  }
  return options;
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  const peer = options.peer === '' ? await findHaproxy() : await findPeer(`haproxy=${options.peer}`);
  const subject = options.against === '' ? await findWeir() : await findPeer(`against=${options.against}`);
  if (peer === null || subject === null) {
    console.log('no haproxy found: give --peer or set HAPROXY_PEER');
    return 1;
  }
  const withNew = !isOld(peer) && (options.against === '' || !isOld(subject));
  const cases = CASES.filter(
    (each) => each.name.includes(options.words) && (withNew || options.against !== '' || each.since === undefined),
  );
  const rig = await startRig([peer, subject], {
    args: [[], options.engine === '' ? [] : ['--engine', options.engine]],
    withNew,
    only: new Set(cases.map((each) => each.on)),
  });
  let wrongCount = 0;
  const startMs = performance.now();
  try {
    const results = await rig.run(cases, (result) => {
      const reason = DIFFERENCES[result.case.name];
      const listed = reason !== undefined && options.against === '';
      if (result.isSame === listed) wrongCount++;
      if (result.isSame && listed) console.log(`== ${result.case.name}: listed as a difference, but there is none`);
      if (!result.isSame && (!listed || options.all)) {
        console.log(sideBySide(result));
        if (listed) console.log(`   listed: ${reason}`);
      }
    });
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    console.log(
      `${results.length} cases, ${wrongCount} wrong, ${seconds} s; left ${peer.name} ${peer.version}, right ${subject.name} ${subject.version}`,
    );
  } finally {
    await rig.stop();
  }
  return wrongCount === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main();
