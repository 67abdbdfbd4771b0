// `userlist` sections: users, their passwords and groups (manual §3.4).
//
// A userlist is in context.userlists from its opening line on, so that rules can refer to it; who is in which group is
// settled by resolveUserlists when everything is read, with HAProxy's words and in its order (last line first).

import { crypt, isForeignHash, lighterSetting } from '../../sample/crypt.ts';
import type { ParseContext, Statement } from './context.ts';
import type { UserDraft, UserlistDraft } from './drafts.ts';
import { type Keyword, tableOf } from './keyword-table.ts';
import { invalidNameChar } from './text.ts';

const SLOW_MS = 10;
const RUN_COUNT = 3; // the first one warms up

export function openUserlist(statement: Statement, context: ParseContext): void {
  const name = statement.at(1);
  if (!expectsName(statement, context) || context.tooManyWords(statement, 1)) return;
  if (!isName(statement, context)) return;
  if (context.userlists.some((list) => list.name === name)) {
    context.warnTight(`ignoring duplicated userlist '${name}'.`);
    return;
  }
  const draft: UserlistDraft = { name, users: [], groups: [] };
  context.userlistDrafts.push(draft);
  context.userlists.push({ name, users: [] });
}

function expectsName(statement: Statement, context: ParseContext): boolean {
  if (statement.at(1) !== '') return true;
  context.alertTight(`'${statement.at(0)}' expects <name> as arguments.`);
  return false;
}

function isName(statement: Statement, context: ParseContext): boolean {
  const wrong = invalidNameChar(statement.at(1));
  if (wrong === null || wrong === '') return true;
  context.alertTight(`character '${wrong}' is not permitted in '${statement.at(0)}' name '${statement.at(1)}'.`);
  return false;
}

/** Lines belong to the userlist made last, also behind an opening line that made none. */
export function parseUserlistLine(statement: Statement, context: ParseContext): void {
  const keyword = table.get(statement.at(0));
  if (keyword === undefined) {
    context.alertTight(`unknown keyword '${statement.at(0)}' in 'userlist' section`);
    return;
  }
  if (expectsName(statement, context)) keyword.set(statement, context.userlistDrafts.at(-1) ?? null, context);
}

function group(statement: Statement, list: UserlistDraft | null, context: ParseContext): void {
  const name = statement.at(1);
  if (!isName(statement, context) || list === null) return;
  if (list.groups.some((each) => each.name === name)) {
    context.warnTight(`ignoring duplicated group '${name}' in userlist '${list.name}'.`);
    return;
  }
  let users: string | null = null;
  for (let at = 2; statement.at(at) !== ''; at += 2) {
    if (statement.at(at) !== 'users') {
      context.alertTight(`'group' only supports 'users' option.`);
      return;
    }
    if (users !== null) {
      context.alertTight(`'users' option already defined in 'group' name '${name}'.`);
      return;
    }
    users = statement.at(at + 1);
  }
  list.groups.push({ name, users: users ?? '' });
}

function user(statement: Statement, list: UserlistDraft | null, context: ParseContext): void {
  if (list === null) return;
  const name = statement.at(1);
  if (list.users.some((each) => each.name === name)) {
    context.warnTight(`ignoring duplicated user '${name}' in userlist '${list.name}'.`);
    return;
  }
  // Without a password nobody is let in: no text has the empty hash.
  const draft: UserDraft = { name, password: '', isHashed: true, groupNames: '', groups: [] };
  list.users.push(draft);
  for (let at = 2; statement.at(at) !== ''; at += 2) {
    const value = statement.at(at + 1);
    switch (statement.at(at)) {
      case 'password':
        if (!judgeHash(value, name, context)) return;
        draft.password = value;
        break;
      case 'insecure-password':
        draft.password = value;
        draft.isHashed = false;
        break;
      case 'groups':
        draft.groupNames = value;
        break;
      default:
        context.alertTight(`'user' only supports 'password', 'insecure-password' and 'groups' options.`);
        return;
    }
  }
}

/** False, after an alert: a hash of a kind that cannot be verified here. A text that is no hash passes, and never matches. */
function judgeHash(hash: string, name: string, context: ParseContext): boolean {
  if (isForeignHash(hash)) {
    context.alertTight(`the encrypted password used for user '${name}' is not supported by crypt(3).`);
    return false;
  }
  const elapsedMs = estimateMs(hash);
  if (elapsedMs >= SLOW_MS) {
    context.warnTight(
      `the hash algorithm used for this password takes ${elapsedMs} milliseconds to verify, which can have devastating ` +
        'performance and stability impacts. Please hash this password using a lighter algorithm (one that is compatible ' +
        'with web usage).',
    );
  }
  return true;
}

/** Whole milliseconds it takes to verify such a hash; 0 where nothing says that it is more than the usual. */
function estimateMs(hash: string): number {
  const lighter = lighterSetting(hash);
  if (lighter === null) return 0;
  let bestMs = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUN_COUNT; run++) {
    const before = performance.now();
    crypt(new Uint8Array(0), lighter.setting);
    bestMs = Math.min(bestMs, performance.now() - before);
  }
  return Math.floor(bestMs * lighter.factor);
}

type UserlistKeyword = Omit<Keyword<UserlistDraft | null>, 'args'>;

export const userlistKeywords: readonly UserlistKeyword[] = [
  { name: 'group', listed: true, set: group },
  { name: 'user', listed: true, set: user },
];

const table = tableOf(userlistKeywords);

const wordsOf = (text: string): string[] => text.split(',').filter((word) => word !== '');

/** Puts users into their groups, whichever side named the other. False, after an alert: a name is unknown. */
export function resolveUserlists(context: ParseContext): boolean {
  for (let index = context.userlistDrafts.length - 1; index >= 0; index--) {
    const draft = context.userlistDrafts[index]!;
    const problem = resolveGroups(draft);
    if (problem !== null) {
      context.diagnostics.alert(`userlist '${draft.name}': ${problem}`);
      return false;
    }
    const users = draft.users.map(({ name, password, isHashed, groups }) => ({ name, password, isHashed, groups }));
    context.userlists[index] = { name: draft.name, users };
  }
  return true;
}

function resolveGroups(list: UserlistDraft): string | null {
  for (const each of [...list.users].reverse()) {
    for (const name of wordsOf(each.groupNames)) {
      if (!list.groups.some((other) => other.name === name)) {
        return `no such group '${name}' specified in user '${each.name}'`;
      }
      join(each, name);
    }
  }
  for (const each of [...list.groups].reverse()) {
    for (const name of wordsOf(each.users)) {
      const member = list.users.find((other) => other.name === name);
      if (member === undefined) return `no such user '${name}' specified in group '${each.name}'`;
      join(member, each.name);
    }
  }
  return null;
}

function join(member: UserDraft, name: string): void {
  if (!member.groups.includes(name)) member.groups.push(name);
}
