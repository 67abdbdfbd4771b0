// Goal: the door of the room keeps its promises. Method: directories, command line settings, refusals, counts.

import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fuzz } from '../../testing/fuzz.ts';
import { formatDiagnostics, printDiagnostics } from './diagnostics.ts';
import * as known from './known-keywords.ts';
import { type LoadOptions, type LoadResult, loadConfiguration } from './load.ts';
import { askSystem } from './resolve.ts';
import { FOREIGN_SECTIONS } from './sections.ts';

let directory = '';

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'weir-load-'));
});

after(() => {
  rmSync(directory, { recursive: true, force: true });
});

function write(name: string, content: string): string {
  const file = join(directory, name);
  writeFileSync(file, content, 'latin1');
  return file;
}

const FIXED: Omit<LoadOptions, 'files'> = {
  environment: {},
  cpuCount: 3,
  hostName: 'host',
  askNames: (all) => all.map(() => null),
};

function load(content: string, options: Partial<LoadOptions> = {}): LoadResult {
  return loadConfiguration({ ...FIXED, files: [write('a.cfg', content)], ...options });
}

const texts = (result: LoadResult): string[] => result.diagnostics.entries.map((entry) => entry.text);

const TIMEOUTS = 'defaults\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n';

test('a directory stands for its cfg files in order, hidden and other files left out', () => {
  const folder = join(directory, 'conf.d');
  mkdirSync(folder);
  mkdirSync(join(folder, 'sub.cfg'));
  writeFileSync(join(folder, 'b.cfg'), 'frontend f\n bind :1\n');
  writeFileSync(join(folder, 'a.cfg'), TIMEOUTS);
  writeFileSync(join(folder, '.hidden.cfg'), 'nonsense\n');
  writeFileSync(join(folder, 'c.cfg.bak'), 'nonsense\n');
  const result = loadConfiguration({ ...FIXED, files: [folder] });
  deepStrictEqual(texts(result), []);
  deepStrictEqual(result.model?.files, [`${folder}/a.cfg`, `${folder}/b.cfg`]);
  strictEqual(result.listenerCount, 1);
  strictEqual(result.environment.get('HAPROXY_CFGFILES'), `${folder}/a.cfg;${folder}/b.cfg`);
});

test('a file that is not there is an alert', () => {
  const result = loadConfiguration({ ...FIXED, files: [join(directory, 'no.cfg')] });
  strictEqual(result.model, null);
  match(
    texts(result)[0]!,
    /^config : Cannot open configuration file\/directory .*no\.cfg : No such file or directory$/,
  );
});

test('what the command line says counts over the file or beside it', () => {
  const file = 'global\n daemon\n maxconn 5\n';
  const given = load(file, { maxconn: 9, foreground: true, localPeer: 'me', engine: 'epoll', splice: false });
  const { global } = given.model!;
  deepStrictEqual(
    [global.maxconn, global.daemon, global.localPeer, global.engine, global.splice, global.nbthread],
    [9, false, 'me', 'epoll', false, 3],
  );
  strictEqual(load(file).model!.global.localPeer, 'host');
  strictEqual(load('.if enabled(SPLICE)\n.alert no\n.endif\n', { splice: false }).diagnostics.alertCount, 0);
});

test('warnings become fatal when asked for, by the file or the command line', () => {
  const warned = 'frontend f\n bind :1\n';
  const lenient = load(warned);
  ok(lenient.model !== null);
  strictEqual(lenient.diagnostics.warningCount, 1);
  for (const strict of [load(warned, { warningsAreFatal: true }), load(`global\n zero-warning\n${warned}`)]) {
    strictEqual(strict.model, null);
    strictEqual(texts(strict).at(-1), "Some warnings were found and 'zero-warning' is set. Aborting.");
  }
});

test('the environment of the process is read and left alone', () => {
  const before = { ...process.env };
  const result = load('global\n setenv A "$B"\n presetenv B 2\n log-tag "$HAPROXY_LOCALPEER"\n', {
    environment: { B: '1' },
  });
  deepStrictEqual([result.environment.get('A'), result.environment.get('B')], ['1', '1']);
  strictEqual(result.model!.global.logTag, 'host');
  deepStrictEqual({ ...process.env }, before);
});

test('stats socket is refused until something serves it', () => {
  const line = 'global\n stats socket /run/w.sock mode 600 level admin expose-fd listeners\n stats timeout 5s\n';
  match(texts(load(line))[0]!, /'stats socket' is known to HAProxy 3\.4 but not implemented by weir yet\.$/);
  const { global } = load(line, { controlSockets: true }).model!;
  strictEqual(global.controlTimeoutMs, 5_000);
  deepStrictEqual(global.controlSockets[0]!.address, { family: 'unix', path: '/run/w.sock' });
  deepStrictEqual([global.controlSockets[0]!.level, global.controlSockets[0]!.unixMode], ['admin', 0o600]);
});

test('an inherited socket is named by its number, also through a variable', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    const file = `${TIMEOUTS}frontend f\n bind fd@\${SOCK}\n bind "fd@\${SOCK}"\n bind fd@${fd}\n`;
    const result = load(file, { environment: { SOCK: String(fd) } });
    deepStrictEqual(texts(result), []);
    const addresses = result.model!.proxies[0]!.binds.map((bind) => bind.address);
    deepStrictEqual(addresses, Array(3).fill({ family: 'fd', fd }));
    const plain = openSync(write('plain', ''), 'r');
    const refused = load(`${TIMEOUTS}frontend f\n bind fd@${plain}\n`);
    closeSync(plain);
    match(texts(refused)[0]!, /cannot use file descriptor '\d+' : Socket operation on non-socket\.$/);
  } finally {
    server.close();
  }
});

test('all names of a file are asked for at once', () => {
  const rounds: number[] = [];
  const result = load(`${TIMEOUTS}backend b\n server a one.test:1\n server b two.test:2\n server c one.test:3\n`, {
    askNames: (questions) => {
      rounds.push(questions.length);
      return questions.map(({ name }) => ({ family: 'inet', host: name === 'one.test' ? '10.0.0.1' : '10.0.0.2' }));
    },
  });
  deepStrictEqual(rounds, [2]);
  const hosts = result.model!.proxies[0]!.servers.map((server) => server.address);
  deepStrictEqual(hosts[2], { family: 'inet', host: '10.0.0.1', port: 3 });
});

test('the system resolves what it knows', () => {
  const result = load(`${TIMEOUTS}backend b\n server a ipv4@localhost:80\n`, { askNames: askSystem });
  deepStrictEqual(result.model!.proxies[0]!.servers[0]!.address, { family: 'inet', host: '127.0.0.1', port: 80 });
});

const REFUSAL = /is known to HAProxy 3\.4 but not implemented by weir yet/;

/** The answer to a line with `word` may be any but that the word is unknown. */
function isKnown(word: string, section: string, line: string): void {
  const said = texts(load(`${section}\n ${line}\n`)).join('\n');
  ok(!said.includes(`unknown keyword '${word}'`) && !said.includes(`unknown option '${word}'`), `${line}: ${said}`);
}

test('no word of HAProxy is ever called a misspelling', () => {
  const proxyWords = [...known.PROXY_REGISTERED, ...known.PROXY_COMMON, ...known.PROXY_UNLISTED];
  for (const word of proxyWords) isKnown(word, 'listen l', word);
  const globalWords = [...known.GLOBAL_REGISTERED, ...known.GLOBAL_COMMON, ...known.GLOBAL_UNLISTED];
  for (const word of globalWords) isKnown(word, 'global', word);
  const options = [...known.OPTIONS_REGISTERED, ...known.OPTIONS_COMMON, ...known.OPTIONS_UNLISTED];
  // HAProxy suggests "original-to" but knows only "originalto".
  for (const word of options) if (word !== 'original-to') isKnown(word, 'listen l', `option ${word}`);
  const binds = [...known.BIND_PLAIN, ...known.BIND_TLS, ...known.BIND_UNLISTED];
  for (const word of binds) isKnown(word, 'listen l', `bind :1 ${word}`);
  for (const word of known.SERVER_WORDS) isKnown(word, 'listen l', `server s 127.0.0.1 ${word}`);
});

test('a section weir does not have is refused once, whatever stands in it', () => {
  for (const section of FOREIGN_SECTIONS) {
    const said = texts(load(`${section} x\n nonsense\n more nonsense\n${TIMEOUTS}`));
    strictEqual(said.length, 3, section);
    match(said[0]!, REFUSAL);
    ok(said[0]!.includes(`section '${section}'`));
  }
});

test('diagnostics are printed as bytes, with the two leading notices', () => {
  const result = load('global\n n\xe9\n');
  const chunks: Buffer[] = [];
  printDiagnostics(result.diagnostics, { write: (bytes) => chunks.push(Buffer.from(bytes)) }, 42, '/usr/sbin/weir');
  const lines = Buffer.concat(chunks).toString('latin1').split('\n');
  match(lines[0]!, /^\[NOTICE\] {3}\(42\) : haproxy version is 3\.4\.0-weir/);
  strictEqual(lines[1], '[NOTICE]   (42) : path to executable is /usr/sbin/weir');
  match(
    lines[2]!,
    /^\[ALERT\] {4}\(42\) : config : parsing \[.*a\.cfg:2\] : unknown keyword 'n\xe9' in 'global' section/,
  );
  strictEqual(formatDiagnostics([], 1, ''), '');
});

const LINES = [
  ...[
    'global',
    'defaults',
    'defaults d',
    'frontend f',
    'backend b',
    'listen l from d',
    'mode http',
    'bind :80-90 id 3',
  ],
  ...[
    'server s 127.0.0.1:80',
    'default-server weight 5',
    'option forwardfor',
    'no option httpclose',
    'timeout client 5',
  ],
  ...[
    '.if 1',
    '.else',
    '.endif',
    'log stdout format raw local0',
    'log global',
    'balance random(3)',
    'id 7',
    'disabled',
  ],
  ...['use_backend b', 'default_backend l', 'errorfile 400 /dev/null', 'source 127.0.0.1', 'setenv A "$B"', 'peers p'],
];

fuzz(
  'no configuration breaks the parser, and a model is there exactly when nothing was fatal',
  (prng) => {
    let content = '';
    for (let left = prng.below(30); left > 0; left--) {
      let line = prng.pick(LINES);
      if (prng.below(3) === 0) {
        const words = line.split(' ');
        words[prng.below(words.length)] = Buffer.from(prng.bytes(prng.below(6))).toString('latin1');
        line = words.join(' ');
      }
      content += `${line}\n`;
    }
    const result = load(content);
    if (result.model === null) ok(result.diagnostics.alertCount > 0, 'a refusal has a reason');
    else ok(Object.isFrozen(result.model.proxies), 'a model is frozen');
  },
  4,
);
