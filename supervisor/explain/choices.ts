// Where the request goes: the backend that use_backend or default_backend gives, and the server that use-server or balance
// gives, with the reasons.

import { fromBytes } from '../../core/config/haproxy/text.ts';
import type { Proxy, Server } from '../../core/model/proxy.ts';
import type { ServerRule, SwitchingRule } from '../../core/model/rules.ts';
import type { ChoiceObserver } from '../../core/rules/switching.ts';
import { CONDITION_FAIL, CONDITION_PASS } from '../../core/sample/condition.ts';
import { compileFormat } from '../../core/sample/format.ts';
import type { BackendReport, Place, RuleReport, StageReport } from './explanation.ts';
import { parseIp } from './input.ts';
import type { Journey } from './journey.ts';
import { makeConnection } from './parties.ts';
import { balancerOf, chooseServer, type ForcedServer, serverReports } from './server-choice.ts';
import { newStage, placeOf, ruleReport } from './stage.ts';

/** `use_backend`, then `default_backend`; a listen section is its own. */
export function chooseBackend(way: Journey): void {
  const { frontend, model } = way;
  const { switching } = frontend.proxy;
  let found: Proxy | null = null;
  let why = '';
  let by: Place | null = null;
  if (switching.length > 0) {
    const stage = newStage(frontend.proxy, true, 'use_backend');
    way.out.stages.push(stage);
    way.aimRequest();
    const index = frontend.switching.trace(way.around.subject, choiceObserver(way, stage, model.proxies));
    stage.notReached.push(...switching.slice(stage.rules.length).map(placeOf));
    const last = stage.rules.at(-1)!;
    if (index >= 0) {
      found = model.proxies[index]!;
      why = 'use_backend';
      by = placeOf(last);
      last.result = 'chosen';
    } else if (last.result === 'passed-over') why = whyPassedOver(way, last.chose);
  }
  if (found === null) [found, why] = defaultBackend(way, why);
  if (found === null) {
    way.noBackend = why;
    return;
  }
  enterBackend(way, found, { name: found.name, why, by, servers: [] });
}

function whyPassedOver(way: Journey, name: string): string {
  const isThere = way.model.proxies.some((proxy) => proxy.name === name && proxy.kind !== 'frontend');
  return isThere ? `backend ${name} is disabled` : `no backend is called ${JSON.stringify(name)}`;
}

function choiceObserver(
  way: Journey,
  stage: StageReport,
  named: readonly { name: string; index: number }[],
): ChoiceObserver {
  way.around.listener.beginRule();
  return {
    onRule: (rule, condition, held, chosen) => {
      const { listener } = way.around;
      const report: RuleReport = ruleReport(rule);
      if (condition !== null) report.condition = listener.report(condition, held ? CONDITION_PASS : CONDITION_FAIL);
      report.lookups.push(...listener.actionLookups());
      if (held) {
        report.result = 'passed-over'; // until the caller says that it was chosen
        report.chose = named.find((each) => each.index === chosen)?.name ?? nameOf(way, rule);
      }
      listener.beginRule();
      stage.rules.push(report);
    },
  };
}

/** What a dynamic name came to, when nothing is called so. */
function nameOf(way: Journey, rule: SwitchingRule | ServerRule): string {
  if (rule.format === null) return 'backend' in rule ? rule.backend : rule.server;
  const { subject, linker } = way.around;
  const { trash } = subject;
  const at = trash.take();
  const end = compileFormat(rule.format, linker).write(subject, trash.bytes, at, at + trash.chunkBytes);
  return fromBytes(Buffer.from(trash.bytes.subarray(at, end)).toString('latin1'));
}

/** `because`: why no rule chose one, '' where none held. */
function defaultBackend(way: Journey, because: string): [Proxy | null, string] {
  const { proxy } = way.frontend;
  const { proxies } = way.model;
  const as = because === '' ? '' : `, as ${because}`;
  const and = because === '' ? '' : `${because}, and `;
  if (proxy.defaultBackend === '') {
    if (proxy.kind === 'listen') return [proxy, `being the listen section itself${as}`];
    return [null, because === '' ? 'no rule chose a backend' : `${and}there is no default_backend`];
  }
  const found = proxies.find((each) => each.name === proxy.defaultBackend && each.kind !== 'frontend');
  if (found === undefined || found.disabled) return [null, `${and}default_backend ${proxy.defaultBackend} is disabled`];
  return [found, `default_backend${as}`];
}

function enterBackend(way: Journey, proxy: Proxy, report: BackendReport): void {
  const { load } = way.around;
  way.backend = proxy === way.frontend.proxy ? way.frontend : way.around.compiled(proxy);
  load.acquire(load.backend(proxy.index));
  way.stream.enterBackend(proxy);
  way.out.backend = report;
  way.out.outcome.backend = proxy.name;
}

/** The use-server rules. */
export function useServer(way: Journey): ForcedServer {
  const { around } = way;
  const { proxy, servers } = way.backend!;
  if (proxy.serverRules.length === 0) return { serverIndex: -1, by: null };
  const stage = newStage(proxy, way.backend === way.frontend, 'use-server');
  way.out.stages.push(stage);
  way.aimRequest();
  const isUsable = (index: number): boolean => around.words.running(index);
  const serverIndex = servers.trace(around.subject, isUsable, choiceObserver(way, stage, proxy.servers));
  stage.notReached.push(...proxy.serverRules.slice(stage.rules.length).map(placeOf));
  const last = stage.rules.at(-1)!;
  if (serverIndex < 0) return { serverIndex, by: null };
  last.result = 'chosen';
  return { serverIndex, by: placeOf(last) };
}

/** False: none can be used. */
export function findServer(way: Journey, forced: ForcedServer): boolean {
  const { around } = way;
  const { proxy } = way.backend!;
  const balancer = balancerOf(around, proxy);
  way.out.backend!.servers = serverReports(around, proxy, balancer);
  const source = way.stream.sourceSet ?? way.question.from.view;
  const choice = chooseServer(around, proxy, balancer, forced, source);
  way.out.server = choice.report;
  if (choice.server === null) return false;
  connectTo(way, choice.server);
  return true;
}

function connectTo(way: Journey, server: Server): void {
  const { clock, wallClock, load } = way.around;
  const { address } = server;
  const isInet = address.family === 'inet' || address.family === 'inet6';
  const nobody = { family: 0, port: 0, word0: 0, word1: 0, word2: 0, word3: 0 };
  const view = isInet ? (parseIp(address.host, address.port) ?? nobody) : nobody;
  load.acquire(load.server(server.index));
  way.back = makeConnection(nobody, view, way.frontend.proxy.index, 0, clock.nowMs, wallClock.nowMs);
  way.stream.serverIndex = server.index;
  way.stream.log.serverIndex = server.index;
  way.stream.log.markQueue = 0;
  way.stream.log.markConnect = 0;
  way.out.outcome.server = server.name;
}
