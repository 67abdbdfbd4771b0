// Keywords of proxy sections that are rules (manual §4.2–§4.4): tcp-request, tcp-response, http-request, http-response,
// http-after-response, redirect, use_backend, use-server.
//
// What a rule's own words mean is core/rules' business. Here is what its section has to do with it: where it may stand,
// what HAProxy says about its order, and what sections inherit of the rules of their defaults.

import type { ConditionAst } from '../../model/language.ts';
import type { RuleAst, RuleSetName } from '../../model/rules.ts';
import { parseRule, placesOf, RuleLine, type RuleSection } from '../../rules/parse.ts';
import { parseRedirect } from '../../rules/redirect-parse.ts';
import { parseCondition } from '../../sample/acl-parse.ts';
import { AT_BE_SET_SRV, AT_FE_SET_BCK } from '../../sample/types.ts';
import { conditionProblem } from '../../sample/validity.ts';
import type { ParseContext, Statement } from './context.ts';
import type { ProxyDraft, RulesDraft } from './drafts.ts';
import { ruleSection } from './rule-section.ts';
import { parseTime } from './units.ts';

type RuleList = { [Key in keyof RulesDraft]: RulesDraft[Key] extends RuleAst[] ? Key : never }[keyof RulesDraft];

const LISTS: Readonly<Record<RuleSetName, RuleList>> = {
  'tcp-request connection': 'tcpRequestConnection',
  'tcp-request session': 'tcpRequestSession',
  'tcp-request content': 'tcpRequestContent',
  'tcp-response content': 'tcpResponseContent',
  'http-request': 'httpRequest',
  'http-response': 'httpResponse',
  'http-after-response': 'httpAfterResponse',
};

export const RULE_LISTS: readonly RuleList[] = [...new Set(Object.values(LISTS))];

const placeOf = (proxy: ProxyDraft): string => `${proxy.typeWord} '${proxy.name}'`;

const isAnonymousDefaults = (proxy: ProxyDraft): boolean => proxy.kind === 'defaults' && proxy.name === '';

// http-request, http-response, http-after-response

export function addHttpRule(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const set = statement.at(0) as RuleSetName;
  if (isAnonymousDefaults(proxy)) {
    return context.alert(`'${set}' not allowed in anonymous 'defaults' section.`);
  }
  const rules = proxy.rules[LISTS[set]];
  const last = rules.at(-1);
  if (last !== undefined && last.condition === null && isFinal(last)) {
    context.warnTight(`previous '${set}' action is final and has no condition attached, further entries are NOOP.`);
  }
  const section = ruleSection(context, proxy);
  const rule = parseRule(set, statement.words, 1, section);
  if (rule === null) return;
  if (set === 'http-request') warnMisplaced(AFTER_HTTP_REQUEST, set, proxy, context);
  warnCondition(rule.condition, placesOf(set, section), context);
  rules.push(rule);
}

const FINAL_ACTIONS: readonly string[] = ['allow', 'deny', 'tarpit', 'auth', 'return', 'redirect'];

/** Whether nothing can follow the action where it runs (HAProxy's ACT_FLAG_FINAL). */
function isFinal(rule: RuleAst): boolean {
  return FINAL_ACTIONS.includes(rule.action) && rule.options['ignore-empty'] !== true;
}

/** A condition that looks at what is not there to be seen. */
function warnCondition(condition: ConditionAst | null, where: number, context: ParseContext): void {
  const problem = conditionProblem(condition, where);
  if (problem !== null) context.warn(`'${problem}.'`);
}

// tcp-request, tcp-response

type TcpKind = 'connection' | 'session' | 'content';

const isTcpKind = (word: string): word is TcpKind => ['connection', 'session', 'content'].includes(word);

export function addTcpRequestRule(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const kind = statement.at(1);
  const where = proxy.kind === 'defaults' ? 'defaults section' : placeOf(proxy);
  if (kind === '') return context.alert(`missing argument for 'tcp-request' in ${where}`);
  if (kind === 'inspect-delay') {
    if (isAnonymousDefaults(proxy)) return refuseAnonymous(kind, context);
    return setInspectDelay(statement, proxy, 'tcpRequestInspectDelayMs', context);
  }
  if (!isTcpKind(kind)) {
    return context.alert(
      `'tcp-request' expects 'inspect-delay', 'connection', or 'content' in ${where} (got '${kind}')`,
    );
  }
  const set: RuleSetName = `tcp-request ${kind}`;
  if (kind !== 'content' && !proxy.front) {
    return context.alert(`${set} is not allowed because ${proxy.typeWord} ${proxy.name} is not a frontend`);
  }
  if (isAnonymousDefaults(proxy)) return refuseAnonymous(kind, context);
  addTcpRule(set, TCP_REQUEST_ORDER[kind], statement, proxy, context);
}

const refuseAnonymous = (kind: string, context: ParseContext): void =>
  context.alert(`tcp-request ${kind} is not allowed in anonymous 'defaults' sections`);

export function addTcpResponseRule(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const kind = statement.at(1);
  if (kind === '') return context.alert(`missing argument for 'tcp-response' in ${placeOf(proxy)}`);
  if (kind !== 'inspect-delay' && kind !== 'content') {
    return context.alert(`'tcp-response' expects 'inspect-delay' or 'content' in ${placeOf(proxy)} (got '${kind}')`);
  }
  if (isAnonymousDefaults(proxy) || !proxy.back) {
    return context.alert(
      `tcp-response ${kind} is only allowed in 'backend' sections or 'defaults' section with a name`,
    );
  }
  if (kind === 'inspect-delay') setInspectDelay(statement, proxy, 'tcpResponseInspectDelayMs', context);
  else addTcpRule('tcp-response content', ['httpResponse'], statement, proxy, context);
}

function addTcpRule(
  set: RuleSetName,
  order: readonly Later[],
  statement: Statement,
  proxy: ProxyDraft,
  context: ParseContext,
): void {
  const section = ruleSection(context, proxy);
  const rule = parseRule(set, statement.words, 2, section);
  if (rule === null) return;
  warnMisplaced(order, set, proxy, context);
  const problem = conditionProblem(rule.condition, placesOf(set, section));
  if (problem !== null) context.warn(inTcpWords(problem, set));
  proxy.rules[LISTS[set]].push(rule);
}

/** TCP rules say the same as the others in slightly other words. */
function inTcpWords(problem: string, set: RuleSetName): string {
  return problem
    .replace('will never match because', `will never match in '${set}' because`)
    .replace("' involves keywords '", "' involves keyword '");
}

function setInspectDelay(
  statement: Statement,
  proxy: ProxyDraft,
  field: 'tcpRequestInspectDelayMs' | 'tcpResponseInspectDelayMs',
  context: ParseContext,
): void {
  const keyword = `${statement.at(0)} ${statement.at(1)}`;
  const text = statement.at(2);
  const result = text === '' ? null : parseTime(text, 'ms');
  if (result === null || !result.ok) {
    let why = '';
    if (result?.why === 'over') why = ` (timer overflow in '${text}', maximum value is 2147483647 ms or ~24.8 days)`;
    else if (result?.why === 'under') why = ` (timer underflow in '${text}', minimum non-null value is 1 ms)`;
    else if (result?.why === 'character') why = ` (unexpected character '${result.char}')`;
    return context.alert(`'${keyword}' expects a positive delay in milliseconds, in ${placeOf(proxy)}${why}`);
  }
  if (proxy.rules[field] !== 0) {
    return context.warn(`ignoring ${keyword} (was already defined) in ${placeOf(proxy)}`);
  }
  proxy.rules[field] = result.value;
}

// Order: a rule that is evaluated before rules that stand above it

type Later = RuleList | 'redirect' | 'switching' | 'serverRules';

const LATER_NAMES: Readonly<Record<Later, string>> = {
  tcpRequestConnection: "a 'tcp-request connection'",
  tcpRequestSession: "a 'tcp-request session'",
  tcpRequestContent: "a 'tcp-request content'",
  tcpResponseContent: "a 'tcp-response content'",
  httpRequest: "an 'http-request'",
  httpResponse: "an 'http-response'",
  httpAfterResponse: "an 'http-after-response'",
  redirect: "a 'redirect'",
  switching: "a 'use_backend'",
  serverRules: "a 'use-server'",
};

const AFTER_REDIRECT: readonly Later[] = ['switching', 'serverRules'];
const AFTER_HTTP_REQUEST: readonly Later[] = ['redirect', ...AFTER_REDIRECT];
const TCP_REQUEST_ORDER: Readonly<Record<TcpKind, readonly Later[]>> = {
  content: ['httpRequest', ...AFTER_HTTP_REQUEST],
  session: ['tcpRequestContent', 'httpRequest', ...AFTER_HTTP_REQUEST],
  connection: ['tcpRequestSession', 'tcpRequestContent', 'httpRequest', ...AFTER_HTTP_REQUEST],
};

/** Warns once, about the first kind of rule that already stands there. */
function warnMisplaced(later: readonly Later[], name: string, proxy: ProxyDraft, context: ParseContext): void {
  const found = later.find((kind) => rulesOf(proxy, kind).length > 0);
  if (found === undefined) return;
  context.warn(`a '${name}' rule placed after ${LATER_NAMES[found]} rule will still be processed before.`);
}

function rulesOf(proxy: ProxyDraft, kind: Later): readonly unknown[] {
  if (kind === 'switching') return proxy.switching;
  return kind === 'serverRules' ? proxy.serverRules : proxy.rules[kind];
}

// redirect, use_backend, use-server

export function addRedirect(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const section = ruleSection(context, proxy);
  const refuse = (text: string): void =>
    context.alert(`error detected in ${placeOf(proxy)} while parsing redirect rule : ${text}.`);
  const where = placesOf('http-request', section);
  const line = new RuleLine(statement.words, 1, section, {
    ...{ set: 'http-request', word: 'redirect', use: 'redirect' },
    ...{ where, refuse },
  });
  const parts = parseRedirect(line, true);
  if (parts === null) return;
  const read = line.readCondition();
  const condition = read?.ok === true ? read.ast : null; // a wrong one was refused
  proxy.rules.redirect.push({
    ...{ set: 'http-request', action: 'redirect', condition, args: [], expressions: [], reply: null },
    ...{ formats: parts.formats ?? [], options: parts.options ?? {}, text: statement.words.join(' ') },
    ...context.place,
  });
  warnMisplaced(AFTER_REDIRECT, 'redirect', proxy, context);
  warnCondition(condition, where, context);
}

/** null: there is none; undefined: refused. */
function readCondition(
  statement: Statement,
  at: number,
  section: RuleSection,
  refuse: (error: string) => void,
): ConditionAst | null | undefined {
  if (statement.at(at) === '') return null;
  const parsed = parseCondition(statement.words, at, section.scope('acl'));
  if (parsed.ok) return parsed.ast;
  refuse(parsed.error);
  return undefined;
}

const startsCondition = (word: string): boolean => word === 'if' || word === 'unless';

export function addUseBackend(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const [backend, word] = [statement.at(1), statement.at(2)];
  if (backend === '') return context.alert(`'use_backend' expects a backend name.`);
  if (word !== '' && !startsCondition(word)) {
    return context.alert(`unexpected keyword '${word}' after switching rule, only 'if' and 'unless' are allowed.`);
  }
  const condition = readCondition(statement, 2, ruleSection(context, proxy), (error) =>
    context.alert(`error detected while parsing switching rule : ${error}.`),
  );
  if (condition === undefined) return;
  warnCondition(condition, AT_FE_SET_BCK, context);
  const text = statement.words.join(' ');
  proxy.switching.push({ backend, backendIndex: -1, format: null, condition, text, ...context.place });
}

export function addUseServer(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const [server, word] = [statement.at(1), statement.at(2)];
  if (server === '') return context.alert(`'use-server' expects a server name.`);
  if (!startsCondition(word)) {
    return context.alert(`'use-server' requires either 'if' or 'unless' followed by a condition.`);
  }
  const condition = readCondition(statement, 2, ruleSection(context, proxy), (error) =>
    context.alert(`error detected while parsing switching rule : ${error}.`),
  );
  if (condition === undefined) return;
  warnCondition(condition, AT_BE_SET_SRV, context);
  const text = statement.words.join(' ');
  proxy.serverRules.push({ server, serverIndex: -1, format: null, condition, text, ...context.place });
}

// Rules of defaults sections

const hasRules = ({ rules }: ProxyDraft): boolean => RULE_LISTS.some((list) => rules[list].length > 0);

/**
 * Makes the rules of `defaults` the first of `proxy`. A defaults section with rules serves either frontends or backends
 * (manual §4: "defaults"); anything else ends the reading with HAProxy's words.
 */
export function inheritRules(proxy: ProxyDraft, defaults: ProxyDraft, context: ParseContext): void {
  if (!hasRules(defaults)) return;
  const problem = inheritProblem(proxy, defaults);
  if (problem !== '') {
    context.abort(`parsing [${context.file}:${context.line}]: ${problem}.`);
    return;
  }
  defaults.rulesFor = proxy.kind === 'frontend' ? 'frontend' : 'backend';
  proxy.rulesOf = defaults;
}

function inheritProblem(proxy: ProxyDraft, defaults: ProxyDraft): string {
  const { rules } = defaults;
  const place = `(defaults section at ${defaults.file}:${defaults.line})`;
  if (proxy.back && defaults.requestCaptures.length + defaults.responseCaptures.length > 0) {
    return `backend or defaults sections cannot inherit from a defaults section defining captures ${place}`;
  }
  if (proxy.kind === 'defaults') {
    return `a defaults section cannot inherit from a defaults section defining TCP/HTTP rules ${place}`;
  }
  if (proxy.kind === 'listen') {
    return 'a listen section cannot inherit from a defaults section defining TCP/HTTP rules';
  }
  if (defaults.rulesFor !== '' && defaults.rulesFor !== proxy.kind) {
    return `frontends and backends cannot inherit from the same defaults section if it defines TCP/HTTP rules ${place}`;
  }
  if (!proxy.front && rules.tcpRequestConnection.length + rules.tcpRequestSession.length > 0) {
    return (
      'a backend section cannot inherit from a defaults section defining ' +
      `'tcp-request connection' or 'tcp-request session' rules ${place}`
    );
  }
  if (!proxy.back && rules.tcpResponseContent.length > 0) {
    return `a frontend section cannot inherit from a defaults section defining 'tcp-response content' rules ${place}`;
  }
  return '';
}

/** All rules of a section as the model has them: those of its defaults first. */
export function allRules({ rules, rulesOf: defaults }: ProxyDraft): RulesDraft {
  if (defaults === null) return rules;
  const all = { ...rules };
  for (const list of RULE_LISTS) all[list] = [...defaults.rules[list], ...rules[list]];
  return all;
}
