// http-request rules that change a request or what is known of it: headers, target, method, variables, maps, captures.
//
// A section's rules are told apart by the path, so that each case asks for the one it is about.

import { answer, ask, type Case, get, post, request } from './parity-case.ts';
import { type Section, section } from './section.ts';

const headers = `
  http-request add-header X-Add one if { path /add }
  http-request add-header X-Add "two %[src] %[req.hdr(x-add)]" if { path /add }
  http-request set-header X-Set "%[path],%[method],%[req.ver]" if { path /set }
  http-request set-header Host changed.example if { path /host }
  http-request set-header Cookie "a=1" if { path /cookie }
  http-request set-header X-Empty "%[req.hdr(none)]" if { path /empty }
  http-request set-header X-Raw "a  b %[str(c d)] %%" if { path /raw }
  http-request add-header X-Long "%[req.hdr(x-long)]%[req.hdr(x-long)]" if { path /long }
  http-request del-header X-Del if { path /del }
  http-request del-header X-D -m beg if { path /del-beg }
  http-request del-header -del -m end if { path /del-end }
  http-request del-header de -m sub if { path /del-sub }
  http-request del-header ^x-[0-9]+$ -m reg if { path /del-reg }
  http-request del-header x-del -m str if { path /del-str }
  http-request del-header host if { path /del-host }
  http-request del-header content-length if { path /del-length }
  http-request del-header transfer-encoding if { path /del-chunked }
  http-request set-header Content-Length 3 if { path /set-length }
  http-request set-header Content-Length 7 if { path /set-length-wrong }
  http-request set-header Transfer-Encoding chunked if { path /set-chunked }
  http-request set-header Transfer-Encoding gzip if { path /set-gzip }
  http-request set-header Connection close if { path /set-close }
  http-request set-header Connection keep-alive if { path /set-keep }
  http-request add-header Connection X-Hop if { path /set-hop }
  http-request set-header Upgrade foo if { path /set-upgrade }
  http-request set-header Expect 100-continue if { path /set-expect }
  http-request replace-header X-Re (.*)b(.*) \\2-\\1 if { path /replace }
  http-request replace-header X-Re ^a$ "%[src] \\0" if { path /replace-format }
  http-request replace-value X-Re ^(.)$ <\\1> if { path /replace-value }
  http-request replace-value Cookie a=(.*) a=\\1\\1 if { path /replace-cookie }
  http-request replace-header Host (.*) \\1:81 if { path /replace-host }
  http-request set-var(txn.old) req.hdrs_bin if { path_beg /bin }
  http-request del-header X-A if { path_beg /bin }
  http-request set-headers-bin var(txn.old) if { path /bin-set }
  http-request add-headers-bin var(txn.old) if { path /bin-add }
  http-request add-headers-bin var(txn.old) prefix x- if { path /bin-prefix }
  http-request del-headers-bin var(txn.old) if { path /bin-del }
  http-request set-header X-Not yes unless { path_beg / }
  http-request set-header X-Both yes if { path /both } !{ req.hdr(x-no) -m found }
  http-request set-header X-Either yes if { path /either } { req.hdr(x-a) 1 } || { path /either } { req.hdr(x-b) 2 }
  http-request set-header X-Unless yes unless { path / } || { path_beg /a /b /c /d /e /f /h /l /m /n /o /p /q /r /s }
`;

const uri = `
  http-request set-path /new/%[path,url_enc] if { path_beg /set-path }
  http-request set-pathq /pq?from=%[path] if { path_beg /set-pathq }
  http-request set-query "q=%[query]&more" if { path_beg /set-query }
  http-request set-query %[query,regsub(a,b)] if { path_beg /sub-query }
  http-request set-query %[req.hdr(none)] if { path_beg /no-query }
  http-request set-uri /uri?%[base] if { path_beg /set-uri }
  http-request set-uri http://other.example/abs if { path_beg /abs-uri }
  http-request set-uri "/a b" if { path_beg /bad-uri }
  http-request set-path "/a b" if { path_beg /bad-path }
  http-request set-path rel if { path_beg /rel-path }
  http-request set-path "%[req.hdr(none)]" if { path_beg /empty-path }
  http-request set-method PUT if { path_beg /put }
  http-request set-method HEAD if { path_beg /head }
  http-request set-method GET if { path_beg /get }
  http-request set-method CONNECT if { path_beg /connect }
  http-request set-method "%[req.hdr(x-method)]" if { path_beg /any-method }
  http-request replace-path /replace-path/(.*) /r/\\1 if { path_beg /replace-path }
  http-request replace-pathq /replace-pathq/([^?]*)(.*) /r\\2/\\1 if { path_beg /replace-pathq }
  http-request replace-uri (.*)/replace-uri/(.*) \\1/u/\\2 if { path_beg /replace-uri }
  http-request replace-uri ^nothing$ /never
  http-request normalize-uri fragment-strip if { path_beg /fragment-strip }
  http-request normalize-uri fragment-encode if { path_beg /fragment-encode }
  http-request normalize-uri path-merge-slashes if { path_beg /merge }
  http-request normalize-uri path-strip-dot if { path_beg /dot/ }
  http-request normalize-uri path-strip-dotdot if { path_beg /dotdot/ }
  http-request normalize-uri path-strip-dotdot full if { path_beg /dotdot-full/ }
  http-request normalize-uri percent-decode-unreserved if { path_beg /decode }
  http-request normalize-uri percent-decode-unreserved strict if { path_beg /strict-decode }
  http-request normalize-uri percent-to-uppercase if { path_beg /upper }
  http-request normalize-uri percent-to-uppercase strict if { path_beg /strict-upper }
  http-request normalize-uri query-sort-by-name if { path_beg /sort }
  http-request set-header X-After "%[path] %[query] %[method] %HU"
`;

const variables = `
  tcp-request connection set-var(sess.conn) src
  tcp-request connection set-var-fmt(sess.fmt) "%[src]/c"
  tcp-request connection unset-var(sess.gone)
  tcp-request session set-var(sess.first) int(0)
  tcp-request session set-var-fmt(sess.sfmt) "%[dst]/s"
  tcp-request session unset-var(sess.gone)
  tcp-request content set-var(txn.cont) method
  tcp-request content set-var-fmt(txn.cfmt) "%[path]/c"
  tcp-request content unset-var(txn.gone)
  http-request set-var(sess.first) var(sess.first),add(1)
  http-request set-var(proc.last) path
  http-request set-var(txn.t) path
  http-request set-var(req.r) path
  http-request set-var-fmt(txn.f) "%[path]+%[var(txn.t)]+%[var(sess.first)]"
  http-request set-var(txn.ip) src
  http-request set-var(txn.bool) bool(true)
  http-request set-var(txn.meth) method
  http-request set-var(txn.hdr) req.hdr(x-v)
  http-request set-var(txn.none) req.hdr(x-none)
  http-request set-var(txn.if,ifnotexists) str(first)
  http-request set-var(txn.if,ifnotexists) str(second)
  http-request set-var(txn.ife,ifexists) str(none)
  http-request set-var(txn.t,ifexists) str(exists)
  http-request set-var(txn.emp,ifnotempty) req.hdr(x-v)
  http-request set-var(txn.num,ifgt) int(5) if { path /numbers }
  http-request unset-var(txn.f) if { path /unset }
  http-request unset-var(sess.first) if { path /unset }
  http-request set-header X-Vars "%[var(sess.conn)] %[var(sess.fmt)] %[var(sess.first)] %[var(sess.sfmt)] %[var(txn.cont)] %[var(txn.cfmt)]"
  http-request set-header X-More "%[var(proc.last)] %[var(txn.t)] %[var(req.r)] %[var(txn.f)] %[var(txn.ip)] %[var(txn.bool)] %[var(txn.meth)] %[var(txn.hdr)] %[var(txn.none)] %[var(txn.if)] %[var(txn.ife)] %[var(txn.emp)] %[var(txn.num)]"
  http-request set-header X-Default "%[var(txn.none,fallback)] %[var(txn.t),upper]"
  http-response set-var(res.r) status
  http-response set-var-fmt(txn.rf) "%[status] %[res.hdr(content-length)]"
  http-response set-header X-Res "%[var(res.r)] %[var(req.r)] %[var(txn.t)] %[var(txn.f)] %[var(sess.first)] %[var(txn.rf)]"
  http-response unset-var(txn.t)
  http-after-response set-var(txn.after) int(7)
  http-after-response set-var-fmt(txn.afmt) "%[var(txn.after)]!"
  http-after-response unset-var(txn.after)
  http-after-response set-header X-After "%[var(txn.t)] %[var(txn.after)] %[var(txn.afmt)] %[var(res.r)]"
`;

const patterns = `
  http-request set-map(@DIR@/one.map) %[url_param(k)] %[url_param(v)] if { path /set-map }
  http-request del-map(@DIR@/one.map) %[url_param(k)] if { path /del-map }
  http-request add-acl(@DIR@/one.acl) %[url_param(k)] if { path /add-acl }
  http-request del-acl(@DIR@/one.acl) %[url_param(k)] if { path /del-acl }
  http-request set-header X-Map "%[url_param(k),map(@DIR@/one.map)] %[url_param(k),map(@DIR@/one.map,default)]"
  http-request set-header X-Acl yes if { url_param(k) -f @DIR@/one.acl }
  http-request set-header X-Ip "%[req.hdr(x-ip),map_ip(@DIR@/ip.map,none)]"
  http-request set-header X-Beg "%[path,map_beg(@DIR@/beg.map,none)]"
  http-request set-header X-Reg "%[path,map_reg(@DIR@/reg.map,none)] %[path,map_regm(@DIR@/reg.map,none)]"
  http-request set-header X-Int "%[req.hdr(x-int),map_str_int(@DIR@/int.map,0),add(1)]"
  http-request set-header X-Low yes if { req.hdr(host) -i -f @DIR@/hosts.acl }
  http-response set-map(@DIR@/two.map) %[status] %[res.hdr(x-v)]
  http-response add-acl(@DIR@/two.acl) %[res.hdr(x-v)]
  http-response set-header X-Two "%[status,map(@DIR@/two.map,none)]"
  http-response set-header X-Two-Acl yes if { res.hdr(x-v) -f @DIR@/two.acl }
  http-response del-map(@DIR@/two.map) %[status] if { res.hdr(x-v) out }
  http-response del-acl(@DIR@/two.acl) out if { res.hdr(x-v) out }
  http-after-response set-map(@DIR@/three.map) %[status] yes
  http-after-response set-header X-Three "%[status,map(@DIR@/three.map,none)]"
  http-after-response del-map(@DIR@/three.map) %[status]
  http-after-response del-acl(@DIR@/three.acl) %[status]
  http-after-response set-header X-Gone "%[status,map(@DIR@/three.map,none)]"
`;

const misc = `
  tcp-request connection set-src src
  tcp-request connection set-fc-mark 1
  tcp-request connection set-fc-tos 16
  tcp-request connection set-mark 1
  tcp-request connection set-tos 16
  tcp-request session set-fc-mark 1
  tcp-request session set-fc-tos 16
  tcp-request session set-mark 1
  tcp-request session set-tos 16
  tcp-request session set-dst dst
  tcp-request session set-dst-port dst_port
  tcp-request session set-src src
  tcp-request session set-src-port src_port
  tcp-request connection set-dst dst
  tcp-request connection set-dst-port dst_port
  tcp-request connection set-src-port src_port
  http-request set-src req.hdr(x-src) if { req.hdr(x-src) -m found }
  http-request set-src-port req.hdr(x-src-port) if { req.hdr(x-src-port) -m found }
  http-request set-dst req.hdr(x-dst) if { req.hdr(x-dst) -m found }
  http-request set-dst-port req.hdr(x-dst-port) if { req.hdr(x-dst-port) -m found }
  http-request set-nice 100
  http-request set-log-level silent if { path /silent }
  http-request set-log-level debug if { path /debug }
  http-request set-log-level err if { path /err }
  http-request do-log if { path /log }
  http-request set-mark 2
  http-request set-fc-mark 2
  http-request set-bc-mark 3
  http-request set-tos 32
  http-request set-fc-tos 32
  http-request set-bc-tos 32
  http-request set-priority-class int(2)
  http-request set-priority-offset int(-2)
  http-request wait-for-handshake
  http-request disable-l7-retry
  http-request strict-mode off
  http-request allow if { path /allow }
  http-request set-header X-Src "%[src]:%[src_port] %[dst] %[src_is_local]"
`;

const strict = `
  http-request set-header X-Long "%[req.hdr(x-long)]%[req.hdr(x-long)]%[req.hdr(x-long)]" if { path /strict }
  http-request strict-mode off if { path_beg /off }
  http-request set-header X-Long "%[req.hdr(x-long)]%[req.hdr(x-long)]%[req.hdr(x-long)]" if { path_beg /off }
  http-request strict-mode on if { path /off-on }
  http-request set-header X-More "%[req.hdr(x-long)]%[req.hdr(x-long)]%[req.hdr(x-long)]" if { path /off-on }
  http-request set-path "/%[req.hdr(x-long)]%[req.hdr(x-long)]%[req.hdr(x-long)]" if { path /long-path }
  http-request replace-header X-Long (.*) \\1\\1\\1 if { path /long-replace }
  http-response set-header X-Long "%[res.hdr(x-long)]%[res.hdr(x-long)]%[res.hdr(x-long)]" if { status 201 }
  http-response strict-mode off if { status 202 }
  http-response set-header X-Long "%[res.hdr(x-long)]%[res.hdr(x-long)]%[res.hdr(x-long)]" if { status 202 }
  http-after-response strict-mode on if { status 203 }
  http-after-response set-header X-Long "%[res.hdr(x-long)]%[res.hdr(x-long)]%[res.hdr(x-long)]" if { status 203 }
`;

const capture = `
  declare capture request len 5
  declare capture response len 6
  capture request header User-Agent len 10
  capture response header Server len 4
  http-request capture req.hdr(x-c) id 0
  http-request capture req.hdr(x-len) len 3
  tcp-request content capture path len 8
  http-response capture res.hdr(x-c) id 0
  http-after-response capture status id 0 if { status 204 }
  http-request set-header X-Captured "%[capture.req.hdr(0)] %[capture.req.hdr(1)] %[capture.req.method] %[capture.req.uri] %[capture.req.ver]"
  http-response set-header X-Captured "%[capture.req.hdr(0)] %[capture.res.hdr(0)] %[capture.res.hdr(1)] %[capture.req.uri] %[capture.res.ver]"
`;

const sides = (name: string): string => `
  acl special path_beg /special
  http-request set-header X-Order "%[req.hdr(x-order)] ${name}1"
  http-request allow if special
  http-request set-header X-Order "%[req.hdr(x-order)] ${name}2"
  http-response set-header X-Order "%[res.hdr(x-order)] ${name}1"
  http-response allow if { res.hdr(x-allow) yes }
  http-response set-header X-Order "%[res.hdr(x-order)] ${name}2"
  http-after-response set-header X-Order "%[res.hdr(x-order)] ${name}a"
  http-after-response allow if { res.hdr(x-allow) yes }
  http-after-response set-header X-Order "%[res.hdr(x-order)] ${name}b"
`;

export const RULE_SECTIONS: readonly Section[] = [
  section('rules-headers', { front: headers }, { copies: 3, since: '3.4' }),
  section('rules-headers-back', { back: headers }, { since: '3.4' }),
  section('rules-uri', { front: uri }, { copies: 3, since: '3.4' }),
  ...['path-strip-dotdot', 'percent-decode-unreserved', 'percent-to-uppercase', 'path-merge-slashes'].map((name) =>
    section(`normalize-${name}`, { front: `http-request normalize-uri ${name}` }, { since: '3.4' }),
  ),
  section('rules-variables', { front: variables }, { copies: 2, since: '3.4' }),
  section('rules-patterns', { front: patterns }, { since: '3.4' }),
  section('rules-misc', { front: misc, back: 'option forwardfor\noption originalto' }, { since: '3.4' }),
  section(
    'rules-retries',
    {
      servers: 'server s 127.0.0.1:@DEAD@',
      back: 'retries 1\nhttp-request set-retries 0 if { path /none }\nhttp-request set-retries 2 if { path /two }\ntcp-request content set-retries 0 if { req.hdr(x-tcp) -m found }',
      timeouts: 'timeout connect 100ms',
    },
    { since: '3.4' },
  ),
  section('rules-strict', { front: strict }, { since: '3.4' }),
  section('rules-capture', { front: capture }, { since: '3.4' }),
  section('rules-capture-cookie', { front: 'capture cookie SID len 12' }, { since: '3.4' }),
  section('rules-sides', { front: sides('f'), back: sides('b') }, { since: '3.4' }),
  {
    name: 'rules-listen',
    since: '3.4',
    config: `listen @NAME@
  mode http
  bind 127.0.0.1:@BIND@
  log @LOG@ local0
  option httplog
  timeout client 5s
  timeout connect 1s
  timeout server 5s
${sides('l')}  server s @ORIGIN@
`,
  },
  section(
    'rules-log',
    {
      log: '',
      front: `log-format "%ci:%cp %ft %b/%s %ST %ts %[var(txn.v)] {%hr} {%hs} %[capture.req.uri] %HM %HP %HQ %HV %rc"
        capture request header Host len 8
        http-request set-var(txn.v) path
        http-response set-var(txn.v) status
        http-request do-log if { path /do }
        http-response do-log if { path /do-res } || { status 201 }
        http-after-response do-log if { status 202 }
        http-request deny if { path /deny }
        error-log-format "%ci:%cp error %[fc_err] %ts %ST"`,
    },
    { since: '3.4' },
  ),
];

export const RULE_FILES: Readonly<Record<string, string>> = {
  'one.map': '# a map\na alpha\nb beta with blanks\n\n  c   gamma\n',
  'one.acl': 'a\nb\n',
  'two.map': '500 x\n',
  'two.acl': 'none\n',
  'three.map': '500 x\n',
  'three.acl': '200\n',
  'ip.map': '10.0.0.0/8 ten\n10.1.0.0/16 ten-one\n2001:db8::/32 doc\n127.0.0.1 me\n',
  'beg.map': '/ root\n/a a\n/ab ab\n',
  'reg.map': '^/x(.)(.)$ <\\2\\1>\n^/y y\n',
  'int.map': 'one 1\ntwo 2\n',
  'hosts.acl': 'A.example\nb.EXAMPLE\n',
};

const cases = (on: string, group: string, list: readonly (readonly [string, string])[]): Case[] =>
  list.map(([name, text]) => ({ name: `${group}: ${name}`, on, steps: ask(text) }));

const LONG = 'x'.repeat(6_000);

const HEADER_REQUESTS: readonly (readonly [string, string])[] = [
  ['add', get('/add')],
  ['add to one that is there', get('/add', 'X-Add: zero')],
  ['set', get('/set')],
  ['set one that comes twice', get('/set', 'X-Set: 1', 'X-set: 2', 'X-Other: 3')],
  ['set in 1.0', request('GET', '/set', '1.0', ['X-Set: old'], '')],
  ['set with a body', post('/set', 'abc')],
  ['set Host', get('/host')],
  ['set Host of an absolute target', get('http://a/host')],
  ['set Host in 1.0', request('GET', '/host', '1.0', [], '')],
  ['set Cookie', get('/cookie', 'Cookie: b=2', 'Cookie: c=3')],
  ['set to nothing', get('/empty', 'X-Empty: full')],
  ['set with blanks and percent', get('/raw')],
  ['add a long one', get('/long', `X-Long: ${'y'.repeat(2_000)}`)],
  ['delete', get('/del', 'X-Del: 1', 'X-Dell: 2', 'x-DEL: 3')],
  ['delete what is not there', get('/del')],
  ['delete, beginning', get('/del-beg', 'X-Del: 1', 'X-D: 2', 'X-E: 3', 'AX-D: 4')],
  ['delete, end', get('/del-end', 'X-Del: 1', 'A-DEL: 2', 'Del: 3')],
  ['delete, middle', get('/del-sub', 'Ade: 1', 'DEA: 2', 'A: 3', 'aDeb: 4')],
  ['delete, regex', get('/del-reg', 'X-1: 1', 'X-12: 2', 'X-1a: 3', 'x-3: 4')],
  ['delete, exact', get('/del-str', 'X-Del: 1', 'X-Dell: 2')],
  ['delete Host', get('/del-host')],
  ['delete Content-Length', post('/del-length', 'abc')],
  [
    'delete Transfer-Encoding',
    request('POST', '/del-chunked', '1.1', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n0\r\n\r\n'),
  ],
  ['set Content-Length to what it is', post('/set-length', 'abc')],
  ['set Content-Length to another', post('/set-length-wrong', 'abc')],
  ['set Content-Length without a body', get('/set-length')],
  [
    'set Content-Length beside chunks',
    request('POST', '/set-length', '1.1', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n0\r\n\r\n'),
  ],
  ['set Transfer-Encoding', post('/set-chunked', 'abc')],
  ['set Transfer-Encoding without a body', get('/set-chunked')],
  [
    'set Transfer-Encoding of chunks',
    request('POST', '/set-chunked', '1.1', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n0\r\n\r\n'),
  ],
  ['set Transfer-Encoding to gzip', post('/set-gzip', 'abc')],
  ['set Connection: close', get('/set-close')],
  ['set Connection: keep-alive', get('/set-keep', 'Connection: close')],
  ['set Connection: keep-alive in 1.0', request('GET', '/set-keep', '1.0', [], '')],
  ['add Connection: X-Hop', get('/set-hop', 'X-Hop: 1')],
  ['set Upgrade', get('/set-upgrade')],
  ['set Upgrade with Connection', get('/set-upgrade', 'Connection: Upgrade')],
  ['set Expect', post('/set-expect', 'abc')],
  ['replace', get('/replace', 'X-Re: abc', 'X-Re: 1b2, 3b4', 'X-Re: none')],
  ['replace by a format', get('/replace-format', 'X-Re: a', 'X-Re: aa')],
  ['replace each value', get('/replace-value', 'X-Re: a, b,c , dd', 'X-Re: e')],
  ['replace a cookie', get('/replace-cookie', 'Cookie: a=1; b=2', 'Cookie: c=3')],
  ['replace Host', get('/replace-host')],
  ['binary, set', get('/bin-set', 'X-A: 1', 'X-A: 2', 'X-B: 3')],
  ['binary, add', get('/bin-add', 'X-A: 1', 'X-B: 3')],
  ['binary, prefix', get('/bin-prefix', 'X-A: 1', 'B: 3')],
  ['binary, delete', get('/bin-del', 'X-A: 1', 'X-B: 3')],
  ['unless everything', get('/other')],
  ['unless, many values', get('/zebra')],
  ['and not', get('/both')],
  ['and not, with the header', get('/both', 'X-No: 1')],
  ['either, first', get('/either', 'X-A: 1')],
  ['either, second', get('/either', 'X-B: 2')],
  ['either, none', get('/either', 'X-A: 2', 'X-B: 1')],
  ['HEAD', request('HEAD', '/set', '1.1', [], '')],
  ['chunks', request('POST', '/set', '1.1', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n')],
  ['Expect: 100-continue', request('POST', '/set', '1.1', ['Content-Length: 3', 'Expect: 100-continue'], 'abc')],
];

const URI_REQUESTS: readonly (readonly [string, string])[] = [
  ['set-path', get('/set-path/a%20b?q=1')],
  ['set-path of an absolute target', get('http://a/set-path?q')],
  ['set-pathq', get('/set-pathq?a=b')],
  ['set-pathq of an absolute target', get('http://a:80/set-pathq?a=b')],
  ['set-query', get('/set-query?x=1')],
  ['set-query where none was', get('/set-query')],
  ['set-query, question mark alone', get('/set-query?')],
  ['set-query by regsub', get('/sub-query?aaa')],
  ['set-query to nothing', get('/no-query?a=1')],
  ['set-query of an absolute target', get('http://a/set-query?x=1')],
  ['set-uri', get('/set-uri?x')],
  ['set-uri to an absolute one', get('/abs-uri')],
  ['set-uri with a blank', get('/bad-uri')],
  ['set-path with a blank', get('/bad-path')],
  ['set-path without a slash', get('/rel-path?q')],
  ['set-path to nothing', get('/empty-path?q')],
  ['set-method', get('/put')],
  ['set-method with a body', post('/put', 'abc')],
  ['set-method to HEAD', get('/head')],
  ['set-method of HEAD to GET', request('HEAD', '/get', '1.1', [], '')],
  ['set-method of POST to GET', post('/get', 'abc')],
  ['set-method to CONNECT', get('/connect')],
  ['set-method to a word of the client', get('/any-method', 'X-Method: FOO')],
  ['set-method to nothing', get('/any-method')],
  ['replace-path', get('/replace-path/x/y?z=/replace-path/1')],
  ['replace-path without a match', get('/replace-pathx')],
  ['replace-pathq', get('/replace-pathq/x?z=1')],
  ['replace-uri', get('/replace-uri/x?y')],
  ['replace-uri of an absolute target', get('http://a/replace-uri/x?y')],
  ['fragment-strip', get('/fragment-strip?a=1')],
  ['fragment-encode', get('/fragment-encode?a=1')],
  ['merge slashes', get('/merge//a///b?c=//d')],
  ['strip dots', get('/dot/./a/./b/.?x=./y')],
  ['strip dot dots', get('/dotdot/a/../b/../../c/..')],
  ['strip dot dots, too many', get('/dotdot/../../a')],
  ['strip dot dots, full', get('/dotdot-full/../../../a')],
  ['decode unreserved', get('/decode/%61%2f%7e%zz?%41')],
  ['decode unreserved, strict', get('/strict-decode/%61%2f')],
  ['decode unreserved, strict, bad', get('/strict-decode/%6')],
  ['to uppercase', get('/upper/%aa%bB%zz')],
  ['to uppercase, strict', get('/strict-upper/%aa')],
  ['to uppercase, strict, bad', get('/strict-upper/%a')],
  ['sort the query', get('/sort?b=2&a=1&c=3&a=0&')],
  ['asterisk', request('OPTIONS', '*', '1.1', [], '')],
  ['CONNECT', request('CONNECT', 'a:80', '1.1', [], '')],
  ['absolute without a path', get('http://a')],
];

const same = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-V: in\r\n\r\nok';

const SEQUENCES: readonly Case[] = [
  {
    name: 'variables: three requests on a connection',
    on: 'rules-variables',
    steps: [
      { send: get('/1', 'X-V: one') },
      { until: '\r\n\r\nok' },
      { send: get('/unset') },
      { untilOrigin: '/unset' },
      { pauseMs: 20 },
      { send: get('/3', 'X-V: three') },
      { untilOrigin: '/3' },
    ],
  },
  { name: 'variables: numbers', on: 'rules-variables', steps: ask(get('/numbers')) },
  { name: 'variables: pipelined', on: 'rules-variables', steps: ask(get('/p1') + get('/p2', 'X-V: 2') + get('/p3')) },
  { name: 'variables: after a bad request', on: 'rules-variables', steps: ask('GET / HTTP/1.1\r\nHost: a b\r\n\r\n') },
  {
    name: 'patterns: set, look, change, look, delete, look',
    on: 'rules-patterns',
    steps: [
      '/?k=new',
      '/set-map?k=new&v=1',
      '/?k=new&n=2',
      '/set-map?k=new&v=2',
      '/?k=new&n=3',
      '/del-map?k=new',
      '/?k=new&n=4',
      '/add-acl?k=new',
      '/?k=new&n=5',
      '/add-acl?k=new&n=2',
      '/del-acl?k=new',
      '/?k=new&n=6',
    ].flatMap((path) => [{ send: get(path) }, { untilOrigin: `GET ${path} ` }, { pauseMs: 8 }]),
  },
  ...cases('rules-patterns', 'patterns', [
    ['of the file', get('/?k=a')],
    ['a value with blanks', get('/?k=b')],
    ['blanks before the key', get('/?k=c')],
    ['no key', get('/')],
    ['delete one of the file, twice', get('/del-map?k=c') + get('/del-map?k=c') + get('/?k=c')],
    ['delete one of the file from the list', get('/del-acl?k=b') + get('/?k=b')],
    ['an address', get('/', 'X-Ip: 10.1.2.3')],
    ['another address', get('/', 'X-Ip: 10.2.2.3')],
    ['an IPv6 address', get('/', 'X-Ip: 2001:db8::1')],
    ['an IPv4 address in IPv6', get('/', 'X-Ip: ::ffff:127.0.0.1')],
    ['no address', get('/', 'X-Ip: none')],
    ['the longest beginning', get('/abc')],
    ['regex', get('/xyz')],
    ['regex, other', get('/yyy')],
    ['a number', get('/', 'X-Int: two')],
    ['without regard to case', request('GET', '/', '1.1', ['X: 1'], '').replace('Host: a', 'Host: B.Example')],
    ['with regard to case elsewhere', get('/?k=A')],
  ]),
  ...['in', 'out', 'in'].map(
    (value, index): Case => ({
      name: `patterns: of the response, ${index} ${value}`,
      on: 'rules-patterns',
      steps: ask(get('/')),
      origin: answer(same.replace('in', value)),
    }),
  ),
  ...cases('rules-misc', 'misc', [
    ['nothing special', get('/')],
    ['source', get('/', 'X-Src: 10.1.2.3')],
    ['source in IPv6', get('/', 'X-Src: 2001:db8::1')],
    ['source that is none', get('/', 'X-Src: foo')],
    ['source port', get('/', 'X-Src-Port: 99')],
    ['source port that is none', get('/', 'X-Src-Port: 99999')],
    ['source and port', get('/', 'X-Src: 10.1.2.3', 'X-Src-Port: 1')],
    ['destination', get('/', 'X-Dst: 10.9.9.9')],
    ['destination port', get('/', 'X-Dst-Port: 443')],
    ['source, then a second request', get('/1', 'X-Src: 10.1.2.3') + get('/2')],
    ['silent', get('/silent')],
    ['silent, then not', get('/silent') + get('/2')],
    ['debug', get('/debug')],
    ['err', get('/err')],
    ['do-log', get('/log')],
    ['do-log of a POST', post('/log', 'abc')],
    ['allow', get('/allow')],
  ]),
  ...cases('rules-retries', 'retries', [
    ['none', get('/none')],
    ['none by a content rule', get('/', 'X-Tcp: 1')],
    ['as configured', get('/')],
  ]).map((each) => ({ ...each, steps: [...each.steps, { until: '</html>' }] })),
  ...cases('rules-strict', 'strict-mode', [
    ['a header too long', get('/strict', `X-Long: ${LONG}`)],
    ['off', get('/off', `X-Long: ${LONG}`)],
    ['off, then on', get('/off-on', `X-Long: ${LONG}`)],
    ['a path too long', get('/long-path', `X-Long: ${LONG}`)],
    ['a replacement too long', get('/long-replace', `X-Long: ${LONG}`)],
    ['a POST with a header too long', post('/strict', 'abc', `X-Long: ${LONG}`)],
  ]),
  ...[201, 202, 203].map(
    (status): Case => ({
      name: `strict-mode: a response, ${status}`,
      on: 'rules-strict',
      steps: ask(get('/')),
      origin: answer(`HTTP/1.1 ${status} OK\r\nContent-Length: 2\r\nX-Long: ${LONG}\r\n\r\nok`),
    }),
  ),
  ...cases('rules-capture', 'captures', [
    ['all', get('/path/that/is/long', 'User-Agent: abcdefghijklmn', 'X-C: 1234567', 'X-Len: 12345')],
    ['some', get('/', 'X-Len: 1')],
    ['a header twice', get('/', 'User-Agent: one', 'User-Agent: two')],
    ['odd bytes', get('/"{|}\x7f', 'User-Agent: {a|b}"', 'X-C: \xe9 é')],
    ['two requests', get('/1', 'X-C: 1') + get('/2')],
    ['of a bad request', 'GET / HTTP/1.1\r\nHost: a b\r\nUser-Agent: x\r\n\r\n'],
  ]),
  {
    name: 'captures: of the response',
    on: 'rules-capture',
    steps: ask(get('/', 'User-Agent: ua')),
    origin: answer('HTTP/1.1 200 OK\r\nServer: longserver\r\nX-C: captured\r\nContent-Length: 2\r\n\r\nok'),
  },
  {
    name: 'captures: after the response',
    on: 'rules-capture',
    steps: ask(get('/')),
    origin: answer('HTTP/1.1 204 No\r\nServer: a\r\nX-C: captured\r\n\r\n'),
  },
  ...cases('rules-capture-cookie', 'captures', [
    ['cookie', get('/', 'Cookie: a=1; SID=1234567890123; b=2')],
    ['cookie, none', get('/', 'Cookie: a=1')],
    ['cookie, a name that begins so', get('/', 'Cookie: SIDE=1; SID=2')],
  ]),
  {
    name: 'captures: cookie of the response',
    on: 'rules-capture-cookie',
    steps: ask(get('/', 'Cookie: SID=x')),
    origin: answer('HTTP/1.1 200 OK\r\nSet-Cookie: SID=1234567890123456; path=/\r\nContent-Length: 2\r\n\r\nok'),
  },
  ...['rules-sides', 'rules-listen'].flatMap((on): Case[] => [
    ...cases(on, on, [
      ['both', get('/')],
      ['allow', get('/special')],
      ['two requests', get('/special') + get('/')],
    ]),
    {
      name: `${on}: allow in the response`,
      on,
      steps: ask(get('/')),
      origin: answer('HTTP/1.1 200 OK\r\nX-Allow: yes\r\nContent-Length: 2\r\n\r\nok'),
    },
    {
      name: `${on}: the server breaks`,
      on,
      steps: ask(get('/')),
      origin: { answers: [['body', 'fin']] },
    },
  ]),
  ...cases('rules-log', 'log-format', [
    ['of a request', get('/?q=1')],
    ['do-log', get('/do')],
    ['do-log in the response', get('/do-res')],
    ['of a refusal', get('/deny')],
    ['of a bad request', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n'],
    ['of a POST', post('/do', 'abc')],
  ]),
  ...[201, 202].map(
    (status): Case => ({
      name: `log-format: do-log on ${status}`,
      on: 'rules-log',
      steps: ask(get('/')),
      origin: answer(`HTTP/1.1 ${status} OK\r\nContent-Length: 2\r\n\r\nok`),
    }),
  ),
];

export const RULE_CASES: readonly Case[] = [
  ...cases('rules-headers', 'headers', HEADER_REQUESTS),
  ...cases(
    'rules-headers-back',
    'headers, backend',
    HEADER_REQUESTS.filter((_, index) => index % 3 === 0),
  ),
  ...cases('rules-uri', 'uri', URI_REQUESTS),
  ...[
    ['path-strip-dotdot', '/a/../b/../../c/..', '/../../a', '/a/..?b=/c/..'],
    ['percent-decode-unreserved', '/%61%2f%7e%zz?%41', '/%6'],
    ['percent-to-uppercase', '/%aa%bB%zz?%cc', '/%a'],
    ['path-merge-slashes', '//a///b?c=//d', '/'],
  ].flatMap(([name, ...paths]) =>
    cases(
      `normalize-${name}`,
      `normalize-uri ${name}`,
      paths.map((path) => [path, get(path)] as const),
    ),
  ),
  ...SEQUENCES,
];
