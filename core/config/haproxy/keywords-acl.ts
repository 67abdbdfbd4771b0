// `acl NAME CRITERION [FLAGS] [OPERATOR] PATTERN…` (manual §4.2 "acl", §7.1).

import { parseAcl } from '../../sample/acl-parse.ts';
import type { ParseContext, Statement } from './context.ts';
import type { ProxyDraft } from './drafts.ts';
import { languageScope } from './language-scope.ts';
import { invalidNameChar } from './text.ts';

export function setAcl(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (proxy.kind === 'defaults' && proxy.name === '') {
    return context.alert("'acl' not allowed in anonymous 'defaults' section.");
  }
  const name = statement.at(1);
  const wrong = invalidNameChar(name);
  if (wrong !== null) return context.alert(`character '${wrong}' is not permitted in acl name '${name}'.`);
  if (name.toLowerCase() === 'or') {
    return context.alert(
      `acl name '${name}' will never match. 'or' is used to express a logical disjunction within a condition.`,
    );
  }
  const parsed = parseAcl(name, statement.words.slice(2), languageScope(context, proxy, 'acl'));
  if (!parsed.ok) context.alert(`error detected while parsing ACL '${name}' : ${parsed.error}.`);
}
