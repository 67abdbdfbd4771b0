// What one run of the parser carries: where it is, what it has gathered, and how it complains.
//
// Every complaint goes through here, so that the layout is one: ` : ` and `: ` after the place are both HAProxy's
// and differ by keyword. A fatal alert marks the line; the reader goes on to the next one, as HAProxy does.

import type { PatternRef, Userlist } from '../../model/language.ts';
import { PatternLoader } from '../../sample/patterns/load.ts';
import type { AddressContext } from './addresses.ts';
import type { EnabledOptions } from './conditions.ts';
import type { Diagnostics } from './diagnostics.ts';
import { GlobalDraft, type HttpErrorsDraft, type Place, type ProxyDraft, type UserlistDraft } from './drafts.ts';
import type { Environment } from './environment.ts';
import type { Resolver } from './resolve.ts';

export type Negation = 'none' | 'no' | 'default';

/** The words of one line; reading past the end gives '', as HAProxy's argument list does. */
export class Statement {
  readonly words: readonly string[];
  readonly negation: Negation;

  constructor(words: readonly string[], negation: Negation) {
    this.words = words;
    this.negation = negation;
  }

  at(index: number): string {
    return this.words[index] ?? '';
  }
}

export interface ParseOptions {
  readonly diagnosticMode: boolean; // -dD
  readonly localPeerForced: boolean; // -L was given
  readonly proxyMaxconn: number; // -N
  readonly controlSockets: boolean; // `stats socket` is served
  readonly hostName: string;
  readonly enabled: EnabledOptions;
}

export type PathMode = 'current' | 'config' | 'parent' | 'origin';

export type Pass = 'discovery' | 'full';

export class ParseContext implements AddressContext {
  readonly diagnostics: Diagnostics;
  readonly environment: Environment;
  readonly resolver: Resolver;
  readonly options: ParseOptions;
  readonly global = new GlobalDraft();
  readonly proxies: ProxyDraft[] = [];
  private readonly proxiesByName = new Map<string, ProxyDraft[]>();
  readonly namedDefaults = new Map<string, ProxyDraft>();
  readonly seenOnce = new Set<string>(); // words of the global section that a second line may not repeat
  readonly patternRefs: PatternRef[] = [];
  readonly patterns: PatternLoader; // what reads them
  readonly userlists: Userlist[] = []; // users are filled in when everything is read
  readonly userlistDrafts: UserlistDraft[] = []; // the same ones, as read
  readonly httpErrors: HttpErrorsDraft[] = [];
  readonly guids = new Map<string, string>(); // guid → who has it, in HAProxy's words
  lastDefaults: ProxyDraft | null = null; // what the next unnamed reference inherits from
  proxy: ProxyDraft | null = null; // the section being read
  defaults: ProxyDraft | null = null; // what that section inherits from; itself in a `defaults` section
  pass: Pass = 'discovery';
  section = ''; // the word that opened it, '' before the first
  sectionName = ''; // for ${.SECTION}
  file = '';
  line = 0;
  private pathMode: PathMode = 'current';
  private pathBase = ''; // `default-path`: what relative paths start from, '' the working directory
  nonGlobalSeen = false;
  deprecatedAllowed = false;
  experimentalAllowed = false;
  emptyWordExplained = false; // the long explanation is printed once
  lineFatal = false;
  aborted = false;
  abandoned = false; // aborted without the closing words about the file
  fileFatal = false;

  constructor(diagnostics: Diagnostics, environment: Environment, resolver: Resolver, options: ParseOptions) {
    this.diagnostics = diagnostics;
    this.environment = environment;
    this.resolver = resolver;
    this.options = options;
    this.patterns = new PatternLoader(this);
  }

  addProxy(proxy: ProxyDraft): void {
    this.proxies.push(proxy);
    const namesakes = this.proxiesByName.get(proxy.name);
    if (namesakes === undefined) this.proxiesByName.set(proxy.name, [proxy]);
    else namesakes.push(proxy);
  }

  /** Frontends, backends and listens of that name, in the order of the files. */
  proxiesNamed(name: string): readonly ProxyDraft[] {
    return this.proxiesByName.get(name) ?? [];
  }

  get hostName(): string {
    return this.options.hostName;
  }

  /** `default-path`: relative names in the following lines start at the file's directory, its parent, or `origin`. */
  setPathBase(mode: PathMode, origin: string): void {
    this.pathMode = mode;
    if (mode === 'origin') this.pathBase = origin;
    else this.applyPathMode();
  }

  /** Called at the start of each file. */
  applyPathMode(): void {
    const directory = this.file.includes('/') ? this.file.slice(0, this.file.lastIndexOf('/')) : '';
    if (this.pathMode === 'config') this.pathBase = directory;
    else if (this.pathMode === 'parent') this.pathBase = directory === '' ? '..' : `${directory}/..`;
    else if (this.pathMode === 'current') this.pathBase = '';
  }

  /** A file name of the configuration as a path from the working directory. */
  resolvePath(path: string): string {
    return this.pathBase === '' || path.startsWith('/') ? path : `${this.pathBase}/${path}`;
  }

  get place(): Place {
    return { file: this.file, line: this.line };
  }

  /** Fatal, `parsing [file:line] : text`. */
  alert(text: string): void {
    this.alertText(`parsing [${this.file}:${this.line}] : ${text}`);
  }

  /** Fatal, `parsing [file:line]: text`. */
  alertTight(text: string): void {
    this.alertText(`parsing [${this.file}:${this.line}]: ${text}`);
  }

  alertText(text: string): void {
    this.diagnostics.add('ALERT', this.file, this.line, text);
    this.lineFatal = true;
    this.fileFatal = true;
  }

  /** An alert that spoils nothing: "already specified. Continuing." */
  complain(text: string): void {
    this.diagnostics.add('ALERT', this.file, this.line, `parsing [${this.file}:${this.line}] : ${text}`);
  }

  /** Fatal, and the file is left at this line. */
  abort(text: string): void {
    this.alertText(text);
    this.aborted = true;
  }

  /** As abort(), and nothing more is said about the file. */
  abandon(text: string): void {
    this.abort(text);
    this.abandoned = true;
  }

  warn(text: string): void {
    this.warnText(`parsing [${this.file}:${this.line}] : ${text}`);
  }

  warnTight(text: string): void {
    this.warnText(`parsing [${this.file}:${this.line}]: ${text}`);
  }

  warnText(text: string): void {
    this.diagnostics.add('WARNING', this.file, this.line, text);
  }

  /** Only with -dD. */
  suspect(text: string): void {
    if (this.options.diagnosticMode) this.diagnostics.add('DIAG', this.file, this.line, text);
  }

  unknownKeyword(word: string, hint: string): void {
    const suffix = hint === '' ? '' : `; did you mean '${hint}' maybe ?`;
    this.alert(`unknown keyword '${word}' in '${this.section}' section${suffix}`);
  }

  /** weir's own refusal: the operator must not wonder whether the word was misspelt. */
  notImplemented(what: string): void {
    this.alert(`in '${this.section}' section: ${notImplementedText(what)}`);
  }

  /** True, after an alert, when there are more than `max` words behind word `index`. */
  tooManyWords(statement: Statement, max: number, index = 0): boolean {
    const extra = statement.at(index + max + 1);
    if (extra === '') return false;
    const keyword = statement.words.slice(0, index + 1).join(' ');
    this.alert(`'${keyword}' cannot handle unexpected argument '${extra}'.`);
    return true;
  }

  /** True, after a warning, when `proxy` lacks the side that `keyword` is for. */
  warnSide(proxy: ProxyDraft, side: 'front' | 'back' | 'both', keyword: string, hint = ''): boolean {
    const fits = side === 'both' ? proxy.front || proxy.back : proxy[side];
    if (fits) return false;
    const missing = side === 'front' ? 'no frontend' : 'no backend';
    this.warn(`'${keyword}' ignored because ${proxy.typeWord} '${proxy.name}' has ${missing} capability.${hint}`);
    return true;
  }
}

/** The one sentence for every word of HAProxy 3.4 that weir does not have. */
export function notImplementedText(what: string): string {
  return `'${what}' is known to HAProxy 3.4 but not implemented by weir yet.`;
}
