// A log format as a thread runs it: writes a line, a header's value, a path … (manual §8.2.6).

import { assert } from '../base/assert.ts';
import type { FormatAst, FormatPart } from '../model/language.ts';
import { castTo } from './casts.ts';
import { compileExpression } from './compile.ts';
import type { Expression } from './expression-run.ts';
import { formatAlias } from './format-aliases.ts';
import { OPTION_BIN, OPTION_HTTP, OPTION_REQUEST, OPTION_RESPONSE } from './format-options.ts';
import { FormatWriter } from './format-writer.ts';
import type { Linker } from './rows.ts';
import { DIRECTION_REQUEST, DIRECTION_RESPONSE, type Subject } from './subject.ts';
import { NO_BYTES, Sample, TYPE_BIN, TYPE_STR } from './types.ts';

const SPACE = 0x20;

export type WriteAlias = (subject: Subject, writer: FormatWriter) => boolean;

/** One part. Exactly one of text, expression and alias is there, none is a separator. */
export interface FormatStep {
  readonly part: FormatPart;
  readonly text: Uint8Array | null;
  readonly expression: Expression | null;
  readonly alias: WriteAlias | null;
  readonly options: number;
  readonly typecast: number;
}

export class Format {
  readonly ast: FormatAst;
  readonly steps: readonly FormatStep[];
  private readonly writer = new FormatWriter(); // its own: %ID writes a format within a format
  private readonly sample = new Sample();

  constructor(ast: FormatAst, steps: readonly FormatStep[]) {
    this.ast = ast;
    this.steps = steps;
  }

  /** Writes to bytes[at, limit) and returns where it ended; what does not fit is cut. */
  write(subject: Subject, bytes: Uint8Array, at: number, limit: number): number {
    const { writer } = this;
    const { direction, final, iterate } = subject;
    writer.begin(bytes, at, limit);
    subject.final = true;
    subject.iterate = false;
    for (let index = 0; index < this.steps.length; index++) if (!this.writeStep(this.steps[index]!, subject)) break;
    subject.direction = direction;
    subject.final = final;
    subject.iterate = iterate;
    return writer.at;
  }

  private writeStep(step: FormatStep, subject: Subject): boolean {
    const { writer } = this;
    const { text, expression, alias } = step;
    if (text !== null) {
      writer.isAfterSpace = false;
      return writer.raw(text, 0, text.length);
    }
    writer.options = step.options;
    writer.typecast = step.typecast;
    if (expression !== null) {
      writer.isAfterSpace = false;
      return this.writeValue(expression, subject, step.options);
    }
    if (alias !== null) {
      const before = writer.at;
      const fits = alias(subject, writer);
      if (writer.at !== before) writer.isAfterSpace = false;
      return fits;
    }
    if (writer.isAfterSpace) return true;
    writer.isAfterSpace = true;
    return writer.byte(SPACE);
  }

  private writeValue(expression: Expression, subject: Subject, options: number): boolean {
    const { writer, sample } = this;
    const isHttp = (options & OPTION_HTTP) !== 0;
    let found = fetchValue(expression, subject, sample, options);
    const keepsBinary =
      found && sample.type === TYPE_BIN && (options & OPTION_BIN) !== 0 && writer.typecast !== TYPE_STR;
    if (found && !keepsBinary) found = castTo(sample, TYPE_STR, subject);
    if (!found) return isHttp || writer.text(NO_BYTES, 0, 0);
    if (keepsBinary && !isHttp) return writer.raw(sample.bytes, sample.offset, sample.length);
    return writer.sample(sample, isHttp);
  }
}

/** The value in the request, else in the response, as far as the place of use has them. */
export function fetchValue(expression: Expression, subject: Subject, sample: Sample, options: number): boolean {
  const { direction } = subject;
  let found = false;
  if ((options & OPTION_REQUEST) !== 0) {
    subject.direction = DIRECTION_REQUEST;
    found = expression.evaluate(subject, sample);
  }
  if (!found && (options & OPTION_RESPONSE) !== 0) {
    subject.direction = DIRECTION_RESPONSE;
    found = expression.evaluate(subject, sample);
  }
  if ((options & (OPTION_REQUEST | OPTION_RESPONSE)) === 0) found = expression.evaluate(subject, sample);
  subject.direction = direction;
  return found;
}

export function compileFormat(ast: FormatAst, linker: Linker): Format {
  return new Format(
    ast,
    ast.parts.map((part) => compilePart(part, linker)),
  );
}

function compilePart(part: FormatPart, linker: Linker): FormatStep {
  const step = { part, text: null, expression: null, alias: null, options: 0, typecast: 0 };
  switch (part.kind) {
    case 'text':
      return { ...step, text: new Uint8Array(Buffer.from(part.text, 'latin1')) };
    case 'separator':
      return step;
    case 'sample': {
      const { options, typecast } = part;
      return { ...step, expression: compileExpression(part.expression, linker), options, typecast };
    }
    case 'alias': {
      const alias = formatAlias(part.alias);
      assert(alias !== undefined, 'a format was parsed with an alias that is not there');
      return { ...step, alias: alias.compile(linker), options: part.options, typecast: part.typecast };
    }
  }
}
