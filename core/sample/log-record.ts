// What one stream tells the traffic log: plain numbers and byte ranges, filled by the stream, reused for the next.
//
// Nothing here is text: addresses are bytes, names are indexes into the model, dates and timers are numbers.
// Times are *marks*, whole milliseconds since the connection was accepted, as HAProxy keeps them; the log's
// timers (%TR, %Tw, %Tc, %Tr, %Ta, %Tt) are differences of marks, made when the line is written. A mark that was
// not reached is -1, and so is the timer that ends in it (manual §8.4 "Timing events").

import { assert } from '../base/assert.ts';
import { writeBytes } from '../base/text.ts';

/** Address families of `clientFamily` and `destinationFamily`. */
export const LOG_FAMILY_NONE = 0; // unknown: "-" is logged
export const LOG_FAMILY_UNIX = 1; // logged as "unix" with the bind's id as port
export const LOG_FAMILY_INET = 4; // four bytes count
export const LOG_FAMILY_INET6 = 6; // sixteen bytes count

/** `serverIndex` when no configured server answers for the stream. */
export const LOG_SERVER_NONE = -1; // <NOSRV>
export const LOG_SERVER_STATS = -2; // <STATS>

/** A mark not reached. */
export const MARK_NONE = -1;

/** Values of `level` besides syslog's 0–7. */
export const LEVEL_SILENT = -1;
export const LEVEL_UNSET = -2;

const DASH = 0x2d;

export class LogRecord {
  // Who: the connection. Set at accept (after a PROXY header), kept over keep-alive requests.
  frontendIndex = 0; // in model.proxies
  clientFamily = LOG_FAMILY_NONE;
  clientPort = 0; // for LOG_FAMILY_UNIX the bind's id
  readonly clientAddress = new Uint8Array(16); // network order, from byte 0
  destinationFamily = LOG_FAMILY_NONE; // where the client connected to: the default format only
  destinationPort = 0;
  readonly destinationAddress = new Uint8Array(16);
  tls = false; // the bind speaks TLS: the frontend's name gets a "~"

  // When. acceptDateMs: wall clock, ms since 1970 of the accept, or for the second and later requests of a kept
  // alive connection the moment the request before it ended; all marks count from there.
  acceptDateMs = 0;
  markHandshake = 0; // PROXY header (and TLS) done; 0 when there was none
  markIdle = MARK_NONE; // ms between the handshake and the first byte of the request (%Ti), -1: none came
  markRequest = MARK_NONE; // the request head was complete and its rules done; TCP mode leaves -1 (%Tw is then one too high, as HAProxy's)
  markQueue = MARK_NONE; // the stream left the queue, or had none: a server slot was taken
  markConnect = MARK_NONE; // the connection to the server was established, or an idle one taken
  markData = MARK_NONE; // the response head was complete
  markClose = 0; // the end, or for an early line (option logasap) where that is written

  // Where to.
  backendIndex = 0; // in model.proxies; the frontend itself as long as no backend was chosen
  serverIndex = LOG_SERVER_NONE; // Server.index, or LOG_SERVER_…

  // What happened.
  status = 0; // as sent to the client; -1 when none was, 0 in TCP mode
  bytesRead = 0; // %B: from the server side, response heads included
  bytesUploaded = 0; // %U: from the client side
  // Termination state as four letters' char codes (manual §8.5; meanings in names.ts).
  terminationCause = DASH;
  terminationPhase = DASH;
  terminationCookie = DASH;
  terminationSetCookie = DASH;

  // Load when the line is written, this connection included while it is counted.
  actconn = 0; // process
  feconn = 0;
  beconn = 0;
  srvConn = 0; // 0 without a server
  retries = 0;
  redispatched = false; // "+" before the retries
  srvQueue = 0; // requests ahead in the server's queue when it was entered
  backendQueue = 0;

  // The request line as HAProxy captures it: "METHOD uri VERSION", the first requestLineBytesMax bytes. The bytes
  // are copied at the request head (captureRequestLine): its buffer is gone when the line is written.
  requestLineLength = 0; // 0: none was captured, <BADREQ> is logged
  readonly requestLine: Uint8Array;
  private readonly requestWords: Int32Array; // the same bytes, four at a time

  level = LEVEL_UNSET; // what `set-log-level` said, LEVEL_SILENT for no line at all
  isUnreadable = false; // what came was no request: `error-log-format` counts
  id32 = 0; // the stream's, where it is logged without one
  waits = 0; // for a custom format: WAIT_… of log-origin.ts that have not come yet
  logged = false; // a line was already written (option logasap); finished() writes no second one

  /** @param requestLineBytesMax tune.http.logurilen; HAProxy captures 1023 bytes when it is not set (see there) */
  constructor(requestLineBytesMax: number) {
    this.requestLine = new Uint8Array(new ArrayBuffer((requestLineBytesMax + 3) & ~3), 0, requestLineBytesMax);
    this.requestWords = new Int32Array(this.requestLine.buffer);
  }

  /** Copies the request line, cut at requestLineBytesMax: bytes[offset, offset + length). */
  captureRequestLine(bytes: Uint8Array, offset: number, length: number): void {
    assert(offset >= 0 && length >= 0 && offset + length <= bytes.length, 'the request line is outside its buffer');
    const kept = Math.min(length, this.requestLine.length);
    writeBytes(this.requestLine, 0, bytes, offset, kept);
    this.requestLineLength = kept;
  }

  /** Whether the captured line has no byte that the log shows as #XX: controls, `"`, `#`, DEL and above. */
  isRequestLinePlain(): boolean {
    const length = this.requestLineLength;
    const words = this.requestWords;
    const wordCount = length >> 2;
    // Four bytes a step: in each term the top bit of a byte that offends gets set.
    let marks = 0;
    for (let index = 0; index < wordCount; index++) {
      const word = words[index]!;
      const quoteOrHash = (word & 0xfefefefe) ^ 0x22222222;
      const del = word ^ 0x7f7f7f7f;
      marks |= word | (word - 0x20202020) | (quoteOrHash - 0x01010101) | (del - 0x01010101);
    }
    if ((marks & 0x80808080) !== 0) return false;
    for (let index = wordCount << 2; index < length; index++) {
      const byte = this.requestLine[index]!;
      if (byte < 0x20 || byte >= 0x7f || byte === 0x22 || byte === 0x23) return false;
    }
    return true;
  }

  setClientInet(bytes: Uint8Array, offset: number, port: number): void {
    this.clientFamily = LOG_FAMILY_INET;
    this.clientPort = port;
    copyAddress(this.clientAddress, bytes, offset, 4);
  }

  setClientInet6(bytes: Uint8Array, offset: number, port: number): void {
    this.clientFamily = LOG_FAMILY_INET6;
    this.clientPort = port;
    copyAddress(this.clientAddress, bytes, offset, 16);
  }

  setDestinationInet(bytes: Uint8Array, offset: number, port: number): void {
    this.destinationFamily = LOG_FAMILY_INET;
    this.destinationPort = port;
    copyAddress(this.destinationAddress, bytes, offset, 4);
  }

  setDestinationInet6(bytes: Uint8Array, offset: number, port: number): void {
    this.destinationFamily = LOG_FAMILY_INET6;
    this.destinationPort = port;
    copyAddress(this.destinationAddress, bytes, offset, 16);
  }

  /** Two letters at once, as char codes: who ended it and in which phase. */
  setTermination(cause: number, phase: number): void {
    this.terminationCause = cause;
    this.terminationPhase = phase;
  }

  /** Ready for the next request on the same connection: addresses and frontend stay, `acceptDateMs` starts anew. */
  nextRequest(acceptDateMs: number): void {
    this.acceptDateMs = acceptDateMs;
    this.markHandshake = 0;
    this.resetStream();
  }

  /** Ready for a new connection; the caller then fills addresses, frontend and date. */
  reset(): void {
    this.frontendIndex = 0;
    this.clientFamily = LOG_FAMILY_NONE;
    this.clientPort = 0;
    this.destinationFamily = LOG_FAMILY_NONE;
    this.destinationPort = 0;
    this.tls = false;
    this.acceptDateMs = 0;
    this.markHandshake = 0;
    this.resetStream();
  }

  private resetStream(): void {
    this.markIdle = MARK_NONE;
    this.markRequest = MARK_NONE;
    this.markQueue = MARK_NONE;
    this.markConnect = MARK_NONE;
    this.markData = MARK_NONE;
    this.markClose = 0;
    this.backendIndex = this.frontendIndex;
    this.serverIndex = LOG_SERVER_NONE;
    this.status = 0;
    this.bytesRead = 0;
    this.bytesUploaded = 0;
    this.terminationCause = DASH;
    this.terminationPhase = DASH;
    this.terminationCookie = DASH;
    this.terminationSetCookie = DASH;
    this.actconn = 0;
    this.feconn = 0;
    this.beconn = 0;
    this.srvConn = 0;
    this.retries = 0;
    this.redispatched = false;
    this.srvQueue = 0;
    this.backendQueue = 0;
    this.requestLineLength = 0;
    this.level = LEVEL_UNSET;
    this.isUnreadable = false;
    this.id32 = 0;
    this.waits = 0;
    this.logged = false;
  }
}

function copyAddress(target: Uint8Array, bytes: Uint8Array, offset: number, length: number): void {
  for (let index = 0; index < length; index++) target[index] = bytes[offset + index]!;
}
