// `option forwarded` (manual §4.2; RFC 7239): its words, and its expressions once the section is known.

import type { ExpressionAst } from '../../model/language.ts';
import type { Forwarded } from '../../model/proxy.ts';
import { parseExpression } from '../../sample/expression-parse.ts';
import { fetchRow } from '../../sample/fetches.ts';
import { AT_BE_HRQ_HDR } from '../../sample/types.ts';
import { placesOf, sourceNames } from '../../sample/validity.ts';
import type { ParseContext, Statement } from './context.ts';
import type { ForwardedDraft, ForwardedExpression, ProxyDraft } from './drafts.ts';
import { languageScope } from './language-scope.ts';

type Field = 'host' | 'by' | 'byPort' | 'for' | 'forPort';

/** The last word about a parameter counts: the plain one, or the one with an expression. */
const WORDS: Readonly<Record<string, { readonly field: Field; readonly expression: ForwardedExpression }>> = {
  host: { field: 'host', expression: 'hostExpression' },
  by: { field: 'by', expression: 'byExpression' },
  by_port: { field: 'byPort', expression: 'byPortExpression' },
  for: { field: 'for', expression: 'forExpression' },
  for_port: { field: 'forPort', expression: 'forPortExpression' },
};

/** In the order in which HAProxy compiles them. */
const EXPRESSIONS: readonly ForwardedExpression[] = Object.values(WORDS).map(({ expression }) => expression);

const EXPRESSION_SUFFIX = '-expr';

export function readForwarded(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (statement.negation === 'no') {
    proxy.forwarded = null;
    return;
  }
  if (context.warnSide(proxy, 'back', 'option forwarded')) return;
  const option: Forwarded = {
    ...{ proto: false, host: false, by: false, byPort: false, for: false, forPort: false },
    ...{ hostExpression: null, byExpression: null, byPortExpression: null },
    ...{ forExpression: null, forPortExpression: null },
  };
  const texts: { [Name in ForwardedExpression]?: string } = {};
  if (statement.at(2) === '') Object.assign(option, { proto: true, for: true });
  for (let at = 2; statement.at(at) !== ''; at++) {
    const word = statement.at(at);
    if (word === 'proto') {
      option.proto = true;
      continue;
    }
    const hasExpression = word.endsWith(EXPRESSION_SUFFIX);
    const name = hasExpression ? word.slice(0, -EXPRESSION_SUFFIX.length) : word;
    const known = Object.hasOwn(WORDS, name) ? WORDS[name] : undefined;
    if (known === undefined) {
      return context.alert(
        `'option forwarded' only supports optional values: 'proto', 'host', 'host-expr', 'by', 'by-expr', ` +
          `'by_port', 'by_port-expr', 'for', 'for-expr', 'for_port' and 'for_port-expr'.`,
      );
    }
    option[known.field] = true;
    delete texts[known.expression];
    if (!hasExpression) continue;
    at++;
    if (statement.at(at) === '') return context.alertTight(`'${word}' expects <expr> as argument.`);
    texts[known.expression] = statement.at(at);
  }
  dropLonePorts(option, texts, context);
  proxy.forwarded = { option, texts, ...context.place };
}

// HAProxy names the expression form here, whichever of the two was written.
function dropLonePorts(
  option: Forwarded,
  texts: { [Name in ForwardedExpression]?: string },
  context: ParseContext,
): void {
  for (const node of ['by', 'for'] as const) {
    const port = `${node}Port` as const;
    if (!option[port] || option[node]) continue;
    option[port] = false;
    delete texts[`${port}Expression`];
    context.warn(
      `'option forwarded' : '${node}_port-expr' will be ignored because both '${node}' and '${node}-expr' are unset`,
    );
  }
}

/** Compiles the expressions. False: some are wrong, which was reported. */
export function settleForwarded(proxy: ProxyDraft, context: ParseContext): boolean {
  const { forwarded } = proxy;
  if (forwarded === null || !proxy.back) return true;
  // The same option may be several sections', by way of their defaults.
  const option = { ...forwarded.option };
  let sound = true;
  for (const name of EXPRESSIONS) {
    const text = forwarded.texts[name];
    if (text === undefined) continue;
    option[name] = compile(text, forwarded, proxy, context);
    if (option[name] === null) sound = false;
  }
  proxy.forwarded = { ...forwarded, option };
  return sound;
}

function compile(
  text: string,
  { file, line }: ForwardedDraft,
  proxy: ProxyDraft,
  context: ParseContext,
): ExpressionAst | null {
  const place = `${proxy.typeWord} '${proxy.name}' [${file}:${line}]:`;
  const parsed = parseExpression([text], 0, { ...languageScope(context, proxy, 'option'), file, line });
  if (!parsed.ok) {
    context.alertText(`${place} failed to parse 'option forwarded' expression '${text}' in : ${parsed.error}.`);
    return null;
  }
  const { uses } = fetchRow(parsed.ast.fetch)!;
  if ((placesOf(uses) & AT_BE_HRQ_HDR) === 0) {
    context.warnText(
      `${place} in 'option forwarded' sample expression '${text}' : ` +
        `some args extract information from '${sourceNames(uses)}', none of which is available here.`,
    );
  }
  return parsed.ast;
}
