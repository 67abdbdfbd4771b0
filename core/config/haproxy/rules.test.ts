// Goal: rules mean what the configuration says once they are compiled: whose come first, what use_backend chooses, which
// page a status has; and passing over rules that cannot apply changes nothing. Method: texts loaded as a whole, their model
// compiled as a thread does, walked with requests; random lists of rules compared with a plain walk.

import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Prng } from '../../base/prng.ts';
import type { Model } from '../../model/model.ts';
import type { Proxy } from '../../model/proxy.ts';
import { makeFilter } from '../../rules/condition-filter.ts';
import { ServerChoice, Switching } from '../../rules/switching.ts';
import { CONDITION_PASS, compileCondition } from '../../sample/condition.ts';
import { requestSubject } from '../../sample/fixture-http.ts';
import { CURRENT_VERSION, PatternStore } from '../../sample/patterns/store.ts';
import type { Linker } from '../../sample/rows.ts';
import { fuzz } from '../../testing/fuzz.ts';
import { loadConfiguration } from './load.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-rules-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const HEAD = `defaults
 mode http
 timeout client 5s
 timeout server 5s
 timeout connect 5s
`;

interface Loaded {
  readonly model: Model | null;
  readonly said: readonly string[];
}

function load(text: string): Loaded {
  const file = join(folder, 'a.cfg');
  writeFileSync(file, text.replaceAll('@DIR@', folder), 'latin1');
  const { model, diagnostics } = loadConfiguration({ files: [file], cpuCount: 1 });
  return { model, said: diagnostics.entries.map((entry) => entry.text) };
}

function modelOf(text: string): Model {
  const { model, said } = load(text);
  ok(model !== null, said.join('\n'));
  return model;
}

/** What a thread compiles with; `store` is where its patterns change. */
class Thread {
  readonly model: Model;
  readonly store: PatternStore;
  readonly linker: Linker;

  constructor(text: string) {
    this.model = structuredClone(modelOf(text));
    this.store = new PatternStore(this.model.patternRefs);
    this.linker = {
      ...{ model: this.model, threadIndex: 0, threadCount: 1, pid: 1, startedAtMs: 0 },
      variable: () => 0,
      map: (ref, method, ignoreCase) => this.store.matcher(ref, method, ignoreCase),
    };
  }

  proxy(name: string): Proxy {
    return this.model.proxies.find((proxy) => proxy.name === name)!;
  }

  /** The backend that the frontend's rules choose, '' the default one. */
  backend(request: string): string {
    const switching = new Switching(this.proxy('f').switching, this.linker);
    const index = switching.choose(requestSubject(request));
    return index < 0 ? '' : this.model.proxies[index]!.name;
  }
}

const get = (path: string, ...headers: string[]): string =>
  `GET ${path} HTTP/1.1\r\n${headers.map((each) => `${each}\r\n`).join('')}\r\n`;

test('rules of a defaults section come before a section’s own', () => {
  const model = modelOf(
    `${HEAD.replace('defaults', 'defaults d')} http-request allow\n tcp-request inspect-delay 5s\n${HEAD}` +
      'frontend f from d\n bind :1\n http-request deny\nfrontend g from d\n bind :2\nbackend b\n http-request deny\n',
  );
  const [f, g, b] = model.proxies.map(({ rules }) => rules);
  deepStrictEqual(
    f!.httpRequest.map(({ action, inDefaults }) => [action, inDefaults]),
    [
      ['allow', true],
      ['deny', false],
    ],
  );
  strictEqual(f!.tcpRequestInspectDelayMs, 5_000);
  strictEqual(g!.httpRequest[0], f!.httpRequest[0]);
  strictEqual(b!.httpRequest.length, 1);
});

test('use_backend takes the first rule that holds, and a disabled backend is passed over', () => {
  const thread = new Thread(
    `${HEAD}frontend f\n bind :1\n use_backend off if { path_beg /a }\n use_backend a if { path_beg /a }\n` +
      ' use_backend b unless { hdr(x) 1 }\n default_backend c\n' +
      'backend a\nbackend b\nbackend c\nbackend off\n disabled\n',
  );
  strictEqual(thread.backend(get('/a/b')), 'a');
  strictEqual(thread.backend(get('/b')), 'b');
  strictEqual(thread.backend(get('/b', 'X: 1')), '');
});

test('use_backend by a name that a format makes: one that nobody has ends the search', () => {
  const thread = new Thread(
    `${HEAD}frontend f\n bind :1\n use_backend %[hdr(x)] if { hdr(x) -m found }\n use_backend app-%[path,field(2,/)]\n` +
      ' use_backend a\nbackend a\nbackend app-one\nfrontend g\n bind :2\n',
  );
  strictEqual(thread.backend(get('/one/x')), 'app-one');
  strictEqual(thread.backend(get('/two/x')), '', 'the default backend counts, not a later rule');
  strictEqual(thread.backend(get('/one', 'X: a')), 'a');
  strictEqual(thread.backend(get('/one', 'X: g')), '', 'a frontend is no backend');
});

test('use-server takes a server that may be used, by name or by format', () => {
  const thread = new Thread(
    `${HEAD}backend first\n server z 127.0.0.1:9\nbackend b\n use-server s1 if { path /1 }\n use-server s2 if { path /1 }\n` +
      ' use-server %[hdr(x)] if TRUE\n server s1 127.0.0.1:1\n server s2 127.0.0.1:2\n',
  );
  const { index, serverRules, servers } = thread.proxy('b');
  const choice = new ServerChoice(serverRules, index, thread.linker);
  const chosen = (request: string, ...unusable: string[]): string => {
    const isUsable = (server: number): boolean =>
      !servers.some((each) => each.index === server && unusable.includes(each.name));
    const found = choice.choose(requestSubject(request), isUsable);
    return servers.find((server) => server.index === found)?.name ?? '';
  };
  strictEqual(chosen(get('/1')), 's1');
  strictEqual(chosen(get('/1'), 's1'), 's2');
  strictEqual(chosen(get('/', 'X: s2')), 's2');
  strictEqual(chosen(get('/', 'X: z')), '', 'a server of another backend');
  strictEqual(chosen(get('/')), '');
});

test('of several pages for one status the last line counts, whatever its kind', () => {
  writeFileSync(join(folder, '503'), 'HTTP/1.1 503 Own\r\nContent-length: 0\r\n\r\n');
  writeFileSync(join(folder, '404'), 'HTTP/1.1 404 Own\r\nContent-length: 0\r\n\r\n');
  const model = modelOf(
    `http-errors e\n errorfile 503 @DIR@/503\n errorfile 404 @DIR@/404\n${HEAD} errorloc 500 /x\n errorfiles e\n` +
      'frontend f\n bind :1\n errorfile 503 @DIR@/404\n http-error status 404 string x content-type y\n' +
      ' errorloc303 502 http://x/\n errorfiles e 404\n http-error status 500 default-errorfiles\nbackend b\n',
  );
  const shown = ({ errorFiles, errorReplies }: Proxy): Record<number, string> => {
    const pages: Record<number, string> = {};
    for (const { status, path } of errorFiles) pages[status] = path.replace(folder, '');
    for (const { status, reply } of errorReplies) {
      pages[status] = Buffer.from(reply.body).toString().split('\r\n').slice(0, 4).join('|');
    }
    return pages;
  };
  deepStrictEqual(shown(model.proxies[0]!), {
    404: 'HTTP/1.1 404 Own|Content-length: 0||',
    502: 'HTTP/1.1 303 See Other|Cache-Control: no-cache|Content-length: 0|Location: http://x/',
    503: '/404',
  });
  deepStrictEqual(Object.keys(shown(model.proxies[1]!)), ['404', '500', '503']);
});

test('rules on HTTP messages are left out of TCP proxies', () => {
  const model = modelOf(
    `${HEAD}frontend f\n mode tcp\n bind :1\n http-request deny\n redirect prefix /\n tcp-request content accept\n`,
  );
  const { rules } = model.proxies[0]!;
  deepStrictEqual([rules.httpRequest.length, rules.redirect.length, rules.tcpRequestContent.length], [0, 0, 1]);
});

test('an action of HAProxy’s that weir does not have is refused as such, never as a misspelling', () => {
  const missing = ['http-request cache-use c', 'http-response cache-store c', 'tcp-request content use-service x'];
  for (const line of [...missing, 'tcp-request session attach-srv b/s', 'http-request do-resolve(txn.a,r) src']) {
    const { model, said } = load(`${HEAD}frontend f\n bind :1\n ${line}\n`);
    strictEqual(model, null);
    const action = line
      .split(' ')
      .slice(0, line.startsWith('tcp') ? 3 : 2)
      .join(' ');
    ok(said[0]!.includes(`'${action}' is known to HAProxy 3.4 but not implemented by weir yet.`), said[0]);
  }
});

// The filter

const TESTS: readonly ((prng: Prng) => string)[] = [
  (prng) => `{ path_beg ${somePath(prng)} }`,
  (prng) => `{ path_beg ${somePath(prng)} }`,
  (prng) => `{ path_beg -i ${somePath(prng)} ${somePath(prng)} }`,
  (prng) => `{ path ${somePath(prng)} }`,
  (prng) => `{ path_end ${'abcAB/'[prng.below(6)]} }`,
  (prng) => `{ path_dir ${'abAB'[prng.below(4)]} }`,
  (prng) => `{ hdr(x) -i ${'abAB'[prng.below(4)]} }`,
  (prng) => `{ hdr(x) ${'abAB'[prng.below(4)]} }`,
  (prng) => `{ hdr(x),lower -m end ${'abAB'[prng.below(4)]} }`,
  (prng) => `{ url_len ${prng.below(6)} }`,
  () => '{ hdr(x) -m found }',
];

function somePath(prng: Prng): string {
  let path = '/';
  for (let left = prng.below(4); left > 0; left--) path += 'abAB/'[prng.below(5)];
  return path;
}

function someCondition(prng: Prng): string {
  const term = (): string => `${prng.below(12) === 0 ? '!' : ''}${TESTS[prng.below(TESTS.length)]!(prng)}`;
  switch (prng.below(8)) {
    case 0:
      return '';
    case 1:
      return ` unless ${term()}`;
    case 2:
      return ` if ${term()} or ${term()}`;
    case 3:
      return ` if ${term()} ${term()}`;
    default:
      return ` if ${term()}`;
  }
}

function someRequest(prng: Prng): string {
  const headers: string[] = [];
  for (let left = prng.below(3); left > 0; left--)
    headers.push(`X: ${['a', 'b', 'A', 'a, B', '', 'c,b'][prng.below(6)]}`);
  return get(somePath(prng), ...headers);
}

fuzz(
  'a filtered walk looks at every rule that a plain walk finds to hold',
  (prng) => {
    let text = `${HEAD}frontend f\n bind :1\n`;
    const count = 8 + prng.below(60);
    for (let left = count; left > 0; left--) text += ` use_backend b${someCondition(prng)}\n`;
    const thread = new Thread(`${text}backend b\n`);
    const conditions = thread
      .proxy('f')
      .switching.map(({ condition }) => (condition === null ? null : compileCondition(condition, thread.linker)));
    const filter = makeFilter(conditions, thread.linker);
    for (let left = 12; left > 0; left--) {
      if (left === 4) changeSomePatterns(prng, thread);
      const subject = requestSubject(someRequest(prng));
      const plain: number[] = [];
      for (const [at, condition] of conditions.entries()) {
        if (condition === null || condition.evaluate(subject) === CONDITION_PASS) plain.push(at);
      }
      const found: number[] = [];
      filter?.begin();
      for (let at = 0; at < count; at++) {
        if (filter !== null) at = filter.next(at, subject);
        if (at >= count) break;
        const condition = conditions[at]!;
        if (condition !== null && condition.evaluate(subject) !== CONDITION_PASS) continue;
        found.push(at);
        if (prng.below(4) === 0) filter?.forget();
      }
      deepStrictEqual(found, plain);
    }
  },
  40,
);

function changeSomePatterns(prng: Prng, { store, model }: Thread): void {
  for (let left = 3; left > 0; left--) {
    const ref = prng.below(model.patternRefs.length + 1);
    if (ref === model.patternRefs.length) continue;
    const key = model.patternRefs[ref]!.display.includes('len') ? '3' : somePath(prng);
    const change =
      prng.below(2) === 0
        ? ({ kind: 'add', ref, version: CURRENT_VERSION, pairs: [{ key, value: null }] } as const)
        : ({ kind: 'clear', ref, version: CURRENT_VERSION } as const);
    if (store.check(change) === null) store.apply(change);
  }
}

test('a thousand rules cost about as much as a few', () => {
  let text = `${HEAD}frontend f\n bind :1\n`;
  for (let at = 0; at < 1000; at++) text += ` use_backend b if { path_beg /x${at}/ }\n`;
  const thread = new Thread(`${text}backend b\n`);
  const { switching } = thread.proxy('f');
  const filter = makeFilter(
    switching.map(({ condition }) => compileCondition(condition!, thread.linker)),
    thread.linker,
  );
  ok(filter !== null);
  const looked = (path: string): number[] => {
    const subject = requestSubject(get(path));
    const rules: number[] = [];
    filter.begin();
    for (let at = filter.next(0, subject); at < 1000; at = filter.next(at + 1, subject)) rules.push(at);
    return rules;
  };
  deepStrictEqual(looked('/nothing'), []);
  deepStrictEqual(looked('/x7/y'), [7]);
  const [ref] = [switching[500]!.condition!.groups[0]![0]!.acl.tests[0]!.patterns];
  thread.store.apply({ kind: 'add', ref, version: CURRENT_VERSION, pairs: [{ key: '/nothing', value: null }] });
  deepStrictEqual(looked('/nothing'), [500], 'patterns that change at run time are seen');
});

// The parser

const WORDS: readonly string[] = [
  ...['http-request', 'http-response', 'http-after-response', 'tcp-request', 'tcp-response', 'content', 'connection'],
  ...['session', 'inspect-delay', 'allow', 'deny', 'accept', 'reject', 'return', 'redirect', 'tarpit', 'auth', 'pause'],
  ...[
    'set-var(txn.x)',
    'set-header',
    'x-y',
    'status',
    '404',
    'string',
    'content-type',
    'text/plain',
    'hdr',
    'lf-string',
  ],
  ...['%[path]', '%[', '%{+Q}r', 'location', 'prefix', 'scheme', 'code', '301', 'if', 'unless', '{', '}', 'path', '/x'],
  ...['!', 'or', '||', 'TRUE', 'hdr(a)', '-m', 'beg', 'found', '-i', '--', 'realm', 'errorfile', '/dev/null', 'time'],
  ...['10s', '0', '-1', '99999999999d', 'deny_status', 'set-cookie', 'a=b', 'drop-query', 'ignore-empty', 'close'],
  ...['use_backend', 'use-server', 'b', 's', 'errorfiles', 'http-error', 'errorloc', '503', 'expect-proxy', 'layer4'],
  ...['silent-drop', 'rst-ttl', '300', 'strict-mode', 'on', 'wait-for-body', 'at-least', '1k', 'early-hint', 'do-log'],
  ...['capture', 'len', '5', 'set-map(x)', 'del-header', 'replace-path', '(', ')', '\\x00', '\xff', 'src', 'status'],
];

fuzz(
  'any words of a rule give a rule or a complaint, never an exception',
  (prng) => {
    const starts = ['http-request', 'http-response', 'http-after-response', 'tcp-request content', 'tcp-request'];
    const more = [
      'tcp-response content',
      'redirect',
      'use_backend',
      'use-server',
      'http-error',
      'errorfiles',
      'errorloc',
    ];
    let line = [...starts, ...more][prng.below(starts.length + more.length)]!;
    for (let left = prng.below(12); left > 0; left--) line += ` ${WORDS[prng.below(WORDS.length)]}`;
    const { model, said } = load(`${HEAD}listen l\n bind :1\n server s 127.0.0.1:1\n ${line}\nbackend b\n`);
    if (model === null) ok(said.length > 0, line);
    else new Thread(`${HEAD}listen l\n bind :1\n server s 127.0.0.1:1\n ${line}\nbackend b\n`);
  },
  8,
);
