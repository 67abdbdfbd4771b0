// http-after-response rules on answers of our own (manual §4.3): a server's responses meet them in response-rules.ts.

import type { Head } from '../http/message.ts';
import { runRules } from '../rules/rule-set.ts';
import { aimResponse, beginResponseVariables } from './language.ts';
import type { Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

/** http-after-response alone, for an answer of our own. Such rules neither wait nor refuse. */
export function runAfterResponse(thread: ProxyThread, stream: Stream, head: Head): void {
  const { subject, run, host } = thread.language;
  const back = stream.backend;
  if (!stream.rule.responding) beginResponseVariables(thread, stream);
  for (const side of [back !== null && back.proxy !== stream.frontend!.proxy ? back : null, stream.frontend!]) {
    const set = side?.rules?.httpAfterResponse ?? null;
    if (set === null) continue;
    aimResponse(thread, stream, head);
    subject.final = true;
    subject.responseData.length = 0;
    host.stream = stream;
    run.index = 0;
    run.resumed = false;
    runRules(set, subject, run);
    stream.rule.editAt = subject.editAt;
  }
}

/** Whether answers of our own pass http-after-response rules. */
export function hasAfterResponse(stream: Stream): boolean {
  const back = stream.backend;
  return (
    (stream.frontend!.rules?.httpAfterResponse ?? null) !== null || (back?.rules?.httpAfterResponse ?? null) !== null
  );
}
