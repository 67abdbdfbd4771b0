// At which moment a line of the traffic log is written (`%OG`, manual §8.2.6), and what a line waits for.

export const ORIGIN_NONE = 0; // no line at all: a format of a rule
export const ORIGIN_SESS_ERROR = 1; // the request could not be read
export const ORIGIN_SESS_KILLED = 2; // the connection ended before its session began
export const ORIGIN_TXN_REQUEST = 3;
export const ORIGIN_TXN_CONNECT = 4;
export const ORIGIN_TXN_RESPONSE = 5;
export const ORIGIN_TXN_CLOSE = 6;
export const ORIGIN_TCP_REQUEST = 7; // `do-log`, by rule set
export const ORIGIN_TCP_RESPONSE = 8;
export const ORIGIN_HTTP_REQUEST = 9;
export const ORIGIN_HTTP_RESPONSE = 10;
export const ORIGIN_HTTP_AFTER_RESPONSE = 11;
export const ORIGIN_TCP_CONNECTION = 12;
export const ORIGIN_TCP_SESSION = 13;

/** HAProxy's words for them, by number. */
export const ORIGIN_NAMES: readonly string[] = [
  ...['unspec', 'sess_error', 'sess_killed', 'txn_request', 'txn_connect', 'txn_response', 'txn_close'],
  ...['tcp-req-cont', 'tcp-res-cont', 'http-req', 'http-res', 'http-after-res', 'tcp-req-conn', 'tcp-req-sess'],
];

// What must be known before a line can be written (HAProxy's LW_*). A line goes out at the first of the moments above at
// which everything it waits for has come, else at the stream's end.
export const WAIT_INIT = 1 << 0; // nothing but the stream
export const WAIT_CLIENT = 1 << 1;
export const WAIT_SERVER_ADDRESS = 1 << 2;
export const WAIT_SERVER = 1 << 3;
export const WAIT_REQUEST = 1 << 4;
export const WAIT_RESPONSE = 1 << 5;
export const WAIT_BYTES = 1 << 8; // all of it: the end
export const WAIT_COOKIE = 1 << 9;
export const WAIT_REQUEST_HEADERS = 1 << 10;
export const WAIT_RESPONSE_HEADERS = 1 << 11;
export const WAIT_BACK_ADDRESS = 1 << 12;
export const WAIT_FRONT_ADDRESS = 1 << 13;
export const WAIT_TRANSPORT = 1 << 14;
