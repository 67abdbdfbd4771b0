// `acl(name,…)`: whether named ACLs hold, as a value (manual §7.3.1).

import { assert } from '../base/assert.ts';
import type { ArgKind, FetchRow } from './rows.ts';
import { TYPE_BOOL, USE_CONST } from './types.ts';

const ACL_COUNT_MAX = 12;

export const aclFetches: readonly FetchRow[] = [
  {
    name: 'acl',
    args: { kinds: new Array<ArgKind>(ACL_COUNT_MAX).fill('str'), min: 1 },
    out: TYPE_BOOL,
    uses: USE_CONST,
    // Its arguments are one condition after parsing (expression-parse.ts), and compile.ts makes that.
    compile: () => {
      assert(false, 'acl() has no condition');
      return () => false;
    },
  },
];
