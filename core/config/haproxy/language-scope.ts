// What the parsers of the rule language are given at a line: the section's ACLs, the configuration's patterns, and where to
// complain.

import { findAcl } from '../../sample/acl-parse.ts';
import type { ParseScope, UsePlace } from '../../sample/parse-scope.ts';
import type { ParseContext } from './context.ts';
import type { ProxyDraft } from './drafts.ts';

export function languageScope(context: ParseContext, proxy: ProxyDraft, where: UsePlace): ParseScope {
  const scope: ParseScope = {
    ...context.place,
    where,
    patterns: context.patterns,
    acls: proxy.acls,
    uses: proxy.nameUses,
    groupTests: proxy.groupTests,
    findAcl: (name) => findAcl(name, scope),
    warn: (text) => context.warnText(text),
    suspect: (text) => context.suspect(text),
  };
  return scope;
}
