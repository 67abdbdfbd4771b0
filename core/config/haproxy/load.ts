// Configuration files → Model: the door of this room (manual §2, management guide §3).
//
// Synchronous and without side effects on the process: files are read, names resolved, nothing is opened or set.
// All findings are in `diagnostics`, in the order HAProxy prints them; `model` is null when any of them is fatal.
// Printing, exit codes and the words on stdout ("Warnings were found.") are the caller's.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { HAPROXY_BRANCH, VERSION_TEXT } from '../../base/version.ts';
import type { Global, Model } from '../../model/model.ts';
import { buildModel } from './build.ts';
import { checkProxies } from './checks.ts';
import { ENABLED_DEFAULT, type EnabledOptions } from './conditions.ts';
import { ParseContext } from './context.ts';
import { Diagnostics } from './diagnostics.ts';
import { Environment } from './environment.ts';
import { readFile } from './reader.ts';
import { type AskNames, Resolver } from './resolve.ts';
import { resolveUserlists } from './sections-userlist.ts';
import { resolveServers } from './server-addresses.ts';
import { fromBytes, toBytes } from './text.ts';

/** Everything but `files` has the default of a plain start. */
export interface LoadOptions {
  readonly files: readonly string[]; // -f: files, or directories of *.cfg, in order
  readonly environment?: Readonly<Record<string, string | undefined>>; // process.env
  readonly programName?: string; // the default log tag; "haproxy"
  readonly daemon?: boolean; // -D
  readonly foreground?: boolean; // -db: `daemon` in the file does not count
  readonly pidfile?: string; // -p
  readonly maxconn?: number; // -n
  readonly proxyMaxconn?: number; // -N
  readonly localPeer?: string; // -L
  readonly engine?: Global['engine']; // --engine
  readonly splice?: boolean; // false: -dS
  readonly reusePort?: boolean; // false: -dR
  readonly diagnosticMode?: boolean; // -dD
  readonly resolveFailuresIgnored?: boolean; // -dr
  readonly warningsAreFatal?: boolean; // -dW; `zero-warning` in the file does the same
  readonly controlSockets?: boolean; // true: something will serve `stats socket`
  readonly enabled?: EnabledOptions; // what `.if enabled(…)` answers
  readonly cpuCount?: number; // usable CPUs, the default of nbthread
  readonly hostName?: string;
  readonly askNames?: AskNames; // how host names are resolved
}

export interface LoadResult {
  readonly model: Model | null;
  readonly diagnostics: Diagnostics;
  readonly listenerCount: number; // of enabled proxies; 0: "will not start (no listener)", exit code 2
  readonly environment: Environment; // with what setenv and HAProxy itself set; to be exported by the process
}

interface ConfigFile {
  readonly name: string; // as a byte string, as shown in messages
  readonly content: string;
}

const FORMAT_HTTP =
  '%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r';
const FORMAT_VARIABLES: readonly (readonly [string, string])[] = [
  ['HAPROXY_HTTP_LOG_FMT', FORMAT_HTTP],
  [
    'HAPROXY_HTTP_CLF_LOG_FMT',
    '%{+Q}o %{-Q}ci - - [%trg] %r %ST %B "" "" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc ' +
      '%sq %bq %CC %CS %hrl %hsl',
  ],
  [
    'HAPROXY_HTTPS_LOG_FMT',
    `${FORMAT_HTTP} %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] ` +
      '%[ssl_fc_sni]/%sslv/%sslc',
  ],
  ['HAPROXY_TCP_LOG_FMT', '%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq'],
  [
    'HAPROXY_TCP_CLF_LOG_FMT',
    '%{+Q}o %{-Q}ci - - [%T] "TCP " 000 %B "" "" %cp %ms %ft %b %s %Th %Tw %Tc %Tt %U %ts-- %ac %fc %bc %sc %rc ' +
      '%sq %bq "" "" ',
  ],
];

const KEYLOG_SECRETS: readonly (readonly [string, string])[] = [
  ['CLIENT_RANDOM', 'session_key,hex'],
  ['CLIENT_EARLY_TRAFFIC_SECRET', 'client_early_traffic_secret'],
  ['CLIENT_HANDSHAKE_TRAFFIC_SECRET', 'client_handshake_traffic_secret'],
  ['SERVER_HANDSHAKE_TRAFFIC_SECRET', 'server_handshake_traffic_secret'],
  ['CLIENT_TRAFFIC_SECRET_0', 'client_traffic_secret_0'],
  ['SERVER_TRAFFIC_SECRET_0', 'server_traffic_secret_0'],
  ['EXPORTER_SECRET', 'exporter_secret'],
  ['EARLY_EXPORTER_SECRET', 'early_exporter_secret'],
];

/** The log format of TLS secrets on one side, in the key log's notation. */
function keylogFormat(side: 'fc' | 'bc'): string {
  const line = ([label, secret]: readonly [string, string]): string =>
    `${label} %[ssl_${side}_client_random,hex] %[ssl_${side}_${secret}]`;
  return KEYLOG_SECRETS.map(line).join('\n');
}

/** Reads, checks and builds; see LoadOptions and LoadResult. */
export function loadConfiguration(options: LoadOptions): LoadResult {
  const diagnostics = new Diagnostics();
  const environment = new Environment(options.environment ?? process.env);
  if (environment.get('HAPROXY_STARTUP_VERSION') === null) environment.set('HAPROXY_STARTUP_VERSION', VERSION_TEXT);
  const hostName = options.hostName ?? hostname();
  const context = new ParseContext(diagnostics, environment, new Resolver(options.askNames), {
    diagnosticMode: options.diagnosticMode ?? false,
    localPeerForced: options.localPeer !== undefined,
    proxyMaxconn: options.proxyMaxconn ?? 0,
    controlSockets: options.controlSockets ?? false,
    hostName: toBytes(hostName),
    enabled: enabledOptions(options),
  });
  applyCommandLine(context, options, hostName);
  const loaded = new Loader(context, options).run();
  diagnostics.prefix = '';
  const listenerCount = countListeners(context);
  return { model: loaded, diagnostics, listenerCount, environment };
}

function enabledOptions(options: LoadOptions): EnabledOptions {
  const enabled = new Set(options.enabled ?? ENABLED_DEFAULT);
  if (options.splice === false) enabled.delete('SPLICE');
  if (options.reusePort === false) enabled.delete('REUSEPORT');
  return enabled;
}

function applyCommandLine(context: ParseContext, options: LoadOptions, hostName: string): void {
  const { global } = context;
  global.daemon = options.daemon ?? false;
  global.pidfile = toBytes(options.pidfile ?? '');
  global.localPeer = toBytes(options.localPeer ?? hostName);
  global.splice = options.splice ?? true;
  global.reusePort = options.reusePort ?? true;
}

function countListeners(context: ParseContext): number {
  let count = 0;
  for (const proxy of context.proxies) {
    if (!proxy.disabled && proxy.front) for (const bind of proxy.binds) count += bind.listeners.length;
  }
  return count;
}

class Loader {
  private readonly context: ParseContext;
  private readonly options: LoadOptions;

  constructor(context: ParseContext, options: LoadOptions) {
    this.context = context;
    this.options = options;
  }

  run(): Model | null {
    const { context, options } = this;
    context.diagnostics.prefix = 'config : ';
    const files = this.openFiles();
    if (files === null || !this.pass('discovery', files)) return null;
    context.environment.set('HAPROXY_LOCALPEER', context.global.localPeer);
    context.nonGlobalSeen = false;
    if (!this.pass('full', files)) return null;
    context.environment.set('HAPROXY_CFGFILES', files.map((file) => file.name).join(';'));

    context.diagnostics.prefix = '';
    if (!resolveUserlists(context)) return null;
    if (!checkProxies(context)) return null;
    if (!resolveServers(context, options.resolveFailuresIgnored ?? false)) return null;
    const strict = context.global.zeroWarning || options.warningsAreFatal === true;
    if (strict && context.diagnostics.warningCount > 0) {
      context.alertText(`Some warnings were found and 'zero-warning' is set. Aborting.`);
      return null;
    }
    if (options.foreground === true) context.global.daemon = false;
    return buildModel(
      context,
      files.map((file) => fromBytes(file.name)),
      {
        maxconn: options.maxconn ?? 0,
        engine: options.engine ?? '',
        cpuCount: options.cpuCount ?? availableParallelism(),
        programName: options.programName ?? 'haproxy',
      },
    );
  }

  /** One of the two readings. False: there were errors, all reported. */
  private pass(pass: ParseContext['pass'], files: readonly ConfigFile[]): boolean {
    const { context } = this;
    const { environment } = context;
    context.pass = pass;
    for (const [name, format] of FORMAT_VARIABLES) environment.set(name, format);
    environment.set('HAPROXY_KEYLOG_FC_LOG_FMT', keylogFormat('fc'));
    environment.set('HAPROXY_KEYLOG_BC_LOG_FMT', keylogFormat('bc'));
    environment.set('HAPROXY_BRANCH', HAPROXY_BRANCH);
    let sound = true;
    for (const file of files) {
      readFile(file.name, file.content, context);
      if (!context.fileFatal) continue;
      sound = false;
      if (context.abandoned) return false;
      context.diagnostics.alert(`Error(s) found in configuration file : ${file.name}`);
      if (context.aborted) return false;
    }
    for (const [name] of FORMAT_VARIABLES) environment.unset(name);
    if (!sound) context.diagnostics.alert('Fatal errors found in configuration.');
    return sound;
  }

  /** All files, directories replaced by what they hold. null after an alert. */
  private openFiles(): ConfigFile[] | null {
    const files: ConfigFile[] = [];
    for (const path of this.options.files) {
      const paths = this.expand(path);
      if (paths === null) return null;
      for (const each of paths) {
        const content = this.readContent(each);
        if (content === null) return null;
        files.push({ name: toBytes(each), content });
      }
    }
    return files;
  }

  private expand(path: string): string[] | null {
    const { diagnostics } = this.context;
    const problem = (what: string, error: unknown): null => {
      diagnostics.alert(`Cannot open configuration ${what} ${toBytes(path)} : ${errorText(error)}`);
      return null;
    };
    try {
      if (!statSync(path).isDirectory()) return [path];
    } catch (error) {
      return problem('file/directory', error);
    }
    let names: string[];
    try {
      names = readdirSync(path);
    } catch (error) {
      return problem('directory', error);
    }
    // A name ends at its first ".cfg": "a.cfg.cfg" is passed over, as HAProxy does.
    const chosen = names.filter((name) => !name.startsWith('.') && name.indexOf('.cfg') === name.length - 4);
    const paths = chosen.sort(compareBytes).map((name) => `${path}/${name}`);
    try {
      return paths.filter((each) => statSync(each).isFile());
    } catch (error) {
      return problem('file', error);
    }
  }

  private readContent(path: string): string | null {
    try {
      return readFileSync(path, 'latin1');
    } catch (error) {
      const text = `Could not open configuration file ${toBytes(path)} : ${errorText(error)}`;
      this.context.diagnostics.alert(text);
      return null;
    }
  }
}

function compareBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

const ERROR_TEXTS: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  EISDIR: 'Is a directory',
  ELOOP: 'Too many levels of symbolic links',
  EMFILE: 'Too many open files',
  ENAMETOOLONG: 'File name too long',
  ENOENT: 'No such file or directory',
  ENOTDIR: 'Not a directory',
};

function errorText(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return ERROR_TEXTS[code] ?? message;
}
