// set-src, set-dst and their -port forms (manual §4.3, §4.4): what the proxy takes for the client's address and for the
// one it came to. Rules on connections change what the connection itself says (`fc_src`), those on sessions what counts for
// all its streams (`src`); later ones change the stream's alone, so that the next request of the connection starts from
// the session's address again.

import type { RuleAst, RuleSetName } from '../model/rules.ts';
import { compileExpression } from '../sample/expression.ts';
import type { Linker } from '../sample/rows.ts';
import {
  type AddressView,
  type ConnectionView,
  FAMILY_INET,
  FAMILY_INET6,
  FAMILY_NONE,
  type Subject,
} from '../sample/subject.ts';
import { Sample, TYPE_ADDR, TYPE_IPV4, TYPE_IPV6, TYPE_SINT } from '../sample/types.ts';
import { type Action, type ActionLine, type ActionRow, RULE_CONTINUE, type RuleParts } from './contract.ts';

const SETS: readonly RuleSetName[] = [
  'tcp-request connection',
  'tcp-request session',
  'tcp-request content',
  'http-request',
];

// The address at hand, copied from where it is kept and back.
const view: AddressView = { family: FAMILY_NONE, port: 0, word0: 0, word1: 0, word2: 0, word3: 0 };

/** Whose address a rule changes. */
type Owner = 'connection' | 'session' | 'stream';

/** Fills `view`; false: there is no such address. */
function load(subject: Subject, ofSource: boolean, owner: Owner): boolean {
  const { front, stream } = subject;
  const set = owner !== 'stream' || stream === null ? null : ofSource ? stream.sourceSet : stream.targetSet;
  if (set !== null) {
    copyAddress(view, set);
    return view.family !== FAMILY_NONE;
  }
  if (front === null) return false;
  if ((ofSource ? front.sourceFamily : front.targetFamily) === FAMILY_NONE) subject.world.learnAddresses?.(front);
  if (ofSource) loadSource(front);
  else loadTarget(front);
  return view.family !== FAMILY_NONE;
}

function loadSource(front: ConnectionView): void {
  view.family = front.sourceFamily;
  view.port = front.sourcePort;
  view.word0 = front.source0;
  view.word1 = front.source1;
  view.word2 = front.source2;
  view.word3 = front.source3;
}

function loadTarget(front: ConnectionView): void {
  view.family = front.targetFamily;
  view.port = front.targetPort;
  view.word0 = front.target0;
  view.word1 = front.target1;
  view.word2 = front.target2;
  view.word3 = front.target3;
}

function copyAddress(to: AddressView, from: AddressView): void {
  to.family = from.family;
  to.port = from.port;
  to.word0 = from.word0;
  to.word1 = from.word1;
  to.word2 = from.word2;
  to.word3 = from.word3;
}

/** Keeps `view`. A stream gets an object of its own the first time: no stream needs one before. */
function store(subject: Subject, ofSource: boolean, owner: Owner): void {
  const { front, stream } = subject;
  if (owner !== 'stream') {
    if (front === null) return;
    keepOwn(front, ofSource, owner);
    storeInConnection(front, ofSource);
    return;
  }
  if (stream === null) return;
  const set = ofSource ? stream.sourceSet : stream.targetSet;
  if (set !== null) copyAddress(set, view);
  else if (ofSource) stream.sourceSet = { ...view };
  else stream.targetSet = { ...view };
}

/** What the connection itself goes on saying: what a rule on it set, or what it said before one on the session. */
function keepOwn(front: ConnectionView, ofSource: boolean, owner: Owner): void {
  if (owner === 'connection') {
    if (ofSource) front.ownSource = { ...view };
    else front.ownTarget = { ...view };
    return;
  }
  // With a PROXY header the fields hold its addresses: the socket is asked.
  if (front.receivedProxy === true) return;
  if (ofSource) front.ownSource ??= sourceOf(front);
  else front.ownTarget ??= targetOf(front);
}

function sourceOf({ sourceFamily, sourcePort, source0, source1, source2, source3 }: ConnectionView): AddressView {
  return { family: sourceFamily, port: sourcePort, word0: source0, word1: source1, word2: source2, word3: source3 };
}

function targetOf({ targetFamily, targetPort, target0, target1, target2, target3 }: ConnectionView): AddressView {
  return { family: targetFamily, port: targetPort, word0: target0, word1: target1, word2: target2, word3: target3 };
}

function storeInConnection(front: ConnectionView, ofSource: boolean): void {
  if (ofSource) {
    front.sourceFamily = view.family;
    front.sourcePort = view.port;
    front.source0 = view.word0;
    front.source1 = view.word1;
    front.source2 = view.word2;
    front.source3 = view.word3;
  } else {
    front.targetFamily = view.family;
    front.targetPort = view.port;
    front.target0 = view.word0;
    front.target1 = view.word1;
    front.target2 = view.word2;
    front.target3 = view.word3;
  }
}

function parse(line: ActionLine): RuleParts | null {
  const expression = line.expression();
  return expression === null ? null : { expressions: [expression] };
}

function ownerOf(set: RuleSetName): Owner {
  if (set === 'tcp-request connection') return 'connection';
  return set === 'tcp-request session' ? 'session' : 'stream';
}

/** The port stays; a Unix socket's address has none, then it is 0. */
function compileAddress(ast: RuleAst, linker: Linker, ofSource: boolean): Action {
  const owner = ownerOf(ast.set);
  const expression = compileExpression(ast.expressions[0]!, linker);
  const sample = new Sample();
  return (subject) => {
    if (!load(subject, ofSource, owner)) return RULE_CONTINUE;
    if (!expression.evaluateAs(subject, sample, TYPE_ADDR)) return RULE_CONTINUE;
    if (!isInet(view.family)) view.port = 0;
    if (sample.type === TYPE_IPV4) setWords(FAMILY_INET, sample.number | 0, 0, 0, 0);
    else if (sample.type === TYPE_IPV6) {
      const { bytes, offset } = sample;
      setWords(
        FAMILY_INET6,
        wordAt(bytes, offset),
        wordAt(bytes, offset + 4),
        wordAt(bytes, offset + 8),
        wordAt(bytes, offset + 12),
      );
    } else return RULE_CONTINUE;
    store(subject, ofSource, owner);
    return RULE_CONTINUE;
  };
}

function isInet(family: number): boolean {
  return family === FAMILY_INET || family === FAMILY_INET6;
}

function setWords(family: number, word0: number, word1: number, word2: number, word3: number): void {
  view.family = family;
  view.word0 = word0;
  view.word1 = word1;
  view.word2 = word2;
  view.word3 = word3;
}

function wordAt(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
}

/** The address stays; what is no Internet address becomes 0.0.0.0. Of the number the low 16 bits count. */
function compilePort(ast: RuleAst, linker: Linker, ofSource: boolean): Action {
  const owner = ownerOf(ast.set);
  const expression = compileExpression(ast.expressions[0]!, linker);
  const sample = new Sample();
  return (subject) => {
    if (!load(subject, ofSource, owner)) return RULE_CONTINUE;
    if (!expression.evaluateAs(subject, sample, TYPE_SINT)) return RULE_CONTINUE;
    if (!isInet(view.family)) setWords(FAMILY_INET, 0, 0, 0, 0);
    view.port = sample.wide === null ? sample.number & 0xffff : Number(BigInt.asUintN(16, sample.wide));
    store(subject, ofSource, owner);
    return RULE_CONTINUE;
  };
}

const row = (name: string, compile: (ast: RuleAst, linker: Linker) => Action): ActionRow => ({
  name,
  isPrefix: false,
  sets: SETS,
  parse,
  compile,
});

export const addressActions: readonly ActionRow[] = [
  row('set-src', (ast, linker) => compileAddress(ast, linker, true)),
  row('set-src-port', (ast, linker) => compilePort(ast, linker, true)),
  row('set-dst', (ast, linker) => compileAddress(ast, linker, false)),
  row('set-dst-port', (ast, linker) => compilePort(ast, linker, false)),
];
