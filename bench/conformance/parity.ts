// The parity command: the same requests through HAProxy and through weir, and where they differ, both side by side.
//
//   node bench/conformance/parity.ts [--case WORDS] [--peer PATH] [--engine uring|epoll] [--against PATH] [--all]
//
// --case: only the cases whose name holds WORDS. --peer: the haproxy to compare with (else HAPROXY_PEER, else the one on
// PATH). --against: another program in weir's place, to compare two HAProxies. --all: shows the listed differences
// (differences.ts) too. Exit 1 when something differs that is not listed, or a listed difference is gone.
//
// An HAProxy before 3.4 is compared on the cases that it answers as 3.4 does (new-in-34.ts names the others).

import { fileURLToPath } from 'node:url';
import { findHaproxy, findPeer, findWeir, type Peer } from '../rig/peers.ts';
import { CONNECTION_CASES } from './cases-connections.ts';
import { CUT_EXCHANGES } from './cases-cuts.ts';
import { FAILURE_CASES } from './cases-failures.ts';
import { FORWARDING_CASES } from './cases-forwarding.ts';
import { REPLY_CASES } from './cases-replies.ts';
import { REQUEST_CASES } from './cases-requests.ts';
import { RESPONSE_CASES } from './cases-responses.ts';
import { RULE_CASES } from './cases-rules.ts';
import { RESPONSE_RULE_CASES } from './cases-rules-response.ts';
import { RULE_CUT_EXCHANGES, TCP_RULE_CASES } from './cases-rules-tcp.ts';
import { SWITCHING_CASES } from './cases-switching.ts';
import { WAIT_CASES } from './cases-waits.ts';
import { DIFFERENCES } from './differences.ts';
import { NEW_IN_34 } from './new-in-34.ts';
import type { Case } from './parity-case.ts';
import { type Result, startRig } from './parity-run.ts';
import { SECTIONS } from './sections.ts';
import { render } from './transcript.ts';

const COLUMNS = 100;
const LINES_MAX = 200;
const AGAIN_COUNT = 2;

export const CASES: readonly Case[] = [
  ...REQUEST_CASES,
  ...RESPONSE_CASES,
  ...CONNECTION_CASES,
  ...FORWARDING_CASES,
  ...FAILURE_CASES,
  ...RULE_CASES,
  ...REPLY_CASES,
  ...RESPONSE_RULE_CASES,
  ...WAIT_CASES,
  ...SWITCHING_CASES,
  ...TCP_RULE_CASES,
];

const ALL_CUT_EXCHANGES = [...CUT_EXCHANGES, ...RULE_CUT_EXCHANGES];

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
    if (index > LINES_MAX) break;
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

/** What came of one case, and what is wrong about that ('' when nothing is). */
export interface Finding {
  readonly result: Result;
  readonly reason: string; // why it may differ; '' when it may not
  readonly wrong: string;
}

export interface ParityOptions {
  readonly words?: string; // only cases whose names hold this
  readonly subjectArgs?: readonly string[];
  readonly plain?: boolean; // no listed differences: the two are the same program, or both are HAProxies
}

/** Runs the tables through `peer` and `subject`; a case that fails is run again alone before it counts. */
export async function runParity(peer: Peer, subject: Peer, options: ParityOptions = {}): Promise<Finding[]> {
  const words = options.words ?? '';
  const withNew = !isOld(peer) && !(subject.kind === 'haproxy' && isOld(subject));
  const showsAll = options.plain === true;
  const newSections = new Set(SECTIONS.filter((section) => section.since !== undefined).map((section) => section.name));
  const cases = CASES.filter(
    (each) =>
      each.name.includes(words) && (withNew || ((showsAll || !NEW_IN_34.has(each.name)) && !newSections.has(each.on))),
  );
  const cuts = ALL_CUT_EXCHANGES.filter(
    ({ whole }) =>
      whole.name.includes(words) &&
      (withNew || ((showsAll || !NEW_IN_34.has(whole.name)) && !newSections.has(whole.on))),
  );
  const sections = new Set(cases.map((each) => each.on));
  for (const { whole } of cuts) sections.add(whole.on);
  if (sections.size === 0) return [];
  const rig = await startRig([peer, subject], {
    args: [[], options.subjectArgs ?? []],
    withNew,
    only: sections,
    isHasty: showsAll,
  });
  try {
    const judged = (result: Result): Finding => judge(result, showsAll);
    const findings = [...(await rig.run(cases)), ...(await rig.runCuts(cuts))].map(judged);
    for (let again = 0; again < (showsAll ? 0 : AGAIN_COUNT); again++) {
      for (const [index, finding] of findings.entries()) {
        if (finding.wrong === '') continue;
        findings[index] = judged(await rig.again(finding.result));
      }
    }
    return findings;
  } finally {
    await rig.stop();
  }
}

function judge(result: Result, isPlain: boolean): Finding {
  const reason = isPlain ? '' : (DIFFERENCES.get(result.case.name) ?? '');
  const wrong =
    result.isSame === (reason === '')
      ? ''
      : result.isSame
        ? `listed as a difference, but there is none: ${reason}`
        : 'differs';
  return { result, reason, wrong };
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
  const startMs = performance.now();
  const findings = await runParity(peer, subject, {
    words: options.words,
    subjectArgs: options.engine === '' ? [] : ['--engine', options.engine],
    plain: options.against !== '',
  });
  for (const { result, reason, wrong } of findings) {
    if (wrong !== '' || (options.all && reason !== '')) console.log(`${sideBySide(result)}\n   ${wrong || reason}\n`);
  }
  const wrongCount = findings.filter((each) => each.wrong !== '').length;
  const listedCount = findings.filter((each) => each.reason !== '').length;
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`left ${peer.name} ${peer.version}, right ${subject.name} ${subject.version}`);
  console.log(`${findings.length} cases, ${listedCount} listed differences, ${wrongCount} wrong, ${seconds} s`);
  return wrongCount === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main();
