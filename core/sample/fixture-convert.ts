// For tests of converters: runs a chain like `field(2,","),lower` on bytes, on a subject that has little more than trash and
// variables.

import type { Arg, VariableScope } from '../model/language.ts';
import type { Model } from '../model/model.ts';
import { castTo } from './casts.ts';
import { addressConverters } from './convert-address.ts';
import { aesConverters } from './convert-aes.ts';
import { bytesOfText } from './convert-arguments.ts';
import { dateConverters } from './convert-date.ts';
import { encodingConverters } from './convert-encoding.ts';
import { fixConverters } from './convert-fix.ts';
import { hashConverters } from './convert-hash.ts';
import { httpConverters } from './convert-http.ts';
import { jsonConverters } from './convert-json.ts';
import { mqttConverters } from './convert-mqtt.ts';
import { numberConverters } from './convert-number.ts';
import { packetConverters } from './convert-packet.ts';
import { protobufConverters } from './convert-protobuf.ts';
import { regexConverters } from './convert-regex.ts';
import { serverConverters } from './convert-server.ts';
import { stringConverters } from './convert-string.ts';
import { whenConverters } from './convert-when.ts';
import { x509Converters } from './convert-x509.ts';
import type { ArgKind, Convert, ConverterRow, Linker } from './rows.ts';
import type { Subject } from './subject.ts';
import { Trash } from './trash.ts';
import {
  Sample,
  TYPE_ANY,
  TYPE_BIN,
  TYPE_BOOL,
  TYPE_IPV4,
  TYPE_IPV6,
  TYPE_NAMES,
  TYPE_SINT,
  TYPE_STR,
} from './types.ts';
import type { Variables } from './variables-contract.ts';

export const allRows: readonly ConverterRow[] = [
  ...addressConverters,
  ...aesConverters,
  ...dateConverters,
  ...encodingConverters,
  ...fixConverters,
  ...hashConverters,
  ...httpConverters,
  ...jsonConverters,
  ...mqttConverters,
  ...numberConverters,
  ...packetConverters,
  ...protobufConverters,
  ...regexConverters,
  ...serverConverters,
  ...stringConverters,
  ...whenConverters,
  ...x509Converters,
];

export function rowOf(name: string): ConverterRow {
  const row = allRows.find((each) => each.name === name);
  if (row === undefined) throw new Error(`no converter ${name}`);
  return row;
}

/** Variables whose numbers are given by their names' order; texts are kept by reference. */
class FakeVariables implements Variables {
  readonly scope = 'txn';
  readonly samples = new Map<number, Sample>();

  get(variable: number, sample: Sample): boolean {
    const kept = this.samples.get(variable);
    if (kept !== undefined) sample.copy(kept);
    return kept !== undefined;
  }

  set(variable: number, sample: Sample): boolean {
    const kept = new Sample();
    kept.copy(sample);
    kept.bytes = sample.bytes.slice(sample.offset, sample.offset + sample.length);
    kept.offset = 0;
    this.samples.set(variable, kept);
    return true;
  }

  unset(variable: number): void {
    this.samples.delete(variable);
  }

  clear(): void {
    this.samples.clear();
  }
}

const CHUNK_BYTES = 16_384; // tune.bufsize's default

export class Harness {
  readonly variables = new FakeVariables();
  readonly subject: Subject;
  readonly linker: Linker;
  private readonly names: string[] = [];

  constructor(parts: Partial<Subject> = {}, model: Pick<Model, 'proxies'> = { proxies: [] }) {
    const variables = this.variables;
    this.subject = {
      trash: new Trash(CHUNK_BYTES),
      final: true,
      stream: null,
      procVariables: variables,
      sessVariables: variables,
      txnVariables: variables,
      reqresVariables: variables,
      world: { procVariableChanged: () => undefined },
      ...parts,
    } as unknown as Subject;
    this.linker = {
      model,
      variable: (scope: VariableScope, name: string) => this.numberOf(`${scope}.${name}`),
    } as unknown as Linker;
  }

  private numberOf(name: string): number {
    if (!this.names.includes(name)) this.names.push(name);
    return this.names.indexOf(name);
  }

  setText(name: string, text: string): void {
    this.variables.set(this.numberOf(name), textSample(text, TYPE_STR));
  }

  setInt(name: string, value: bigint): void {
    const sample = new Sample();
    sample.setWide(value);
    this.variables.set(this.numberOf(name), sample);
  }

  /** What a variable holds now, as describe() shows it; null: nothing. */
  variable(name: string): string | null {
    const sample = new Sample();
    return this.variables.get(this.numberOf(name), sample) ? describe(sample) : null;
  }

  /** The chain ready to run on any number of samples. */
  compile(chain: string): (sample: Sample) => boolean {
    const steps = parseChain(chain).map(({ name, args }) => {
      const row = rowOf(name);
      const words = row.check?.(args) ?? null;
      if (words !== null) throw new Error(words);
      return { row, convert: row.compile(args, this.linker) satisfies Convert };
    });
    return (sample) => {
      for (const { row, convert } of steps) {
        if (row.in !== TYPE_ANY && !castTo(sample, row.in, this.subject)) return false;
        if (!convert(sample, this.subject)) return false;
      }
      return true;
    };
  }

  /** The value a chain gives for bytes, as describe() shows it; null: none. */
  run(chain: string, input: string): string | null {
    const sample = textSample(input, TYPE_BIN);
    return this.compile(chain)(sample) ? describe(sample) : null;
  }

  /** The value's bytes, as the converter hex would be given them. */
  runBytes(chain: string, input: string): string | null {
    const sample = textSample(input, TYPE_BIN);
    if (!this.compile(chain)(sample) || !castTo(sample, TYPE_BIN, this.subject)) return null;
    return hexOf(sample);
  }
}

export function textSample(text: string, type: number): Sample {
  const sample = new Sample();
  const bytes = bytesOfText(text);
  sample.setBytes(type, bytes, 0, bytes.length);
  return sample;
}

function hexOf(sample: Sample): string {
  return Buffer.from(sample.bytes.subarray(sample.offset, sample.offset + sample.length))
    .toString('hex')
    .toUpperCase();
}

/** `sint 42`, `str text`, `bin 00FF`, `bool 1`, `ipv4 10.0.0.1`. */
export function describe(sample: Sample): string {
  const name = TYPE_NAMES[sample.type]!;
  switch (sample.type) {
    case TYPE_BOOL:
      return `${name} ${sample.number}`;
    case TYPE_SINT:
      return `${name} ${sample.wide ?? sample.number}`;
    case TYPE_IPV4:
      return `${name} ${[24, 16, 8, 0].map((shift) => (sample.number >>> shift) & 255).join('.')}`;
    case TYPE_IPV6:
    case TYPE_BIN:
      return `${name} ${hexOf(sample)}`;
    default:
      return `${name} ${Buffer.from(hexOf(sample), 'hex').toString('latin1')}`;
  }
}

interface Step {
  name: string;
  args: Arg[];
}

/** `name(arg,"quoted, arg"),name`: enough of HAProxy's syntax for tests. */
export function parseChain(chain: string): Step[] {
  const steps: Step[] = [];
  let at = 0;
  while (at < chain.length) {
    const name = /^[\w.-]+/.exec(chain.slice(at))![0];
    at += name.length;
    const texts: string[] = [];
    if (chain[at] === '(') at = readTexts(chain, at + 1, texts);
    if (chain[at] === ',') at++;
    steps.push({ name, args: texts.map((text, index) => argOf(rowOf(name).args.kinds[index]!, text)) });
  }
  return steps;
}

function readTexts(chain: string, from: number, texts: string[]): number {
  let text = '';
  let isQuoted = false;
  for (let at = from; ; at++) {
    const char = chain[at]!;
    if (char === '"') isQuoted = !isQuoted;
    else if (isQuoted && char === '\\' && '\\ "\''.includes(chain[at + 1]!)) text += chain[++at]!;
    else if (isQuoted || (char !== ',' && char !== ')')) text += char;
    else {
      texts.push(text);
      text = '';
      if (char === ')') return at + 1;
    }
  }
}

function argOf(kind: ArgKind, text: string): Arg {
  if (kind === 'str') return { kind, text };
  if (text === '') return { kind: 'none' };
  switch (kind) {
    case 'sint':
      return { kind, value: Number(text), exact: text };
    case 'regex':
      return { kind, source: text, ignoreCase: false };
    case 'fields':
      return { kind, numbers: text.split('.').map(Number) };
    case 'mask4': {
      const bits = Number(text);
      return { kind, word: bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0 };
    }
    case 'mask6': {
      const bits = Number(text);
      const words = [0, 1, 2, 3].map((index) => {
        const left = Math.min(Math.max(bits - index * 32, 0), 32);
        return left === 0 ? 0 : (-1 << (32 - left)) >>> 0;
      });
      return { kind, words: words as [number, number, number, number] };
    }
    default:
      throw new Error(`no ${kind} arguments here`);
  }
}
