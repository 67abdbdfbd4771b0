// `weir:backend NAME up>=N` names a backend of haproxy.cfg: whether it is there, and has that many servers, can only be
// said when both files have been read.

import type { Proxy } from '../../model/proxy.ts';
import type { VrrpModel } from '../../model/vrrp.ts';
import { bestMatch } from '../haproxy/hints.ts';
import type { KeepalivedDiagnostic } from './diagnostics.ts';

/** What is wrong with the backends that are watched: an instance that watches one of these could never be master. */
export function checkBackends(vrrp: VrrpModel, proxies: readonly Proxy[]): KeepalivedDiagnostic[] {
  const backends = proxies.filter((each) => each.kind !== 'frontend');
  const mistakes: KeepalivedDiagnostic[] = [];
  const check = (about: string, name: string, serversUpMin: number, file: string, line: number): void => {
    const found = backends.find((each) => each.name === name);
    const error = (text: string): number =>
      mistakes.push({ severity: 'error', file, line, text: `(${about}) ${text}` });
    if (found === undefined) {
      const hint = bestMatch(
        name,
        backends.map((each) => each.name),
      );
      const suggestion = hint === '' ? '' : `; did you mean '${hint}' maybe ?`;
      error(`weir:backend: no backend '${name}' in the proxies' configuration${suggestion}`);
    } else if (found.servers.length < serversUpMin) {
      error(
        `weir:backend: backend '${name}' has ${found.servers.length} servers, up>=${serversUpMin} can never be true`,
      );
    }
  };
  for (const { name, backend, file, line } of vrrp.scripts) {
    if (backend !== null) check(name, backend.name, backend.serversUpMin, file, line);
  }
  for (const { name, tracked, file, line } of [...vrrp.instances, ...vrrp.groups]) {
    for (const each of tracked) if (each.kind === 'backend') check(name, each.name, each.serversUpMin, file, line);
  }
  return mistakes;
}
