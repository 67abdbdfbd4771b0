// Which section a line belongs to, and the opening lines of sections (manual §2.1, §3 and §4).

import type { ParseContext, Statement } from './context.ts';
import { notImplementedText } from './context.ts';
import { ProxyDraft, type SectionKind } from './drafts.ts';
import { openHttpErrors, parseHttpErrorsLine } from './error-replies.ts';
import { parseGlobalLine } from './keywords-global.ts';
import { parseProxyLine } from './keywords-proxy.ts';
import { inheritRules } from './keywords-rules.ts';
import { openUserlist, parseUserlistLine } from './sections-userlist.ts';
import { invalidNameChar } from './text.ts';

const PROXY_SECTIONS: readonly string[] = ['listen', 'frontend', 'backend', 'defaults'];

/** Sections of HAProxy 3.4 that weir does not have yet: one error each, their lines are passed over. */
export const FOREIGN_SECTIONS: readonly string[] = [
  'acme',
  'cache',
  'crt-store',
  'fcgi-app',
  'healthcheck',
  'log-forward',
  'log-profile',
  'mailers',
  'namespace_list',
  'peers',
  'resolvers',
  'ring',
  'traces',
];

export function isSectionWord(word: string): boolean {
  return (
    word === 'global' ||
    word === 'userlist' ||
    word === 'http-errors' ||
    PROXY_SECTIONS.includes(word) ||
    FOREIGN_SECTIONS.includes(word)
  );
}

export function openSection(statement: Statement, context: ParseContext): void {
  const word = statement.at(0);
  context.section = word;
  context.sectionName = statement.at(1) === '' ? word : statement.at(1);
  if (word === 'global') {
    if (context.nonGlobalSeen && context.pass === 'full') {
      context.suspect(
        `parsing [${context.file}:${context.line}] : global section detected after a non-global one, ` +
          'the prevalence of their statements is unspecified',
      );
    }
    context.tooManyWords(statement, 0);
    return;
  }
  context.nonGlobalSeen = true;
  if (context.pass === 'discovery') return;
  if (FOREIGN_SECTIONS.includes(word)) context.alert(`section ${notImplementedText(word)}`);
  else if (word === 'userlist') openUserlist(statement, context);
  else if (word === 'http-errors') openHttpErrors(statement, context);
  else openProxy(statement, context, word as SectionKind);
}

export function parseSectionLine(statement: Statement, context: ParseContext): void {
  if (context.section === 'global') parseGlobalLine(statement, context);
  else if (context.pass === 'full' && !FOREIGN_SECTIONS.includes(context.section)) {
    if (context.section === 'userlist') parseUserlistLine(statement, context);
    else if (context.section === 'http-errors') parseHttpErrorsLine(statement, context);
    else parseProxyLine(statement, context);
  }
}

const describe = (proxy: ProxyDraft): string =>
  `${proxy.typeWord} '${proxy.name}' declared at ${proxy.file}:${proxy.line}`;

function typeWordOf(kind: SectionKind): string {
  return kind === 'listen' ? 'proxy' : kind;
}

function openProxy(statement: Statement, context: ParseContext, kind: SectionKind): void {
  // Without any `defaults`, sections inherit from an empty, nameless one.
  context.lastDefaults ??= new ProxyDraft('defaults', '', { file: '', line: 0 }, context.options.proxyMaxconn);
  if (kind !== 'defaults' && !namesProxy(statement, context, kind)) return;
  const previous = kind === 'defaults' ? replaceDefaults(statement, context) : null;
  if (context.aborted || clashes(statement, context, kind)) return;

  let name = statement.at(1);
  let fromAt = 2;
  if (kind === 'defaults' && name === 'from' && statement.at(2) !== '' && statement.at(3) === '') {
    fromAt = 1;
    name = '';
  }
  const parent = findParent(statement, context, kind, name, fromAt);
  if (context.aborted) return;
  const proxy = new ProxyDraft(kind, name, context.place, context.options.proxyMaxconn);
  if (parent !== null) {
    proxy.inherit(parent);
    inheritRules(proxy, parent, context);
  }
  proxy.previous = previous;
  context.proxy = proxy;
  context.defaults = kind === 'defaults' ? proxy : parent;
  if (kind !== 'defaults') {
    context.addProxy(proxy);
    return;
  }
  context.lastDefaults = proxy;
  if (name !== '') context.namedDefaults.set(name, proxy);
}

/** The opening line of a frontend, backend or listen. False: it is unusable. */
function namesProxy(statement: Statement, context: ParseContext, kind: SectionKind): boolean {
  const name = statement.at(1);
  if (name === '') {
    context.abort(`parsing [${context.file}:${context.line}] : '${kind}' expects an <id> argument`);
    return false;
  }
  const wrong = invalidNameChar(name);
  // 3.4 says so and goes on: the error is forgotten when the section inherits from its defaults.
  if (wrong !== null) context.complain(`character '${wrong}' is not permitted in '${kind}' name '${name}'.`);
  const twin = context
    .proxiesNamed(name)
    .find((other) => (kind !== 'backend' && other.front) || (kind !== 'frontend' && other.back));
  context.proxy = twin ?? null;
  if (twin !== undefined) {
    context.alertText(
      `Parsing [${context.file}:${context.line}]: ${typeWordOf(kind)} '${name}' has the same name as ${describe(twin)}.`,
    );
  }
  const third = statement.at(2);
  const misplaced = third !== '' && (statement.at(3) === '' || third !== 'from');
  if (misplaced || context.tooManyWords(statement, 3)) {
    if (kind !== 'backend') context.alert("please use the 'bind' keyword for listening addresses.");
    return false;
  }
  return true;
}

/** A new `defaults` hides the last one. Returns an earlier one of the same name, for later messages. */
function replaceDefaults(statement: Statement, context: ParseContext): ProxyDraft | null {
  context.lastDefaults = null;
  const name = statement.at(1);
  const earlier = name === '' ? undefined : context.namedDefaults.get(name);
  if (earlier === undefined) return null;
  if (earlier.explicitlyReferenced) {
    context.abort(
      `Parsing [${context.file}:${context.line}]: defaults '${name}' has the same name as another defaults section ` +
        `declared at ${earlier.file}:${earlier.line} which was explicitly referenced hence cannot be replaced. ` +
        'Please remove or rename one of the offending defaults section.',
    );
    return null;
  }
  context.namedDefaults.delete(name);
  return earlier;
}

/** One name for two proxies of different kinds: refused since 3.3. */
function clashes(statement: Statement, context: ParseContext, kind: SectionKind): boolean {
  const name = statement.at(1);
  if (name === '') return false;
  let other: ProxyDraft | undefined = context.proxiesNamed(name)[0];
  if (other === undefined && kind !== 'defaults') other = context.namedDefaults.get(name);
  if (other === undefined) return false;
  context.abort(
    `Parsing [${context.file}:${context.line}]: ${typeWordOf(kind)} '${name}' has the same name as ${describe(other)}.` +
      ' This is no longer supported as of 3.3. Please rename one or the other.',
  );
  return true;
}

/** What the new section inherits from: its `from`, else (never for defaults) the last `defaults`. */
function findParent(
  statement: Statement,
  context: ParseContext,
  kind: SectionKind,
  name: string,
  fromAt: number,
): ProxyDraft | null {
  let parent = kind === 'defaults' ? null : context.lastDefaults;
  const type = typeWordOf(kind);
  if (statement.at(fromAt) === 'from') {
    const wanted = statement.at(fromAt + 1);
    parent = context.namedDefaults.get(wanted) ?? null;
    if (parent === null) {
      context.abort(
        `parsing [${context.file}:${context.line}] : defaults section '${wanted}' not found for ${type} '${name}'.`,
      );
      return null;
    }
    if (parent.previous !== null) {
      context.complain(
        `ambiguous defaults section name '${wanted}' referenced by ${type} '${name}' exists at least at ` +
          `${parent.file}:${parent.line} and ${parent.previous.file}:${parent.previous.line}.`,
      );
    }
    const wrong = invalidNameChar(wanted);
    if (wrong !== null) {
      context.complain(
        `character '${wrong}' is not permitted in defaults section name '${wanted}' when designated by its name ` +
          `(section found at ${parent.file}:${parent.line}).`,
      );
    }
    parent.explicitlyReferenced = true;
  } else if (parent !== null) parent.implicitlyReferenced = true;
  if (parent?.explicitlyReferenced && parent.implicitlyReferenced) {
    context.warn(
      `defaults section '${parent.name}' (declared at ${parent.file}:${parent.line}) is explicitly referenced by ` +
        "another proxy and implicitly used here. To avoid any ambiguity don't mix both usage. Add a last defaults " +
        'section not explicitly used or always use explicit references.',
    );
  }
  return parent;
}
