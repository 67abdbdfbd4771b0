// Configurations with formats of logs whose diagnostics must be HAProxy 3.4's, word for word (parity-log-format.test.ts).

const DEFAULTS = `defaults
 timeout client 5s
 timeout server 5s
 timeout connect 5s
`;

const section = (head: string, mode: string, texts: readonly string[]): string =>
  `${DEFAULTS}${head}\n mode ${mode}\n${texts.map((text) => ` ${text}\n`).join('')}`;

const frontend = (...texts: string[]): string =>
  section('frontend f', 'http', ['bind 127.0.0.1:1234', 'log 127.0.0.1 local0', ...texts]);
const tcpFrontend = (...texts: string[]): string =>
  section('frontend f', 'tcp', ['bind 127.0.0.1:1234', 'log 127.0.0.1 local0', ...texts]);
const backend = (...texts: string[]): string => section('backend b', 'http', texts);
const defaults = (...texts: string[]): string =>
  `${section('defaults', 'http', texts)}frontend f\n bind 127.0.0.1:1234\n log 127.0.0.1 local0\n`;

const WRONG_FORMATS: readonly string[] = [
  ...['%', '%(', '%(a', '%(a)', '%(a:', '%(a:str', '%(a:foo)ci', '%(a b)ci', '%{+Q', '%{+Q}', '%{+Q} ci', '%{+Q}%ci'],
  ...[
    '%zz',
    '%nope',
    '%ciao',
    '%1',
    '% x',
    '%[',
    '%[src',
    '%[src}',
    '%[nope]',
    '%[src,nope]',
    '%[path]',
    '%[req.hdr(a)]',
  ],
  ...['%[res.hdr(a)]', '%[req.body]', '%[src,upper(1)]', '%[var(nope.x)]', '%[be_conn(nope)]', '%[srv_conn(a/b)]'],
  ...['%ci %zz %cp', '%{+X}zz', '%(x:raw)zz', '%oo', '%O', '%CCC', '%{+Q,+E}[src', '%hrlx', '%(\u00e9)ci', '%{}'],
];

const RIGHT_FORMATS: readonly string[] = [
  '%ci%cp%si%sp%bi%bp%fi%fp%f%ft%b%s%t%tr%T%Tl%trl%trg%ms%Ts%ST%B%U%r%HM%HP%HPO%HQ%HU%HV%H%ID%CC%CS%hr%hs%hrl%hsl',
  '%lc%pid%rc%rt%sc%sq%bq%ac%bc%fc%tsc%ts%Ta%Tc%Td%Th%Ti%Tq%TR%Tr%Tt%Tu%Tw%o%E%OG%sslc%sslv'.replace('%E', ''),
  '%{+Q,+X,+E,+M,-Q,nonsense,+nope}o %{+json,+cbor,+bin}ci %(a_b-1:sint)ST %(:str)[src] %%',
  '%[src] %[capture.req.uri] %[txn.status] %[var(txn.x)] %[status] %[method]',
  '%!x',
];

const of = (keyword: string, format: string): string => `${keyword} "${format.replaceAll('"', '\\"')}"`;

function eachFormat(): Record<string, string> {
  const cases: Record<string, string> = {};
  for (const format of WRONG_FORMATS) {
    cases[`the wrong log-format ${format}`] = frontend(of('log-format', format));
    cases[`the wrong unique-id-format ${format}`] = frontend(of('unique-id-format', format));
  }
  for (const format of RIGHT_FORMATS) {
    cases[`right log-format ${format}`] = frontend(of('log-format', format));
    cases[`right log-format in mode tcp ${format}`] = tcpFrontend(of('log-format', format));
    cases[`right log-format-sd ${format}`] = frontend(of('log-format-sd', format), 'option httplog');
    cases[`right error-log-format ${format}`] = frontend(of('error-log-format', format), 'option httplog');
  }
  return cases;
}

export const PARITY_LOG_FORMAT_CASES: Readonly<Record<string, string>> = {
  ...eachFormat(),
  'formats without one': frontend(
    'log-format',
    'log-format-sd',
    'error-log-format',
    'unique-id-format',
    'unique-id-header',
  ),
  'formats of two words': frontend(
    ...['log-format a b', 'log-format-sd a b', 'error-log-format a b', 'unique-id-format a b', 'unique-id-header a b'],
  ),
  'wrong formats of all kinds at once': frontend(
    ...['log-format %zz', 'log-format-sd %zz', 'error-log-format %zz', 'unique-id-format %zz'],
  ),
  'formats in a backend': backend(
    ...['log-format %ci', 'log-format-sd %ci', 'error-log-format %ci', 'unique-id-format %ci', 'unique-id-header x'],
    ...['option httplog clf', 'option tcplog clf'],
  ),
  'wrong formats in a backend': backend('log-format %zz', 'log-format-sd %zz', 'unique-id-format %zz'),
  'a wrong error-log-format in a backend': backend('error-log-format %zz'),
  'formats that override each other in defaults': defaults(
    ...[
      'option httplog',
      'log-format %ci',
      'option httplog clf',
      'log-format %cp',
      'option tcplog',
      'option tcplog clf',
    ],
    ...['log-format x', 'log-format y', 'option httplog', 'error-log-format a', 'error-log-format b'],
    ...['log-format-sd a', 'log-format-sd b', 'unique-id-format a', 'unique-id-format b'],
  ),
  'formats that override each other in a frontend': frontend('option httplog', 'log-format %ci', 'option tcplog clf'),
  'a wrong format in defaults': defaults('log-format %zz'),
  'clf options with too much': frontend('option httplog clf x', 'option tcplog clf x', 'option httplog x'),
  'HTTP lines in mode tcp': tcpFrontend('option httplog'),
  'CLF lines of HTTP in mode tcp': tcpFrontend('option httplog clf'),
  'right CLF lines': frontend('option httplog clf'),
  'right CLF lines in mode tcp': tcpFrontend('option tcplog clf'),
  'a format without a log': section('frontend f', 'http', ['bind 127.0.0.1:1234', 'log-format %ci']),
  'structured data without a log': section('frontend f', 'http', ['bind 127.0.0.1:1234', 'log-format-sd %ci']),
  'an error format without a log': section('frontend f', 'http', ['bind 127.0.0.1:1234', 'error-log-format %ci']),
  'right unique ids': frontend('unique-id-format %{+X}o\\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid', 'unique-id-header X-Id'),
  'a unique id of the response': frontend('unique-id-format %[res.hdr(a)]'),
  'right unique id of the request': frontend('unique-id-format %[path]%[req.hdr(a)]%[uuid]'),
  'a word near log-format': frontend('log-forma %ci', 'unique-id-formt x', 'error-log-forma x', 'log-format-s x'),
};
