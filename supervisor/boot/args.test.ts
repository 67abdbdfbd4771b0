// Goal: the command line means what it means to HAProxy, and nothing is taken that weir cannot keep.
// Method: words in, the verdict compared; expectations come from management manual §3 and haproxy 3.4's behaviour.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CommandLine, parseArgs } from './args.ts';

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');

function runLine(text: string): CommandLine {
  const result = parseArgs(words(text));
  assert.equal(result.kind, 'run', `${text} → ${JSON.stringify(result)}`);
  return (result as { commandLine: CommandLine }).commandLine;
}

test('files come from -f, repeated, and from all that follows --', () => {
  assert.deepEqual(runLine('-f a.cfg -f conf.d -- b.cfg -c').files, ['a.cfg', 'conf.d', 'b.cfg', '-c']);
});

test('the modes of a start are told apart by letters that share a beginning', () => {
  assert.equal(runLine('-db -f x').foreground, true);
  assert.equal(runLine('-db -f x').debug, false);
  assert.equal(runLine('-d -f x').debug, true);
  assert.equal(runLine('-D -f x').daemon, true);
  assert.equal(runLine('-dD -f x').diagnose, true);
  assert.equal(runLine('-c -f x').check, true);
  assert.equal(runLine('-V -f x').verbose, true);
  assert.equal(runLine('-q -f x').quiet, true);
  assert.equal(runLine('-dW -f x').zeroWarning, true);
  assert.equal(runLine('-dr -f x').ignoreUnresolved, true);
  assert.equal(runLine('-dR -f x').noReusePort, true);
});

test('splice is turned off by each of the three words for it', () => {
  for (const option of ['-dS', '-dF', '-dZ']) assert.equal(runLine(`${option} -f x`).noSplice, true);
});

test('values are the next word, whatever it looks like, and the last of two wins', () => {
  const line = runLine('-n 100 -n 200 -N 30 -m 256 -C /etc -L peer1 -p /run/x.pid -f -x');
  assert.deepEqual(
    [line.maxconn, line.proxyMaxconn, line.memoryMegabytes, line.folder, line.localPeer, line.pidfile, line.files],
    [200, 30, 256, '/etc', 'peer1', '/run/x.pid', ['-x']],
  );
});

test('numbers are read as atol reads them', () => {
  assert.equal(runLine('-n 12k -f x').maxconn, 12);
  assert.equal(runLine('-n many -f x').maxconn, 0);
  assert.equal(runLine('-n -5 -f x').maxconn, 0);
});

test('an option without its value is a wrong command line', () => {
  for (const text of ['-f', '-n', '-p', '-C', '-L', '-m', '-N', '-c -cc']) {
    assert.equal(parseArgs(words(text)).kind, 'usage', text);
  }
});

test('unknown options, stray words and no words at all are wrong command lines', () => {
  for (const text of ['', 'haproxy.cfg', '-Q', '-Z x', '--nope', '-s']) {
    assert.equal(parseArgs(words(text)).kind, 'usage', text);
  }
});

test('old processes are listed until the next option, also as one word read from a pid file', () => {
  const line = runLine('-f x -sf 12 34 -db');
  assert.deepEqual([line.oldPids, line.oldPidsSignal, line.foreground], [[12, 34], 'SIGUSR1', true]);
  const terminated = runLine('-f x -st 7');
  assert.deepEqual([terminated.oldPids, terminated.oldPidsSignal], [[7], 'SIGTERM']);
  const fromFile = parseArgs(['-f', 'x', '-sf', '99\n']);
  assert.equal(fromFile.kind === 'run' && fromFile.commandLine.oldPids[0], 99);
  assert.deepEqual(runLine('-f x -sf').oldPids, []);
  assert.equal(parseArgs(words('-sf 12x')).kind, 'refused');
  assert.equal(parseArgs(words('-sf 0')).kind, 'usage');
});

test('the version has all its forms', () => {
  const form = (text: string): unknown => {
    const result = parseArgs([text]);
    return result.kind === 'version' ? result.form : result.kind;
  };
  assert.deepEqual(['-v', '-vv', '-vq', '-vqs', '-vqb', '--version'].map(form), [
    'short',
    'long',
    'plain',
    'number',
    'branch',
    'short',
  ]);
});

test('a condition is the next word and ends the parse', () => {
  assert.deepEqual(parseArgs(['-cc', 'streq(a,b)', '-Q']), { kind: 'condition', condition: 'streq(a,b)' });
});

test('the keyword dump keeps its classes, and debugging of memory can be asked about', () => {
  assert.equal(runLine('-dKcfg,acl -f x').keywordClasses, 'cfg,acl');
  assert.equal(runLine('-dK -f x').keywordClasses, '');
  assert.equal(runLine('-f x').keywordClasses, null);
  assert.equal(parseArgs(['-dMhelp']).kind, 'memory-help');
});

test('what a test harness for haproxy always gives is taken quietly', () => {
  const line = runLine('-d -dM -dI -dW -de -dp -dG -dV -dT -dMno-merge,tag -f cfg');
  assert.deepEqual([line.debug, line.zeroWarning, line.files], [true, true, ['cfg']]);
});

test('what weir cannot do yet is refused by name, not ignored', () => {
  for (const option of ['-W', '-Ws', '-S', '-x', '-4', '-dA/tmp/x', '-dC', '-dt', '-dc']) {
    const result = parseArgs([option, 'value', '-f', 'x']);
    assert.equal(result.kind, 'refused', option);
    assert.match(result.kind === 'refused' ? result.message : '', /not implemented yet/);
  }
});

test('the engine is forced by name, in both spellings, and nothing else is an engine', () => {
  assert.equal(runLine('--engine epoll -f x').engine, 'epoll');
  assert.equal(runLine('--engine=uring -f x').engine, 'uring');
  assert.equal(parseArgs(words('--engine kqueue')).kind, 'refused');
  assert.equal(parseArgs(words('--engine')).kind, 'refused');
});

test('a signal is asked for by the word keepalived has for it', () => {
  const number = (word: string): unknown => {
    const result = parseArgs([`--signum=${word}`]);
    return result.kind === 'signal-number' ? result.number : result.kind;
  };
  assert.deepEqual(['STOP', 'RELOAD', 'STATS'].map(number), [15, 1, 12]);
  const all = ['STOP', 'RELOAD', 'DATA', 'STATS', 'STATS_CLEAR', 'JSON'].map(number);
  assert.equal(new Set(all).size, all.length, 'each does something else');
  assert.deepEqual(parseArgs(['--signum', 'STOP']), parseArgs(['--signum=STOP']));
  assert.equal(number('toString'), 'refused');
  assert.equal(parseArgs(['--signum']).kind, 'usage');
});
