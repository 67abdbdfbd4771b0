// keepalived.conf for the service: the model, and what is to be said about the file.

import { checkBackends } from '../../core/config/keepalived/backend-checks.ts';
import type { Severity } from '../../core/config/keepalived/diagnostics.ts';
import { formatDiagnostic, loadKeepalived, systemInterfaces } from '../../core/config/keepalived/load.ts';
import type { Proxy } from '../../core/model/proxy.ts';
import type { VrrpModel } from '../../core/model/vrrp.ts';

export interface VrrpLoaded {
  model: VrrpModel | null; // null: nothing to run
  remarks: readonly { severity: Severity; text: string }[];
}

/**
 * Reads the files as they are now; interfaces that do not exist are mistakes unless the file allows for them. What it
 * says of backends must be true of the `proxies` that run.
 */
export function loadVrrp(files: readonly string[], proxies: readonly Proxy[]): VrrpLoaded {
  const { model, diagnostics } = loadKeepalived(files, { interfaces: systemInterfaces() });
  const mistakes = model === null ? [] : checkBackends(model, proxies);
  return {
    model: mistakes.length === 0 ? model : null,
    remarks: [...diagnostics, ...mistakes].map((each) => ({ severity: each.severity, text: formatDiagnostic(each) })),
  };
}
