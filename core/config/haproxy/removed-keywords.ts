// Proxy keywords that HAProxy once had and refuses today, with its advice (old configuration files are full of them).

import type { Statement } from './context.ts';

export interface Removal {
  readonly text: string;
  readonly tight: boolean; // `parsing [file:line]: ` instead of ` : `
}

const use = (word: string, advice: string): string =>
  `The '${word}' directive is not supported anymore since HAProxy 2.1. ${advice}`;

const REPLACEMENTS: Readonly<Record<string, string>> = {
  reqdel: "Use 'http-request del-header' instead.",
  reqallow: "Use 'http-request allow' instead.",
  reqtarpit: "Use 'http-request tarpit' instead.",
  reqirep: "Use 'http-request replace-header' instead.",
  reqidel: "Use 'http-request del-header' instead.",
  reqideny: "Use 'http-request deny' instead.",
  reqiallow: "Use 'http-request allow' instead.",
  reqitarpit: "Use 'http-request tarpit' instead.",
  reqadd: "Use 'http-request add-header' instead.",
  srvexp: "Use 'http-response replace-header' instead.",
  rsprep: "Use 'http-response replace-header' instead.",
  rspdel: "Use 'http-response del-header' .",
  rspdeny: "Use 'http-response deny' instead.",
  rspirep: "Use 'http-response replace-header' instead.",
  rspidel: "Use 'http-response del-header' instead.",
  rspideny: "Use 'http-response deny' instead.",
  rspadd: "Use 'http-response add-header' instead.",
  cliexp: "Use 'http-request replace-path', 'http-request replace-uri' or 'http-request replace-header' instead.",
  reqrep: "Use 'http-request replace-path', 'http-request replace-uri' or 'http-request replace-header' instead.",
  block: "Use 'http-request deny' which uses the exact same syntax.",
};

const TEXTS: Readonly<Record<string, string>> = {
  reqdeny: "The 'reqdeny' not supported anymore since HAProxy 2.1. Use 'http-request deny' instead.",
  reqpass: "The 'reqpass' not supported anymore since HAProxy 2.1.",
  reqipass: "The 'reqipass' directive is not supported anymore since HAProxy 2.1.",
  appsession: "'appsession' is not supported anymore since HAProxy 1.6.",
  redispatch: "keyword 'redispatch' directive is not supported anymore since HAProxy 2.1. Use 'option redispatch'.",
  redisp: "keyword 'redisp' directive is not supported anymore since HAProxy 2.1. Use 'option redispatch'.",
  clitimeout: "the 'clitimeout' directive is not supported anymore since HAProxy 2.1. Use 'timeout client'.",
  srvtimeout: "the 'srvtimeout' directive is not supported anymore since HAProxy 2.1. Use 'timeout server'.",
  contimeout: "the 'contimeout' directive is not supported anymore since HAProxy 2.1. Use 'timeout connect'.",
  usesrc: "'usesrc' only allowed after a 'source' statement.",
};

const TIGHT: Readonly<Record<string, string>> = {
  'bind-process': "'bind-process' is not supported anymore.",
  grace: "the 'grace' keyword is not supported any more since HAProxy version 2.5.",
};

/** null: the word was never HAProxy's, or still is. */
export function removedKeyword(statement: Statement): Removal | null {
  const word = statement.at(0);
  if (word === 'monitor-net') {
    const advice = `Please use 'http-request return status 200 if { src ${statement.at(1)} }' instead.`;
    return { text: `'monitor-net' doesn't exist anymore. ${advice}`, tight: false };
  }
  if (Object.hasOwn(REPLACEMENTS, word)) return { text: use(word, REPLACEMENTS[word]!), tight: false };
  if (Object.hasOwn(TEXTS, word)) return { text: TEXTS[word]!, tight: false };
  if (Object.hasOwn(TIGHT, word)) return { text: TIGHT[word]!, tight: true };
  return null;
}
