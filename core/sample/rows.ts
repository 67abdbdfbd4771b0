// What a row of the fetch and converter tables is. Tables are gathered by name in fetches.ts and converters.ts; nothing
// registers itself.

import type { Arg, MatchMethod, VariableScope } from '../model/language.ts';
import type { Model } from '../model/model.ts';
import type { Matcher } from './patterns/contract.ts';
import type { Subject } from './subject.ts';
import type { Sample, SampleType } from './types.ts';

/** Puts a value into `sample`; false: there is none (sample.mayChange then says whether there may be one later). */
export type Fetch = (subject: Subject, sample: Sample) => boolean;

/** Changes `sample`; false: the whole expression has no value. `sample` already has the row's input type. */
export type Convert = (sample: Sample, subject: Subject) => boolean;

/** Kinds of arguments a signature can ask for; the words are those of HAProxy's keyword dump. */
export type ArgKind =
  | 'str'
  | 'sint'
  | 'ms' // dumped as `time`
  | 'bytes' // `size`
  | 'ipv4'
  | 'ipv6'
  | 'mask4' // `msk4`
  | 'mask6' // `msk6`
  | 'frontend' // `fe`
  | 'backend' // `be`
  | 'server' // `srv`
  | 'userlist' // `usr`
  | 'patterns' // `map`
  | 'regex' // `reg`
  | 'variable' // `var`
  | 'fields' // `pbuf_fnum`
  | 'table'; // `tab`

/** The first `min` are needed, the others may be left out. */
export interface Signature {
  kinds: readonly ArgKind[];
  min: number;
}

/** What compile() may ask of the thread it compiles for. */
export interface Linker {
  readonly model: Model;
  readonly threadIndex: number;
  readonly threadCount: number;
  readonly pid: number;
  readonly startedAtMs: number; // the process's start, ms since the epoch
  /** A number for a variable: the same for the same scope and name in one thread. */
  variable(scope: VariableScope, name: string): number;
  /** The matcher of a map converter: values by key, kept up to date when the map is changed at run time. */
  map(refIndex: number, method: MatchMethod, ignoreCase: boolean): Matcher;
}

/** Called when the line is parsed, with the checked arguments; the error's words, or null when they are good. */
export type CheckArgs = (args: readonly Arg[]) => string | null;

export interface FetchRow {
  readonly name: string;
  readonly args: Signature;
  readonly out: SampleType;
  readonly uses: number; // USE_…
  readonly check?: CheckArgs;
  /** Arguments are as the signature says; missing ones at the end are absent, left-out ones are kind 'none'. */
  compile(args: readonly Arg[], linker: Linker): Fetch;
}

export interface ConverterRow {
  readonly name: string;
  readonly args: Signature;
  readonly in: SampleType;
  readonly out: SampleType;
  readonly check?: CheckArgs;
  compile(args: readonly Arg[], linker: Linker): Convert;
}

export const NO_ARGS: Signature = { kinds: [], min: 0 };
