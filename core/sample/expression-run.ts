// An expression as a thread runs it: a fetch and its converters. Allocates nothing, except for integers beyond 2⁵³.

import type { ExpressionAst } from '../model/language.ts';
import { castTo } from './casts.ts';
import type { Convert, Fetch } from './rows.ts';
import type { Subject } from './subject.ts';
import type { Sample, SampleType } from './types.ts';

/** One converter as it runs: the type it is given, and what it does. */
export interface Step {
  readonly name: string;
  readonly takes: SampleType;
  readonly convert: Convert;
}

export class Expression {
  readonly ast: ExpressionAst;
  readonly fetch: Fetch;
  readonly steps: readonly Step[];

  constructor(ast: ExpressionAst, fetch: Fetch, steps: readonly Step[]) {
    this.ast = ast;
    this.fetch = fetch;
    this.steps = steps;
  }

  /** Puts the first (or only) value into `sample`. False: none; sample.mayChange says whether there may be one later. */
  evaluate(subject: Subject, sample: Sample): boolean {
    sample.begin();
    return this.fetch(subject, sample) && this.convert(subject, sample);
  }

  /** The next value of a fetch that said `more`; see Subject.iterate. */
  evaluateNext(subject: Subject, sample: Sample): boolean {
    sample.more = false;
    return this.fetch(subject, sample) && this.convert(subject, sample);
  }

  /** As evaluate(), with the value usable as `type` (see castTo). The caller looks at sample.mayChange. */
  evaluateAs(subject: Subject, sample: Sample, type: SampleType): boolean {
    return this.evaluate(subject, sample) && castTo(sample, type, subject);
  }

  private convert(subject: Subject, sample: Sample): boolean {
    const { steps } = this;
    for (let index = 0; index < steps.length; index++) {
      const step = steps[index]!;
      if (sample.type !== step.takes && !castTo(sample, step.takes, subject)) return false;
      if (!step.convert(sample, subject)) return false;
    }
    return true;
  }
}
