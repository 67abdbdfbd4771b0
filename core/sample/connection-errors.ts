// Why a connection failed: HAProxy's numbers, names and words (manual §7.3.3 "fc_err_str"), for fc_err and its kin.

/** Numbers beside those that errno gives; see connectionErrorOf. */
export const CONNECTION_ERROR_NONE = 0;
export const CONNECTION_ERROR_SOCKET = 6;
export const CONNECTION_ERROR_PORT_RANGE = 7; // `source` has no port left
export const CONNECTION_ERROR_CANT_BIND = 8;
export const CONNECTION_ERROR_PROXY_EMPTY = 11; // the client closed before its PROXY header
export const CONNECTION_ERROR_PROXY_ABORT = 12;
export const CONNECTION_ERROR_PROXY_TIMEOUT = 13;
export const CONNECTION_ERROR_PROXY_TRUNCATED = 14;
export const CONNECTION_ERROR_PROXY_NOT_HEADER = 15;
export const CONNECTION_ERROR_PROXY_BAD_HEADER = 16;
export const CONNECTION_ERROR_PROXY_BAD_PROTOCOL = 17;

const REFUSED = 47;
const RESET = 48;
const UNREACHABLE = 49;
const OUT_OF_MEMORY = 50;
const BAD_FD = 51;
const FAULT = 52;
const INVALID = 53;
const NOT_CONNECTED = 54;
const NOT_SOCKET = 55;
const NO_BUFFERS = 56;
const BROKEN_PIPE = 57;

// Those that can happen here; TLS, SOCKS4 and NetScaler have the numbers left out.
const TABLE: readonly (readonly [number, string, string])[] = [
  [0, '', 'Success'],
  [1, 'CONF_FDLIM', 'Reached configured maxconn value'],
  [2, 'PROC_FDLIM', 'Too many sockets on the process'],
  [3, 'SYS_FDLIM', 'Too many sockets on the system'],
  [4, 'SYS_MEMLIM', 'Out of system buffers'],
  [5, 'NOPROTO', 'Protocol or address family not supported'],
  [CONNECTION_ERROR_SOCKET, 'SOCK_ERR', 'General socket error'],
  [CONNECTION_ERROR_PORT_RANGE, 'PORT_RANGE', 'Source port range exhausted'],
  [CONNECTION_ERROR_CANT_BIND, 'CANT_BIND', "Can't bind to source address"],
  [9, 'FREE_PORTS', 'Out of local source ports on the system'],
  [10, 'ADDR_INUSE', 'Local source address already in use'],
  [CONNECTION_ERROR_PROXY_EMPTY, 'PRX_EMPTY', 'Connection closed while waiting for PROXY protocol header'],
  [CONNECTION_ERROR_PROXY_ABORT, 'PRX_ABORT', 'Connection error while waiting for PROXY protocol header'],
  [CONNECTION_ERROR_PROXY_TIMEOUT, 'PRX_TIMEOUT', 'Timeout while waiting for PROXY protocol header'],
  [CONNECTION_ERROR_PROXY_TRUNCATED, 'PRX_TRUNCATED', 'Truncated PROXY protocol header received'],
  [
    CONNECTION_ERROR_PROXY_NOT_HEADER,
    'PRX_NOT_HDR',
    'Received something which does not look like a PROXY protocol header',
  ],
  [CONNECTION_ERROR_PROXY_BAD_HEADER, 'PRX_BAD_HDR', 'Received an invalid PROXY protocol header'],
  [CONNECTION_ERROR_PROXY_BAD_PROTOCOL, 'PRX_BAD_PROTO', 'Received an unhandled protocol in the PROXY protocol header'],
  [REFUSED, 'EREFUSED', 'ECONNREFUSED returned by OS'],
  [RESET, 'ERESET', 'ECONNRESET returned by OS'],
  [UNREACHABLE, 'EUNREACH', 'ENETUNREACH returned by OS'],
  [OUT_OF_MEMORY, 'ENOMEM', 'ENOMEM returned by OS'],
  [BAD_FD, 'EBADF', 'EBADF returned by OS'],
  [FAULT, 'EFAULT', 'EFAULT returned by OS'],
  [INVALID, 'EINVAL', 'EINVAL returned by OS'],
  [NOT_CONNECTED, 'ENCONN', 'ENCONN returned by OS'],
  [NOT_SOCKET, 'ENSOCK', 'ENSOCK returned by OS'],
  [NO_BUFFERS, 'ENOBUFS', 'ENOBUFS returned by OS'],
  [BROKEN_PIPE, 'EPIPE', 'EPIPE returned by OS'],
];

const names: (Uint8Array | undefined)[] = [];
const messages: (Uint8Array | undefined)[] = [];
for (const [code, name, message] of TABLE) {
  names[code] = Uint8Array.from(Buffer.from(name));
  messages[code] = Uint8Array.from(Buffer.from(message));
}

/** The one word for an error; undefined for a number that has none. */
export const connectionErrorName = (code: number): Uint8Array | undefined => names[code];

/** The sentence for an error; undefined for a number that has none. */
export const connectionErrorMessage = (code: number): Uint8Array | undefined => messages[code];

/** The error of an errno that a socket call gave; 0 for 0. */
export function connectionErrorOf(errno: number): number {
  switch (errno) {
    case 0:
      return CONNECTION_ERROR_NONE;
    case 9: // EBADF
      return BAD_FD;
    case 12: // ENOMEM
      return OUT_OF_MEMORY;
    case 14: // EFAULT
      return FAULT;
    case 22: // EINVAL
      return INVALID;
    case 32: // EPIPE
      return BROKEN_PIPE;
    case 88: // ENOTSOCK
      return NOT_SOCKET;
    case 101: // ENETUNREACH
    case 113: // EHOSTUNREACH
      return UNREACHABLE;
    case 104: // ECONNRESET
      return RESET;
    case 105: // ENOBUFS
      return NO_BUFFERS;
    case 107: // ENOTCONN
      return NOT_CONNECTED;
    case 111: // ECONNREFUSED
      return REFUSED;
    default:
      return CONNECTION_ERROR_SOCKET;
  }
}
