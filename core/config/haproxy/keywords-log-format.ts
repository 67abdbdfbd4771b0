// `log-format` and its kin (manual §4.2 "log-format", "log-format-sd", "error-log-format", "unique-id-format",
// "unique-id-header"). The text is kept as written and compiled when the whole section is known (checks-formats.ts).

import type { ParseContext, Statement } from './context.ts';
import type { FormatDraft, LogFormatDraft, ProxyDraft } from './drafts.ts';

/** What the lines that set a traffic log's format call it. */
export function logFormatName({ kind }: LogFormatDraft): string {
  return kind === 'custom' ? 'log-format' : `option ${kind}`;
}

/** A defaults section that has a format already is told which one goes. */
export function warnOverride(name: string, proxy: ProxyDraft, context: ParseContext): void {
  if (proxy.logFormat === null || proxy.kind !== 'defaults') return;
  context.warnTight(`'${name}' overrides previous '${logFormatName(proxy.logFormat)}' in 'defaults' section.`);
}

export function warnBackend(name: string, proxy: ProxyDraft, context: ParseContext): void {
  if (!proxy.front) context.warn(`backend '${proxy.name}' : '${name}' directive is ignored in backends.`);
}

/** The format's text; null: the line was refused. */
function readText(statement: Statement, context: ParseContext): FormatDraft | null {
  const name = statement.at(0);
  const text = statement.at(1);
  if (text === '') context.alert(`${name} expects an argument.`);
  else if (statement.at(2) !== '') {
    context.alert(`${name} expects only one argument, don't forget to escape spaces!`);
  } else return { text, ...context.place };
  return null;
}

export function setCustomLogFormat(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const draft = readText(statement, context);
  if (draft === null) return;
  warnOverride('log-format', proxy, context);
  proxy.logFormat = { kind: 'custom', ...draft };
  warnBackend('log-format', proxy, context);
}

export function setLogFormatSd(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const draft = readText(statement, context);
  if (draft === null) return;
  proxy.structuredData = draft;
  warnBackend('log-format-sd', proxy, context);
}

export function setErrorLogFormat(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const draft = readText(statement, context);
  if (draft === null) return;
  if (proxy.errorFormat !== null && proxy.kind === 'defaults') {
    context.warnTight(`'error-log-format' overrides previous 'error-log-format' in 'defaults' section.`);
  }
  proxy.errorFormat = draft;
  warnBackend('error-log-format', proxy, context);
}

export function setUniqueIdFormat(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  proxy.uniqueId = readText(statement, context) ?? proxy.uniqueId;
}

export function setUniqueIdHeader(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (statement.at(1) === '') context.alert(`${statement.at(0)} expects an argument.`);
  else proxy.uniqueIdHeader = statement.at(1);
}
