// Formats and requests whose log lines must be HAProxy's (log-lines.test.ts).
//
// What differs by nature (ports, dates, process ids, durations) is masked in the lines; a format that shows durations
// says so, for a number alone does not tell what it is.

export interface LineFormat {
  readonly mode: 'http' | 'tcp';
  readonly lines: readonly string[]; // of its frontend
  readonly skipped?: readonly string[]; // requests that it is spared: what they give is chance
  readonly hasTimers?: boolean; // digits are durations: only their presence and sign are compared
}

/** `do-log` in the middle of a request: totals are what was left of the milliseconds before it. */
const TIMELESS: readonly string[] = ['noted', 'notedLate'];

const format = (text: string): string => `log-format "${text}"`;

export const FORMATS: Readonly<Record<string, LineFormat>> = {
  addresses: { mode: 'http', lines: [format('%ci:%cp %fi:%fp %si:%sp %bi|%f %ft %b %s')] },
  hex: { mode: 'http', lines: [format('%{+X}o %ci %cp %fi %fp %si %sp %bi pid-%pid %Ts rt-%rt %lc pid-%{-X}pid %ST')] },
  dates: { mode: 'http', lines: [format('%t|%T|%Tl|%tr|%trg|%trl|%Ts|%{+Q}t|%H')] },
  timers: {
    mode: 'http',
    lines: [format('Th %Th Ti %Ti TR %TR Tq %Tq Tw %Tw Tc %Tc Tr %Tr Td %Td Ta %Ta Tt %Tt Tu %Tu')],
    hasTimers: true,
    skipped: TIMELESS,
  },
  counts: { mode: 'http', lines: [format('%ST %B %U ac-%ac/%fc/%bc/%sc/%rc %sq/%bq %ts %tsc %OG rt-%rt %lc')] },
  line: { mode: 'http', lines: [format('%r|%HM|%HP|%HPO|%HQ|%HU|%HV|%{+Q}r|%{+Q}HM|%{+Q}HQ|%{+E,+Q}HU')] },
  captures: {
    mode: 'http',
    lines: [
      'capture request header x-a len 10',
      'capture request header x-b len 20',
      'capture response header x-r len 10',
      'capture response header set-cookie len 40',
      'capture cookie sid len 12',
      format('%hr %hrl %hs %hsl %CC %CS|%{+Q}hr %{+Q}hrl %{+Q}CC %{+Q}CS|%[capture.req.hdr(0)]'),
    ],
  },
  httplog: {
    mode: 'http',
    lines: [
      ...['option httplog', 'capture request header x-a len 10', 'capture response header x-r len 10'],
      ...['capture cookie sid= len 20', 'no log', 'log 127.0.0.1:@LOG@ len 4096 format rfc3164 local0'],
    ],
    hasTimers: true,
    skipped: TIMELESS,
  },
  clf: {
    mode: 'http',
    lines: ['option httplog clf', 'capture request header x-a len 10'],
    hasTimers: true,
    skipped: TIMELESS,
  },
  quoted: { mode: 'http', lines: [format('%{+Q}o %ci %f %b %s %{-Q}ST %[var(txn.none)] %[var(txn.t)] %{-Q}b %ts')] },
  escaped: { mode: 'http', lines: [format('%{+E}o %[var(txn.t)] %{+Q}[var(txn.t)] %hr %{-E}[var(txn.t)]')] },
  empty: {
    mode: 'http',
    lines: [format('  a   %[var(txn.none)]  %{-M}[var(txn.none)]  b%%c  %CC %CS %ID %sslc %sslv  ')],
  },
  json: {
    mode: 'http',
    lines: [
      'capture request header x-a len 10',
      'capture response header x-r len 10',
      format(
        '%{+json}o%(ci)ci %(b)b %ST %(st)ST %(sts:str)ST %(stb:bool)ST skipped %(r)r %(hq)HQ %(hr)hr %(hrl)hrl %(hs)hs ' +
          '%(cc)CC %(rc)rc %(ts)ts %(none)[var(txn.none)] %(t)[var(txn.t)] %(i)[int(-5)] %(is:str)[int(7)] ' +
          '%(bo)[bool(true)] %(raw:raw)[str(ab)] %(bin)[bin(c3a9)] %(n:sint)[str(12)] %(ip)[src] %(big)[int(9007199254740993)]',
      ),
    ],
  },
  cbor: {
    mode: 'http',
    lines: [
      'capture request header x-a len 10',
      format(
        '%{+cbor}o%(ci)ci %(b)b %(st)ST %(stb:bool)ST %(r)r %(hr)hr %(hrl)hrl %(cc)CC %(none)[var(txn.none)] ' +
          '%(t)[var(txn.t)] %(i)[int(-500)] %(j)[int(70000)] %(k)[int(5000000000)] %(bo)[bool(false)] %(bin)[bin(c3a900)] ' +
          '%(big)[int(9007199254740993)] %(neg)[int(-9007199254740993)] %(is:str)[int(7)] %(u)HU',
      ),
    ],
  },
  single: {
    mode: 'http',
    lines: [format('%{+json}ci %{+json}[int(5)] %{+cbor}b %{+json}[var(txn.none)] %{+json,+Q}r')],
  },
  structured: {
    mode: 'http',
    lines: [
      'no log',
      'log 127.0.0.1:@LOG@ len 4096 format rfc5424 local0',
      'log-format-sd "%{+Q,+E}o [exampleSDID@1234 uri=%HU status=%ST t=%[var(txn.t)]]"',
      format('%r'),
    ],
  },
  short: {
    mode: 'http',
    lines: [
      'no log',
      'log 127.0.0.1:@LOG@ len 80 format raw local0',
      format('short %HU %HU %HU %HU %{+Q}HU %HU %HU %HU %HU %HU %HU'),
    ],
  },
  errors: {
    mode: 'http',
    lines: [format('normal %ST %r'), 'error-log-format "error %ST %ts %r %s %OG %TR %[txn.status] %[src]"'],
  },
  logasap: {
    mode: 'http',
    lines: ['option logasap', format('%ST %B %Tc %OG %ts %ac/%fc/%bc/%sc')],
    hasTimers: true,
    skipped: TIMELESS,
  },
  early: { mode: 'http', lines: [format('%r %OG %lc')] },
  fetches: {
    mode: 'http',
    skipped: TIMELESS, // HAProxy has a response's version there, of no response
    lines: [
      format(
        '%[src] %[dst_port] %[method] %[status] %[res.ver] %[txn.status] %[capture.req.uri] %[capture.req.method] ' +
          '%[fe_name] %[be_name] %[srv_name] %[bc_dst] %[bc_dst_port] %[last_rule_line] %[txn.sess_term_state] %[var(txn.t),length]',
      ),
    ],
  },
  identified: {
    mode: 'http',
    lines: [
      'unique-id-format "%{+X}o %ci:%fp-rt-%rt %[req.hdr(x-b)]  x"',
      'unique-id-header X-Unique',
      'http-request set-header x-early %[unique-id]',
      format('%ID|%{+Q}ID|%[unique-id]|%{+json}ID'),
    ],
  },
  tcp: {
    mode: 'tcp',
    lines: [
      format(
        '%ci %fi %f %b %s %si:%sp %ST %B %U %ts ac-%ac/%fc/bc-%bc/sc-%sc/%rc %r %HM %CC %hr %OG %[src] %ID %[var(txn.none)]',
      ),
    ],
  },
  tcpTimers: {
    mode: 'tcp',
    lines: [format('Th %Th Tw %Tw Tc %Tc Td %Td Tt %Tt Tu %Tu')],
    hasTimers: true,
    skipped: TIMELESS,
  },
  tcpClf: { mode: 'tcp', lines: ['option tcplog clf'], hasTimers: true, skipped: TIMELESS },
  tcpEarly: { mode: 'tcp', lines: ['option logasap', format('%s %B %OG %ts')] },
};

/** What is sent to every frontend, one connection each. */
export const REQUESTS: Readonly<Record<string, string>> = {
  plain:
    'GET /a/b?c=d&e=%20f HTTP/1.1\r\nHost: h\r\nX-A: first|{one}"#\r\nX-B: second\x80\r\nX-A: last one is cut\r\n' +
    'X-T: a"b]c\\d é\r\nCookie: other=1; sid=0123456789abcdef\r\nConnection: close\r\n\r\n',
  bare: 'GET /q"uo[te]\\#x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n',
  absolute: 'GET http://h.example/p/q?r HTTP/1.1\r\nHost: h.example\r\nConnection: close\r\n\r\n',
  old: 'GET /old HTTP/1.0\r\n\r\n',
  body: 'POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello',
  options: 'OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n',
  denied: 'GET /deny HTTP/1.1\r\nHost: h\r\nX-A: a\r\nX-T: plain\r\nCookie: sid=1\r\nConnection: close\r\n\r\n',
  noted: 'GET /note HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n',
  notedLate: 'GET /late HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n',
  silenced: 'GET /silent HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n',
  unreachable: 'GET /refused HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n',
  unreadable: 'BAD LINE\r\n\r\n',
};
