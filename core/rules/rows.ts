// All actions: which words HAProxy 3.4 knows in each set of rules, and the rows of those that weir has (manual §4.3,
// §4.4). Gathered here by name; nothing registers itself.

import type { RuleSetName } from '../model/rules.ts';
import { addressActions } from './actions-address.ts';
import { captureActions } from './actions-capture.ts';
import { counterActions } from './actions-counters.ts';
import { connectionActions } from './actions-final-connection.ts';
import { flowActions } from './actions-final-flow.ts';
import { redirectActions } from './actions-final-redirect.ts';
import { replyActions } from './actions-final-reply.ts';
import { headerActions } from './actions-headers.ts';
import { patternActions } from './actions-patterns.ts';
import { streamActions } from './actions-stream.ts';
import { uriActions } from './actions-uri.ts';
import { variableActions } from './actions-variables.ts';
import type { ActionRow } from './contract.ts';

export const actionRows: readonly ActionRow[] = [
  ...counterActions,
  ...addressActions,
  ...captureActions,
  ...connectionActions,
  ...flowActions,
  ...headerActions,
  ...patternActions,
  ...redirectActions,
  ...replyActions,
  ...streamActions,
  ...uriActions,
  ...variableActions,
];

export interface ActionWord {
  readonly name: string;
  readonly isPrefix: boolean;
}

const words = (text: string): readonly ActionWord[] =>
  text
    .trim()
    .split(/\s+/)
    .map((word) => ({ name: word.replace('*', ''), isPrefix: word.endsWith('*') }));

/** Facts: the words as `haproxy-3.4` lists them when one is misspelt, in its order; `*` begins a family. */
export const ACTION_WORDS: Readonly<Record<RuleSetName, readonly ActionWord[]>> = {
  'tcp-request connection': words(`
    sc-add-gpc* sc-inc-gpc* sc-inc-gpc0* sc-inc-gpc1* sc-set-gpt* sc-set-gpt0* set-var-fmt* set-var* unset-var*
    do-log set-dst set-dst-port set-fc-mark set-fc-tos set-mark set-src set-src-port set-tos silent-drop
  `),
  'tcp-request session': words(`
    sc-add-gpc* sc-inc-gpc* sc-inc-gpc0* sc-inc-gpc1* sc-set-gpt* sc-set-gpt0* set-var-fmt* set-var* unset-var*
    attach-srv do-log set-dst set-dst-port set-fc-mark set-fc-tos set-mark set-src set-src-port set-tos silent-drop
  `),
  'tcp-request content': words(`
    set-retries set-log-level set-nice switch-mode use-service sc-add-gpc* sc-inc-gpc* sc-inc-gpc0* sc-inc-gpc1*
    sc-set-gpt* sc-set-gpt0* do-resolve* send-spoe-group set-var-fmt* set-var* unset-var* do-log set-bc-mark
    set-bc-tos set-dst set-dst-port set-fc-mark set-fc-tos set-mark set-src set-src-port set-tos silent-drop
    set-bandwidth-limit set-priority-class set-priority-offset
  `),
  'tcp-response content': words(`
    set-log-level set-nice sc-add-gpc* sc-inc-gpc* sc-inc-gpc0* sc-inc-gpc1* sc-set-gpt* sc-set-gpt0*
    send-spoe-group set-var-fmt* set-var* unset-var* do-log set-fc-mark set-fc-tos set-mark set-tos silent-drop
    set-bandwidth-limit
  `),
  'http-request': words(`
    wait-for-handshake set-retries set-log-level set-nice use-service sc-add-gpc* sc-inc-gpc* sc-inc-gpc0*
    sc-inc-gpc1* sc-set-gpt* sc-set-gpt0* do-resolve* cache-use send-spoe-group add-acl* add-header add-headers-bin
    allow auth capture del-acl* del-header del-headers-bin del-map* deny disable-l7-retry do-log early-hint
    normalize-uri pause redirect reject replace-header replace-path replace-pathq replace-uri replace-value return
    set-header set-headers-bin set-map* set-method set-path set-pathq set-query set-uri strict-mode tarpit track-sc*
    set-timeout wait-for-body set-var-fmt* set-var* unset-var* set-bc-mark set-bc-tos set-dst set-dst-port
    set-fc-mark set-fc-tos set-mark set-src set-src-port set-tos silent-drop set-bandwidth-limit set-priority-class
    set-priority-offset
  `),
  'http-response': words(`
    set-log-level set-nice sc-add-gpc* sc-inc-gpc* sc-inc-gpc0* sc-inc-gpc1* sc-set-gpt* sc-set-gpt0* cache-store
    send-spoe-group add-acl* add-header add-headers-bin allow capture del-acl* del-header del-headers-bin del-map*
    deny do-log pause redirect replace-header replace-value return set-header set-headers-bin set-map* set-status
    strict-mode track-sc* set-timeout wait-for-body set-var-fmt* set-var* unset-var* set-fc-mark set-fc-tos set-mark
    set-tos silent-drop set-bandwidth-limit
  `),
  'http-after-response': words(`
    set-log-level sc-add-gpc* sc-inc-gpc* sc-inc-gpc0* sc-inc-gpc1* sc-set-gpt* sc-set-gpt0* add-header
    add-headers-bin allow capture del-acl* del-header del-headers-bin del-map* do-log replace-header replace-value
    set-header set-headers-bin set-map* set-status strict-mode set-var-fmt* set-var* unset-var*
  `),
};

/** Words of TCP rules that HAProxy's parser knows by itself: in no list of keywords, suggested nevertheless. */
export const TCP_OWN_WORDS: Readonly<Record<'request' | 'response', readonly string[]>> = {
  request: ['accept', 'reject', 'capture', 'track-sc', 'expect-proxy', 'expect-netscaler-cip'],
  response: ['accept', 'reject', 'close'],
};

const rowsBySet = new Map<RuleSetName, Map<string, ActionRow>>();
for (const row of actionRows) {
  for (const set of row.sets) {
    const rows = rowsBySet.get(set) ?? new Map<string, ActionRow>();
    if (!rows.has(row.name)) rows.set(row.name, row);
    rowsBySet.set(set, rows);
  }
}

/** The row of an action by its row's name; null: weir does not have it in this set. */
export function actionRow(set: RuleSetName, name: string): ActionRow | null {
  return rowsBySet.get(set)?.get(name) ?? null;
}

/** What weir has, as `-dKcfg` lists it: set by set, by name. */
export function actionLines(): string[] {
  const sets = Object.keys(ACTION_WORDS) as RuleSetName[];
  return sets.flatMap((set) =>
    ACTION_WORDS[set]
      .filter(({ name }) => actionRow(set, name) !== null)
      .sort((left, right) => (left.name < right.name ? -1 : 1))
      .map(({ name, isPrefix }) => `${set} ${name}${isPrefix ? '*' : ''}`),
  );
}

/** The name of the action that a rule's first word means: exact, else the longest family it begins with; null: none. */
export function actionNameOf(set: RuleSetName, word: string): string | null {
  let best: string | null = null;
  for (const { name, isPrefix } of ACTION_WORDS[set]) {
    if (name === word) return name;
    if (isPrefix && word.startsWith(name) && name.length > (best?.length ?? 0)) best = name;
  }
  return best;
}
