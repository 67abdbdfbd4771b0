// Configurations with rules whose diagnostics must be HAProxy 3.4's, word for word; parity-rules.test.ts compares them.
//
// HAProxy stops reading at a wrong http-* rule: each of those is a case of its own. `@DIR@` is the directory of the file.

const DEFAULTS = `defaults
 mode http
 timeout client 5s
 timeout server 5s
 timeout connect 5s
`;

const lines = (section: string, ...texts: string[]): string =>
  `${DEFAULTS}${section}\n${texts.map((text) => ` ${text}\n`).join('')}`;

const frontend = (...texts: string[]): string => lines('frontend f', 'bind 127.0.0.1:1234', ...texts);
const backend = (...texts: string[]): string => lines('backend b', ...texts);

/** Lines of a frontend, each refused for itself. */
const WRONG_LINES: readonly string[] = [
  'http-request',
  'http-request nonsense',
  'http-request set-heade a b',
  'http-request set-varr(txn.x) path',
  'http-request deny foo',
  'http-request deny if',
  'http-request deny if { nope }',
  'http-request deny if nope',
  'http-request deny unless { path /x',
  'http-request deny deny_status',
  'http-request deny deny_status 418',
  'http-request deny deny_status 700',
  'http-request deny status 404 content-type',
  'http-request deny if { path /x } or',
  'http-request tarpit foo',
  'http-request normalize-uri path-merge-slashes',
  'http-request return status 99',
  'http-request return status',
  'http-request return string x',
  'http-request return content-type a string b file c',
  'http-request return content-type a lf-string "%[nope]"',
  'http-request return content-type a lf-string "%[res.hdr(a)]"',
  'http-request return file @DIR@/nope',
  'http-request return errorfile @DIR@/nope',
  'http-request return errorfiles',
  'http-request return hdr a',
  'http-request return hdr a "%["',
  'http-request return status 418 default-errorfiles',
  'http-request return status 204 content-type a string b',
  'http-request auth realm',
  'http-request auth nonsense',
  'http-request redirect',
  'http-request redirect nonsense',
  'http-request redirect location',
  'http-request redirect location / code 299',
  'http-request redirect location / code',
  'http-request redirect location "%[nope]"',
  'http-request redirect location / if nope',
  'http-request reject now',
  'http-request silent-drop rst-ttl',
  'http-request silent-drop rst-ttl 0',
  'http-request silent-drop rst-ttl 1x',
  'http-request pause',
  'http-request pause 0',
  'http-request pause 1y',
  'http-request pause 30d',
  'http-request pause 1us',
  'http-request pause nonsense',
  'http-request strict-mode',
  'http-request strict-mode maybe',
  'http-request strict-mode on off',
  'http-request wait-for-body',
  'http-request wait-for-body time',
  'http-request wait-for-body time 1x',
  'http-request wait-for-body time 30d',
  'http-request wait-for-body time 1s at-least',
  'http-request wait-for-body time 1s at-least 1x',
  'http-request wait-for-body nonsense',
  'http-request wait-for-handshake now',
  'http-request early-hint a',
  'http-request early-hint a "%[nope]"',
  'http-request do-log profile',
  'http-request do-log nonsense',
  'http-request allow nonsense',
  'http-response',
  'http-response nonsense',
  'http-response tarpit',
  'http-response deny deny_status 1',
  'http-response redirect prefix /',
  'http-response redirect scheme https',
  'http-response return status 1',
  'http-after-response',
  'http-after-response deny',
  'http-after-response allow nonsense',
  'tcp-request',
  'tcp-request nonsense',
  'tcp-request content',
  'tcp-request content nonsense',
  'tcp-request content acept',
  'tcp-request content accept nonsense',
  'tcp-request content accept if nope',
  'tcp-request content expect-proxy layer4',
  'tcp-request content expect-proxy layer7',
  'tcp-request content switch-mode',
  'tcp-request content switch-mode tcp',
  'tcp-request content switch-mode http proto',
  'tcp-request content switch-mode http proto nonsense',
  'tcp-request content silent-drop rst-ttl 300',
  'tcp-request connection',
  'tcp-request connection nonsense',
  'tcp-request connection expect-proxy',
  'tcp-request connection expect-netscaler-cip layer5',
  'tcp-request connection do-log nonsense',
  'tcp-request session',
  'tcp-request session nonsense',
  'tcp-request session expect-netscaler-cip layer4',
  'tcp-request inspect-delay',
  'tcp-request inspect-delay x',
  'tcp-request inspect-delay 30d',
  'tcp-request inspect-delay 1us',
  'tcp-response',
  'tcp-response content accept',
  'tcp-response inspect-delay 1s',
  'redirect',
  'redirect nonsense',
  'redirect location / if nope',
  'redirect prefix / code 1',
  'use_backend',
  'use_backend b foo',
  'use_backend b if nope',
  'use_backend b if { nope }',
  'use-server s',
  'use-server s if { path / }',
  'errorloc',
  'errorloc 503',
  'errorloc 503 /x y',
  'errorloc302 299 /x',
  'errorloc303 299 /x',
  'errorfiles',
  'errorfiles e 299',
  'errorfiles nope',
  'http-error',
  'http-error status',
  'http-error status 299',
  'http-error status 299 string x content-type y',
  'http-error status 503 nonsense',
  'http-error status 503 errorfiles nope',
  'http-error string x content-type y',
];

/** Lines of a backend. */
const WRONG_BACKEND_LINES: readonly string[] = [
  'tcp-request connection accept',
  'tcp-request session accept',
  'tcp-request content switch-mode http',
  'tcp-response nonsense',
  'tcp-response content',
  'tcp-response content nonsense',
  'tcp-response content acept',
  'tcp-response content accept nonsense',
  'tcp-response content accept if nope',
  'tcp-response inspect-delay x',
  'use-server',
  'use-server s',
  'use-server s if nope',
  'use-server nope if { path / }',
  'use-server "%[nope]" if { path / }',
  'use_backend x if { path / }',
  'redirect prefix / drop-query foo',
];

const named = (name: string, ...texts: string[]): string => `${lines(`defaults ${name}`, 'mode http', ...texts)}`;

const OTHERS: Readonly<Record<string, string>> = {
  'rules behind one that is final': frontend(
    ...['http-request deny', 'http-request allow', 'http-request set-header a b', 'http-request deny if { path / }'],
    ...['http-request redirect location /', 'http-request allow'],
    ...['http-request redirect location / ignore-empty', 'http-request allow'],
    ...['http-response return', 'http-response deny', 'http-after-response allow', 'http-after-response allow'],
  ),
  'rules behind those that run later': lines(
    'listen l',
    ...['bind :1', 'use_backend b if { path / }', 'redirect prefix / if { path / }', 'http-request allow'],
    ...['tcp-request content accept', 'tcp-request session accept', 'tcp-request connection accept'],
    ...['http-response allow', 'tcp-response content accept', 'server s 127.0.0.1:1', 'use-server s if { path / }'],
    ...['http-request allow', 'tcp-request content accept'],
    ...['backend b'],
  ),
  'TCP rules behind TCP rules': frontend(
    ...['tcp-request content accept', 'tcp-request session accept', 'tcp-request connection accept'],
    ...['tcp-request session accept', 'tcp-request content accept'],
  ),
  'an inspect delay said twice': frontend('tcp-request inspect-delay 1s', 'tcp-request inspect-delay 2s'),
  'an inspect delay said twice for responses': backend(
    'tcp-response inspect-delay 1s',
    'tcp-response inspect-delay 2s',
  ),
  'HTTP rules in TCP mode': lines(
    'listen l',
    ...['mode tcp', 'bind :1', 'http-request allow', 'http-response allow', 'http-after-response allow'],
    ...['redirect prefix /', 'monitor-uri /x', 'option httplog'],
  ),
  'HTTP rules in TCP mode that turns to HTTP': lines(
    'listen l',
    ...['mode tcp', 'bind :1', 'http-request allow', 'tcp-request content switch-mode http', 'server s 127.0.0.1:1'],
  ),
  'rules in an anonymous defaults section': lines(
    'defaults',
    ...['http-request allow', 'http-response allow', 'http-after-response allow'],
    ...['tcp-request content accept', 'tcp-request connection accept', 'tcp-request session accept'],
    ...['tcp-request inspect-delay 1s', 'tcp-response content accept', 'tcp-response inspect-delay 1s'],
    ...['redirect prefix /', 'use_backend b', 'use-server s if { path / }', 'tcp-request', 'tcp-request nonsense'],
    ...['acl a path /'],
  ),
  'rules in a named defaults section': `${named('d', 'http-request allow', 'tcp-request content accept', 'tcp-request inspect-delay 1s')}frontend f from d\n bind :1\n tcp-request inspect-delay 1s\n http-request allow\n`,
  'a listen section from defaults with rules': `${named('d', 'http-request allow')}listen l from d\n bind :1\n`,
  'defaults from defaults with rules': `${named('d', 'http-request allow')}defaults e from d\nbackend b\n`,
  'frontends and backends from defaults with rules': `${named('d', 'http-request allow')}frontend f from d\n bind :1\nbackend b from d\n`,
  'a backend from defaults with connection rules': `${named('d', 'tcp-request connection accept')}backend b from d\n`,
  'a frontend from defaults with response rules': `${named('d', 'tcp-response content accept')}frontend f from d\n bind :1\n`,
  'missing backends of several rules': frontend(
    'use_backend x if { path / }',
    'use_backend "y%[nope]"',
    'use_backend z',
  ),
  'a dynamic backend': frontend('use_backend %[path]', 'use_backend "b" if { path / }').concat('backend b\n'),
  'http-errors that are wrong': `http-errors\n`,
  'http-errors with bad lines': `http-errors e/f\n errorfile\n errorfile 404\n errorfile 299 /x\n errorfile 404 @DIR@/nope\n nonsense\nhttp-errors e/f\n`,
  'statuses that a section lacks': `${frontend('errorfiles e 404', 'errorfiles e', 'http-request return status 404 errorfiles e', 'http-request deny status 404 errorfiles nope')}http-errors e\n errorfile 503 /dev/null\n`,
  'replies that ignore what they are given': frontend(
    ...['http-request return content-type a if { path / }', 'http-request return hdr Content-Type a if { path / }'],
    ...['http-request return errorfile /dev/null content-type a hdr b c if { path / }'],
    ...['http-error status 503 content-type a', 'http-error status 503 default-errorfiles content-type a'],
  ),
  'a header name with odd letters': frontend('http-request early-hint "a b" c', 'http-request set-header a: c'),
  'actions that look at what is not there': frontend(
    ...['tcp-request connection accept if { req.hdr(a) -m found }', 'acl a path /', 'acl a src 127.0.0.1'],
    ...['tcp-request connection accept if a', 'tcp-request session accept if { status 200 }'],
    ...['acl b status 200', 'tcp-request content accept if b'],
  ),
  'raw bytes of an HTTP connection': lines(
    'listen l',
    ...['bind :1', 'tcp-request content accept if { req.len gt 0 }', 'use_backend b if { req.len gt 0 }', 'backend b'],
  ),
};

/** A right line of every action, set by set: both programs have nothing to say about them. */
const RIGHT_LINES: Readonly<Record<string, readonly string[]>> = {
  'tcp-request connection': [
    ...['accept if { src 10.0.0.0/8 }', 'reject if { src 10.0.0.0/8 }', 'expect-proxy layer4 if { src 10.0.0.1 }'],
    ...['silent-drop if { src 10.0.0.1 }', 'silent-drop rst-ttl 3 if { src 10.0.0.1 }', 'set-var(sess.a) src'],
    ...['set-var-fmt(sess.b) %[src]', 'unset-var(sess.a)', 'set-src src', 'set-src-port int(1)', 'set-dst dst'],
    ...['set-dst-port int(2)', 'set-fc-mark 1', 'set-fc-tos 2', 'set-mark 1', 'set-tos 1', 'do-log'],
  ],
  'tcp-request session': [
    ...['accept if { src 10.0.0.0/8 }', 'reject if { src 10.0.0.0/8 }', 'silent-drop if { src 10.0.0.1 }'],
    ...['set-var(sess.a) src', 'unset-var(sess.a)', 'set-src src', 'set-fc-mark 1', 'set-fc-tos 2', 'do-log'],
  ],
  'tcp-request content': [
    ...['accept if { src 10.0.0.0/8 }', 'reject unless { src 10.0.0.0/8 }', 'set-var(txn.a) src', 'unset-var(txn.a)'],
    ...['capture src len 10', 'set-log-level silent', 'set-nice 5', 'set-priority-class int(1)', 'set-retries 3'],
    ...['set-priority-offset int(1)', 'set-bc-mark 1', 'set-bc-tos 1', 'silent-drop if { src 1.2.3.4 }', 'do-log'],
    'switch-mode http if { src 1.2.3.4 }',
  ],
  'tcp-response content': [
    ...['accept if { src 10.0.0.0/8 }', 'reject if { src 10.0.0.0/8 }', 'close if { src 10.0.0.0/8 }', 'do-log'],
    ...['set-var(txn.a) src', 'unset-var(txn.a)', 'set-log-level info', 'set-nice 5', 'set-fc-mark 1', 'set-fc-tos 1'],
    'silent-drop if { src 1.2.3.4 }',
  ],
  'http-request': [
    ...['allow if { path /a }', 'deny if { path /a }', 'deny deny_status 429 if { path /a }', 'auth if { path /a }'],
    ...['auth realm a if { path /a }', 'tarpit deny_status 500 if { path /a }', 'reject if { path /a }'],
    ...[
      'return status 200 content-type a/b string c hdr d e if { path /a }',
      'return errorfile /dev/null if { path / }',
    ],
    ...['return content-type a/b lf-string %[path] if { path /a }', 'silent-drop if { path /a }', 'strict-mode off'],
    ...['redirect location /x code 301 if { path /a }', 'redirect prefix /x drop-query append-slash if { path /a }'],
    ...['redirect scheme https code 308 set-cookie a=b unless { path /a }', 'wait-for-handshake', 'do-log'],
    ...['redirect location %[path] ignore-empty keep-query clear-cookie a= if { path /b }', 'pause 1s if { path /a }'],
    ...['wait-for-body time 1s at-least 1k', 'early-hint Link a', 'add-header a b', 'set-header a %[path]'],
    ...['del-header a', 'del-header a -m beg', 'replace-header a b c', 'replace-value a b c', 'set-path /x'],
    ...['set-pathq /x?y', 'set-query a=b', 'set-uri /x', 'set-method GET', 'replace-path a b', 'replace-pathq a b'],
    ...['replace-uri a b', 'set-var(txn.a) path', 'set-var-fmt(txn.b) %[path]', 'unset-var(txn.a)', 'set-nice 5'],
    ...['set-log-level debug', 'set-retries 3', 'disable-l7-retry', 'capture path len 10', 'set-src src'],
    ...['set-src-port int(1)', 'set-dst dst', 'set-dst-port int(1)', 'set-fc-mark 1', 'set-fc-tos 1', 'set-bc-mark 1'],
    ...['set-bc-tos 1', 'set-priority-class int(1)', 'set-priority-offset int(1)', 'set-timeout client 5s'],
    ...['add-headers-bin var(txn.a)', 'set-headers-bin var(txn.a)', 'del-headers-bin var(txn.a)'],
  ],
  'http-response': [
    ...['allow if { status 200 }', 'deny if { status 200 }', 'deny deny_status 404 if { status 200 }', 'pause 1s'],
    ...['return status 200 if { status 500 }', 'redirect location /x if { status 200 }', 'silent-drop if { status 2 }'],
    ...['set-header a b', 'add-header a b', 'del-header a', 'replace-header a b c', 'replace-value a b c'],
    ...['set-status 404', 'set-status 404 reason gone', 'set-var(txn.a) status', 'unset-var(txn.a)', 'set-nice 1'],
    ...['set-log-level silent', 'set-fc-mark 1', 'set-fc-tos 1', 'strict-mode on', 'wait-for-body time 1s', 'do-log'],
    ...['capture status id 0', 'set-timeout server 5s'],
  ],
  'http-after-response': [
    ...[
      'allow if { status 200 }',
      'set-header a b',
      'add-header a b',
      'del-header a',
      'replace-header a b c',
      'do-log',
    ],
    ...['replace-value a b c', 'set-status 200', 'set-var(txn.a) status', 'unset-var(txn.a)', 'strict-mode off'],
    ...['set-log-level info', 'capture status id 0'],
  ],
};

/** Each line in a section of its own, of the kind that has all sides it may need. */
function right(set: string, lines: readonly string[]): string {
  const needsFront = lines.some((line) => line.startsWith('capture'));
  const section = (line: string, at: number): string => {
    const front = ` bind 127.0.0.1:${1000 + at}\n`;
    const declared = needsFront && line.includes(' id ') ? ' declare capture response len 5\n' : '';
    return `listen l${at}\n${front} server s 127.0.0.1:1\n tcp-request inspect-delay 1s\n${declared} ${set} ${line}\n`;
  };
  return DEFAULTS + lines.map(section).join('');
}

const SERVER = 'server s 127.0.0.1:1';

export const PARITY_RULES_CASES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(WRONG_LINES.map((line) => [line, frontend(line)])),
  ...Object.fromEntries(WRONG_BACKEND_LINES.map((line) => [`${line} in a backend`, backend(SERVER, line)])),
  ...Object.fromEntries(Object.entries(RIGHT_LINES).map(([set, all]) => [`right ${set} rules`, right(set, all)])),
  ...OTHERS,
};
