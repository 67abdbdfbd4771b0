// What can only be said about rules when everything is read (manual §4.2–§4.4): the names they use, late checks of
// actions, rules that a proxy's mode leaves without effect. Words and order are HAProxy's.

import type { ConditionAst, FormatAst } from '../../model/language.ts';
import type { RuleAst } from '../../model/rules.ts';
import { actionRow } from '../../rules/rows.ts';
import { parseFormat } from '../../sample/format-parse.ts';
import { AT_FE_HRQ_HDR, USE_L6REQ, USE_L6RES } from '../../sample/types.ts';
import { conditionUses } from '../../sample/validity.ts';
import type { ParseContext } from './context.ts';
import type { Place, ProxyDraft } from './drafts.ts';
import { RULE_LISTS } from './keywords-rules.ts';
import { languageScope } from './language-scope.ts';

/** A backend's or server's name that may be a format: null when it is plain, a string when the format is wrong. */
export function readDynamicName(
  name: string,
  use: 'use_backend' | 'use-server',
  place: Place,
  proxy: ProxyDraft,
  context: ParseContext,
): FormatAst | null | string {
  if (!name.includes('%')) return null;
  const scope = { ...languageScope(context, proxy, use), file: place.file, line: place.line };
  const parsed = parseFormat(name, scope, { where: AT_FE_HRQ_HDR, http: false });
  if (!parsed.ok) return parsed.error;
  const isPlain = parsed.ast.parts.length === 1 && parsed.ast.parts[0]!.kind === 'text';
  return isPlain ? null : parsed.ast;
}

/** `use-server`: each name becomes a server of this backend. False: one is missing. */
export function settleServerRules(proxy: ProxyDraft, context: ParseContext): boolean {
  let sound = true;
  const alert = (text: string): void => {
    sound = false;
    context.alertText(text);
  };
  for (const rule of proxy.serverRules) {
    const format = readDynamicName(rule.server, 'use-server', rule, proxy, context);
    if (typeof format === 'string') {
      alert(
        `Parsing [${rule.file}:${rule.line}]; use-server rule failed to parse log-format '${rule.server}' : ${format}.`,
      );
      continue;
    }
    rule.format = format;
    if (format !== null) {
      rule.server = '';
      continue;
    }
    warnLayer6(rule.condition, proxy, context);
    if (proxy.servers.some((server) => server.name === rule.server)) continue;
    alert(
      `${proxy.typeWord} '${proxy.name}' : unable to find server '${rule.server}' referenced in a 'use-server' rule.`,
    );
  }
  return sound;
}

/** Bytes of a connection are not looked at where HTTP has taken them apart. */
export function warnLayer6(condition: ConditionAst | null, proxy: ProxyDraft, context: ParseContext): void {
  if (condition === null || proxy.mode !== 'http') return;
  if ((conditionUses(condition) & (USE_L6REQ | USE_L6RES)) === 0) return;
  context.warnText(
    `Proxy '${proxy.name}': L6 sample fetches ignored on HTTP proxies ` +
      `(declared at ${condition.file}:${condition.line}).`,
  );
}

/** Late checks of all rules of a section. False: there were errors. */
export function checkRules(proxy: ProxyDraft, context: ParseContext): boolean {
  let sound = true;
  for (const rule of RULE_LISTS.flatMap((list) => proxy.rules[list])) {
    const problem = ruleProblem(rule, proxy, context);
    if (problem !== null) {
      sound = false;
      context.alertText(`Proxy '${proxy.name}': ${problem}.`);
    }
    warnLayer6(rule.condition, proxy, context);
  }
  return sound;
}

function ruleProblem(rule: RuleAst, proxy: ProxyDraft, context: ParseContext): string | null {
  if (rule.action === 'switch-mode') proxy.upgradesToHttp = true;
  if (rule.reply?.kind === 'errorfiles') return sectionProblem(rule, proxy, context);
  const { name, front, requestCaptures, responseCaptures } = proxy;
  const [requestCaptureCount, responseCaptureCount] = [requestCaptures.length, responseCaptures.length];
  return (
    actionRow(rule.set, rule.action)?.check?.(rule, { name, front, requestCaptureCount, responseCaptureCount }) ?? null
  );
}

function sectionProblem({ reply }: RuleAst, proxy: ProxyDraft, context: ParseContext): string | null {
  const { status, errors } = reply!;
  const section = context.httpErrors.find((each) => each.name === errors);
  if (section === undefined) return `unknown http-errors section '${errors}' referenced by an http reply `;
  if (!section.replies.some((each) => each.status === status)) {
    context.warnText(
      `Proxy '${proxy.name}': status '${status}' referenced by an http reply not declared in http-errors section '${errors}'.`,
    );
  }
  return null;
}

/** A TCP frontend that turns to HTTP needs a backend: its own servers speak TCP. */
export function warnUpgrade(proxy: ProxyDraft, context: ParseContext): void {
  if (proxy.defaultBackend !== '' || proxy.switching.length > 0 || proxy.servers.length === 0) return;
  if (!proxy.upgradesToHttp || proxy.mode !== 'tcp') return;
  context.warnText(
    `Proxy '${proxy.name}' : 'switch-mode http' configured for a ${proxy.mode} ${proxy.typeWord} with no backend. ` +
      'Incoming connections upgraded to HTTP cannot be routed to TCP servers',
  );
}

/** Rules on HTTP messages where there will be none: said, and left out. */
export function dropHttpRules(proxy: ProxyDraft, context: ParseContext): void {
  const kinds = [
    ['http-request', 'httpRequest'],
    ['http-response', 'httpResponse'],
    ['http-after-response', 'httpAfterResponse'],
    ['redirect', 'redirect'],
  ] as const;
  for (const [name, list] of kinds) {
    if (proxy.rules[list].length === 0) continue;
    context.warnText(`'${name}' rules ignored for ${proxy.typeWord} '${proxy.name}' as they require HTTP mode.`);
    proxy.rules[list] = [];
  }
}
