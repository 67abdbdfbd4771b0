// `unique-id-format` and `unique-id-header` (manual §4.2): an identifier of the stream, made once, when it is first asked
// for: by a rule, a log, or at the latest when an HTTP request goes to its server.

import type { Head } from '../http/message.ts';
import type { Proxy } from '../model/proxy.ts';
import { addLineOf } from '../rules/edit.ts';
import { compileFormat, type Format } from '../sample/format.ts';
import { HeaderName } from '../sample/http-header-walk.ts';
import type { Subject, TextCell } from '../sample/subject.ts';
import { aimRequest } from './language.ts';
import type { Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

/** HAProxy's UNIQUEID_LEN, which counts an end byte. */
const UNIQUE_ID_BYTES_MAX = 127;

export class UniqueId {
  private readonly format: Format;
  private readonly headerName: HeaderName | null;

  constructor(format: Format, headerName: string) {
    this.format = format;
    this.headerName = headerName === '' ? null : new HeaderName(headerName);
  }

  /** The stream's, made on `subject` as it is aimed now unless it is there already. */
  of(stream: { readonly uniqueId: TextCell }, subject: Subject): TextCell {
    const cell = stream.uniqueId;
    if (cell.length >= 0) return cell;
    if (cell.bytes.length === 0) cell.bytes = new Uint8Array(UNIQUE_ID_BYTES_MAX);
    cell.length = 0; // a format that names the id itself finds it empty
    cell.length = this.format.write(subject, cell.bytes, 0, UNIQUE_ID_BYTES_MAX);
    return cell;
  }

  /** The request goes to its server: with the header, where one is named. False: there was no room for it. */
  addTo(thread: ProxyThread, stream: Stream, head: Head): boolean {
    const subject = aimRequest(thread, stream, head);
    const cell = this.of(stream, subject);
    if (this.headerName === null) return true;
    const isAdded = addLineOf(subject, head, this.headerName, cell.bytes, 0, cell.length, false);
    stream.rule.editAt = subject.editAt;
    return isAdded;
  }
}

/** Null: the frontend has no unique-id-format. */
export function makeUniqueId(thread: ProxyThread, { uniqueIdFormat, uniqueIdHeader }: Proxy): UniqueId | null {
  if (uniqueIdFormat === null) return null;
  return new UniqueId(compileFormat(uniqueIdFormat, thread.language.linker), uniqueIdHeader);
}
