// Goal: what the tables of values cannot say of converters: limits of size, waiting for more bytes, the local time zone,
// variables and captures that are written, servers' state, and that inputs are never written to.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Model } from '../model/model.ts';
import { ServerLoad } from '../shared/server-load.ts';
import { SERVER_MAINT, SERVER_UP, ServerWords } from '../shared/server-words.ts';
import { zoneName } from './convert-zone.ts';
import { allRows, describe, Harness, rowOf, textSample } from './fixture-convert.ts';
import { LOG_SERVER_STATS, LogRecord } from './log-record.ts';
import type { CaptureStore, Subject } from './subject.ts';
import { Sample, TYPE_BIN, TYPE_STR } from './types.ts';

const CHUNK = 16_384;

test('names of converters are unique', () => {
  assert.equal(new Set(allRows.map((row) => row.name)).size, allRows.length);
});

// Sizes around what a chunk of the trash holds; the limits are HAProxy's.
test('results that do not fit a chunk fail or are cut', () => {
  const harness = new Harness();
  const long = (count: number): string => 'a'.repeat(count);
  const sizeOf = (chain: string, count: number, unit = 'a'): number | null => {
    const sample = textSample(unit.repeat(count), TYPE_BIN);
    return harness.compile(chain)(sample) ? sample.length : null;
  };
  assert.equal(sizeOf('hex', CHUNK / 2), CHUNK);
  assert.equal(sizeOf('hex', CHUNK / 2 + 1), null);
  assert.equal(sizeOf('base64', 12_285), 16_380);
  assert.equal(sizeOf('base64', 12_286), null);
  assert.equal(sizeOf('ub64enc', 12_286), null);
  assert.equal(sizeOf('base2', CHUNK), CHUNK - 8);
  assert.equal(sizeOf('url_enc("")', CHUNK - 1), CHUNK - 1);
  assert.equal(sizeOf('url_enc("")', CHUNK), CHUNK - 1);
  assert.equal(sizeOf('url_enc("")', CHUNK, ' '), 3 * 5460);
  assert.equal(sizeOf('json("")', CHUNK), CHUNK);
  assert.equal(sizeOf('json("")', CHUNK / 2 + 1, '"'), null);
  assert.equal(sizeOf('upper', CHUNK - 1), CHUNK - 1);
  assert.equal(sizeOf('upper', CHUNK), null);
  assert.equal(sizeOf('reverse', CHUNK), null);
  assert.equal(sizeOf('url_dec', CHUNK), null);
  assert.equal(sizeOf('concat(b)', CHUNK - 2), CHUNK - 1);
  assert.equal(sizeOf('concat(b)', CHUNK - 1), CHUNK - 1);
  assert.equal(sizeOf('concat(b)', CHUNK), CHUNK - 1);
  assert.equal(sizeOf('concat(b)', CHUNK + 32), null);
  assert.equal(sizeOf('regsub("a","bb",g)', CHUNK - 10), CHUNK);
  assert.equal(sizeOf('be2dec(":",1)', 8000), 16_382); // "97:" and so on, whole numbers only
  assert.equal(sizeOf('be2hex(":",1)', 8000), 16_382);
  assert.equal(harness.run('json_query("$.x")', `{"x":"${long(CHUNK - 1)}"}`)?.length, CHUNK - 1 + 4);
  assert.equal(harness.run('json_query("$.x")', `{"x":"${long(CHUNK)}"}`), null);
});

test('no converter writes to the bytes that it was given', () => {
  const harness = new Harness();
  const input = 'Abc%20,def;ghi=JKL&x=1 {"a":"\\u0041"} 1.2.3.4 Sun, 06 Nov 1994 08:49:37 GMT';
  const needed: Record<string, string> = {
    str: 'a',
    sint: '8',
    regex: 'b',
    mask4: '8',
    fields: '1',
    mask6: '8',
  };
  const special: Record<string, string> = {
    aes_gcm_enc: '(128,"a2V5a2V5a2V5","a2V5a2V5a2V5a2V5a2V5a2==",txn.t)',
    aes_gcm_dec: '(128,"a2V5a2V5a2V5","a2V5a2V5a2V5a2V5a2V5a2==","a2V5a2V5a2V5a2V5a2V5a2==")',
    aes_cbc_enc: '(128,"a2V5a2V5a2V5","a2V5a2V5a2V5a2V5a2V5a2==")',
    aes_cbc_dec: '(128,"a2V5a2V5a2V5","a2V5a2V5a2V5a2V5a2V5a2==")',
    add_item: '(a,txn.t)',
    be2dec: '(a,8)',
    le2dec: '(a,8)',
    be2hex: '(a,8)',
    bytes: '(1,2)',
    digest: '(md5)',
    hmac: '(md5,"a2V5")',
    fix_tag_value: '(35)',
    json: '(utf8)',
    mqtt_field_value: '(1,flags)',
    secure_memcmp: '(txn.t)',
    strcmp: '(txn.t)',
    url_enc: '(query)',
    when: '(normal)',
  };
  for (const row of allRows) {
    const isOperator = ['add', 'sub', 'mul', 'div', 'mod', 'and', 'or', 'xor'].includes(row.name);
    const written = row.args.kinds.slice(0, row.args.min).map((kind) => (isOperator ? '3' : needed[kind]!));
    const chain = row.name + (special[row.name] ?? `(${written.join(',')})`);
    const sample = textSample(input, TYPE_BIN);
    const { bytes } = sample;
    const before = bytes.slice();
    harness.compile(chain.replace('()', ''))(sample);
    assert.deepEqual(bytes, before, chain);
  }
});

test('converters that need more bytes say so while more can come', () => {
  const harness = new Harness({ final: false } as Partial<Subject>);
  const tryOn = (chain: string, input: string): [boolean, boolean] => {
    const sample = textSample(input, TYPE_BIN);
    sample.mayChange = true;
    const found = harness.compile(chain)(sample);
    return [found, sample.mayChange];
  };
  assert.deepEqual(tryOn('bytes(2,4)', 'hello'), [false, true]);
  assert.deepEqual(tryOn('bytes(9)', 'hello'), [false, true]);
  assert.deepEqual(tryOn('bytes(2,3)', 'hello'), [true, true]);
  assert.deepEqual(tryOn('bytes(txn.none)', 'hello'), [false, false]);
  assert.deepEqual(tryOn('mqtt_is_valid', '\x10'), [false, true]);
  assert.deepEqual(tryOn('mqtt_is_valid', '\x10\x00'), [true, false]);
  assert.deepEqual(tryOn('fix_is_valid', '8=FIX.4.4\x01'), [false, true]);
  assert.deepEqual(tryOn('fix_tag_value(35)', '8=FIX.4.4\x019=5\x01'), [false, true]);
  assert.deepEqual(tryOn('fix_tag_value(35)', '8=FIX.4.4\x01x=5\x01'), [false, false]);
});

test('local time is what the zone of the process says', () => {
  const harness = new Harness();
  for (const seconds of [0, 1_700_000_000, 1_720_000_000, 4_000_000_000]) {
    const date = new Date(seconds * 1000);
    const two = (value: number): string => String(value).padStart(2, '0');
    const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
    const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
    const east = -date.getTimezoneOffset();
    const zone = `${east < 0 ? '-' : '+'}${two(Math.floor(Math.abs(east) / 60))}${two(Math.abs(east) % 60)}`;
    const expected = `str ${day} ${time} ${zone}`;
    assert.equal(harness.run('concat(),ltime("%Y-%m-%d %H:%M:%S %z")', String(seconds)), expected);
    assert.equal(harness.run('concat(),ms_ltime("%F %T %z")', `${seconds}123`), expected);
    assert.equal(harness.run('concat(),us_ltime("%F %T %z")', `${seconds}123456`), expected);
    assert.equal(harness.run('concat(),us_ltime("%s.%6N")', `${seconds}123456`), `str ${seconds}.123456`);
  }
});

test('the zone has a name at every moment', () => {
  for (const seconds of [-1e10, 0, 1.7e9, 1e11]) assert.match(zoneName(seconds, 0), /^[-+A-Za-z0-9]{1,8}$/);
});

test('aes_gcm_enc leaves the tag in its variable, and aes_gcm_dec wants that one', () => {
  const harness = new Harness();
  const args = '128,"bm9uY2UxMjM0NTY3","MDEyMzQ1Njc4OWFiY2RlZg=="';
  const sealed = harness.run(`aes_gcm_enc(${args},txn.tag)`, 'hello');
  assert.equal(sealed, 'bin EE11568DAA');
  assert.equal(harness.run(`aes_gcm_enc(${args},txn.tag),aes_gcm_dec(${args},txn.tag)`, 'hello'), 'bin 68656C6C6F');
  assert.match(harness.variable('txn.tag')!, /^str [A-Za-z0-9+/]{22}==$/);
  harness.setText('txn.wrong', 'AAAAAAAAAAAAAAAAAAAAAA==');
  assert.equal(harness.run(`aes_gcm_enc(${args},txn.tag),aes_gcm_dec(${args},txn.wrong)`, 'hello'), null);
});

class FakeCaptures implements CaptureStore {
  readonly count = 2;
  readonly kept: (string | null)[] = [null, null];

  set(slot: number, bytes: Uint8Array, offset: number, length: number): void {
    this.kept[slot] = Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1');
  }

  bytesOf(): Uint8Array {
    return new Uint8Array(0);
  }

  lengthOf(): number {
    return -1;
  }
}

test('capture-req and capture-res keep the value in their slot and pass it on', () => {
  const request = new FakeCaptures();
  const response = new FakeCaptures();
  const stream = { requestCaptures: request, responseCaptures: response };
  const harness = new Harness({ stream } as unknown as Partial<Subject>);
  assert.equal(harness.run('concat(),capture-req(1),upper', 'value'), 'str VALUE');
  assert.deepEqual(request.kept, [null, 'value']);
  assert.equal(harness.run('concat(),capture-res(0)', 'other'), 'str other');
  assert.deepEqual(response.kept, ['other', null]);
  assert.equal(harness.run('concat(),capture-req(2)', 'value'), null);
  assert.equal(new Harness().run('concat(),capture-req(0)', 'value'), null);
});

test('names of servers, backends and frontends are looked up with their state', () => {
  const server = (index: number, name: string, backup = false): object => ({
    index,
    name,
    backup,
    weight: 1,
    disabled: false,
    resolved: true,
  });
  const proxies = [
    { name: 'web', kind: 'frontend', servers: [] },
    { name: 'app', kind: 'backend', disabled: false, allbackups: false, servers: [server(0, 's1'), server(1, 's2')] },
    { name: 'both', kind: 'listen', disabled: false, servers: [server(2, 'b1', true), server(3, 'b2', true)] },
  ];
  const model = { proxies, serverCount: 4 } as unknown as Model;
  const words = ServerWords.create(model);
  const load = new ServerLoad(ServerLoad.create(model, 1).buffer, 0);
  const stream = { frontendIndex: 0, backendIndex: 1 };
  const harness = new Harness({ words, load, stream } as unknown as Partial<Subject>, model);
  const run = (name: string, input: string): string | null => harness.run(`concat(),${name}`, input);
  assert.equal(run('nbsrv', 'app'), 'sint 2');
  words.setFlags(1, SERVER_MAINT, 0);
  assert.equal(run('nbsrv', 'app'), 'sint 1');
  assert.equal(run('nbsrv', 'both'), 'sint 1');
  assert.equal(run('nbsrv', 'web'), null);
  assert.equal(run('srv_is_up', 'app/s1'), 'bool 1');
  assert.equal(run('srv_is_up', 'app/s2'), 'bool 0');
  assert.equal(run('srv_is_up', 's1'), 'bool 1');
  words.setFlags(0, 0, SERVER_UP);
  assert.equal(run('srv_is_up', 's1'), 'bool 0');
  assert.equal(run('srv_is_up', 'app/none'), null);
  assert.equal(run('srv_is_up', 'none/s1'), null);
  load.enqueue(load.server(0));
  load.enqueue(load.server(0));
  assert.equal(run('srv_queue', 'app/s1'), 'sint 2');
  assert.equal(run('srv_queue', 'app/s2'), 'sint 0');
  assert.equal(run('fe_exists', 'web'), 'bool 1');
  assert.equal(run('fe_exists', 'both'), 'bool 1');
  assert.equal(run('fe_exists', 'app'), 'bool 0');
});

test('a JSON Web Token without a path gives the decoded part', () => {
  const harness = new Harness();
  const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln';
  assert.equal(harness.run('jwt_header_query', token), 'str {"alg":"HS256"}');
  assert.equal(harness.run('jwt_payload_query', token), 'str {"sub":"x"}');
});

test('dates before 1970 are read as negative seconds', () => {
  assert.equal(new Harness().run('concat(),date', 'Thu, 01 Jan 1960 00:00:00 GMT'), 'sint -315619200');
});

test('a converter can be run again and again on samples of other types', () => {
  const harness = new Harness();
  const add = rowOf('add').compile([{ kind: 'str', text: '1' }], harness.linker);
  const sample = new Sample();
  sample.setBool(true);
  assert.equal(add(sample, harness.subject), true);
  assert.equal(describe(sample), 'sint 2');
  sample.setWide(0x7fff_ffff_ffff_ffffn);
  assert.equal(add(sample, harness.subject), true);
  assert.equal(describe(sample), 'sint 9223372036854775807');
  assert.equal(describe(textSample('x', TYPE_STR)), 'str x');
});

// The conditions of `when`, as the stream's log record shows them.
test('when passes a value only under its condition', () => {
  const log = new LogRecord(64);
  log.nextRequest(0);
  const parts = { stream: { http: true, log }, back: null, world: { isStopping: () => false } };
  const harness = new Harness(parts as unknown as Partial<Subject>);
  const passing = (): string =>
    ['stopping', 'normal', 'error', 'forwarded', 'toapplet', 'processed']
      .filter((condition) => harness.run(`when(${condition})`, 'x') !== null)
      .join(' ');
  const passingNot = (): string =>
    ['stopping', 'normal', 'error', 'forwarded', 'toapplet', 'processed']
      .filter((condition) => harness.run(`when("!${condition}")`, 'x') !== null)
      .join(' ');
  assert.equal(passing(), 'normal');
  assert.equal(passingNot(), 'stopping error forwarded toapplet processed');
  log.markConnect = 5;
  assert.equal(passing(), 'normal forwarded processed');
  log.status = 503;
  assert.equal(passing(), 'error forwarded processed');
  log.status = 200;
  log.retries = 1;
  assert.equal(passing(), 'error forwarded processed');
  log.setTermination('L'.charCodeAt(0), 'R'.charCodeAt(0));
  assert.equal(passing(), 'normal forwarded processed');
  log.setTermination('S'.charCodeAt(0), 'D'.charCodeAt(0));
  assert.equal(passing(), 'error forwarded processed');
  log.nextRequest(0);
  log.serverIndex = LOG_SERVER_STATS;
  parts.world.isStopping = () => true;
  assert.equal(passing(), 'stopping normal toapplet processed');
});

test('le2dec reads as many bytes as it is told, also those that HAProxy gets wrong', () => {
  const harness = new Harness();
  assert.equal(harness.run('le2dec(":",4)', '\xff\xff\xff\xff'), 'str 4294967295');
  assert.equal(harness.run('le2dec(":",8)', 'abcdefgh'), 'str 7523094288207667809');
});
