// Goal: every alias writes what the manual's table says of it, under every flag. Method: a stream whose record is filled
// by hand, and the text that must come of it.

import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { hostname } from 'node:os';
import { after, before, test } from 'node:test';
import { Captures } from './captures.ts';
import { WALL_MS } from './fixture-fetch.ts';
import { LanguageBench } from './fixture-language.ts';
import { formatAliases } from './format-aliases.ts';
import { parseFormat } from './format-parse.ts';
import { waitsOf } from './format-waits.ts';
import * as origins from './log-origin.ts';
import { FAMILY_INET6, FAMILY_NONE, FAMILY_UNIX } from './subject.ts';
import { AT_FE_LOG_END } from './types.ts';

const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

const zoneBefore = process.env['TZ'];
before(() => {
  process.env['TZ'] = 'Asia/Kolkata'; // 5 h 30 min east
});
after(() => {
  if (zoneBefore === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zoneBefore;
});

/** A finished request of front to back/s1: each number is another. */
function finished(): LanguageBench {
  const language = new LanguageBench();
  const { stream, front, back, model, world } = language.bench;
  const { log } = stream;
  stream.http = true;
  stream.id32 = 0x1a2b;
  (model.proxies[1] as { mode: string }).mode = 'http';
  log.acceptDateMs = Math.floor(WALL_MS); // 14 November 2023 22:13:20.123 UTC
  Object.assign(log, { markHandshake: 2, markIdle: 3, markRequest: 10, markQueue: 21, markConnect: 43 });
  Object.assign(log, { markData: 86, markClose: 172, backendIndex: 1, serverIndex: 1, status: 404 });
  Object.assign(log, { bytesRead: 5_000_000_000, bytesUploaded: 77, actconn: 9, feconn: 8, beconn: 7, srvConn: 6 });
  Object.assign(log, { retries: 2, srvQueue: 4, backendQueue: 5 });
  log.setTermination(0x73, 0x48); // sH
  const line = latin1('GET http://h.example/p/"q"?a=b%20 HTTP/1.1');
  log.captureRequestLine(line, 0, line.length);
  Object.assign(front, { source0: 0x0a000102, sourcePort: 4711, target0: 0xc0a80001 | 0, targetPort: 80 });
  Object.assign(back, { source0: 0x0a010203, sourcePort: 33_000, target0: 0x0a0a0a0a, targetPort: 8080 });
  const captures = (...texts: (string | null)[]): Captures => {
    const store = new Captures(Int32Array.from(texts, () => 100));
    texts.forEach((text, slot) => {
      if (text !== null) store.set(slot, latin1(text), 0, text.length);
    });
    return store;
  };
  stream.requestCaptures = captures('a|b', null, '"c"');
  stream.responseCaptures = captures('r\x80');
  stream.clientCookie = { bytes: latin1('sid=1'), length: 5 };
  stream.serverCookie = { bytes: latin1('sid=2'), length: 5 };
  Object.assign(stream.uniqueId, { bytes: latin1('id-1'), length: 4 });
  world.lineCount = () => 17;
  language.subject.logOrigin = origins.ORIGIN_TXN_CLOSE;
  return language;
}

/** What a format of a log writes of that request. */
const written = (text: string, language = finished()): string =>
  language.format(text, { where: AT_FE_LOG_END, log: true });

const VALUES: Readonly<Record<string, string>> = {
  ac: '9',
  B: '5000000000',
  b: 'back',
  bc: '7',
  bi: '10.1.2.3',
  bp: '33000',
  bq: '5',
  CC: 'sid=1',
  ci: '10.0.1.2',
  cp: '4711',
  CS: 'sid=2',
  f: 'front',
  fc: '8',
  fi: '192.168.0.1',
  fp: '80',
  ft: 'front',
  H: hostname(),
  HM: 'GET',
  HP: 'http://h.example/p/#22q#22',
  HPO: '/p/#22q#22',
  HQ: '?a=b%20',
  hr: '{a#7Cb||#22c#22}',
  hrl: 'a#7Cb - #22c#22',
  hs: '{r#80}',
  hsl: 'r#80',
  HU: 'http://h.example/p/#22q#22?a=b%20',
  HV: 'HTTP/1.1',
  ID: 'id-1',
  lc: '17',
  ms: '123',
  OG: 'txn_close',
  pid: '4242',
  r: 'GET http://h.example/p/#22q#22?a=b%20 HTTP/1.1',
  rc: '2',
  rt: '6699',
  s: 's1',
  sc: '6',
  si: '10.10.10.10',
  sp: '8080',
  sq: '4',
  sslc: '-',
  sslv: '-',
  ST: '404',
  T: '14/Nov/2023:22:13:20 +0000',
  t: '15/Nov/2023:03:43:20.123',
  Ta: '167',
  Tc: '22',
  Td: '86',
  Th: '2',
  Ti: '3',
  Tl: '15/Nov/2023:03:43:20 +0530',
  Tq: '10',
  TR: '5',
  Tr: '43',
  tr: '15/Nov/2023:03:43:20.128',
  trg: '14/Nov/2023:22:13:20 +0000',
  trl: '15/Nov/2023:03:43:20 +0530',
  Ts: '1700000000',
  ts: 'sH',
  tsc: 'sH--',
  Tt: '172',
  Tu: '169',
  Tw: '11',
  U: '77',
};

test('each alias is stated here', () => {
  deepStrictEqual(formatAliases.map(({ name }) => name).sort(), Object.keys(VALUES).sort());
});

for (const [alias, value] of Object.entries(VALUES)) {
  test(`%${alias} is ${value}`, () => strictEqual(written(`%${alias}`), value));
}

const FLAGGED: readonly (readonly [format: string, value: string])[] = [
  ['%{+X}ci %{+X}cp', '0A000102 1267'],
  ['%{+X}fi:%{+X}fp', 'C0A80001:0050'],
  ['%{+X}si %{+X}sp %{+X}bi %{+X}bp', '0A0A0A0A 1F90 0A010203 80E8'],
  ['%{+X}Ts %{+X}ms %{+X}rt %{+X}pid %{+X}lc', '6553F100 7B 1A2B 1092 0011'],
  ['%{+Q}ci %{+Q}cp %{+Q}b %{+Q}ST %{+Q}t', '"10.0.1.2" 4711 "back" 404 15/Nov/2023:03:43:20.123'],
  ['%{+Q}ft %{+Q}HM %{+Q}ts %{+Q}CC %{+Q}ID', '"front" "GET" sH "sid=1" "id-1"'],
  ['%{+Q}hr %{+Q}hrl', '"{a#7Cb||#22c#22}" "a#7Cb" "" "#22c#22"'],
  ['%{+json}ci %{+json}ST %{+json}t %{+json}ts', '"10.0.1.2" 404 "15/Nov/2023:03:43:20.123" "sH"'],
  ['%{+json}hrl %{+json}HM', '["a#7Cb", "-", "#22c#22"] "GET"'],
  ['%(:str){+json}ST %(:bool){+json}ST %(:sint){+json}ST', '"404" true 404'],
  ['%{+cbor}b %{+cbor}ST %{+cbor}B', '646261636B 190194 1B000000012A05F200'],
  ['%{+cbor}HM %{+cbor}hs', '7F63474554FF 7F617B617263233830617DFF'],
  ['%{+json}o%ci%(a)b ignored %(b-1)ST', '{"a": "back", "b-1": 404}'],
  ['%{+cbor}o%ci%(a)b ignored %(b)ST', 'BF6161646261636B6162190194FF'],
  ['%{+cbor,+bin}o%(a)rc', '\xbfaa\x02\xff'],
];

for (const [format, value] of FLAGGED) test(`${format} is ${value}`, () => strictEqual(written(format), value));

test('an early line marks its totals', () => {
  const language = finished();
  (language.bench.model.proxies[0] as { logasap: boolean }).logasap = true;
  strictEqual(written('%B %Ta %Tt %Tu %U %Td', language), '+5000000000 +167 +172 +169 77 86');
  strictEqual(written('%{+json}o%(b)B', language), '{"b": 5000000000}');
});

test('a redispatched request and a TLS bind are marked', () => {
  const language = finished();
  language.bench.stream.log.redispatched = true;
  language.bench.stream.log.tls = true;
  strictEqual(written('%rc %ft %{+Q}ft', language), '+2 front~ "front~"');
});

test('times that were not reached are -1', () => {
  const language = finished();
  const { log } = language.bench.stream;
  Object.assign(log, { markIdle: -1, markRequest: -1, markQueue: -1, markConnect: -1, markData: -1 });
  strictEqual(written('%Ti %TR %Tq %Tw %Tc %Tr %Td %Ta %Tu', language), '-1 -1 -1 -1 -1 -1 -1 172 172');
});

test('data of a TCP backend begins with the connection', () => {
  const language = finished();
  (language.bench.model.proxies[1] as { mode: string }).mode = 'tcp';
  strictEqual(written('%Td', language), String(172 - 43));
});

test('what is not known is a dash, quoted nothing, or null', () => {
  const language = finished();
  const { stream, front, subject } = language.bench;
  Object.assign(front, { sourceFamily: FAMILY_NONE, targetFamily: FAMILY_NONE });
  subject.back = null;
  Object.assign(stream, { requestCaptures: null, responseCaptures: null, clientCookie: undefined });
  stream.uniqueId.length = -1;
  stream.log.requestLineLength = 0;
  stream.log.serverIndex = -1;
  stream.log.status = 0;
  strictEqual(written('%ci %cp %fi %fp %si %sp %bi %bp %CC %ID', language), '- - - - - - - - - -');
  strictEqual(written('%{-M}ci|%{+Q}ci|%{+json}ID|%{+cbor}ID', language), '|""|""|F6');
  strictEqual(written('<%hr%hrl%hs%hsl> %{+json}hr', language), '<> null');
  strictEqual(written('%r %HM %HU %HP %HPO %HQ %HV', language), Array(7).fill('<BADREQ>').join(' '));
  strictEqual(written('%s %ST', language), '<NOSRV> -1');
});

test('a request line may lack its parts', () => {
  const language = finished();
  const { log } = language.bench.stream;
  const lines = [
    ['OPTIONS * HTTP/1.1', 'OPTIONS||*|*||HTTP/1.1'],
    ['GET /p', 'GET|/p|/p|/p||HTTP/0.9'],
    ['CUT', '<BADREQ>|<BADREQ>|<BADREQ>|<BADREQ>||<BADREQ>'],
    ['GET /a?b?c HTTP/1.0', 'GET|/a|/a|/a?b?c|?b?c|HTTP/1.0'],
  ] as const;
  for (const [line, value] of lines) {
    log.captureRequestLine(latin1(line), 0, line.length);
    strictEqual(written('%HM|%HPO|%HP|%HU|%HQ|%HV', language), value, line);
  }
});

test('clients on IPv6 and Unix sockets', () => {
  const language = finished();
  const { front } = language.bench;
  const words = { source0: 0x20010db8, source1: 0, source2: 0, source3: 0x1ff };
  Object.assign(front, { sourceFamily: FAMILY_INET6, ...words, bindIndex: 1 });
  strictEqual(written('%ci %{+X}ci', language), '2001:db8::1ff 20010DB80000000000000000000001FF');
  front.sourceFamily = FAMILY_UNIX;
  strictEqual(written('%ci %cp', language), 'unix 7');
  strictEqual(written('a %{+X}ci b', language), 'a ', 'HAProxy ends the line here, too');
});

test('addresses set by rules count', () => {
  const language = finished();
  const set = { family: 2, port: 1, word0: 0x01020304, word1: 0, word2: 0, word3: 0 };
  Object.assign(language.bench.stream, { sourceSet: set, targetSet: { ...set, port: 2 } });
  strictEqual(written('%ci:%cp %fi:%fp', language), '1.2.3.4:1 1.2.3.4:2');
});

test('a format of a rule has the load of its moment', () => {
  const language = finished();
  language.subject.logOrigin = origins.ORIGIN_NONE;
  const { load } = language.bench;
  load.acquire(load.process());
  load.acquire(load.frontend(0));
  load.acquire(load.backend(1));
  load.acquire(load.backend(1));
  strictEqual(written('%ac/%fc/%bc/%sc %OG', language), '1/1/2/0 unspec');
});

test('a line without a stream has its record', () => {
  const language = finished();
  const { subject, stream } = language.bench;
  subject.record = stream.log;
  subject.record.id32 = 5;
  subject.stream = null;
  strictEqual(written('%ST %ts %rt %f %b %CC %ID %[txn.status]', language), '404 sH 5 front back - - -');
  subject.record = null;
  strictEqual(written('%ST %Ts %s %r', language), '0 1700000000 <NOSRV> <BADREQ>');
});

// Method: whatever the limit, only what fits is written, and a longer line begins like a shorter one.
test('lines are cut where the room ends', () => {
  const format = '%ci:%cp [%tr] %{+Q}b %{+E,+Q}r %hr %hrl %{+json}HM %{+cbor}HU %{+X}Ts %B %{+json}CC %{+cbor}rc %ms';
  for (const text of [format, `%{+json}o${format.replaceAll('%', '%(n)')}`, '%{+cbor}o%(a)r%(b)hrl%(c)B%(d)ci']) {
    const whole = written(text);
    for (let limit = 0; limit <= whole.length; limit++) {
      const cut = finished().format(text, { where: AT_FE_LOG_END, log: true }, limit);
      ok(cut.length <= limit && whole.startsWith(cut), `limit ${limit}: ${cut}`);
    }
  }
});

test('a line waits for the last thing it names', () => {
  const { scope } = new LanguageBench();
  const waits = (text: string, isHttp = true): number => {
    const parsed = parseFormat(text, scope, { where: AT_FE_LOG_END, log: true });
    ok(parsed.ok);
    return waitsOf(parsed.ast, isHttp);
  };
  strictEqual(waits('text %t'), origins.WAIT_INIT);
  strictEqual(waits('%r'), origins.WAIT_INIT | origins.WAIT_REQUEST);
  strictEqual(waits('%B'), origins.WAIT_INIT | origins.WAIT_BYTES);
  strictEqual(waits('%[src]', false), origins.WAIT_INIT | origins.WAIT_TRANSPORT);
  strictEqual(waits('%[src]'), origins.WAIT_INIT | origins.WAIT_TRANSPORT | origins.WAIT_REQUEST);
  ok((waits('%[status]') & origins.WAIT_RESPONSE) !== 0);
  ok((waits('%[res.bytes_in]') & origins.WAIT_BYTES) !== 0);
});
