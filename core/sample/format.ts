// A log format as a thread runs it: writes a line, a header's value, a path … (manual §8.2.6).

import { assert } from '../base/assert.ts';
import type { FormatAst, FormatPart } from '../model/language.ts';
import { castTo } from './casts.ts';
import { compileExpression } from './compile.ts';
import type { Expression } from './expression-run.ts';
import type { WriteAlias } from './format-alias.ts';
import { formatAlias } from './format-aliases.ts';
import { CBOR_BREAK, CBOR_MAP_BEGIN, CBOR_TEXT, ESCAPE_NOTHING } from './format-encode.ts';
import {
  OPTION_BIN,
  OPTION_CBOR,
  OPTION_ENCODE,
  OPTION_HTTP,
  OPTION_JSON,
  OPTION_REQUEST,
  OPTION_RESPONSE,
  TYPECAST_RAW,
} from './format-options.ts';
import { FormatWriter } from './format-writer.ts';
import type { Linker } from './rows.ts';
import { DIRECTION_REQUEST, DIRECTION_RESPONSE, type Subject } from './subject.ts';
import { NO_BYTES, Sample, type SampleType, TYPE_BIN, TYPE_BOOL, TYPE_SINT, TYPE_STR } from './types.ts';

const SPACE = 0x20;
const QUOTE = 0x22;
const JSON_BEGIN = 0x7b;
const JSON_END = 0x7d;
const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const BETWEEN_VALUES = latin1(', ');
const AFTER_NAME = latin1('": ');

/** One part. Exactly one of text, expression and alias is there, none is a separator. */
export interface FormatStep {
  readonly part: FormatPart;
  readonly name: Uint8Array; // of the value in an encoded line; empty: it has no place there
  readonly text: Uint8Array | null;
  readonly expression: Expression | null;
  readonly alias: WriteAlias | null;
  readonly options: number;
  readonly typecast: number;
}

export class Format {
  readonly ast: FormatAst;
  readonly steps: readonly FormatStep[];
  private readonly isEncoded: boolean; // as a whole: only named values count
  private isFirst = true; // of the values of an encoded line
  private readonly writer = new FormatWriter(); // its own: %ID writes a format within a format
  private readonly sample = new Sample();

  constructor(ast: FormatAst, steps: readonly FormatStep[]) {
    this.ast = ast;
    this.steps = steps;
    this.isEncoded = (ast.options & OPTION_ENCODE) !== 0;
  }

  /** Writes to bytes[at, limit) and returns where it ended; what does not fit is cut. */
  write(subject: Subject, bytes: Uint8Array, at: number, limit: number): number {
    const { writer } = this;
    const { direction, final, iterate } = subject;
    writer.begin(bytes, at, limit);
    subject.final = true;
    subject.iterate = false;
    if (this.isEncoded) this.writeEncoded(subject);
    else this.writeSteps(subject);
    subject.direction = direction;
    subject.final = final;
    subject.iterate = iterate;
    return writer.at;
  }

  // What a step took of the trash has been written when it ends. Without giving it back a long format would come round
  // the ring to the chunk that it may be writing to itself.
  private writeSteps(subject: Subject): void {
    const { trash } = subject;
    const mark = trash.mark;
    for (let index = 0; index < this.steps.length; index++) {
      const goesOn = this.writeStep(this.steps[index]!, subject);
      trash.returnTo(mark);
      if (!goesOn) break;
    }
  }

  private writeStep(step: FormatStep, subject: Subject): boolean {
    const { writer } = this;
    const { text } = step;
    if (text !== null) {
      writer.isAfterSpace = false;
      return writer.raw(text, 0, text.length);
    }
    if (step.expression !== null || step.alias !== null) {
      const before = writer.at;
      const fits = this.writeValue(step, subject);
      if (step.expression !== null || writer.at !== before) writer.isAfterSpace = false;
      return fits;
    }
    if (writer.isAfterSpace) return true;
    writer.isAfterSpace = true;
    return writer.byte(SPACE);
  }

  private writeEncoded(subject: Subject): boolean {
    const { writer } = this;
    const { options } = this.ast;
    const isJson = (options & OPTION_JSON) !== 0;
    writer.options = options;
    if (isJson ? !writer.byte(JSON_BEGIN) : !writer.cborByte(CBOR_MAP_BEGIN)) return false;
    this.isFirst = true;
    for (let index = 0; index < this.steps.length; index++) {
      const step = this.steps[index]!;
      if (step.name.length === 0) continue;
      const { mark } = subject.trash;
      const fits = this.writeName(step.name, isJson) && this.writeValue(step, subject);
      subject.trash.returnTo(mark);
      if (!fits) return false;
    }
    writer.options = options;
    return isJson ? writer.byte(JSON_END) : writer.cborByte(CBOR_BREAK);
  }

  private writeName(name: Uint8Array, isJson: boolean): boolean {
    const { writer, isFirst } = this;
    writer.options = this.ast.options;
    this.isFirst = false;
    if (!isJson) return writer.cborPiece(name, 0, name.length, CBOR_TEXT);
    return (
      (isFirst || writer.raw(BETWEEN_VALUES, 0, BETWEEN_VALUES.length)) &&
      writer.byte(QUOTE) &&
      writer.raw(name, 0, name.length) &&
      writer.raw(AFTER_NAME, 0, AFTER_NAME.length)
    );
  }

  private writeValue(step: FormatStep, subject: Subject): boolean {
    const { writer } = this;
    const { alias, expression } = step;
    const before = writer.at;
    writer.options = step.options;
    writer.typecast = step.typecast;
    const fits = alias !== null ? alias(subject, writer) : this.writeSample(expression!, subject, step.options);
    return fits && (writer.at !== before || writer.nothing()) && writer.endText();
  }

  private writeSample(expression: Expression, subject: Subject, options: number): boolean {
    const { writer, sample } = this;
    let found = fetchValue(expression, subject, sample, options);
    const type = this.typeOf(found ? sample.type : TYPE_STR, options);
    if (found) found = castTo(sample, type, subject);
    if ((options & OPTION_HTTP) !== 0) return !found || writer.http(sample.bytes, sample.offset, sample.length);
    if (!found) return writer.text(NO_BYTES, 0, 0);
    switch (type) {
      case TYPE_BIN:
        return writer.encoded(sample.bytes, sample.offset, sample.length, 0, ESCAPE_NOTHING);
      case TYPE_SINT:
        return writer.intSample(sample);
      case TYPE_BOOL:
        return writer.bool(sample.number !== 0);
      default:
        return writer.text(sample.bytes, sample.offset, sample.length);
    }
  }

  /** What a value becomes before it is written. With `raw` the part's options no longer count. */
  private typeOf(type: SampleType, options: number): SampleType {
    const { writer } = this;
    const { typecast } = writer;
    const keepsBinary = type === TYPE_BIN && (options & OPTION_BIN) !== 0 && typecast !== TYPE_STR;
    if ((options & OPTION_ENCODE) === 0) return keepsBinary ? TYPE_BIN : TYPE_STR;
    if (typecast === TYPECAST_RAW) {
      writer.options = 0;
      return TYPE_BIN;
    }
    if (typecast === TYPE_STR || typecast === TYPE_SINT || typecast === TYPE_BOOL) return typecast;
    const isKept = type === TYPE_SINT || type === TYPE_BOOL || (type === TYPE_BIN && (options & OPTION_CBOR) !== 0);
    return isKept || keepsBinary ? type : TYPE_STR;
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
  const name = part.kind === 'alias' || part.kind === 'sample' ? latin1(part.name) : NO_BYTES;
  const step = { part, name, text: null, expression: null, alias: null, options: 0, typecast: 0 };
  switch (part.kind) {
    case 'text':
      return { ...step, text: latin1(part.text) };
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
