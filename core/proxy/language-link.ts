// The language of one thread, made once at start: names of variables, pattern references, the linker that compiles with them.

import type { PatternChange, ProcValue } from '../model/language.ts';
import { type PatternStore, ruleChange } from '../sample/patterns/store.ts';
import { fromPlain, toPlain } from '../sample/plain-value.ts';
import type { Linker } from '../sample/rows.ts';
import { Sample } from '../sample/types.ts';
import { VariableNames, VariablePool, VariableTable } from '../sample/variables.ts';
import { Language } from './language.ts';
import type { ProxyThread } from './thread.ts';
import { ThreadWorld } from './world.ts';

export interface LanguageSettings {
  pid: number;
  startedAtMs: number;
  procValues: readonly ProcValue[];
  patterns: PatternStore;
  /** A rule changed what all threads share: the others are to make the change too. */
  onPatterns: (change: PatternChange) => void;
  onVariable: (variable: ProcValue) => void;
}

/** Gives the thread its language; before linkModel, which compiles with it. */
export function giveLanguage(thread: ProxyThread, settings: LanguageSettings): void {
  const { model } = thread;
  const names = new VariableNames();
  const { patterns } = settings;
  const limits = model.global.variableLimits;
  const procVariables = new VariableTable(limits);
  procVariables.begin('proc', null);
  const sample = new Sample();
  const world = new ThreadWorld(thread, patterns, {
    patternsChanged: (refIndex, kind, key, value) => settings.onPatterns(ruleChange(refIndex, kind, key, value)),
    procVariableChanged: (variable) => {
      const value = procVariables.get(variable, sample) ? toPlain(sample) : null;
      settings.onVariable({ name: names.nameOf('proc', variable), value });
    },
  });
  const linker: Linker = {
    model,
    threadIndex: thread.threadIndex,
    threadCount: thread.load.threadCount,
    pid: settings.pid,
    startedAtMs: settings.startedAtMs,
    variable: (scope, name) => names.numberOf(scope, name),
    map: (refIndex, method, ignoreCase) => patterns.matcher(refIndex, method, ignoreCase),
  };
  thread.language = new Language(thread, {
    linker,
    world,
    procVariables,
    variables: new VariablePool(limits),
    names,
    patterns,
  });
  for (const value of settings.procValues) setProcValue(thread, value);
}

/** A proc variable as the supervisor or another thread has it now. */
export function setProcValue(thread: ProxyThread, { name, value }: ProcValue): void {
  const { names, procVariables } = thread.language;
  const variable = names.numberOf('proc', name);
  if (value === null) {
    procVariables.unset(variable);
    return;
  }
  const sample = new Sample();
  fromPlain(value, sample);
  procVariables.set(variable, sample);
}
