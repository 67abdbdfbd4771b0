// Names in arguments of the rule language, looked up when everything was read (HAProxy's smp_resolve_args): proxies, servers,
// userlists; regexes are compiled once to see that they can be. Arguments are completed in place.

import type { AclTest, Arg } from '../../model/language.ts';
import type { NameUse, UsePlace } from '../../sample/parse-scope.ts';
import { compileRegex } from '../../sample/patterns/regex.ts';
import { packedText } from '../../sample/patterns/texts.ts';
import type { ParseContext } from './context.ts';
import type { ProxyDraft } from './drafts.ts';

/** HAProxy's words for where an expression stands. */
const PLACES: Record<UsePlace, string> = {
  acl: 'in',
  stick: 'in stick rule in',
  track: 'in tracking rule in',
  'log-format': 'in log-format string in',
  'log-format-sd': 'in log-format-sd string in',
  'http-request': 'in http-request expression in',
  'http-response': 'in http-response response in',
  'unique-id': 'in unique-id-format string in',
  redirect: 'in redirect format string in',
  capture: 'in capture rule in',
  server: 'in server directive in',
  use_backend: 'in use_backend expression in',
  'use-server': 'in use-server or balance expression in',
  'http-error': 'in http-error directive in',
  option: 'in option directive in',
  'tcp-request connection': 'in tcp-request connection expression in',
  'tcp-request session': 'in tcp-request session expression in',
  'tcp-request content': 'in tcp-request content expression in',
  'tcp-response content': 'in tcp-response content expression in',
  'tcp-check': 'in tcp-check expression in',
  configuration: 'in configuration expression in',
  cli: 'in CLI expression in',
};

/** Completes all names that the lines of `proxy` use. False: some are not there, which was reported in one alert. */
export function resolveNames(proxy: ProxyDraft, context: ParseContext): boolean {
  const problems = namesProblems(proxy.nameUses, proxy, context);
  proxy.nameUses.length = 0;
  if (problems.length === 0) return resolveTrackedTables(proxy, context) && resolveGroups(proxy, context);
  const indented = problems.map((problem) => `\n        ${problem}`).join('');
  context.alertText(problems.length > 1 ? `multiple argument resolution errors:${indented}` : problems[0]!);
  return false;
}

/** Position of the section's stick table among all of them; −1: it has none. */
function tableIndexOf(context: ParseContext, name: string): number {
  const owners = context.proxies.filter(({ stickTable }) => stickTable !== null);
  return owners.findIndex((proxy) => proxy.name === name);
}

/** Tables that track-sc rules name. False: one is not there, or takes no such key, which was reported. */
function resolveTrackedTables(proxy: ProxyDraft, context: ParseContext): boolean {
  let sound = true;
  const { tcpRequestConnection, tcpRequestSession, tcpRequestContent, httpRequest, httpResponse } = proxy.rules;
  for (const rule of [tcpRequestConnection, tcpRequestSession, tcpRequestContent, httpRequest, httpResponse].flat()) {
    if (rule.action !== 'track-sc') continue;
    const arg = rule.args[0];
    if (arg?.kind !== 'table' || arg.index >= 0) continue;
    const name = arg.name === '' ? proxy.name : arg.name;
    arg.index = tableIndexOf(context, name);
    if (arg.index >= 0) continue;
    const what = `'track-sc${rule.options.counter}' rule`;
    context.alertText(`Proxy '${proxy.name}': unable to find table '${name}' referenced by ${what}.`);
    sound = false;
  }
  return sound;
}

/** The whole of what is wrong with these, `parsing [file:line]: …`. */
export function namesProblems(uses: readonly NameUse[], proxy: ProxyDraft, context: ParseContext): string[] {
  const problems: string[] = [];
  for (const use of uses) {
    const problem = new NameLookup(use, proxy, context).run();
    if (problem !== null) problems.push(`parsing [${use.file}:${use.line}]: ${problem}.`);
  }
  return problems;
}

class NameLookup {
  private readonly use: NameUse;
  private readonly proxy: ProxyDraft;
  private readonly context: ParseContext;

  constructor(use: NameUse, proxy: ProxyDraft, context: ParseContext) {
    this.use = use;
    this.proxy = proxy;
    this.context = context;
  }

  /** Null, or HAProxy's words without the place. */
  run(): string | null {
    const { arg } = this.use;
    switch (arg.kind) {
      case 'proxy':
        return this.findProxy(arg);
      case 'server':
        return this.findServer(arg);
      case 'userlist':
        return this.findUserlist(arg);
      case 'regex':
        return this.checkRegex(arg);
      case 'table':
        return this.findTable(arg);
      default:
        return null;
    }
  }

  private get place(): string {
    const { position, converter, keyword, where } = this.use;
    const of = converter === '' ? '' : `conversion keyword '${converter}' for `;
    const kind = where === 'acl' ? 'ACL keyword' : 'sample fetch keyword';
    return `in arg ${position + 1} of ${of}${kind} '${keyword}' ${PLACES[where]} proxy '${this.proxy.name}'`;
  }

  private findProxy(arg: Extract<Arg, { kind: 'proxy' }>): string | null {
    const { proxy, context } = this;
    const isFront = arg.side === 'front';
    const name = arg.name === '' ? proxy.name : arg.name;
    const found =
      arg.name === '' ? proxy : context.proxiesNamed(name).find((each) => (isFront ? each.front : each.back));
    const side = isFront ? 'frontend' : 'backend';
    if (found === undefined) return `unable to find ${side} '${name}' referenced ${this.place}`;
    if (!(isFront ? found.front : found.back)) {
      return `proxy '${name}', referenced ${this.place}, has not ${side} capability`;
    }
    arg.index = context.proxies.indexOf(found);
    return null;
  }

  private findServer(arg: Extract<Arg, { kind: 'server' }>): string | null {
    const { proxy, context, place } = this;
    if (arg.name === '') return `missing server name ${place}`;
    const slash = arg.name.lastIndexOf('/');
    const backend = slash < 0 ? proxy.name : arg.name.slice(0, slash);
    const name = arg.name.slice(slash + 1);
    const owner = slash < 0 ? proxy : context.proxiesNamed(backend).find((each) => each.back);
    if (owner === undefined) return `unable to find proxy '${backend}' referenced ${place}`;
    if (slash < 0 && proxy.kind === 'defaults') return `backend name must be set ${place}`;
    const at = owner.servers.findIndex((server) => server.name === name);
    if (at < 0) return `unable to find server '${name}' in proxy '${backend}', referenced ${place}`;
    let index = at;
    for (const each of context.proxies) {
      if (each === owner) break;
      index += each.servers.length;
    }
    arg.backend = backend;
    arg.name = name;
    arg.index = index;
    return null;
  }

  private findTable(arg: Extract<Arg, { kind: 'table' }>): string | null {
    const name = arg.name === '' ? this.proxy.name : arg.name;
    arg.index = tableIndexOf(this.context, name);
    return arg.index < 0 ? `unable to find table '${name}' referenced ${this.place}` : null;
  }

  private findUserlist(arg: Extract<Arg, { kind: 'userlist' }>): string | null {
    if (arg.name === '') return `missing userlist name ${this.place}`;
    arg.index = this.context.userlists.findIndex((list) => list.name === arg.name);
    return arg.index < 0 ? `unable to find userlist '${arg.name}' referenced ${this.place}` : null;
  }

  private checkRegex(arg: Extract<Arg, { kind: 'regex' }>): string | null {
    if (arg.source === '') return `missing regex ${this.place}`;
    const compiled = compileRegex(arg.source, arg.ignoreCase, true);
    return compiled.ok ? null : `error in regex '${arg.source}' ${this.place} : ${compiled.message}`;
  }
}

/** Patterns of http_auth_group are groups of its userlist (HAProxy's acl_find_targets). */
function resolveGroups(proxy: ProxyDraft, context: ParseContext): boolean {
  let sound = true;
  for (const { acl, test } of proxy.groupTests) {
    for (const problem of groupProblems(test, context)) {
      context.alertText(`proxy ${proxy.name}: acl ${acl} ${test.keyword}(): ${problem}.`);
      sound = false;
    }
  }
  return sound;
}

function groupProblems(test: AclTest, context: ParseContext): string[] {
  const [arg] = test.expression.args;
  const list = arg?.kind === 'userlist' ? context.userlistDrafts[arg.index] : undefined;
  const groups = new Set(list?.groups.map((group) => group.name));
  const problems: string[] = [];
  for (const index of [...test.files, test.patterns]) {
    const { keys } = context.patternRefs[index]!;
    if (keys.ends.length === 0) problems.push('no groups specified');
    for (let at = 0; at < keys.ends.length; at++) {
      const name = packedText(keys, at);
      if (!groups.has(name)) problems.push(`invalid group '${name}'`);
    }
  }
  return problems;
}
