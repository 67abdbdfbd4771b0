// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the configuration language writes variables the same way

// Configurations whose diagnostics must be HAProxy 3.4's, word for word; parity.test.ts compares them.
//
// Each is small and wrong (or odd) in a few ways at once, within what weir implements. `@DIR@` becomes the
// directory of the case's file.

const DEFAULTS = `defaults
 mode http
 timeout client 5s
 timeout server 5s
 timeout connect 5s
`;

const lines = (section: string, ...texts: string[]): string =>
  `${DEFAULTS}${section}\n${texts.map((text) => ` ${text}\n`).join('')}`;

const global = (...texts: string[]): string => `global\n${texts.map((text) => ` ${text}\n`).join('')}`;
const frontend = (...texts: string[]): string => lines('frontend f', 'bind 127.0.0.1:1234', ...texts);
const backend = (...texts: string[]): string => lines('backend b', ...texts);
const server = (...options: string[]): string =>
  backend(...options.map((each, at) => `server s${at} 127.0.0.1:80 ${each}`));
const bind = (...options: string[]): string =>
  lines('frontend f', ...options.map((each, at) => `bind 127.0.0.1:${1000 + at} ${each}`));
const address = (...texts: string[]): string => lines('frontend f', ...texts.map((text) => `bind ${text}`));
const serverAddress = (...texts: string[]): string => backend(...texts.map((text, at) => `server s${at} ${text}`));
const words = (count: number): string => Array.from({ length: count }, (_, at) => `w${at}`).join(' ');

export const PARITY_CASES: Readonly<Record<string, string>> = {
  // Words, quotes, variables
  'an unmatched double quote': frontend('monitor-uri "/x'),
  'an unmatched single quote far to the right': frontend(`monitor-uri ${'x'.repeat(100)} 'abc`),
  'a bad hexadecimal escape': frontend('monitor-uri /a\\xg0'),
  'an unmatched brace': frontend('monitor-uri "${NAME"'),
  'a forbidden variable name': frontend('monitor-uri "$1"'),
  'an unknown pseudo variable': frontend('monitor-uri "${.NOPE}"'),
  'a bad expansion': frontend('monitor-uri "${NAME[x]}"'),
  'too many words': frontend(`monitor-uri ${words(70)}`),
  'exactly the last allowed word too many': frontend(words(65)),
  'sixty-four words': frontend(words(64)),
  'an empty word': frontend('monitor-uri ""', "log '' local0", 'default_backend "" x'),
  'an unknown variable with a likely name': frontend('monitor-uri "$HAPROXY_LOCALPEE"'),
  'an unknown variable inside braces': frontend('monitor-uri "${NOT_SET_ANYWHERE_AT_ALL_1}"'),
  'a default that is empty': frontend('monitor-uri "${NOT_SET_ANYWHERE-}"'),
  'an empty variable among words': frontend('monitor-uri /a "${NOT_SET_ANYWHERE[*]}" extra'),
  'no final line feed': `${DEFAULTS}frontend f\n bind 127.0.0.1:80`,
  'a stray NUL': `${DEFAULTS}fron\0tend f\n bind 127.0.0.1:80\n`,
  'a NUL on the last line': `${DEFAULTS}backend b\n mode \0http\n`,
  'words outside of any section': 'mode http\nbind :80\n[scope]\nglobal\n',
  'scopes that are wrong': '[]\n',
  'a scope with a bad character': '[a b]\n',
  'a scope with something behind': '[ab] x\n',
  'negation where there is none': frontend('no mode http', 'default timeout client 1s', 'no nonsense'),
  'fifty fatal errors': lines('backend b', ...Array.from({ length: 60 }, (_, at) => `nonsense${at}`)),

  // Macros and conditions
  'an unknown directive': `${DEFAULTS}.foo bar\nbackend b\n nonsense\n`,
  'messages from the file': `${DEFAULTS}.notice "a note"\n.warning "a warning"\n.warning two words\n.alert "the end"\nbackend b\n`,
  'an unterminated if': '.if 1\n.if 0\n.endif\n',
  'a lone endif': '.endif\n',
  'a lone else': '.else\n',
  'a lone elif': '.elif 1\n',
  'elif after else': '.if 1\n.else\n.elif 1\n.endif\n',
  'else after else': '.if 1\n.else\n.else\n.endif\n',
  'else with an argument': '.if 1\n.else x\n.endif\n',
  'endif with an argument': '.if 1\n.endif x\n',
  'an unknown predicate': `.if ${'nested && '.repeat(1)}foo(bar)\n.endif\n`,
  'a predicate without its second argument': '.if streq(a)\n.endif\n',
  'a missing parenthesis': '.if ( 1 && streq(a,a)\n.endif\n',
  'a dangling operator': '.if 1 && \n.endif\n',
  'a dangling or': '.if 1 || || 0\n.endif\n',
  'junk behind a condition': '.if 1 junk\n.endif\n',
  'a bad elif': '.if 0\n.elif defined(\n.endif\n',
  'a long bad condition': `.if streq(${'a'.repeat(120)},b) nonsense\n.endif\n`,
  'skipped branches are not evaluated': '.if 0\n.if nonsense(\n.endif\n.elif 1\n.else\n.endif\nbackend b\n',
  'conditions choose lines': `${DEFAULTS}.if streq(a,b)\nbackend x\n nonsense\n.elif version_atleast(3.4) && !version_before(2.8-dev3)\nbackend b\n bad1\n.else\n bad2\n.endif\n`,

  // Sections
  'a proxy without a name': 'frontend\n',
  'a proxy with a bad name': 'backend a/b\n',
  'an address on the listen line': `${DEFAULTS}listen l 127.0.0.1:80\n mode http\n`,
  'an address on the backend line': `${DEFAULTS}backend b 127.0.0.1:80\n mode http\n`,
  'too many words on a section line': `${DEFAULTS}frontend f from x y\n`,
  'an unknown defaults section': 'backend b from nope\n',
  'two frontends of one name': `${DEFAULTS}frontend f\n bind :1\nfrontend f\n bind :2\n`,
  'a frontend and a backend of one name': `${DEFAULTS}frontend x\n bind :1\nbackend x\n`,
  'a listen named as a backend': `${DEFAULTS}backend x\nlisten x\n bind :1\n`,
  'a proxy named as its defaults': 'defaults d\n mode http\nbackend d from d\n',
  'two defaults of one name, referenced': 'defaults d\nbackend b from d\ndefaults d\n mode http\n',
  'two defaults of one name, then referenced': 'defaults d\ndefaults d\n mode http\nbackend b from d\n',
  'defaults used both ways':
    'defaults d\n timeout connect 1s\n timeout server 1s\nbackend a\nbackend b from d\nbackend c\n',
  'defaults from defaults':
    'defaults a\n mode http\n timeout client 1s\ndefaults from a\n timeout client 2s\nfrontend f\n bind :1\n',
  'global takes no name': 'global x\n daemon y\n',
  'words that never existed': frontend('maxcon 10', 'bnd :80', 'defaut_backend x', 'zzzzzzzzzzzz'),
  'words that are gone': backend(
    ...['reqadd X', 'reqdeny x', 'reqpass x', 'rspdel x', 'block if TRUE', 'appsession x', 'bind-process 1'],
    ...['redispatch', 'clitimeout 5', 'contimeout 5', 'srvtimeout 5', 'grace 5', 'monitor-net 1.2.3.0/24', 'usesrc x'],
    ...['reqrep a b', 'rspadd x', 'srvexp x'],
  ),

  // Proxy keywords
  modes: frontend('mode', 'mode health', 'mode ftp', 'mode http x'),
  timeouts: frontend(
    ...['timeout', 'timeout x 1', 'timeout client', 'timeout client 5x', 'timeout client x', 'timeout client 25d'],
    ...[
      'timeout client 1us',
      'timeout client 5s extra',
      'timeout client 50',
      'timeout server 5s',
      'timeout client 10sx',
    ],
  ),
  'timeouts overwritten': backend('timeout server 6s', 'timeout connect 99', 'timeout client 1s', 'timeout check 0'),
  counts: frontend('maxconn', 'maxconn 1 2', 'backlog', 'backlog 1 2', 'fullconn 7', 'retries 3', 'maxconn abc'),
  'counts of a backend': backend('maxconn 5', 'backlog 4', 'fullconn', 'retries', 'retries 1 2', 'fullconn 1 2'),
  'rate limits': frontend('rate-limit', 'rate-limit x 1', 'rate-limit sessions', 'rate-limit sessions 1x'),
  'rate limits again': backend('rate-limit sessions 10'),
  ids: `${DEFAULTS}backend a\n id 5\nbackend b\n id\n id 0\n id -1\n id 5\n id 6 x\ndefaults\n id 7\n`,
  descriptions: `${DEFAULTS} description x\nbackend b\n description\n disabled x\n enabled y\n`,
  guids: `${DEFAULTS} guid x\nbackend b\n guid\n guid a/b\n guid g1\nbackend c\n guid g1\n server s 127.0.0.1:80 guid g1\n server t 127.0.0.1:80 guid\n`,
  'monitor-uri': backend('monitor-uri /x', 'monitor-uri', 'monitor-uri /x y'),
  default_backend: frontend('default_backend', 'default_backend a b'),
  'default_backend in a backend': backend('default_backend c'),
  use_backend: `${DEFAULTS} use_backend x\nfrontend f\n bind :1\n use_backend\n use_backend x y\nbackend b\n use_backend z\n`,
  'http-reuse': backend('http-reuse', 'http-reuse sometimes', 'http-reuse safe x'),
  balance: backend(
    'balance nonsense',
    'balance random(',
    'balance random(0)',
    'balance random(2',
    'balance random(2x)',
  ),
  'balance by content': backend(
    ...['uri len', 'uri len 0', 'uri depth x', 'uri foo', 'uri whole path-only len 3x depth 2', 'url_param'].map(
      (each) => `balance ${each}`,
    ),
    ...['url_param x y', 'url_param x check_post 5', 'hash', 'hash a b', 'hdr(', 'hdr()', 'hdr(x', 'hdr(x) y'].map(
      (each) => `balance ${each}`,
    ),
    ...['hdr(x)zz use_domain_only', 'hdrx', 'rdp-cookie(', 'rdp-cookie()', 'rdp-cookiex', 'log-hash', 'randomx'].map(
      (each) => `balance ${each}`,
    ),
  ),
  'balance by content in TCP': `${DEFAULTS} mode tcp\nbackend b\n balance uri\nbackend c\n balance hdr(x)\nbackend d\n balance log-hash x\nlisten e\n bind 127.0.0.1:7777\n option httplog\n balance url_param y\nfrontend f\n bind 127.0.0.1:7778\n balance uri\n default_backend b\nbackend h\n balance hash req.payload(0,0)\n`,
  'a log algorithm in HTTP, a hash of what HTTP took apart': `${DEFAULTS}backend a\n balance log-hash x\nbackend b\n balance hash req.payload(0,0)\n`,
  'a hash of nothing known': backend('balance hash nonsense'),
  'a hash of a response': backend('balance hash res.hdr(x)'),
  'a hash with an unknown converter': backend('balance hash path,nope'),
  'a hash of a server in a frontend': frontend('balance hash srv_id'),
  'hash-balance-factor': backend(
    ...['hash-balance-factor', 'hash-balance-factor 100', 'hash-balance-factor -3', 'hash-balance-factor 101 x'],
  ),
  'hash-preserve-affinity': backend(
    ...['hash-preserve-affinity', 'hash-preserve-affinity x', 'hash-preserve-affinity maxconn x'],
  ),
  'hash options in a frontend': frontend('hash-preserve-affinity maxconn', 'hash-balance-factor 7'),
  'hash-key': server('hash-key', 'hash-key x', 'hash-key guid guid g2', 'hash-key id32', 'hash-key addr-port'),
  'balance in a frontend': frontend('balance roundrobin', 'hash-type consistent', 'http-reuse safe', 'retries 2'),
  'hash-type': backend(
    ...['hash-type', 'hash-type x', 'hash-type avalanche', 'hash-type map-based md5', 'hash-type consistent sdbm x'],
  ),
  'retry-on': backend('retry-on', 'retry-on nonsense'),
  'retry-on in a frontend': frontend('retry-on conn-failure'),
  source: backend('source', 'source 1.2.3', 'source :80-90', 'source 127.0.0.1 interface', 'source 127.0.0.1 x'),
  'source in a frontend': frontend('source 127.0.0.1'),
  errorfile: frontend(
    ...['errorfile', 'errorfile 400', 'errorfile 400 a b', 'errorfile 499 a', 'errorfile 400 @DIR@/missing.http'],
  ),
  log: frontend(
    ...['log', 'log global x', 'log 127.0.0.1', 'log 127.0.0.1 nope', 'log 127.0.0.1 local0 nope', 'no log x'],
    ...['log 127.0.0.1 local0 info nope', 'log 127.0.0.1 local0 info err x', 'log 127.0.0.1 len 10 local0', 'log-tag'],
    ...['log 127.0.0.1 format nope local0', 'log 127.0.0.1 sample 1 local0', 'log 127.0.0.1 sample :1 local0'],
    ...[
      'log 127.0.0.1 sample 3-1:5 local0',
      'log 127.0.0.1 sample 1-3,2:5 local0',
      'log 127.0.0.1 sample 1-9:5 local0',
    ],
    ...['log 127.0.0.1 sample 1:x local0', 'log 1.2.3 local0', 'log 127.0.0.1:x local0', 'log fd@x local0'],
  ),

  // Options
  options: frontend(
    ...['option', 'option nonsense', 'option forwarfor', 'option httplgo', 'option dontlognull x'],
    ...[
      'option forceclose',
      'option http-tunnel',
      'option http_proxy',
      'no option httplog',
      'default option httpclose',
    ],
    ...['option httplog x', 'option tcplog x', 'option tcpka x', 'option httpclose x', 'option redispatch'],
  ),
  'an option on the wrong side': frontend('option allbackups'),
  forwardfor: frontend(
    ...['option forwardfor except', 'option forwardfor except nope.invalid', 'option forwardfor header'],
    ...['option forwardfor foo', 'option originalto if-none', 'option originalto except 300.1.1.1/8'],
  ),
  forwarded: backend('option forwarded foo', 'option forwarded for_port', 'option forwarded by_port proto'),
  'forwarded in a frontend': frontend('option forwarded'),
  'logs that override each other': `${DEFAULTS} option httplog\n option tcplog\n option httplog\nbackend b\n option httplog\n`,
  'restricting header names': frontend('option http-restrict-req-hdr-names', 'option http-restrict-req-hdr-names x'),

  // Bind
  'bind without an address': frontend('bind'),
  'bind in defaults': `${DEFAULTS} bind :80\n`,
  'bind in a backend': backend('bind :80'),
  'addresses to listen on': address(
    ...[
      '80',
      '127.0.0.1',
      '127.0.0.1:',
      ':0',
      ':70000',
      ':10-5',
      ':1-x',
      ':80x',
      ':+5',
      ':-5',
      '1.2.3.300:80',
      'udp@:53',
    ],
    ...[
      '[::1',
      '[::1]',
      'ipv4@[::1]:80',
      'ipv6@127.0.0.1:80',
      ':80,,:81',
      ',:80',
      'fd@x',
      'fd@99',
      'fd@-1',
      'quic4@:443',
    ],
    ...[`unix@/${'x'.repeat(120)}`, '/tmp/a.sock,:99999', 'no_such_host.invalid:80', 'a@b:80', ':80-', '"${NOPE-}x"'],
  ),
  'an address that is only a variable': frontend('bind $NOT_SET_ANYWHERE'),
  'bind options': bind(
    ...['nonsense', 'accept-prox', 'backlog', 'backlog -1', 'maxconn', 'maxconn -1', 'name', 'nice', 'nice 2000', 'id'],
    ...['id x', 'id 0', 'interface', 'mss', 'mss 0', 'mss 70000', 'tcp-ut', 'tcp-ut x', 'tcp-ut 30d', 'mode', 'mode 9'],
    ...['uid', 'gid', 'user', 'user no-such-user', 'group no-such-group', 'proto', 'proto nope', 'shards', 'shards 0'],
    ...['process 1', 'tcp-ut 1us'],
  ),
  'bind ids': lines('frontend f', 'bind :1-2 id 5', 'bind :3 id 6', 'bind :4 id 6'),
  'bind proto and mode': lines('frontend f', 'mode tcp', 'bind :80 proto h1'),

  // Servers
  'servers without what they need': backend('server', 'server s', 'server a/b 127.0.0.1:80', 'default-server check2'),
  'servers in the wrong place': frontend('server s 127.0.0.1:80'),
  'servers in defaults': `${DEFAULTS} server s 127.0.0.1:80\n default-server weight 300\n`,
  'server addresses': serverAddress(
    ...[
      '127.0.0.1:80-90',
      '127.0.0.1:x',
      '127.0.0.1:+x',
      'fd@3',
      '1.2.3.4:+5',
      ':80',
      'a b',
      'unix@x',
      '127.0.0.1:70000',
    ],
  ),
  'server options': server(
    ...[
      'nonsense',
      'chek',
      'weight',
      'weight 257',
      'weight -1',
      'id',
      'id 0',
      'init-addr x',
      'init-addr 1.2.3.4,5.6.7.8',
    ],
    ...['max-reuse', 'pool-max-conn', 'pool-max-conn -2', 'pool-low-conn', 'pool-purge-delay', 'pool-purge-delay x'],
    ...[
      'pool-purge-delay 30d',
      'pool-purge-delay 1us',
      'tcp-ut',
      'tcp-ut x',
      'proxy-v2-options nope',
      'proto',
      'proto x',
    ],
    ...['ws', 'ws x', 'source', 'source 1.2.3', 'source 127.0.0.1 interface', 'usesrc client', 'maxconn x'],
  ),
  'server ids': backend('server a 127.0.0.1:80 id 4', 'server b 127.0.0.1:80 id 4'),
  'default-server options': backend(
    'default-server id 4',
    'default-server id 4 guid x weight 900',
    'default-server 127.0.0.1:80',
  ),
  'server proto and mode': lines('backend b', 'mode tcp', 'server s 127.0.0.1:80 proto h1'),

  // Global
  'global words': global(
    ...['maxcon 5', 'nbproc 2', 'tune.chksize 3', 'zzz', 'maxconn', 'maxconn 5x', 'maxconn 10 20', 'ulimit-n', 'node'],
    ...[
      'node a/b',
      'description',
      'log-tag',
      'log 127.0.0.1',
      'log global',
      'uid',
      'uid x',
      'gid x',
      'user no-such-user',
    ],
    ...['group no-such-group', 'chroot', 'stats', 'stats x', 'stats timeout x', 'stats timeout 0', 'stats maxconn 0'],
    ...['stats bind-process 1', 'unix-bind x', 'unix-bind prefix', 'unix-bind user no-such-user'],
  ),
  'global numbers': global(
    ...[
      'maxconn 5',
      'maxconn 6',
      'ulimit-n 5',
      'ulimit-n 6',
      'uid 1',
      'user root',
      'gid 1',
      'group root',
      'fd-hard-limit',
    ],
    ...[
      'nbthread',
      'nbthread 0',
      'nbthread 5x',
      'nbthread 9999',
      'nbthread 1 2',
      'thread-groups 0',
      'thread-hard-limit x',
    ],
    ...['hard-stop-after', 'hard-stop-after x', 'hard-stop-after 30d', 'grace', 'grace x', 'thread-hard-limit 0'],
  ),
  'global tuning': global(
    ...[
      'tune.bufsize',
      'tune.bufsize x',
      'tune.bufsize 16k1',
      'tune.bufsize 5g',
      'tune.maxrewrite',
      'tune.maxrewrite -1',
    ],
    ...[
      'tune.http.maxhdr',
      'tune.http.maxhdr 0',
      'tune.http.maxhdr 40000',
      'tune.http.logurilen',
      'tune.maxpollevents',
    ],
    ...[
      'tune.maxaccept',
      'tune.idletimer x',
      'tune.pipesize',
      'tune.pipesize x',
      'tune.runqueue-depth',
      'tune.bufsize 0',
    ],
    ...['tune.bufsize 4 5', 'tune.recv_enough x', 'nosplice x', 'noreuseport x', 'busy-polling x', 'prealloc-fd x'],
  ),
  'global words of the discovery pass': global(
    'daemon x',
    'quiet x',
    'pidfile',
    'pidfile a b',
    'localpeer',
    'setenv',
    'setenv X',
  ),
  'global environment': global(
    'setenv A 1',
    'presetenv A 2',
    'unsetenv',
    'setenv B 1 2',
    'resetenv HOME',
    'setenv C=D 1',
  ),
  'pidfile twice': `${global('pidfile /tmp/a', 'pidfile /tmp/b')}${DEFAULTS}backend b\n`,
  'nbthread after a proxy': `${DEFAULTS}backend b\nglobal\n nbthread 2\n thread-groups 1\n`,
  'default-path': global('default-path', 'default-path x', 'default-path origin'),

  'sizes and times with odd ends': `${global('tune.bufsize 16kk', 'hard-stop-after 5sx', 'grace 1h')}${DEFAULTS}backend b\n timeout server 1dd\n`,
  'an unknown user in a bind of a Unix socket': address(
    '/tmp/x.sock user no-such-user',
    'unix@/tmp/y.sock mode 600 uid',
  ),
  'a prefix for Unix sockets': `${global('unix-bind prefix /tmp/p mode 600', 'unix-bind prefix /tmp/q')}${DEFAULTS}frontend f\n bind unix@${'x'.repeat(95)}\n`,
  'a section of the wrong kind of words': `${DEFAULTS}backend b\n bind\n monitor-uri\n use_backend\n default_backend\nfrontend f\n server\n balance\n fullconn\n source\n`,
  'comments and odd spacing': `\t global # x\n\tmaxconn\t5 6 # y\n${DEFAULTS}backend\tb # c\n\tretries\t\\#\n  nonsense#not a comment\n`,
  'carriage returns': `global\r\n nonsense\r\n${DEFAULTS}backend b\r\n nonsense x\r\n`,
  'bytes beyond ASCII': `${DEFAULTS}backend b\n nons\xe9nse\n monitor-uri "\xff\xfe\n`,
  'a very long line': `${DEFAULTS}backend b\n nonsense ${'y'.repeat(5000)}\n description ${'z'.repeat(5000)}"\n`,

  // References and modes
  'missing backends': frontend('default_backend nope', 'use_backend nada', 'use_backend nope2'),
  'only the first faulty proxy is told': `${DEFAULTS}frontend a\n bind :1\n default_backend x\nfrontend b\n bind :2\n default_backend y\n`,
  'a loop': lines('listen l', 'bind :1', 'default_backend l', 'use_backend l'),
  'an HTTP frontend with a TCP backend': `${DEFAULTS}frontend f\n bind :1\n default_backend b\n use_backend b\nbackend b\n mode tcp\n`,
  'a TCP frontend with an HTTP backend': `${DEFAULTS}frontend f\n mode tcp\n bind :1\n default_backend b\n option forwardfor\n monitor-uri /x\nbackend b\n`,
  'a frontend without bind': `${DEFAULTS}frontend f\n default_backend b\nbackend b\n`,
  'servers and a default_backend': `${DEFAULTS}listen l\n bind :1\n server s 127.0.0.1:80\n default_backend b\nbackend b\n`,
  'missing timeouts':
    'frontend f\n bind :1\nbackend b\n server s 127.0.0.1:80\nlisten l\n mode http\n bind :2\n timeout client 1s\n server s 127.0.0.1:80\n timeout connect 1s\n timeout tunnel 1s\n',
  'options that need HTTP':
    'defaults\n option httplog\n option http-no-delay\n option http-ignore-probes\n option forwardfor\n option originalto\n monitor-uri /x\nlisten l\n bind :1\n option forwarded\n option http-pretend-keepalive\n timeout client 1s\n',
  'servers of one name': backend('server a 127.0.0.1:80', 'server a 127.0.0.1:81', 'server a 127.0.0.1:82'),
  'servers of one name among others': backend(
    'server a 127.0.0.1:80',
    'server b 127.0.0.1:80',
    'server a 127.0.0.1:81',
  ),
  'a log format without logs': frontend('option httplog'),
  'disabled proxies are not judged': frontend('disabled', 'default_backend nope'),
  'names that do not resolve': backend(
    ...[
      'server a no-such-host.invalid:80',
      'server b no-such-host.invalid:80 init-addr none',
      'server c x_y.invalid:80 init-addr last',
    ],
    'server d no-such-host.invalid:80 init-addr last,libc,none',
    'server e no-such-host.invalid:80 init-addr libc,127.0.0.1',
  ),
  'zero-warning': `global\n zero-warning\nfrontend f\n bind :1\n`,
  'nothing wrong': `${DEFAULTS}frontend f\n bind :1\n default_backend b\nbackend b\n server s 127.0.0.1:80\n`,
};

/** Where weir deliberately does not do as HAProxy 3.4.0; parity.test.ts checks that each still differs. */
export const PARITY_DIFFERENCES: Readonly<Record<string, string>> = {
  'an unknown pseudo variable': 'HAProxy leaves its end-of-name mark in the line it shows; weir shows the whole line',
  'a default that is empty': 'the same mark, behind the default value',
  'an option on the wrong side':
    'HAProxy warns that it ignores the option, then refuses it as unknown (a slip of 3.4.0)',
  'bind in a backend': 'HAProxy counts the ignored listener as one to start with, weir does not: exit code 2',
  'servers of one name among others': 'HAProxy 3.4.0 overlooks the second name when other servers stand beside it',
};
