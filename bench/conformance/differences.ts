// What weir does otherwise than HAProxy 3.4, on purpose or for now, case by case: the reason → the names of the cases.
// A difference that is not listed fails the parity test; so does a listed one that no longer occurs.
//
// Not listed, because never compared: where the chunks of a body begin and end, durations, port numbers, and whether
// an origin's connection was ended by FIN or by reset.

const both = (...ways: string[]): string[] =>
  ways.flatMap((way) => [`proxy header in: ${way}`, `proxy header in, tcp: ${way}`]);

const waits = (...ways: string[]): string[] =>
  ['waits', 'waits-back'].flatMap((on) => ways.map((way) => `${on}: ${way}`));

const buffers = (...ways: string[]): string[] =>
  ['buffer-request', 'buffer-request-back'].flatMap((on) => ways.map((way) => `${on}: ${way}`));

const REASONS: Readonly<Record<string, readonly string[]>> = {
  'a server connection behind a PROXY header stays with its client; HAProxy keeps of such ones what its pool needs': [
    'proxy header out: v1, two clients',
  ],
  'lengths of 2^53 and more, which nobody can send, are refused; HAProxy counts to 2^64': [
    'body: length over 2^63',
    ...['', ' HEAD', ' in 1.0', ' in 1.0, kept', ' with close'].map((way) => `response${way}: length over 2^63`),
  ],
  'an interim response is passed on as soon as it is there; HAProxy has read on before it sends and finds the junk': [
    ...['', ' in 1.0', ' in 1.0, kept', ' to a POST'].map((way) => `response${way}: 100, then junk`),
  ],
  'a PROXY v1 line with an address or port that is none is refused, as the protocol demands (§2.1)': both(
    'v1, bad address',
    'v1, bad port',
    'v1, port with zeros',
  ),
  'PROXY UNKNOWN may be followed by anything up to the line end, as the protocol demands (§2.1)': both(
    'v1, unknown with more',
    'v1, too long',
  ),
  'PROXY v2 with a family that is not TCP counts as unknown and is accepted, as the protocol demands (§2.2); HAProxy 3.4 takes the addresses for TLVs':
    [
      ...both('v2, unspecified', 'v2, datagram', 'v2, unix', 'v2, local with addresses'),
      'proxy header in and out: v2, unix',
    ],
  'a PROXY v2 header is judged whole before its addresses count; HAProxy logs its refusal with them': both(
    'v2, TLV too long',
    'v2, TLV cut short',
    'v2, wrong checksum',
  ),
  'a PROXY header may come in several segments; HAProxy refuses what is not whole in the first': [
    'proxy header in: half of it comes',
    'proxy header in: the client leaves within',
    'proxy header in: in three segments',
    'proxy header in, tcp: no header at all',
    'proxy header in, tcp: half a signature',
    'proxy header in, tcp: empty lines',
  ],
  'a Host with a dash or underscore is told in Forwarded; HAProxy tells it as empty': [
    'forwarded-all: a host with an underscore',
  ],
  'a client that stops in its body is closed after the answer; HAProxy first gives it timeout client once more': [
    'timeout client: half a body',
    'timeout client: half a chunk',
    'early: the answer, then the client stalls for its timeout',
    'set-timeout: client',
    'waits-for-peer: half a request body',
    'replies-after: wait-for-body in vain',
    'replies-after-back: wait-for-body in vain',
    ...buffers('in vain', 'chunks in vain'),
    ...waits(
      'wait-for-body in vain',
      'wait-for-body in vain, close',
      'wait-for-body, chunks in vain',
      'wait-for-body, 1.0 in vain',
      'wait-for-body at least 3, in vain',
    ),
  ],
  'a client that resets is gone, with or without abortonclose; HAProxy without it finds out when it sends': [
    'leaves, no-abort: reset while the server thinks',
    'leaves, no-abort: reset in the answer',
    ...waits('wait-for-body, reset in it', 'pause, reset meanwhile'),
    ...['waits-abort', 'waits-no-abort'].flatMap((on) => [
      `${on}: wait-for-body, reset in it`,
      `${on}: pause, reset meanwhile`,
    ]),
    ...buffers('reset in the body'),
  ],
  'when a server has answered and breaks before it has the whole request, the client is closed; HAProxy drains the rest':
    ['body later: the server answers and resets while the body comes'],
  'a length that rules make wrong is answered by 500 at once; HAProxy sends it on, then waits or closes': [
    'headers: set Content-Length to another',
    'headers: set Content-Length without a body',
    'headers, backend: set Content-Length to another',
    ...[
      ...['', ', twice', ', 1.0', ', 1.0 kept', ', close', ', a server that closes', ', interim ones before'],
      ...[", before the request's body is there", ', to a POST', ', the response is cut'],
      ', then another on the connection',
    ].map((way) => `http-response: set-length${way}`),
  ],
  'normalize-uri without `full` or `strict`, but with a condition, does what it says; HAProxy 3.4 merges slashes instead':
    ['uri: strip dot dots', 'uri: strip dot dots, too many', 'uri: decode unreserved', 'uri: to uppercase'],
  'a GET that a rule makes a CONNECT gets what the server says as a tunnel; HAProxy ends it and says chunks': [
    'uri: set-method to CONNECT',
  ],
  'a rule that changes the status of a 101 does not end the tunnel; HAProxy cuts it after what came with the head': [
    'http-response: status, 101',
    'http-response: status-204, 101',
  ],
  '204 says no length (RFC 9110 §8.6); HAProxy says 0 in its own': [
    '',
    ' HEAD',
    ' in 1.0',
    ' in 1.0, kept',
    ' with close',
    ' to a POST',
    ' twice',
  ].map((way) => `reply: return-204${way}`),
  'a half-closed client is told that the connection ends after the tarpit': ['reply: tarpit, the client half-closes'],
  'http-response return may tell what the response said; HAProxy has forgotten it and closes': [
    'http-response: return what the response said',
  ],
  'tcp-response content looks at the answer; HAProxy looks at an interim response before it, and then no more': [
    ...['accept', 'reject', 'close', 'silent-drop', 'log', 'silent', 'other'],
  ].map((word) => `tcp-response content: ${word}, an interim one before`),
  'half a response whose server left while its rules waited is passed on and then cut; HAProxy cuts it before its head':
    ['http-response: pause, half a body, the server leaves meanwhile'],
  'rules see as much of the content as one of weir’s buffers holds; HAProxy keeps tune.maxrewrite of its own free': [
    'http-response: wait-for-body of a long body',
    'content-tcp: a lot',
    ...waits(
      'wait-for-body, a long body',
      'wait-for-body, a long body in pieces and a request behind',
      'pause of a long body',
    ),
    ...buffers('a long body'),
  ],
  'a bad chunk is answered by 400 while rules wait for it; HAProxy closes without a word, or as if it had seen no request':
    [
      ...waits('wait-for-body, a bad chunk at once', 'wait-for-body, a bad chunk later'),
      ...buffers('a bad chunk later'),
    ],
  'when the client has ended, inspection waits for no more': ['sni: half-closed in the hello'],
  'a client that session rules refuse after its PROXY header is not logged; HAProxy logs a handshake that failed with Success':
    ['session-reject-proxied: rejected'],
  'a log tells how many waited when the request was queued; HAProxy tells how many it had to wait for': [
    'set-priority: the class decides who is next',
    'set-priority: the offset decides who is next',
  ],
};

/** Name of the case → why it differs. */
export const DIFFERENCES: ReadonlyMap<string, string> = new Map(
  Object.entries(REASONS).flatMap(([reason, names]) => names.map((name): [string, string] => [name, reason])),
);
