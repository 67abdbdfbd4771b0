// `use_backend` and `use-server`: the first rule that holds chooses (manual §4.2).

import type { ServerRule, SwitchingRule } from '../model/rules.ts';
import { CONDITION_PASS, type Condition, compileCondition } from '../sample/condition.ts';
import { compileFormat, type Format } from '../sample/format.ts';
import type { Linker } from '../sample/rows.ts';
import type { Subject } from '../sample/subject.ts';
import { type ConditionFilter, makeFilter } from './condition-filter.ts';

const NONE = -1;

/** One rule of either kind: what it chooses is an index, or the name that a format makes. */
interface Choice {
  readonly condition: Condition | null;
  readonly index: number; // −1: dynamic
  readonly format: Format | null;
}

function compileChoice(rule: SwitchingRule | ServerRule, index: number, linker: Linker): Choice {
  return {
    condition: rule.condition === null ? null : compileCondition(rule.condition, linker),
    index,
    format: rule.format === null ? null : compileFormat(rule.format, linker),
  };
}

function filterOf(choices: readonly Choice[], linker: Linker): ConditionFilter | null {
  const conditions = choices.map((choice) => choice.condition);
  return makeFilter(conditions, linker);
}

/** Names and what they stand for, found by bytes: a hash and the few names that share it. */
class NameIndex {
  private readonly buckets: { name: Uint8Array; index: number }[][] = [];
  private readonly mask: number;

  constructor(names: readonly { name: string; index: number }[]) {
    let size = 8;
    while (size < names.length * 2) size *= 2;
    this.mask = size - 1;
    for (let at = 0; at < size; at++) this.buckets.push([]);
    for (const { name, index } of names) {
      const bytes = Uint8Array.from(Buffer.from(name, 'utf8'));
      this.buckets[hashOf(bytes, 0, bytes.length) & this.mask]!.push({ name: bytes, index });
    }
  }

  find(bytes: Uint8Array, offset: number, length: number): number {
    const bucket = this.buckets[hashOf(bytes, offset, length) & this.mask]!;
    for (let at = 0; at < bucket.length; at++) {
      if (isSame(bucket[at]!.name, bytes, offset, length)) return bucket[at]!.index;
    }
    return NONE;
  }
}

function hashOf(bytes: Uint8Array, offset: number, length: number): number {
  let hash = 0;
  for (let at = offset; at < offset + length; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
  return hash ^ (hash >>> 15);
}

function isSame(name: Uint8Array, bytes: Uint8Array, offset: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let at = 0; at < length; at++) if (name[at] !== bytes[offset + at]) return false;
  return true;
}

/** What the name that a format makes stands for; −1: nothing is called so. */
function indexOfName(format: Format, names: NameIndex, subject: Subject): number {
  const { trash } = subject;
  const at = trash.take();
  const end = format.write(subject, trash.bytes, at, at + trash.chunkBytes);
  return end === at ? NONE : names.find(trash.bytes, at, end - at);
}

/** What `weir explain` hears of each rule, in order. */
export interface ChoiceObserver {
  /** `chosen`: what the rule gave, −1 when it did not hold or named nothing that exists. */
  onRule(rule: SwitchingRule | ServerRule, condition: Condition | null, held: boolean, chosen: number): void;
}

/** The frontend's `use_backend` rules. */
export class Switching {
  private readonly rules: readonly SwitchingRule[];
  private readonly choices: readonly Choice[];
  private readonly filter: ConditionFilter | null;
  private readonly names: NameIndex;
  private readonly disabled: Uint8Array; // by Proxy.index

  constructor(rules: readonly SwitchingRule[], linker: Linker) {
    const { proxies } = linker.model;
    this.rules = rules;
    this.names = new NameIndex(proxies.filter((proxy) => proxy.kind !== 'frontend'));
    this.disabled = Uint8Array.from(proxies, (proxy) => (proxy.disabled ? 1 : 0));
    this.choices = rules.map((rule) => compileChoice(rule, rule.backendIndex, linker));
    this.filter = filterOf(this.choices, linker);
  }

  /** Index in Model.proxies of the backend chosen; −1: the default one counts. */
  choose(subject: Subject): number {
    const { choices, disabled, filter } = this;
    filter?.begin();
    for (let at = 0; at < choices.length; at++) {
      if (filter !== null) {
        at = filter.next(at, subject);
        if (at >= choices.length) break;
      }
      const { condition, index, format } = choices[at]!;
      if (condition !== null && condition.evaluate(subject) !== CONDITION_PASS) continue;
      const chosen = format === null ? index : indexOfName(format, this.names, subject);
      // A name that no backend has ends the search all the same; a disabled backend does not.
      if (chosen < 0 || disabled[chosen] === 0) return chosen;
    }
    return NONE;
  }

  /** As choose(), and `observer` is told of every rule. */
  trace(subject: Subject, observer: ChoiceObserver): number {
    for (let at = 0; at < this.choices.length; at++) {
      const { condition, index, format } = this.choices[at]!;
      const held = condition === null || condition.evaluate(subject) === CONDITION_PASS;
      const chosen = !held ? NONE : format === null ? index : indexOfName(format, this.names, subject);
      observer.onRule(this.rules[at]!, condition, held, chosen);
      if (held && (chosen < 0 || this.disabled[chosen] === 0)) return chosen;
    }
    return NONE;
  }
}

/** Says whether a server may be used: a stopped one is passed over for the rules that follow. */
export type IsUsable = (serverIndex: number, subject: Subject) => boolean;

/** A backend's `use-server` rules. */
export class ServerChoice {
  private readonly rules: readonly ServerRule[];
  private readonly choices: readonly Choice[];
  private readonly filter: ConditionFilter | null;
  private readonly names: NameIndex;

  constructor(rules: readonly ServerRule[], proxyIndex: number, linker: Linker) {
    this.rules = rules;
    this.choices = rules.map((rule) => compileChoice(rule, rule.serverIndex, linker));
    this.filter = filterOf(this.choices, linker);
    this.names = new NameIndex(linker.model.proxies[proxyIndex]!.servers);
  }

  /** Server.index of the server chosen; −1: balance decides. */
  choose(subject: Subject, isUsable: IsUsable): number {
    const { choices, filter } = this;
    filter?.begin();
    for (let at = 0; at < choices.length; at++) {
      if (filter !== null) {
        at = filter.next(at, subject);
        if (at >= choices.length) break;
      }
      const { condition, index, format } = choices[at]!;
      if (condition !== null && condition.evaluate(subject) !== CONDITION_PASS) continue;
      const chosen = format === null ? index : indexOfName(format, this.names, subject);
      if (chosen < 0 || isUsable(chosen, subject)) return chosen;
    }
    return NONE;
  }

  /** As choose(), and `observer` is told of every rule. */
  trace(subject: Subject, isUsable: IsUsable, observer: ChoiceObserver): number {
    for (let at = 0; at < this.choices.length; at++) {
      const { condition, index, format } = this.choices[at]!;
      const held = condition === null || condition.evaluate(subject) === CONDITION_PASS;
      const chosen = !held ? NONE : format === null ? index : indexOfName(format, this.names, subject);
      observer.onRule(this.rules[at]!, condition, held, chosen);
      if (held && (chosen < 0 || isUsable(chosen, subject))) return chosen;
    }
    return NONE;
  }
}
