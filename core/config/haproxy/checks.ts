// What can only be judged when everything is read: references, names, sides, modes (HAProxy's own second stage).
//
// Order and wording are HAProxy's. Each proxy is settled completely before the next; the first one with an error
// ends the stage, its own errors having been reported together.

import { settleFormats, settleLogFormatMode } from './checks-formats.ts';
import {
  checkRules,
  dropHttpRules,
  readDynamicName,
  settleServerRules,
  warnLayer6,
  warnUpgrade,
} from './checks-rules.ts';
import type { ParseContext } from './context.ts';
import type { ProxyDraft, ServerDraft } from './drafts.ts';
import { settleErrorReplies } from './error-replies.ts';
import { dropLogBalance, dropUnfitBalance, settleBalance } from './keywords-balance.ts';
import { settleForwarded } from './keywords-forwarded.ts';
import { switchOptions } from './keywords-option.ts';
import { resolveNames } from './names.ts';

/** HAProxy never hands out 1 to a proxy by itself, an old slip that configurations have come to rely on. */
const PROXY_ID_FIRST = 2;

/** Settles all proxies. False: there were errors. */
export function checkProxies(context: ParseContext): boolean {
  assignProxyIds(context.proxies);
  let sound = true;
  for (const defaults of context.namedDefaults.values()) if (!checkRules(defaults, context)) sound = false;
  if (!sound) return false;
  for (const defaults of context.namedDefaults.values()) if (!resolveNames(defaults, context)) return false;
  for (const proxy of context.proxies) {
    if (proxy.disabled) continue;
    if (!new ProxyCheck(proxy, context).run()) return false;
  }
  for (const proxy of context.proxies) {
    if (proxy.disabled) continue;
    dropHttpHeaders(proxy, context);
    if (settleForwarded(proxy, context) && resolveNames(proxy, context)) continue;
    context.alertText('Fatal errors found in configuration.');
    return false;
  }
  return true;
}

function assignProxyIds(proxies: readonly ProxyDraft[]): void {
  const used = new Set(proxies.map((proxy) => proxy.id));
  let next = PROXY_ID_FIRST;
  for (const proxy of proxies) {
    if (proxy.id >= 0) continue;
    while (used.has(next)) next++;
    proxy.id = next++;
  }
}

class ProxyCheck {
  private readonly proxy: ProxyDraft;
  private readonly context: ParseContext;
  private sound = true;

  constructor(proxy: ProxyDraft, context: ParseContext) {
    this.proxy = proxy;
    this.context = context;
  }

  run(): boolean {
    const { proxy } = this;
    this.bindProtocols();
    dropUnfitBalance(proxy, this.context);
    settleLogFormatMode(proxy, this.context);
    dropLogBalance(proxy, this.context);
    if (proxy.front && proxy.binds.every((bind) => bind.listeners.length === 0)) {
      this.warn(`${this.title} has no 'bind' directive. Please declare it as a backend if this was intended.`);
    }
    this.defaultBackend();
    this.switchingRules();
    if (!settleServerRules(proxy, this.context)) this.sound = false;
    if (!settleFormats(proxy, this.context)) this.sound = false;
    if (!checkRules(proxy, this.context)) this.sound = false;
    warnUpgrade(proxy, this.context);
    if (!settleBalance(proxy, this.context)) this.sound = false;
    if (!resolveNames(proxy, this.context)) this.sound = false;
    this.timeouts();
    this.serverNames();
    assignServerIds(proxy.servers);
    assignListenerIds(proxy);
    if (proxy.front && proxy.loggers.length === 0 && (proxy.logFormat !== null || proxy.structuredData !== null)) {
      this.warn(`log format ignored for ${this.title} since it has no log address.`);
    }
    if (!settleErrorReplies(proxy, this.context)) this.sound = false;
    if (proxy.mode !== 'http' && !proxy.upgradesToHttp) this.httpOnly();
    this.serverProtocols();
    return this.sound;
  }

  private get title(): string {
    return `${this.proxy.typeWord} '${this.proxy.name}'`;
  }

  private alert(text: string): void {
    this.sound = false;
    this.context.alertText(text);
  }

  private warn(text: string): void {
    this.context.warnText(text);
  }

  /** `proto h1` needs HTTP, `proto none` needs TCP. */
  private bindProtocols(): void {
    for (const bind of this.proxy.binds) {
      const { protocol } = bind.settings;
      if (protocol === '' || (protocol === 'h1') === (this.proxy.mode === 'http')) continue;
      this.alert(
        `${this.title} : MUX protocol '${protocol}' is not usable for 'bind ${bind.text}' at [${bind.file}:${bind.line}].`,
      );
    }
  }

  private serverProtocols(): void {
    for (const server of this.proxy.servers) {
      const { protocol } = server.settings;
      if (protocol === '' || (protocol === 'h1') === (this.proxy.mode === 'http')) continue;
      this.alert(
        `${this.title} : MUX protocol '${protocol}' is not usable for server '${server.name}' at ` +
          `[${server.file}:${server.line}].`,
      );
    }
  }

  /** The named backend, after the checks that `default_backend` and `use_backend` share. null: an alert was given. */
  private target(name: string, keyword: string, role: string): ProxyDraft | null {
    const { proxy } = this;
    const target = this.context.proxiesNamed(name).find((each) => each.back);
    if (target === undefined) this.alert(`Proxy '${proxy.name}': unable to find required ${keyword}: '${name}'.`);
    else if (target === proxy) this.alert(`Proxy '${proxy.name}': loop detected for ${keyword}: '${name}'.`);
    else if (target.mode !== proxy.mode && !(proxy.mode === 'tcp' && target.mode === 'http')) {
      this.alert(
        `${proxy.mode} ${this.title} (${proxy.file}:${proxy.line}) tries to use incompatible ${target.mode} ` +
          `${target.typeWord} '${target.name}' (${target.file}:${target.line}) ${role} (see 'mode').`,
      );
    } else {
      if (target.mode === 'http') proxy.upgradesToHttp = true;
      return target;
    }
    return null;
  }

  private defaultBackend(): void {
    const { proxy } = this;
    if (proxy.defaultBackend === '') return;
    const target = this.target(proxy.defaultBackend, 'default_backend', 'as its default backend');
    if (target === null || proxy.servers.length === 0) return;
    this.warn(
      `In proxy '${proxy.name}', the 'default_backend' rule always has precedence over the servers, ` +
        'which will never be used.',
    );
  }

  private switchingRules(): void {
    for (const rule of this.proxy.switching) {
      const format = readDynamicName(rule.backend, 'use_backend', rule, this.proxy, this.context);
      if (typeof format === 'string') {
        this.alert(
          `Parsing [${rule.file}:${rule.line}]: failed to parse use_backend rule '${rule.backend}' : ${format}.`,
        );
        continue;
      }
      if (format !== null) {
        rule.format = format;
        rule.backend = '';
        this.proxy.upgradesToHttp = true; // whatever it will be
        continue;
      }
      const target = this.target(rule.backend, 'use_backend', "in a 'use_backend' rule");
      if (target !== null) rule.backendIndex = this.context.proxies.indexOf(target);
      warnLayer6(rule.condition, this.proxy, this.context);
    }
  }

  private timeouts(): void {
    const { proxy } = this;
    const { timeouts } = proxy;
    const lacksBack =
      timeouts.connect === 0 || (timeouts.server === 0 && (proxy.mode === 'http' || timeouts.tunnel === 0));
    if ((proxy.front && timeouts.client === 0) || (proxy.back && proxy.servers.length > 0 && lacksBack)) {
      this.warn(
        `missing timeouts for ${this.title}.\n` +
          '   | While not properly invalid, you will certainly encounter various problems\n' +
          '   | with such a configuration. To fix this, please ensure that all following\n' +
          "   | timeouts are set to a non-zero value: 'client', 'connect', 'server'.",
      );
    }
    if (timeouts.tarpit === 0) timeouts.tarpit = timeouts.connect;
    if (proxy.back && timeouts.queue === 0) timeouts.queue = timeouts.connect;
    if (proxy.front && timeouts.httpKeepAlive === 0) {
      timeouts.httpKeepAlive = timeouts.httpRequest === 0 ? timeouts.client : timeouts.httpRequest;
    }
  }

  private serverNames(): void {
    const seen = new Map<string, ServerDraft>();
    for (const server of this.proxy.servers) {
      const other = seen.get(server.name);
      seen.set(server.name, server);
      if (other === undefined) continue;
      this.alert(
        `parsing [${server.file}:${server.line}] : ${this.title}, another server named '${server.name}' ` +
          `was already defined at line ${other.line}, please use distinct names.`,
      );
    }
  }

  private httpOnly(): void {
    const { proxy } = this;
    const ignored = (what: string): void => this.warn(`'${what}' ignored for ${this.title} as it requires HTTP mode.`);
    if (proxy.monitorUri !== '') {
      this.warn(`'monitor-uri' statement ignored for ${this.title} as it requires HTTP mode.`);
      proxy.monitorUri = '';
    }
    dropHttpRules(proxy, this.context);
    for (const { name, http, side } of switchOptions) {
      const fits = side === 'both' || proxy[side];
      if (!http || !fits || !proxy.options.has(name)) continue;
      ignored(`option ${name}`);
      proxy.options.delete(name);
    }
  }
}

/** Header options have no meaning where no HTTP is spoken. */
function dropHttpHeaders(proxy: ProxyDraft, context: ParseContext): void {
  if (proxy.mode === 'http' || proxy.upgradesToHttp) return;
  for (const [field, name] of [
    ['forwarded', 'forwarded'],
    ['forwardFor', 'forwardfor'],
    ['originalTo', 'originalto'],
  ] as const) {
    if (proxy[field] === null) continue;
    context.warnText(`'option ${name}' ignored for ${proxy.typeWord} '${proxy.name}' as it requires HTTP mode.`);
    proxy[field] = null;
  }
}

function assignServerIds(servers: readonly ServerDraft[]): void {
  const used = new Set(servers.map((server) => server.id));
  let next = 1;
  for (const server of servers) {
    if (server.id === 0) {
      while (used.has(next)) next++;
      server.id = next;
      used.add(next);
    }
    next++;
  }
}

/** Counting goes on from the listener before, so that `id 100` makes its followers 101, 102 … */
function assignListenerIds(proxy: ProxyDraft): void {
  const listeners = proxy.binds.flatMap((bind) => bind.listeners);
  const used = new Set(listeners.map((listener) => listener.id));
  let next = 1;
  let previous = 0;
  for (const listener of listeners) {
    if (listener.id === 0) {
      if (previous !== 0) next = previous + 1;
      while (used.has(next)) next++;
      listener.id = next;
      used.add(next);
    }
    previous = listener.id;
    next++;
  }
}
