// Actions that decide about a connection as a whole: accept, reject, close, silent-drop, expect-proxy, switch-mode
// (manual §4.3, §4.4).

import type { RuleSetName } from '../model/rules.ts';
import {
  type ActionLine,
  type ActionRow,
  RULE_CLOSE,
  RULE_CONTINUE,
  RULE_SILENT_DROP,
  RULE_STOP,
  type RuleParts,
} from './contract.ts';

const TCP_REQUEST: readonly RuleSetName[] = ['tcp-request connection', 'tcp-request session', 'tcp-request content'];
const TCP: readonly RuleSetName[] = [...TCP_REQUEST, 'tcp-response content'];

const TTL_MAX = 255;

function parseSilentDrop(line: ActionLine): RuleParts | null {
  if (line.peek() !== 'rst-ttl') return { options: { ttl: 0 } };
  line.next();
  const text = line.next();
  if (text === '') return line.fail('missing rst-ttl value\n');
  const { value, rest } = readUnsigned(text);
  if (rest !== '') return line.fail(`invalid character starting at '${rest}' (value 1-255 expected)\n`);
  if (value === 0 || value > TTL_MAX) return line.fail('valid rst-ttl values are [1-255]\n');
  return { options: { ttl: value } };
}

/** strtoul() of any base. */
function readUnsigned(text: string): { value: number; rest: string } {
  const match = /^[ \t\n\v\f\r]*\+?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(text);
  if (match === null) return { value: 0, rest: text };
  const digits = match[1]!;
  const octal = /^0[0-7]+$/.test(digits);
  return { value: Number(octal ? `0o${digits.slice(1)}` : digits), rest: text.slice(match[0].length) };
}

/** `expect-proxy layer4`, `expect-netscaler-cip layer4`: only in connection rules. */
function expectsHeader(line: ActionLine): boolean {
  const layer = line.next();
  const place = `${line.sectionWord} '${line.proxy}'`;
  if (layer !== 'layer4') {
    line.fail(`'${line.set} ${line.word}' only supports 'layer4' in ${place} (got '${layer}')`);
    return false;
  }
  if (line.set === 'tcp-request connection') return true;
  line.fail(`'${line.word} ${layer}' is not allowed in '${line.set}' rules in ${place}`);
  return false;
}

const MUXES: readonly string[] = ['h1', 'h2', 'none', 'spop', 'fcgi'];

function parseSwitchMode(line: ActionLine): RuleParts | null {
  const action = `'tcp-request ${line.word}'`;
  const action2 = `'tcp-request ${line.word}`;
  const mode = line.next();
  if (mode === '') return line.fail(`${action} expects a mode as argument.`);
  if (!line.front) {
    return line.fail(`${action} not allowed because ${line.sectionWord} '${line.proxy}' has no frontend capability`);
  }
  if (mode !== 'http') return line.fail(`${action} expects a valid mode (got '${mode}').`);
  if (line.peek() !== 'proto') return {};
  line.next();
  const protocol = line.next();
  if (protocol === '') return line.fail(`${action}: 'proto' expects a protocol as argument.`);
  if (!MUXES.includes(protocol)) {
    return line.fail(`${action}: 'proto' expects a valid MUX protocol, if specified (got '${protocol}')`);
  }
  return protocol === 'h1' ? {} : line.notImplemented(`${action2.slice(1)} http proto ${protocol}`);
}

export const connectionActions: readonly ActionRow[] = [
  { name: 'accept', isPrefix: false, sets: TCP, parse: () => ({}), compile: () => () => RULE_STOP },
  {
    name: 'reject',
    isPrefix: false,
    sets: [...TCP, 'http-request'],
    parse: () => ({}),
    compile: () => () => RULE_CLOSE,
  },
  {
    name: 'close',
    isPrefix: false,
    sets: ['tcp-response content'],
    parse: () => ({}),
    compile: () => (_subject, run) => {
      run.host.closeBack();
      return RULE_STOP;
    },
  },
  {
    name: 'silent-drop',
    isPrefix: false,
    sets: [...TCP, 'http-request', 'http-response'],
    parse: parseSilentDrop,
    compile: (ast) => {
      const ttl = ast.options['ttl'] as number;
      return (_subject, run) => {
        run.silentDropTtl = ttl;
        return RULE_SILENT_DROP;
      };
    },
  },
  {
    name: 'expect-proxy',
    isPrefix: false,
    sets: TCP_REQUEST,
    parse: (line) => (expectsHeader(line) ? {} : null),
    compile: () => (_subject, run) => {
      run.host.expectProxy();
      return RULE_CONTINUE;
    },
  },
  {
    name: 'expect-netscaler-cip',
    isPrefix: false,
    sets: TCP_REQUEST,
    parse: (line) => (expectsHeader(line) ? line.notImplemented(`${line.set} ${line.word}`) : null),
    compile: () => () => RULE_CONTINUE,
  },
  {
    name: 'switch-mode',
    isPrefix: false,
    sets: ['tcp-request content'],
    parse: parseSwitchMode,
    compile: () => (subject, run) => {
      if (subject.stream !== null && !subject.stream.http) run.host.switchToHttp();
      return RULE_STOP;
    },
  },
];
