// What the lines of a frontend wait for (HAProxy's to_log): the sum over the formats that name something.

import type { FormatAst } from '../model/language.ts';
import { formatAlias } from './format-aliases.ts';
import { WAIT_BYTES, WAIT_INIT, WAIT_REQUEST, WAIT_RESPONSE, WAIT_TRANSPORT } from './log-origin.ts';
import { USE_HRSBO, USE_HRSHP, USE_HRSHV, USE_HTTP_ANY, USE_RQFIN, USE_RSFIN, USE_SSFIN, USE_TXFIN } from './types.ts';

const USES_RESPONSE = USE_HRSHP | USE_HRSHV | USE_HRSBO;
const USES_END = USE_HRSBO | USE_RQFIN | USE_RSFIN | USE_TXFIN | USE_SSFIN;

/** WAIT_… bits. @param isHttp the section speaks HTTP */
export function waitsOf({ parts }: FormatAst, isHttp: boolean): number {
  let waits = WAIT_INIT;
  for (const part of parts) {
    if (part.kind === 'alias') waits |= formatAlias(part.alias)?.waits ?? 0;
    else if (part.kind === 'sample') {
      const { uses } = part.expression;
      waits |= WAIT_TRANSPORT;
      if (isHttp || (uses & USE_HTTP_ANY) !== 0) waits |= WAIT_REQUEST;
      if ((uses & USES_RESPONSE) !== 0) waits |= WAIT_RESPONSE;
      if ((uses & USES_END) !== 0) waits |= WAIT_BYTES;
    }
  }
  return waits;
}
