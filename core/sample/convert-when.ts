// `when` (manual §7.3.1): lets a value pass only under a condition, for what should be logged in rare cases only.

import { textOf } from './convert-arguments.ts';
import { LOG_SERVER_STATS, MARK_NONE } from './log-record.ts';
import type { ConverterRow } from './rows.ts';
import type { Subject } from './subject.ts';
import { TYPE_ANY } from './types.ts';

const CAUSE_NONE = 0x2d; // '-', as LogRecord has it
const CAUSE_LOCAL = 0x4c; // 'L': answered by ourselves
const STATUS_ERROR = 500;

/** As `option dontlog-normal` has it: also a retry and a redispatch are worth a look. */
function hasError(subject: Subject): boolean {
  const { stream } = subject;
  if (stream === null) return false;
  const { log } = stream;
  if (log.redispatched || (stream.http && log.status >= STATUS_ERROR)) return true;
  return log.terminationCause === CAUSE_NONE ? log.retries > 0 : log.terminationCause !== CAUSE_LOCAL;
}

function wasForwarded({ back, stream }: Subject): boolean {
  return stream !== null && (back !== null || stream.log.markConnect !== MARK_NONE);
}

function wasServed({ stream }: Subject): boolean {
  return stream !== null && stream.log.serverIndex === LOG_SERVER_STATS;
}

/** In the order in which HAProxy lists them; `acl` needs the ACLs of the section and is refused below. */
const CONDITIONS: Readonly<Record<string, ((subject: Subject) => boolean) | null>> = {
  stopping: (subject) => subject.world.isStopping?.() ?? false,
  normal: (subject) => !hasError(subject),
  error: hasError,
  forwarded: wasForwarded,
  toapplet: wasServed,
  processed: (subject) => wasForwarded(subject) || wasServed(subject),
  acl: null,
};

const withoutSign = (text: string): string => (text.startsWith('!') ? text.slice(1) : text);

export const whenConverters: readonly ConverterRow[] = [
  {
    name: 'when',
    args: { kinds: ['str', 'str', 'str'], min: 1 },
    in: TYPE_ANY,
    out: TYPE_ANY,
    check(args) {
      const keyword = withoutSign(textOf(args, 0));
      if (!Object.hasOwn(CONDITIONS, keyword)) {
        const all = Object.keys(CONDITIONS).join(',');
        return `expects a supported keyword among {${all}} but got '${keyword}'`;
      }
      if (keyword !== 'acl') return null;
      if (textOf(args, 1) === '') return "'acl' selector requires an extra argument with the ACL name";
      return "'acl' selector is not supported here";
    },
    compile(args) {
      const text = textOf(args, 0);
      const wanted = !text.startsWith('!');
      const holds = CONDITIONS[withoutSign(text)] ?? (() => !wanted);
      return (_sample, subject) => holds(subject) === wanted;
    },
  },
];
