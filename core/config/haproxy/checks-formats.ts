// Formats of logs and unique ids, compiled when their section is known: its mode decides what they may name.

import type { FormatAst, FormatPart } from '../../model/language.ts';
import { formatAlias } from '../../sample/format-aliases.ts';
import { parseFormat } from '../../sample/format-parse.ts';
import { HTTP_CLF_FORMAT, HTTP_LOG_FORMAT, TCP_CLF_FORMAT, TCP_LOG_FORMAT } from '../../sample/log-formats.ts';
import { WAIT_REQUEST, WAIT_RESPONSE } from '../../sample/log-origin.ts';
import type { UsePlace } from '../../sample/parse-scope.ts';
import { AT_BE_HRQ_HDR, AT_FE_HRQ_HDR, AT_FE_LOG_END, USE_HTTP_ANY } from '../../sample/types.ts';
import type { ParseContext } from './context.ts';
import type { FormatDraft, LogFormatDraft, ProxyDraft } from './drafts.ts';
import { languageScope } from './language-scope.ts';

const BUILT_IN: Readonly<Record<Exclude<LogFormatDraft['kind'], 'custom'>, string>> = {
  httplog: HTTP_LOG_FORMAT,
  tcplog: TCP_LOG_FORMAT,
  'httplog clf': HTTP_CLF_FORMAT,
  'tcplog clf': TCP_CLF_FORMAT,
};

/** Options for HTTP's lines in a section that speaks TCP. */
export function settleLogFormatMode(proxy: ProxyDraft, context: ParseContext): void {
  const { logFormat, mode } = proxy;
  if (mode === 'http' || logFormat === null || !logFormat.kind.startsWith('httplog')) return;
  const before = logFormat.kind;
  logFormat.kind = before === 'httplog' ? 'tcplog' : 'tcplog clf';
  context.warnText(
    `parsing [${logFormat.file}:${logFormat.line}] : 'option ${before}' not usable with ${proxy.typeWord} ` +
      `'${proxy.name}' (needs 'mode http'). Falling back to 'option ${logFormat.kind}'.`,
  );
}

/** Compiles the section's formats. False: some are wrong, which was reported. */
export function settleFormats(proxy: ProxyDraft, context: ParseContext): boolean {
  const compiler = new FormatCompiler(proxy, context);
  if (proxy.front) {
    proxy.customLogFormat = compiler.lines();
    proxy.logFormatSd = compiler.compile(proxy.structuredData, 'log-format-sd', 'log-format-sd', AT_FE_LOG_END);
  }
  const places = (proxy.front ? AT_FE_HRQ_HDR : 0) | (proxy.back ? AT_BE_HRQ_HDR : 0);
  proxy.uniqueIdFormat = compiler.compile(proxy.uniqueId, 'unique-id', 'unique-id', places);
  proxy.errorLogFormat = compiler.compile(proxy.errorFormat, 'error-log-format', 'log-format', AT_FE_LOG_END);
  return compiler.sound;
}

function httpItem(part: FormatPart): string {
  if (part.kind === 'sample') {
    return (part.expression.uses & USE_HTTP_ANY) === 0 ? '' : `sample fetch '${part.expression.fetch}'`;
  }
  if (part.kind !== 'alias') return '';
  const alias = formatAlias(part.alias);
  const needsHttp = alias !== undefined && (alias.http || (alias.waits & (WAIT_REQUEST | WAIT_RESPONSE)) !== 0);
  return needsHttp ? `format alias '${part.alias}'` : '';
}

class FormatCompiler {
  sound = true;
  private readonly proxy: ProxyDraft;
  private readonly context: ParseContext;

  constructor(proxy: ProxyDraft, context: ParseContext) {
    this.proxy = proxy;
    this.context = context;
  }

  /** The lines' format; null: it is a built-in one that workers know by heart. */
  lines(): FormatAst | null {
    const { logFormat, requestCaptures, responseCaptures, cookieCapture, structuredData } = this.proxy;
    if (logFormat === null) return null;
    const { kind, file, line } = logFormat;
    if (kind === 'custom') return this.compile(logFormat, 'log-format', 'log-format', AT_FE_LOG_END);
    const isPlain =
      structuredData === null &&
      requestCaptures.length === 0 &&
      responseCaptures.length === 0 &&
      cookieCapture === null &&
      !kind.endsWith('clf');
    if (isPlain) return null;
    return this.compile({ text: BUILT_IN[kind], file, line }, 'log-format', 'log-format', AT_FE_LOG_END);
  }

  compile(draft: FormatDraft | null, name: string, use: UsePlace, where: number): FormatAst | null {
    if (draft === null) return null;
    const { text, file, line } = draft;
    const scope = { ...languageScope(this.context, this.proxy, use), file, line };
    const isId = use === 'unique-id';
    const parsed = parseFormat(text, scope, { where, http: isId, log: !isId, merge: isId });
    if (parsed.ok) {
      this.suspectHttp(parsed.ast);
      return parsed.ast;
    }
    this.sound = false;
    this.context.alertText(`Parsing [${file}:${line}]: failed to parse ${name} : ${parsed.error}.`);
    return null;
  }

  /** What only HTTP has, in a section that never speaks it. */
  private suspectHttp({ parts, file, line }: FormatAst): void {
    const { proxy } = this;
    if (proxy.mode === 'http' || proxy.upgradesToHttp) return;
    for (const part of parts) {
      const item = httpItem(part);
      if (item === '') continue;
      this.context.suspect(
        `parsing [${file}:${line}]: ${item} used from ${proxy.typeWord} '${proxy.name}' may not work as expected ` +
          '(item depends on HTTP proxy mode).',
      );
    }
  }
}
