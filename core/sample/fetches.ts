// All sample fetches, by name. The tables are gathered here; the first row of a name counts.

import { aclFetches } from './fetch-acl.ts';
import { authFetches } from './fetch-auth.ts';
import { connectionFetches } from './fetch-connection.ts';
import { constantFetches } from './fetch-constant.ts';
import { counterFetches } from './fetch-counters.ts';
import { distccFetches } from './fetch-distcc.ts';
import { httpCaptureFetches } from './fetch-http-captures.ts';
import { httpCookieFetches } from './fetch-http-cookies.ts';
import { httpHeaderFetches } from './fetch-http-headers.ts';
import { httpLineFetches } from './fetch-http-line.ts';
import { httpParamFetches } from './fetch-http-params.ts';
import { internalFetches } from './fetch-internal.ts';
import { payloadFetches } from './fetch-payload.ts';
import { proxyFetches } from './fetch-proxy.ts';
import { proxyHeaderFetches } from './fetch-proxy-header.ts';
import { rdpFetches } from './fetch-rdp.ts';
import { serverFetches } from './fetch-server.ts';
import { streamFetches } from './fetch-stream.ts';
import { tlsHelloFetches } from './fetch-tls-hello.ts';
import { variableFetches } from './fetch-variables.ts';
import type { FetchRow } from './rows.ts';

export const fetchRows: readonly FetchRow[] = [
  ...counterFetches,
  ...aclFetches,
  ...authFetches,
  ...connectionFetches,
  ...constantFetches,
  ...distccFetches,
  ...httpCaptureFetches,
  ...httpCookieFetches,
  ...httpHeaderFetches,
  ...httpLineFetches,
  ...httpParamFetches,
  ...internalFetches,
  ...payloadFetches,
  ...proxyHeaderFetches,
  ...proxyFetches,
  ...rdpFetches,
  ...serverFetches,
  ...streamFetches,
  ...tlsHelloFetches,
  ...variableFetches,
];

const byName = new Map<string, FetchRow>();
for (const row of fetchRows) if (!byName.has(row.name)) byName.set(row.name, row);

export function fetchRow(name: string): FetchRow | undefined {
  return byName.get(name);
}
