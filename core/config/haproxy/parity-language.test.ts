// Goal: expressions, ACLs and conditions are refused in HAProxy's words, and accepted where HAProxy accepts them. Method: give
// the same lines to both and compare every line of the diagnostics and the verdict.

import { ok, strictEqual } from 'node:assert/strict';
import { after, test } from 'node:test';
import { dumpKeywords } from './dump.ts';
import { Peer } from './parity-peer.ts';

const peer = new Peer();
const { skip } = peer;

after(() => peer.close());

const DEFAULTS = 'defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n';

const frontend = (...lines: string[]): string =>
  `${DEFAULTS}frontend f\n bind 127.0.0.1:1\n ${lines.join('\n ')}\nbackend b\n server s 127.0.0.1:80\n`;

/** One `acl` line each. */
const ACLS: readonly string[] = [
  // Fetches and their arguments.
  'a nope',
  'a (x)',
  'a ,lower str',
  'a path(',
  'a path()',
  'a path(x)',
  'a str',
  'a str(a,b) x',
  'a str("a,b") x',
  "a str('a\\,b') x",
  'a str(a\\,b) x',
  'a str(a b) x',
  'a str("a b") x',
  'a int(x) 1',
  'a int() 1',
  'a int(1 1',
  'a int(1x) 1',
  'a int(-5) 1',
  'a int(99999999999999999999) 1',
  'a ipv4(1.2.3) x',
  'a ipv4(1.2.3.4) 1.2.3.4',
  'a ipv6(x) x',
  'a ipv6(::1) ::1',
  'a bool(maybe)',
  'a bool(true)',
  'a bool(TRUE) -m found',
  'a bin(123) -m bin 12',
  'a bin(1234) -m bin 1234',
  'a bin(1234) 1234',
  'a meth(a@b) -m str x',
  'a meth(GET) -m str GET',
  'a meth(GET) GET',
  'a var(x) -m str x',
  'a var(txn.x) -m str x',
  'a var(txn.x) x',
  'a var(txn.x-y) -m str x',
  'a var(txn.) -m str x',
  'a var() -m str x',
  'a var -m str x',
  'a var(txn.x,d) -m str x',
  'a var(psess.x) -m str x',
  'a var(txn.x,d,e) -m str x',
  'a acl(nope)',
  'a acl(TRUE,!FALSE)',
  'a acl()',
  'a acl',
  // Converters.
  'a str(x),nope x',
  'a str(x),lower x',
  'a str(x)lower x',
  'a str(x),lower,upper x',
  'a str(x),,lower, x',
  'a str(x) lower x',
  'a str(x) lower upper -m str x',
  'a str(x),lower(y) x',
  'a str(x),set-var(txn.x) -m str x',
  'a str(x),set-var(x) -m str x',
  'a str(x),set-var() -m str x',
  'a str(x),set-var -m str x',
  'a str(x),set-var(txn.x,ifset,ifnope) -m str x',
  'a str(x),unset-var(txn.x) -m str x',
  'a str(x),unset-var(txn.x,ifset) -m str x',
  'a meth(GET),unset-var(txn.x),set-var(txn.y) -m str x',
  // Flags and methods.
  'a path -m nope x',
  'a path -m',
  'a path -m beg -m end x',
  'a path -m found',
  'a path -m int 3',
  'a path -m ip 1.2.3.4',
  'a path -m bin 00',
  'a path -m len 3',
  'a path -m dom x',
  'a path -m reg ^/x',
  'a path -m regm ^/x',
  'a path -m bool',
  'a bool(1) -m str 1',
  'a bool(1) -m dom 1',
  'a ipv4(1.2.3.4) -m bool',
  'a ipv4(1.2.3.4) -m beg 1.2',
  'a path -x /y',
  'a path -- -x /y',
  'a path --',
  'a path',
  'a path_beg',
  'a path_beg /a /b',
  'a path_beg -i /a',
  'a path_beg -m end /a',
  'a path_beg -m beg /a',
  'a path_beg,lower -m beg /a',
  'a path_beg,lower /a',
  'a path_beg,nope /a',
  'a path_beg(x) /a',
  'a path_reg (',
  'a path_reg -i ^/[a-z]+$',
  'a path_len 3 4:5',
  'a path_len x',
  'a method GET',
  'a method -i get',
  'a method -m beg G',
  'a method -m str G',
  'a hdr(host) -i a b',
  'a hdr_dom(host,-1) -i a b',
  'a hdr_dom(host,x) -i a b',
  'a hdr(',
  'a path -u 1 /a',
  'a path -u x /a',
  'a path -u -5 /a',
  'a path -u',
  'a path -f /does/not/exist',
  'a path -f',
  'a path -f opt@/does/not/exist',
  'a path -f virt@nothing',
  'a path -f @DIR@/case.cfg',
  'a path -f @DIR@/case.cfg -m beg',
  'a int(1) -f @DIR@/case.cfg',
  'a var(txn.x) -f @DIR@/case.cfg',
  'a path -M -f virt@map',
  // Integers and their operators.
  'a int(1)',
  'a int(1) 5',
  'a int(1) gt 5',
  'a int(1) gt x',
  'a int(1) ge 5 lt 9',
  'a int(1) ne 5',
  'a int(1) 5:3',
  'a int(1) 3:5 8: :2',
  'a int(1) le 3:5',
  'a int(1) le 9223372036854775808',
  'a int(1) x',
  'a int(1) 1.5',
  'a int(1) gt 1.5',
  'a req.ssl_ver 3.1',
  'a req.ssl_ver gt 3',
  'a req.ssl_ver 3.99999',
  'a req.ssl_ver gt 3.99999',
  'a req.ssl_ver lt 99999.1',
  'a req.ssl_ver x',
  'a src 1.2.3.4',
  'a src 1.2.3.4/33',
  'a src 1.2.3.4/24 ::1/64 10',
  'a src x/8',
  'a src -n x',
  // Names and oddities.
  'or path /a',
  'a$ path /a',
  'a',
  'a path (a)',
  'a path -- (a)',
];

for (const line of ACLS) {
  test(`weir says what HAProxy says about "acl ${line}"`, { skip }, () => {
    const { expected, actual } = peer.judge(frontend(`acl ${line}`));
    strictEqual(actual.text, expected.text);
    strictEqual(actual.exitCode, expected.exitCode);
  });
}

/** What follows `http-request deny`. */
const CONDITIONS: readonly string[] = [
  'if TRUE',
  'if nope',
  'if',
  'unless',
  'if TRUE FALSE or HTTP',
  'if TRUE || nope',
  'if OR',
  'if or or TRUE',
  'if !TRUE ! FALSE !! HTTP',
  'if { path /a }',
  'if { path /a',
  'if { }',
  'if {path /a}',
  'if !{ path /a } { path /b } || { path /c }',
  'if { nope /a }',
  'if { path -m nope }',
  'if LOCALHOST METH_GET HTTP_1.1 HTTP_URL_SLASH HTTP_CONTENT REQ_CONTENT WAIT_END',
  'if RDP_COOKIE HTTP_2.0 HTTP_URL_ABS HTTP_URL_STAR',
  'if { acl(TRUE) }',
  'if { acl(nope) }',
];

for (const words of CONDITIONS) {
  test(`weir says what HAProxy says about the condition "${words}"`, { skip }, () => {
    const { expected, actual } = peer.judge(frontend(`http-request deny ${words}`));
    strictEqual(actual.text, expected.text);
    strictEqual(actual.exitCode, expected.exitCode);
  });
}

/** The value of `http-request set-header x`. */
const FORMATS: readonly string[] = [
  'text',
  '%',
  '%%',
  '%[',
  '%[]',
  '%[path',
  '%[path]]',
  '%[path,]',
  '%[path,lower',
  '%[nope]',
  '%[path,nope]',
  '%[path(x)]',
  '%[path\\ x]',
  '%[status]',
  '%[req.len]',
  '%{+Q}[path]',
  '%{+Q',
  '%{+Q}',
  '%{+Q} x',
  '%{+Z,-Q}[path]',
  '%(name)[path]',
  '%(name:str)[path]',
  '%(name:int)[path]',
  '%(na:me:str)[path]',
  '%(na$me)[path]',
  '%(name',
  '%(name)',
  '%(name)%',
  '%nope',
  '%1',
  '%\\ x',
  '%$x',
  '%[str(])]',
  '%[str("a b]c")]',
  '%[var(x)]',
];

for (const text of FORMATS) {
  test(`weir says what HAProxy says about the format "${text}"`, { skip }, () => {
    const { expected, actual } = peer.judge(frontend(`http-request set-header x ${text}`));
    strictEqual(actual.text, expected.text);
    strictEqual(actual.exitCode, expected.exitCode);
  });
}

/** Whole sections, where what counts is found after everything was read. */
const SECTIONS: Readonly<Record<string, string>> = {
  'a frontend that is not there': frontend('acl a fe_conn(nope) gt 1'),
  'a frontend that is a backend': frontend('acl a fe_conn(b) gt 1'),
  'no frontend named in a frontend': frontend('acl a fe_conn gt 1'),
  'no backend named in a frontend': frontend('acl a be_conn gt 1'),
  'two names that are not there': frontend('acl a fe_conn(nope) gt 1', 'acl c be_conn(nope) gt 1'),
  'no server named': frontend('acl a srv_conn gt 1'),
  'a server that is not there': frontend('acl a srv_conn(b/nope) gt 1'),
  'a server of a backend that is not there': frontend('acl a srv_conn(nope/s) gt 1'),
  'a server in a frontend': frontend('acl a srv_conn(s) gt 1'),
  'a server of a backend': frontend('acl a srv_conn(b/s) gt 1'),
  'a userlist that is not there': frontend('acl a http_auth(nope)'),
  'no userlist named': frontend('acl a http_auth'),
  'a group that is not there': `userlist l\n group g\n user u password x\n${frontend('acl a http_auth_group(l) h')}`,
  'no group named': `userlist l\n group g\n user u password x\n${frontend('acl a http_auth_group(l)')}`,
  'a group': `userlist l\n group g users u\n user u password x\n${frontend('acl a http_auth_group(l) g')}`,
  'an ACL that is used by an ACL, in a ring': frontend('acl a path /a', 'acl c acl(a)', 'acl a acl(c)'),
  'ids of patterns that are used twice': frontend('acl a path -u 5 /a', 'acl c path -u 5 /b'),
  'an ACL in an anonymous defaults section': `defaults\n acl a path /a\n${frontend()}`,
  'an ACL in a named defaults section': `defaults d\n acl a path /a\n${frontend()}`,
  'a variable of the process': `global\n set-var proc.x int(5),set-var(proc.y)\n${frontend()}`,
  'a variable of the process without a value': `global\n set-var proc.x\n${frontend()}`,
  'a variable of the process from a request': `global\n set-var proc.x path\n${frontend()}`,
  'a variable of another scope': `global\n set-var txn.x int(5)\n${frontend()}`,
  'a variable without a scope': `global\n set-var x int(5)\n${frontend()}`,
  'a variable from a bad expression': `global\n set-var proc.x nope\n${frontend()}`,
  'a variable from a userlist that is not there': `global\n set-var proc.x str(x),regsub((,y)\n${frontend()}`,
  'a variable from a format': `global\n set-var-fmt proc.x "a %[int(5)]"\n${frontend()}`,
  'a variable from a bad format': `global\n set-var-fmt proc.x "a %[int(5)"\n${frontend()}`,
  'a variable from a format of a request': `global\n set-var-fmt proc.x "a %[path]"\n${frontend()}`,
  'a variable from no format': `global\n set-var-fmt proc.x\n${frontend()}`,
  'a limit of variables': `global\n tune.vars.txn-max-size 1000\n${frontend()}`,
  'a limit of variables with a unit': `global\n tune.vars.txn-max-size 1k\n${frontend()}`,
  'a limit of variables without a size': `global\n tune.vars.proc-max-size\n${frontend()}`,
  'the file of an ACL as a map': frontend('acl a path -f virt@x', 'acl c path -M -f virt@x'),
};

for (const [title, content] of Object.entries(SECTIONS)) {
  test(`weir says what HAProxy says about ${title}`, { skip }, () => {
    const { expected, actual } = peer.judge(content);
    strictEqual(actual.text, expected.text);
    strictEqual(actual.exitCode, expected.exitCode);
  });
}

// What weir lists of the language, HAProxy lists in the same words.
for (const className of ['smp', 'cnv', 'acl']) {
  test(`every line of -dK${className} is one of HAProxy's`, { skip }, () => {
    const theirs = new Set(peer.dump(className).split('\n'));
    let count = 0;
    dumpKeywords(className, (text) => {
      for (const line of text.split('\n')) ok(theirs.has(line), line);
      count++;
    });
    ok(count > 50);
  });
}
