// Rules as plain data: what `http-request`, `tcp-request`, `use_backend` … lines mean (manual §4.3, §4.4).

import type { Arg, ConditionAst, ExpressionAst, FormatAst } from './language.ts';

/** Where a rule stands; the words are those of the configuration. */
export type RuleSetName =
  | 'tcp-request connection'
  | 'tcp-request session'
  | 'tcp-request content'
  | 'tcp-response content'
  | 'http-request'
  | 'http-response'
  | 'http-after-response';

/**
 * One rule. `action` is its row's name in core/rules; what the row's parser found is in the typed fields it uses, the others
 * are absent. A row may keep further plain values in `options`.
 */
export interface RuleAst {
  set: RuleSetName;
  action: string; // 'set-header', 'deny', … ; for prefixed actions (set-var(txn.x)) without what follows the prefix
  condition: ConditionAst | null;
  args: readonly Arg[];
  expressions: readonly ExpressionAst[];
  formats: readonly FormatAst[];
  reply: ReplyAst | null; // deny, tarpit, return, auth, redirect
  options: Readonly<Record<string, string | number | boolean>>;
  text: string; // as written, for `weir explain`
  file: string;
  line: number;
  /** Written in a defaults section: such rules come first in every section that inherits them. */
  inDefaults?: boolean;
}

/** An answer of our own (manual §4.4 "http-request return"). */
export interface ReplyAst {
  kind: 'default' | 'errorfile' | 'errorfiles' | 'file' | 'lf-file' | 'string' | 'lf-string' | 'none';
  status: number;
  contentType: string; // '' none
  body: Uint8Array; // file, string: the bytes; errorfile: the whole message
  format: FormatAst | null; // lf-file, lf-string
  errors: string; // errorfiles: the http-errors section's name
  headers: readonly { name: string; format: FormatAst }[];
}

/** `use_backend NAME|FORMAT [if …]`, one that holds chooses. */
export interface SwitchingRule {
  backend: string; // its name, '' when it is dynamic
  backendIndex: number; // in Model.proxies; −1 dynamic
  format: FormatAst | null;
  condition: ConditionAst | null;
  text: string;
  file: string;
  line: number;
}

/** `use-server NAME|FORMAT if …`. */
export interface ServerRule {
  server: string; // '' dynamic
  serverIndex: number; // Server.index; −1 dynamic
  format: FormatAst | null;
  condition: ConditionAst | null;
  text: string;
  file: string;
  line: number;
}

/** All rules of one section. */
export interface Rules {
  tcpRequestConnection: readonly RuleAst[];
  tcpRequestSession: readonly RuleAst[];
  tcpRequestContent: readonly RuleAst[];
  tcpResponseContent: readonly RuleAst[];
  httpRequest: readonly RuleAst[];
  httpResponse: readonly RuleAst[];
  httpAfterResponse: readonly RuleAst[];
  redirect: readonly RuleAst[]; // the `redirect` keyword: run after http-request
  tcpRequestInspectDelayMs: number; // 0 none
  tcpResponseInspectDelayMs: number;
}

/** `declare capture` and `capture … header`: one slot each, in HAProxy's numbering. */
export interface CaptureSlot {
  header: string; // lower case; '' for a declared slot
  length: number; // bytes kept
}

/** `capture cookie NAME len N`. */
export interface CookieCapture {
  name: string;
  isPrefix: boolean; // `NAME*`
  length: number;
}

/** A section `http-errors`: ready answers by status. */
export interface HttpErrors {
  name: string;
  replies: readonly { status: number; reply: ReplyAst }[];
}
