// Message bodies with their chunks joined: where a chunk begins and ends is nobody's business but the sender's
// (RFC 9112 §7.1), so two proxies may cut a body differently and have forwarded the same.

interface Joined {
  text: string;
  end: number; // where the next message begins; the text's length when this one is not whole
}

/** The messages in `text` one after the other, each chunked body as one; what cannot be read stays as it is. */
export function joinChunks(text: string): string {
  let out = '';
  let at = 0;
  while (at < text.length) {
    const headEnd = text.indexOf('\r\n\r\n', at);
    if (headEnd < 0) break;
    const head = text.slice(at, headEnd + 4);
    const isStart = /^(HTTP\/|[!-~]+ [^ ]+ HTTP\/)/.test(head);
    if (!isStart) break;
    out += head;
    at = headEnd + 4;
    if (/^transfer-encoding:.*chunked\r$/im.test(head)) {
      const body = joinBody(text, at);
      out += body.text;
      at = body.end;
      continue;
    }
    const length = /^content-length: *(\d+)/im.exec(head);
    const bodyEnd = Math.min(text.length, at + Number(length?.[1] ?? 0));
    out += text.slice(at, bodyEnd);
    at = bodyEnd;
  }
  return out + text.slice(at);
}

function joinBody(text: string, from: number): Joined {
  let payload = '';
  let at = from;
  for (;;) {
    const size = /^([0-9a-f]+)\r\n/i.exec(text.slice(at, at + 20));
    if (size === null) break;
    const count = Number.parseInt(size[1]!, 16);
    const dataAt = at + size[0].length;
    if (count === 0) {
      const end = text.startsWith('\r\n', dataAt) ? dataAt : text.indexOf('\r\n\r\n', dataAt) + 2;
      if (end < dataAt) break;
      return { text: `${shown(payload)}<last chunk>\r\n${text.slice(dataAt, end)}`, end: end + 2 };
    }
    payload += text.slice(dataAt, dataAt + count);
    at = dataAt + count;
    if (at >= text.length) return { text: shown(payload), end: text.length };
    if (!text.startsWith('\r\n', at)) break;
    at += 2;
  }
  return { text: shown(payload) + text.slice(at), end: text.length };
}

const shown = (payload: string): string => (payload === '' ? '' : `<chunks of ${payload.length}>\r\n${payload}\r\n`);
