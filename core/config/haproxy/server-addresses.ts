// The first address of servers that were given by name: `init-addr` (manual §5.2).

import type { ParseContext } from './context.ts';
import type { InitAddrMethod, ProxyDraft, ServerDraft } from './drafts.ts';

const METHODS_DEFAULT: readonly InitAddrMethod[] = ['last', 'libc'];

/**
 * Gives every named server its address. False: one has none and must not start without.
 * `tolerant` (-dr) lets servers without an address start in maintenance.
 */
export function resolveServers(context: ParseContext, tolerant: boolean): boolean {
  const wanted: [ProxyDraft, ServerDraft][] = [];
  for (const proxy of context.proxies) {
    if (proxy.disabled) continue;
    for (const server of proxy.servers) if (server.hostName !== '') wanted.push([proxy, server]);
  }
  context.resolver.prefetch(
    wanted
      .filter(([, server]) => methodsOf(server, tolerant).includes('libc'))
      .map(([, server]) => ({ name: server.hostName, family: server.hostFamily })),
  );
  let sound = true;
  for (const [proxy, server] of wanted) {
    if (!resolveServer(proxy, server, context, tolerant)) sound = false;
  }
  if (!sound) context.alertText('Failed to initialize server(s) addr.');
  return sound;
}

function methodsOf(server: ServerDraft, tolerant: boolean): readonly InitAddrMethod[] {
  const { initAddr } = server.settings;
  const methods = initAddr.length === 0 ? METHODS_DEFAULT : initAddr;
  return tolerant ? [...methods, 'none'] : methods;
}

function resolveServer(proxy: ProxyDraft, server: ServerDraft, context: ParseContext, tolerant: boolean): boolean {
  const { hostName } = server;
  const notice = (end: string): void => {
    const text = `[${server.file}:${server.line}] : 'server ${proxy.name}/${server.name}' : ${end}`;
    context.diagnostics.add('NOTICE', server.file, server.line, text);
  };
  let failed = false;
  for (const method of methodsOf(server, tolerant)) {
    if (method === 'last') continue; // needs a state file, which weir does not read yet
    if (method === 'none') {
      if (failed) notice(`could not resolve address '${hostName}', disabling server.`);
      return true;
    }
    if (method === 'ip') {
      place(server, server.settings.initAddrIp!);
      if (failed) notice(`could not resolve address '${hostName}', falling back to configured address.`);
      return true;
    }
    const found = context.resolver.lookup(hostName, server.hostFamily);
    if (found !== null) {
      place(server, found);
      return true;
    }
    failed = true;
  }
  const problem = failed
    ? `could not resolve address '${hostName}'.`
    : `no method found to resolve address '${hostName}'.`;
  context.alertText(`[${server.file}:${server.line}] : 'server ${proxy.name}/${server.name}' : ${problem}`);
  return false;
}

function place(server: ServerDraft, ip: { family: 'inet' | 'inet6'; host: string }): void {
  const port = 'port' in server.address ? server.address.port : 0;
  server.address =
    ip.family === 'inet'
      ? { family: 'inet', host: ip.host, port }
      : { family: 'inet6', host: ip.host, port, scope: '' };
  server.resolved = true;
}
