// Captures of a frontend's streams (manual §4.2 "capture", "declare capture"): stores taken when a stream begins, filled
// at its heads, given back after its line. Frontends that capture nothing have none of this.

import type { Head } from '../http/message.ts';
import type { Proxy } from '../model/proxy.ts';
import { CapturePool, type Captures, CookieCapturer } from '../sample/captures.ts';
import type { Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

export class Capturing {
  private readonly requests: CapturePool;
  private readonly responses: CapturePool;
  private readonly cookie: CookieCapturer | null;

  constructor({ requestCaptures, responseCaptures, cookieCapture }: Proxy, cookieBytesMax: number) {
    this.requests = new CapturePool(requestCaptures);
    this.responses = new CapturePool(responseCaptures);
    this.cookie = cookieCapture === null ? null : new CookieCapturer(cookieCapture, cookieBytesMax);
  }

  begin(stream: Stream): void {
    if (!this.requests.isEmpty) stream.requestCaptures = this.requests.take();
    if (!this.responses.isEmpty) stream.responseCaptures = this.responses.take();
  }

  /** The request head as it came. */
  request(thread: ProxyThread, stream: Stream, head: Head): void {
    const store = stream.requestCaptures;
    if (store !== null) this.requests.captureHeaders(head, thread.bytes, store as Captures);
    this.cookie?.capture(head, thread.bytes, false, stream.clientCookie);
  }

  /** The response head as it came. */
  response(thread: ProxyThread, stream: Stream, head: Head): void {
    const store = stream.responseCaptures;
    if (store !== null) this.responses.captureHeaders(head, thread.bytes, store as Captures);
  }

  /** The response head as rules left it. */
  responseCookie(thread: ProxyThread, stream: Stream, head: Head): void {
    this.cookie?.capture(head, thread.bytes, true, stream.serverCookie);
  }

  end(stream: Stream): void {
    if (stream.requestCaptures !== null) this.requests.give(stream.requestCaptures as Captures);
    if (stream.responseCaptures !== null) this.responses.give(stream.responseCaptures as Captures);
    stream.requestCaptures = null;
    stream.responseCaptures = null;
  }
}

/** What a frontend captures with; null: nothing. */
export function makeCapturing(proxy: Proxy, cookieBytesMax: number): Capturing | null {
  const { requestCaptures, responseCaptures, cookieCapture } = proxy;
  if (requestCaptures.length === 0 && responseCaptures.length === 0 && cookieCapture === null) return null;
  return new Capturing(proxy, cookieBytesMax);
}
