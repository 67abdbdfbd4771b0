// The rule language as plain data: what the configuration's text is parsed to, sent to every thread as it is, and compiled
// there. Nothing in here is a function or a class. Text is latin1: one character a byte, as everywhere in core/config.

/** A checked argument of a fetch, a converter or an action. */
export type Arg =
  | { kind: 'none' } // left out, where a later one was given: `bytes(,3)`
  | { kind: 'str'; text: string }
  | { kind: 'sint'; value: number; exact: string } // exact: the digits, for values beyond 2⁵³
  | { kind: 'ms'; value: number } // a time
  | { kind: 'bytes'; value: number } // a size
  | { kind: 'ipv4'; word: number } // addresses and masks, big-endian words as unsigned numbers
  | { kind: 'ipv6'; words: readonly [number, number, number, number] }
  | { kind: 'mask4'; word: number }
  | { kind: 'mask6'; words: readonly [number, number, number, number] }
  | { kind: 'proxy'; side: 'front' | 'back'; name: string; index: number } // index in Model.proxies, set when names are resolved
  | { kind: 'server'; backend: string; name: string; index: number } // index: Server.index
  | { kind: 'userlist'; name: string; index: number } // in Model.userlists
  | { kind: 'patterns'; index: number } // a map: in Model.patternRefs
  | { kind: 'regex'; source: string; ignoreCase: boolean } // PCRE's words; translated by sample/patterns/regex.ts
  | { kind: 'variable'; scope: VariableScope; name: string } // name without the scope
  | { kind: 'fields'; numbers: readonly number[] } // protobuf's field path
  | { kind: 'condition'; condition: ConditionAst } // the arguments of acl(), all in one
  | { kind: 'table'; name: string; index: number }; // in Model.tables, set when names are resolved

export type VariableScope = 'proc' | 'sess' | 'txn' | 'req' | 'res' | 'check';

/** `fetch(args),converter(args),…` */
export interface ExpressionAst {
  text: string; // as written, for messages and `weir explain`
  fetch: string; // the row's name
  args: readonly Arg[];
  converters: readonly { name: string; args: readonly Arg[] }[];
  /** What comes out after the last converter, as far as it is known when parsed. */
  out: number; // TYPE_… of core/sample/types
  /** USE_… bits of the fetch (and of variables named in arguments). */
  uses: number;
  file: string;
  line: number;
}

export type MatchMethod =
  | 'found'
  | 'bool'
  | 'int'
  | 'ip'
  | 'bin'
  | 'len'
  | 'str'
  | 'beg'
  | 'sub'
  | 'dir'
  | 'dom'
  | 'end'
  | 'reg'
  | 'regm' // as reg, for a map whose values name what the pattern captured
  | 'meth' // the ACL keyword `method`: names of methods
  | 'ver'; // the ACL keyword `req.ssl_ver`: int with patterns like 3.1

/** One `acl` line, or one anonymous `{ … }`: patterns against one expression. Lines of one name are ORed. */
export interface AclTest {
  expression: ExpressionAst;
  keyword: string; // what messages call it: the ACL keyword, or the fetch
  method: MatchMethod;
  byGroup: boolean; // http_auth_group: patterns are compared with the groups of the user
  ignoreCase: boolean;
  files: readonly number[]; // `-f`, in Model.patternRefs; they are looked at first
  ignoreCaseFiles: readonly boolean[]; // -i counts for the files named after it
  patterns: number; // those of the line itself (maybe none), in Model.patternRefs
  text: string; // as written
  file: string;
  line: number;
}

export interface AclAst {
  name: string; // '' anonymous; predefined ones have their name
  tests: readonly AclTest[];
}

/** `if`/`unless` and what follows: an OR of ANDs. */
export interface ConditionAst {
  unless: boolean;
  groups: readonly (readonly { acl: AclAst; negated: boolean }[])[];
  text: string; // as written, without if/unless
  file: string;
  line: number;
}

/** What a pattern reference was made for; `-f` and maps are shared by all who name the same file. */
export interface PatternRef {
  index: number; // in Model.patternRefs
  id: number; // HAProxy's unique id, as `#id` on the CLI
  name: string; // file name as written (with virt@/opt@); '' for patterns given in the line
  isMap: boolean;
  isAcl: boolean; // one file may be both
  display: string; // what `show acl`/`show map` says of it
  /** The patterns as loaded: line i is keys[i] and, for maps, values[i]. Packed, because there may be 10⁵ of them. */
  keys: PackedTexts;
  values: PackedTexts | null;
  lines: Int32Array; // the file's line of each, for messages; 0 for inline ones
  /** Who matches against it and how: each must be able to read every entry, also those that come at run time. */
  uses: PatternUse[];
  /** Host names among the patterns of `ip`, with the IPv4 address they had when the configuration was read. */
  hosts: Record<string, string>;
}

/** One way in which a reference is matched; the first that asked, where several share one index as in HAProxy. */
export interface PatternUse {
  method: MatchMethod;
  ignoreCase: boolean;
  out: '' | 'str' | 'sint' | 'addr'; // what a map's values are read as; '' for an ACL
}

/** Many short texts in two arrays: text i is bytes[ends[i − 1], ends[i]). */
export interface PackedTexts {
  bytes: Uint8Array;
  ends: Int32Array;
}

/** A log format (manual §8.2.6), also the `fmt` of rules. Made by sample/log-format. */
export interface FormatAst {
  text: string;
  /** '' plain, 'json', 'cbor'. */
  encoding: '' | 'json' | 'cbor';
  options: number; // OPTION_… of sample/format-options that all parts have
  parts: readonly FormatPart[];
  uses: number; // USE_… bits of all expressions and aliases
  file: string;
  line: number;
}

export type FormatPart =
  | { kind: 'text'; text: string }
  | { kind: 'separator' } // one or more blanks between items
  | { kind: 'alias'; alias: string; name: string; options: number; typecast: number }
  | { kind: 'sample'; expression: ExpressionAst; name: string; options: number; typecast: number };

/** A userlist (manual §3.4). */
export interface Userlist {
  name: string;
  users: readonly { name: string; password: string; isHashed: boolean; groups: readonly string[] }[];
}

/** A pattern and, in maps, its value. Texts are latin1. */
export interface PatternPair {
  key: string;
  value: string | null; // null: an ACL's
}

/** A change of one pattern reference at run time; `ref` is its index in Model.patternRefs. */
export type PatternChange =
  | { kind: 'add'; ref: number; version: number; pairs: readonly PatternPair[] }
  | { kind: 'put'; ref: number; key: string; value: string | null } // what rules do: set it, or add it when it is new
  | { kind: 'set'; ref: number; version: number; key: string; nth: number; value: string }
  | { kind: 'delete'; ref: number; version: number; key: string; nth: number }
  | { kind: 'prepare'; ref: number }
  | { kind: 'commit'; ref: number; version: number }
  | { kind: 'clear'; ref: number; version: number };

/** A value of the rule language as plain data: a sample of core/sample/types. */
export interface PlainValue {
  type: number; // TYPE_…
  number: number;
  wide: string | null; // digits of an integer beyond 2⁵³
  bytes: Uint8Array;
}

/** A variable of the process and what it holds. */
export interface ProcValue {
  name: string; // without the scope
  value: PlainValue | null; // null: it has none
}
