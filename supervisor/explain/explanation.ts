// What `weir explain` found out, as plain data: the text form is made of it, and `--json` prints it as it is.
//
// This is a stable form (README.md beside this file): fields are added, not renamed or removed, as long as `version` is 1.
// Texts of the message and of the configuration are UTF-8 where they are valid UTF-8, else one character a byte.

/** A line of the configuration, or of a file it names. */
export interface Place {
  file: string;
  line: number; // 0: no line of its own
}

export interface HeaderLine {
  name: string;
  value: string;
}

/** What was put in. */
export interface RequestFacts {
  bytes: number;
  /** `added`: typed with LF alone, and weir explain put the CR before it; `raw`: bytes of a TCP stream, left alone. */
  lineEnds: 'crlf' | 'added' | 'raw';
  method: string; // '' in mode tcp
  uri: string;
  version: string;
  headers: HeaderLine[];
  bodyBytes: number;
  bodyComplete: boolean;
}

export interface ConnectionFacts {
  from: string;
  fromAssumed: '' | 'address' | 'port'; // what --from did not say
  to: string;
  toAssumed: boolean; // no --to was given
  frontend: string;
  mode: 'http' | 'tcp';
  bind: { name: string; address: string; file: string; line: number };
}

/** One value that an expression had. */
export interface ValueReport {
  type: string; // str, sint, bool, ipv4 …
  text: string; // as people read it: texts in quotes, binary as 0x…
  /** What each converter made of it, beginning with what the fetch gave; empty without converters. */
  steps: { name: string; type: string; text: string }[];
  /** null: not compared (values that come after the one that matched). */
  matched: boolean | null;
}

/** A pattern that matched, and where it is written. */
export interface PatternPlace {
  pattern: string;
  file: string;
  line: number; // 0: not from a file as it was loaded
}

/** A key that was looked for in a map. */
export interface LookupReport {
  map: string; // its file
  found: PatternPlace | null;
  value: string; // beside the key; '' when none was found
}

/** Why a value says little about a running process: '' when it says all. */
export type Mark = '' | 'at rest' | 'now' | 'random' | 'assumed';

/** One `acl` line, or one anonymous `{ … }`. */
export interface TestReport {
  file: string;
  line: number;
  text: string;
  expression: string;
  method: string; // str, beg, reg, ip, found, bool …
  evaluated: boolean; // false: what came before it had decided
  holds: boolean | null; // null: not evaluated, or bytes were missing
  values: ValueReport[];
  noValueAfter: string; // the converter that gave nothing; '' when the fetch itself had nothing, or there were values
  matched: PatternPlace | null;
  patternCount: number; // it was compared with
  lookups: LookupReport[];
  mark: Mark;
}

/** One word of a condition: an ACL by name, or an anonymous one. */
export interface TermReport {
  acl: string; // '' anonymous
  negated: boolean;
  evaluated: boolean;
  holds: boolean | null; // with the negation
  tests: TestReport[];
}

export interface ConditionReport {
  text: string;
  unless: boolean;
  holds: boolean | null; // whether the rule applies, `unless` taken into account; null: bytes were missing
  groups: TermReport[][]; // an OR of ANDs
}

/** Something a rule changed. */
export interface ChangeReport {
  kind:
    | 'header-added'
    | 'header-removed'
    | 'header-changed'
    | 'method'
    | 'uri'
    | 'status'
    | 'reason'
    | 'variable-set'
    | 'variable-unset'
    | 'capture'
    | 'source'
    | 'destination'
    | 'map'
    | 'timeout'
    | 'stream'
    | 'connection'
    | 'interim'
    | 'log';
  name: string; // the header's, variable's, … name; '' where the kind says all
  before: string | null;
  after: string | null;
}

export type RuleResult =
  | 'applied' // its condition held, and the walk goes on
  | 'skipped' // its condition did not hold
  | 'missed' // its condition lacks bytes that never come: the stream waits for them
  | 'stopped' // allow, accept: no further rule of this set
  | 'chosen' // use_backend, use-server
  | 'passed-over' // use_backend, use-server: it held, but names what cannot be used
  | 'answered' // deny, return, redirect …: weir answers by itself
  | 'tarpitted'
  | 'closed' // reject
  | 'dropped' // silent-drop
  | 'failed' // the rule could not do its work: 400, 500, 502
  | 'listed'; // not evaluated at all

export interface RuleReport {
  file: string;
  line: number;
  text: string;
  inDefaults: boolean; // written in a defaults section
  condition: ConditionReport | null;
  result: RuleResult;
  waitedMs: number; // the stream waited there (pause, wait-for-body)
  changes: ChangeReport[];
  lookups: LookupReport[]; // maps that its action asked
  chose: string; // use_backend, use-server: the name; '' else
}

/** One set of rules of one section. */
export interface StageReport {
  kind: 'frontend' | 'backend' | 'listen'; // listen: a section that is both, and runs its rules once
  section: string;
  set: string; // 'tcp-request content', 'http-request', 'use_backend' …
  evaluated: boolean;
  waitedMs: number; // for bytes: tcp-request inspect-delay
  rules: RuleReport[];
  notReached: Place[];
}

/** An answer that weir gives by itself. */
export interface AnswerReport {
  status: number; // 0: closed without a word
  reason: string;
  headers: HeaderLine[];
  bodyBytes: number;
  bodyFirstLine: string;
  why: string;
  by: Place | null; // the rule
  delayMs: number; // tarpit; −1 for as long as the client stays
}

export interface ServerReport {
  name: string;
  address: string;
  weight: number;
  state: string; // up, down, drain, maint …
  backup: boolean;
  eligible: boolean; // load balancing may choose it now
}

export interface BackendReport {
  name: string;
  why: string;
  by: Place | null; // the use_backend rule
  servers: ServerReport[];
}

export interface ServerChoiceReport {
  name: string; // '' none can be used
  certain: boolean; // false: chance, or a hash that is not computed here, decides; `name` is one that it may be
  address: string;
  why: string;
  by: Place | null; // the use-server rule
  algorithm: string;
  hashKey: string; // what balance hashes; '' nothing
}

/** A message as it leaves. */
export interface MessageReport {
  method: string;
  uri: string;
  status: number;
  reason: string;
  headers: HeaderLine[];
}

export interface RefusalReport {
  verdict: string;
  status: number;
  offset: number; // in the request as it was parsed, of the line where it went wrong; −1 unknown
  excerpt: string;
}

export interface ResponseReport {
  given: boolean; // --response
  stages: StageReport[]; // listed, or evaluated
  refusal: RefusalReport | null;
  sent: MessageReport | null; // as it goes to the client
}

export interface Outcome {
  /**
   * forwarded: to `server`; answered: weir answers with `status`; closed: without a word; dropped: silent-drop;
   * waiting: for bytes that the request does not have.
   */
  kind: 'forwarded' | 'answered' | 'closed' | 'dropped' | 'waiting';
  status: number; // what the client gets, 0 when that is the server's word
  backend: string;
  server: string;
}

export interface Explanation {
  version: 1;
  files: string[];
  request: RequestFacts;
  connection: ConnectionFacts;
  refusal: RefusalReport | null; // the request cannot be read as one
  stages: StageReport[];
  backend: BackendReport | null;
  server: ServerChoiceReport | null;
  sent: MessageReport | null; // the request as rules leave it
  answer: AnswerReport | null;
  afterResponse: StageReport[]; // http-after-response rules on that answer
  response: ResponseReport | null; // null: no server answers
  outcome: Outcome;
  notes: string[];
}
