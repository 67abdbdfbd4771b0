// `capture cookie`, `capture request|response header` and `declare capture` (manual §4.2): the slots of a frontend, in the
// order of its lines. Rules add further ones to them (`capture … len`).

import type { ParseContext, Statement } from './context.ts';
import type { ProxyDraft } from './drafts.ts';
import { cInteger } from './units.ts';

/** `capture …` */
export function parseCapture(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const kind = statement.at(1);
  if (kind === 'cookie') return parseCookie(statement, proxy, context);
  if ((kind === 'request' || kind === 'response') && statement.at(2) === 'header') {
    return parseHeader(statement, proxy, context);
  }
  context.alert("'capture' expects 'cookie' or 'request header' or 'response header'.");
}

/** Refuses what a defaults section cannot have and what is too long; false: it did. */
function fits(statement: Statement, proxy: ProxyDraft, context: ParseContext): boolean {
  if (proxy.kind !== 'defaults') return !context.tooManyWords(statement, 4, 1);
  context.alert(`'capture ${statement.at(1)}' not allowed in 'defaults' section.`);
  return false;
}

function parseCookie(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (!fits(statement, proxy, context)) return;
  if (statement.at(4) === '') return context.alert("'capture' expects 'cookie' <cookie_name> 'len' <len>.");
  const name = statement.at(2);
  proxy.cookieCapture = { name, isPrefix: !name.endsWith('='), length: cInteger(statement.at(4)) };
}

function parseHeader(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (!fits(statement, proxy, context)) return;
  const kind = statement.at(1);
  const name = statement.at(3);
  if (name === '' || statement.at(4) !== 'len' || statement.at(5) === '') {
    return context.alert(`'capture ${kind}' expects 'header' <header_name> 'len' <len>.`);
  }
  slotsOf(proxy, kind).push({ header: name.toLowerCase(), length: cInteger(statement.at(5)) });
}

const slotsOf = (proxy: ProxyDraft, kind: string) =>
  kind === 'request' ? proxy.requestCaptures : proxy.responseCaptures;

/** `declare capture request|response len N` */
export function parseDeclare(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const problem = declareProblem(statement, proxy);
  if (problem !== null) return context.alert(problem);
  slotsOf(proxy, statement.at(2)).push({ header: '', length: Number(statement.at(4)) });
}

function declareProblem(statement: Statement, proxy: ProxyDraft): string | null {
  const [, what, direction, len, text] = [0, 1, 2, 3, 4].map((index) => statement.at(index));
  if (proxy.kind === 'defaults') return "'declare' not available in default section";
  if (!proxy.front) return "'declare' only available in frontend or listen section";
  if (what === '') {
    return "'declare' needs a second keyword that specify the type of declaration ('capture')";
  }
  if (what !== 'capture') return `unknown declaration type '${what}' (supports 'capture')`;
  if (direction !== 'request' && direction !== 'response') {
    return "'declare capture' requires a direction ('request' or 'response')";
  }
  if (len !== 'len') return "'declare capture' requires a capture length ('len')";
  if (text === '') {
    return "'declare capture': 'len' requires a numeric value that represents the capture length";
  }
  if (!/^[ \t\n\v\f\r]*[+-]?[0-9]+$/.test(text!)) return `'declare capture': cannot parse the length '${text}'.`;
  return Number(text) <= 0 ? 'length must be > 0' : null;
}
