// The pages a proxy answers with: HAProxy's defaults, and `errorfile` in their place (manual §4.2 "errorfile").
//
// An errorfile is a whole HTTP message. What a stream sends of it is parsed and written anew, as HAProxy does:
// names in lower case, our own Connection line. Before there is a stream it goes out just as it is in the file.

import { parseResponseHead } from '../http/h1/parse.ts';
import { HEAD_OK, headLimits } from '../http/h1/verdict.ts';
import { CONNECTION_CLOSE, CONNECTION_KEEP_ALIVE, CONNECTION_NONE, writeResponseHead } from '../http/h1/write.ts';
import { HEAD_CLOSE, HEAD_CLOSE_DELIMITED, HEADER_CONNECTION, Head, METHOD_GET } from '../http/message.ts';
import { earlyReply, pageCloses, type Reply, streamReply } from '../http/reply.ts';
import type { ErrorFile } from '../model/proxy.ts';

interface Page {
  closes: boolean; // the file says Connection: close
  raw: Reply;
  byConnection: readonly Reply[];
}

export class Replies {
  private readonly pages = new Map<number, Page>();

  /** Throws Error when a file is no HTTP response: core/config has checked that it is one. */
  constructor(files: readonly ErrorFile[]) {
    for (const file of files) {
      const raw = { status: file.status, bytes: file.body, headLength: headLengthOf(file.body) };
      const byConnection = [CONNECTION_NONE, CONNECTION_CLOSE, CONNECTION_KEEP_ALIVE].map((connection) =>
        rewrite(file, connection),
      );
      this.pages.set(file.status, { closes: saysClose(file.body), raw, byConnection });
    }
  }

  /** Whether this status has a page of its own here. */
  has(status: number): boolean {
    return this.pages.has(status);
  }

  /** Whether the connection must end after this status because its page says so. */
  closes(status: number): boolean {
    return this.pages.get(status)?.closes ?? pageCloses(status);
  }

  /** A stream's answer; `connection` is a CONNECTION_* of core/http/h1/write. */
  find(status: number, connection: number): Reply {
    return this.pages.get(status)?.byConnection[connection] ?? streamReply(status, connection);
  }

  /** The answer to a request refused before there is a stream. */
  early(status: number): Reply {
    return this.pages.get(status)?.raw ?? earlyReply(status);
  }
}

function saysClose(bytes: Uint8Array): boolean {
  const head = parse(bytes.slice());
  return (head.flags & (HEAD_CLOSE | HEAD_CLOSE_DELIMITED)) === HEAD_CLOSE;
}

function headLengthOf(bytes: Uint8Array): number {
  const head = parse(bytes);
  return head.endOffset;
}

function parse(bytes: Uint8Array): Head {
  const head = new Head(128);
  const limits = headLimits(Math.max(65_536, bytes.length * 2), 0, 127);
  if (parseResponseHead(bytes, 0, bytes.length, head, METHOD_GET, limits) !== HEAD_OK) {
    throw new Error('an errorfile is not an HTTP response');
  }
  return head;
}

function rewrite(file: ErrorFile, connection: number): Reply {
  const source = file.body.slice(); // the parser lower-cases in place
  const head = parse(source);
  head.removeAll(HEADER_CONNECTION);
  const out = new Uint8Array(source.length * 2 + 256);
  const both = new Uint8Array(source.length + out.length);
  both.set(source);
  const end = writeResponseHead(head, both, source.length, both.length, connection);
  const headLength = end - source.length;
  const bytes = new Uint8Array(headLength + source.length - head.endOffset);
  bytes.set(both.subarray(source.length, end));
  bytes.set(source.subarray(head.endOffset), headLength);
  return { status: file.status, bytes, headLength };
}
