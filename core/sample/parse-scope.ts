// What the parsers of this room ask of the configuration at the line they read, and what they leave behind for later.

import type { AclAst, AclTest, Arg, PatternUse } from '../model/language.ts';

/** Where a name was written that can only be looked up when everything was read; core/config/haproxy/names.ts does it. */
export interface NameUse {
  readonly arg: Arg; // completed in place
  readonly position: number; // of the argument, from 0
  readonly keyword: string; // the fetch, or the ACL keyword
  readonly converter: string; // '' when it is the fetch's own argument
  readonly where: UsePlace;
  readonly file: string;
  readonly line: number;
}

/** Kinds of lines, for the messages about names (HAProxy's ARGC_*). */
export type UsePlace =
  | 'acl'
  | 'stick'
  | 'track'
  | 'log-format'
  | 'log-format-sd'
  | 'http-request'
  | 'http-response'
  | 'unique-id'
  | 'redirect'
  | 'capture'
  | 'server'
  | 'use_backend'
  | 'use-server'
  | 'http-error'
  | 'option'
  | 'tcp-request connection'
  | 'tcp-request session'
  | 'tcp-request content'
  | 'tcp-response content'
  | 'tcp-check'
  | 'configuration'
  | 'cli';

/** How patterns are matched, and so how they are checked when they are read. */
export interface PatternReading extends PatternUse {
  readonly noNames: boolean; // -n: host names are not resolved
}

/** What files and lists of patterns the configuration has; every name is one PatternRef however often it is used. */
export interface PatternStore {
  /** A file of patterns (`-f`) or a map; reads it when it is new. A string is what is wrong with it, in HAProxy's words. */
  fromFile(name: string, isMap: boolean, twoColumns: boolean, use: PatternReading, place: Place): number | string;
  /** The patterns of one ACL's own line; `id` −1: the next free one. */
  inline(id: number, display: string, patterns: readonly string[], use: PatternReading): number | string;
  isIdUsed(id: number): boolean;
}

export interface Place {
  readonly file: string;
  readonly line: number;
}

/** Named ACLs of the section at hand. Lines that follow add to the same object. */
export type NamedAcls = Map<string, { name: string; tests: AclAst['tests'][number][] }>;

/** A test of http_auth_group: its patterns are groups of a userlist. */
export interface GroupTest {
  readonly acl: string; // '' anonymous
  readonly test: AclTest;
}

export interface ParseScope extends Place {
  readonly where: UsePlace;
  readonly patterns: PatternStore;
  readonly acls: NamedAcls;
  /** A named ACL, or a predefined one (acl-parse.ts); a string is HAProxy's words for there is none. */
  findAcl(name: string): AclAst | string;
  readonly uses: NameUse[]; // appended to
  readonly groupTests: GroupTest[]; // appended to
  /** A warning in HAProxy's words, the whole text after `[WARNING] (pid) : `. */
  warn(text: string): void;
  /** As warn(), but only shown with -dD. */
  suspect(text: string): void;
}

/** The same line seen as another kind of place. */
export function scopeAt(scope: ParseScope, where: UsePlace): ParseScope {
  if (scope.where === where) return scope;
  const { file, line, patterns, acls, uses, groupTests } = scope;
  return {
    file,
    line,
    where,
    patterns,
    acls,
    uses,
    groupTests,
    findAcl: (name) => scope.findAcl(name),
    warn: (text) => scope.warn(text),
    suspect: (text) => scope.suspect(text),
  };
}
