// Goal: converters are HAProxy's. Method: a HAProxy 3.4 (HAPROXY_PEER or `haproxy` on PATH; else skipped) with one rule a
// chain is sent each input as a request's body and answers with the value's bytes; ours are run on the same bytes. Wrong
// arguments are given to `haproxy -c`, and its words compared.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { allRows, Harness, parseChain, rowOf } from './fixture-convert.ts';
import { type ParityCase, parityCases } from './fixture-convert-cases.ts';
import type { ArgKind } from './rows.ts';
import { TYPE_NAMES } from './types.ts';

const PEER = process.env['HAPROXY_PEER'] ?? 'haproxy';
const TIMEOUT_MS = 20_000;
const version = /HAProxy version (\S+)/i.exec(
  spawnSync(PEER, ['-v'], { encoding: 'utf8', timeout: TIMEOUT_MS }).stdout ?? '',
);
const skip = version?.[1]?.startsWith('3.4')
  ? false
  : `needs a HAProxy 3.4, by HAPROXY_PEER or on PATH (found ${version?.[1] ?? 'none'})`;

/** What several chains name, as HAProxy's rule and as ours. */
const VARIABLES: readonly [name: string, expression: string, set: (harness: Harness, name: string) => void][] = [
  ['txn.txt', 'str(hello)', (harness, name) => harness.setText(name, 'hello')],
  ['txn.num', 'int(42)', (harness, name) => harness.setInt(name, 42n)],
  ['txn.two', 'int(2)', (harness, name) => harness.setInt(name, 2n)],
  ['txn.neg', 'int(-2)', (harness, name) => harness.setInt(name, -2n)],
  ['txn.zero', 'int(0)', (harness, name) => harness.setInt(name, 0n)],
  ['txn.empty', 'str()', (harness, name) => harness.setText(name, '')],
  ['txn.b64', 'str(a2V5)', (harness, name) => harness.setText(name, 'a2V5')],
  ['txn.addr', 'ipv4(1.2.3.4)', (harness, name) => harness.setText(name, '1.2.3.4')],
];

const quoted = (text: string): string => `'${text.replaceAll("'", `'"'"'`)}'`;

function configuration(socket: string): string {
  const lines = [
    'defaults',
    '  mode http',
    '  timeout client 20s',
    '  timeout server 20s',
    '  timeout connect 20s',
    'frontend f',
    `  bind unix@${socket} mode 777`,
    '  option http-buffer-request',
    ...VARIABLES.map(([name, expression]) => `  http-request set-var(${name}) ${expression}`),
    ...parityCases.map(
      ({ chain }, index) => `  http-request set-var(txn.r) ${quoted(`req.body,${chain}`)} if { path /${index} }`,
    ),
    '  http-request return status 200 content-type text/plain lf-string "%[var(txn.r),hex]" if { var(txn.r) -m found }',
    '  http-request return status 404',
  ];
  return `${lines.join('\n')}\n`;
}

const directory = mkdtempSync(join(tmpdir(), 'weir-converters-'));
const socket = join(directory, 'peer');
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
let child: ChildProcess | null = null;

before(async () => {
  if (skip !== false) return;
  const file = join(directory, 'peer.cfg');
  writeFileSync(file, configuration(socket), 'latin1');
  child = spawn(PEER, ['-db', '-q', '-f', file], { stdio: 'inherit' });
  // The socket file is there before anybody listens; requests that come too early are asked again.
  while (!existsSync(socket) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 10));
});

after(() => {
  agent.destroy();
  child?.kill();
  rmSync(directory, { recursive: true, force: true });
});

function ask(index: number, body: string): Promise<string | null> {
  const { promise, resolve, reject } = Promise.withResolvers<string | null>();
  const headers = { 'content-length': body.length };
  const request = http.request({ socketPath: socket, path: `/${index}`, method: 'POST', agent, headers }, (answer) => {
    let text = '';
    answer.setEncoding('latin1');
    answer.on('data', (chunk: string) => {
      text += chunk;
    });
    answer.on('end', () => resolve(answer.statusCode === 404 ? null : text));
  });
  request.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNREFUSED' && child?.exitCode === null)
      setImmediate(() => ask(index, body).then(resolve, reject));
    else reject(error);
  });
  request.end(Buffer.from(body, 'latin1'));
  return promise;
}

/** Cases by the last converter of their chain. */
function casesByName(): Map<string, [index: number, each: ParityCase][]> {
  const groups = new Map<string, [number, ParityCase][]>();
  for (const [index, each] of parityCases.entries()) {
    const name = parseChain(each.chain).at(-1)!.name;
    groups.set(name, [...(groups.get(name) ?? []), [index, each]]);
  }
  return groups;
}

const harness = new Harness();
for (const [name, , set] of VARIABLES) set(harness, name);

for (const [name, cases] of casesByName()) {
  test(`${name} gives what HAProxy gives`, { skip }, async () => {
    for (const [index, { chain, inputs }] of cases) {
      const expected = await Promise.all(inputs.map((input) => ask(index, input)));
      const actual = inputs.map((input) => harness.runBytes(chain, input));
      assert.deepEqual(actual, expected, chain);
    }
  });
}

const WRONG_ARGUMENTS: readonly string[] = [
  ...['add(abc)', 'add(txn.a-b)', 'bytes(-1)', 'bytes(1,0)', 'bytes(1,-5)', 'bytes(x)', 'bytes(1,x)'],
  ...['field(0,",")', 'field(1,"")', 'word(0,",")', 'param(a,"")', 'param(a,"bc")', 'concat(a,b)'],
  ...['add_item(a,b)', 'add_item(a,"","")', 'strcmp("")', 'strcmp(abc)', 'secure_memcmp(abc)', 'secure_memcmp("")'],
  ...['be2dec(":")', 'be2dec(":",9)', 'be2dec(":",-1)', 'be2dec(":",2,2)', 'le2dec(":",9)'],
  ...['be2hex(":")', 'be2hex("",0,1)', 'be2hex("",2,2)', 'url_enc(foo)', 'json(foo)', 'json_query("")'],
  ...['json_query("$.a",str)', 'jwt_header_query("$.a",str)', 'sha2(1)', 'sha2(-5)', 'digest(nope)'],
  ...['hmac(nope,"a2V5")', 'hmac(sha256,"abc")', 'http_date(0,x)', 'regsub("a","b","x")', 'fix_tag_value(nope)'],
  ...['mqtt_field_value(nope,flags)', 'mqtt_field_value(connect,reason_code)', 'mqtt_field_value(99,flags)'],
  ...['protobuf(1,foo)', 'ungrpc(1,foo)', 'aes_gcm_enc(12,"a2V5","a2V5",txn.t)', 'aes_gcm_enc(128,"a","a2V5",txn.t)'],
  ...['aes_gcm_enc(128,"a2V5","a",txn.t)', 'aes_gcm_enc(128,"a2V5","a2V5",t)', 'aes_gcm_dec(128,"a2V5","a2V5","a")'],
  ...['aes_gcm_dec(128,"a2V5","a2V5","","b")', 'aes_cbc_enc(128,"a2V5","a2V5","b")', 'when(foo)', 'when(!foo)'],
];

function wordsOfPeer(converter: string): string {
  const file = join(directory, 'wrong.cfg');
  const rule = `  http-request set-var(txn.r) ${quoted(`str(5),${converter}`)}`;
  writeFileSync(file, `defaults\n  mode http\nfrontend f\n  bind unix@${socket}-wrong\n${rule}\n`, 'latin1');
  const { stderr } = spawnSync(PEER, ['-c', '-f', file], { encoding: 'utf8', timeout: TIMEOUT_MS });
  return /invalid args in converter '[^']+' : ([^\n]*)\.\n/.exec(stderr)?.[1] ?? stderr;
}

test('wrong arguments are refused in the words of HAProxy', { skip }, () => {
  for (const converter of WRONG_ARGUMENTS) {
    const [step] = parseChain(converter);
    const words = rowOf(step!.name).check?.(step!.args) ?? null;
    assert.equal(words, wordsOfPeer(converter), converter);
  }
});

const KIND_WORDS: Partial<Record<ArgKind, string>> = {
  str: 'string',
  sint: 'integer',
  mask4: 'IPv4 mask',
  mask6: 'IPv6 mask',
  regex: 'regex',
  fields: 'Protocol buffers field number',
};

test('signatures are the ones that HAProxy dumps', { skip }, () => {
  const dump = spawnSync(PEER, ['-dKcnv', '-q', '-c', '-f', '/dev/null'], {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  }).stdout;
  const theirs = new Set(dump.split('\n').map((line) => line.trim()));
  for (const row of allRows) {
    const words = row.args.kinds.map((kind) => KIND_WORDS[kind]!);
    const needed = words.slice(0, row.args.min).join(',');
    const others = words.slice(row.args.min).join(',');
    const optional = others === '' ? '' : `[${needed === '' ? '' : ','}${others}]`;
    const args = words.length === 0 ? '' : `(${needed}${optional})`;
    const line = `${row.name}${args}: ${TYPE_NAMES[row.out]} => ${TYPE_NAMES[row.in]}`;
    assert.ok(theirs.has(line), `not dumped: ${line}`);
  }
});
