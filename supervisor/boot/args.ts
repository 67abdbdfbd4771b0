// The command line, HAProxy's own (management manual §3): words in, one plain object or a verdict out.
//
// HAProxy matches options by their first letters (`-db`, `-dbug` and `-check` are all known to it), takes the value
// from the next word only, and lets the last of two equal options win. That is kept, since service files and test
// harnesses rely on it. Options that would change what weir does, and that it cannot do yet, are refused with the
// reason; options that only steer HAProxy's internals (memory poisoning, its pollers) are taken and have no effect.

import { signalNumber } from './signals.ts';

export interface CommandLine {
  files: string[]; // in order; files or directories
  folder: string; // -C; '' stay
  check: boolean; // -c
  configTest: boolean; // --config-test: keepalived's own check of a keepalived.conf
  vrrpOptional: boolean; // --vrrp-optional: the proxies run though VRRP lacks its rights
  configTestLog: string; // --config-test=FILE; '' stderr
  configId: string; // --config-id: what @id in a keepalived.conf means; '' the host name
  daemon: boolean; // -D
  foreground: boolean; // -db, or -d
  debug: boolean; // -d
  quiet: boolean; // -q
  verbose: boolean; // -V
  zeroWarning: boolean; // -dW
  diagnose: boolean; // -dD
  ignoreUnresolved: boolean; // -dr
  noSplice: boolean; // -dS, -dF, -dZ
  noReusePort: boolean; // -dR
  listLibraries: boolean; // -dL
  keywordClasses: string | null; // -dK; '' when none was named
  pidfile: string; // -p; '' none
  maxconn: number; // -n; 0 not given
  proxyMaxconn: number; // -N; 0 not given
  memoryMegabytes: number; // -m; 0 not given
  localPeer: string; // -L; '' not given
  engine: '' | 'uring' | 'epoll'; // --engine
  oldPids: number[]; // -sf, -st
  oldPidsSignal: 'SIGUSR1' | 'SIGTERM';
}

export type ArgsResult =
  | { kind: 'run'; commandLine: CommandLine }
  | { kind: 'condition'; condition: string } // -cc
  | { kind: 'version'; form: 'short' | 'long' | 'plain' | 'number' | 'branch' } // -v, -vv, -vq, -vqs, -vqb
  | { kind: 'memory-help' } // -dMhelp
  | { kind: 'signal-number'; number: number } // --signum
  | { kind: 'help' } // --help: asked for, so it is no error
  | { kind: 'usage' } // exit 1
  | { kind: 'refused'; message: string }; // exit 1

const notYet = (option: string, what: string): ArgsResult => ({
  kind: 'refused',
  message: `option '${option}' is not implemented yet: ${what}`,
});

function newCommandLine(): CommandLine {
  return {
    files: [],
    folder: '',
    check: false,
    configTest: false,
    vrrpOptional: false,
    configTestLog: '',
    configId: '',
    daemon: false,
    foreground: false,
    debug: false,
    quiet: false,
    verbose: false,
    zeroWarning: false,
    diagnose: false,
    ignoreUnresolved: false,
    noSplice: false,
    noReusePort: false,
    listLibraries: false,
    keywordClasses: null,
    pidfile: '',
    maxconn: 0,
    proxyMaxconn: 0,
    memoryMegabytes: 0,
    localPeer: '',
    engine: '',
    oldPids: [],
    oldPidsSignal: 'SIGUSR1',
  };
}

/** Reads `words` (without node and the script). Never throws; what it cannot take it names in the verdict. */
export function parseArgs(words: readonly string[]): ArgsResult {
  if (words.length === 0) return { kind: 'usage' };
  const line = newCommandLine();
  let at = 0;
  while (at < words.length) {
    const word = words[at]!;
    if (word === '--') {
      line.files.push(...words.slice(at + 1));
      break;
    }
    const step = word.startsWith('--')
      ? takeLong(line, words, at)
      : word.startsWith('-')
        ? takeShort(line, words, at)
        : { kind: 'usage' as const };
    if (typeof step !== 'number') return step;
    at += step;
  }
  return { kind: 'run', commandLine: line };
}

// Each of these returns how many words it took, or the verdict that ends the parse.
type Step = number | ArgsResult;

function takeLong(line: CommandLine, words: readonly string[], at: number): Step {
  const word = words[at]!;
  if (word === '--help') return { kind: 'help' };
  if (word === '--version') return { kind: 'version', form: 'short' };
  const equals = word.indexOf('=');
  const name = equals < 0 ? word : word.slice(0, equals);
  const glued = equals < 0 ? undefined : word.slice(equals + 1);
  if (name === '--vrrp-optional') {
    line.vrrpOptional = true;
    return 1;
  }
  if (name === '--config-test') {
    line.configTest = true;
    line.configTestLog = glued ?? '';
    return 1;
  }
  const value = glued ?? words[at + 1];
  if (name === '--config-id' && value !== undefined) {
    line.configId = value;
    return glued === undefined ? 2 : 1;
  }
  if (name === '--signum' && value !== undefined) {
    const number = signalNumber(value);
    return number === null
      ? { kind: 'refused', message: `Unknown sigfunc ${value}` }
      : { kind: 'signal-number', number };
  }
  if (name !== '--engine') return { kind: 'usage' };
  if (value !== 'uring' && value !== 'epoll') {
    return { kind: 'refused', message: `option '--engine' expects 'uring' or 'epoll', not '${value ?? ''}'` };
  }
  line.engine = value;
  return glued === undefined ? 2 : 1;
}

function takeShort(line: CommandLine, words: readonly string[], at: number): Step {
  const flag = words[at]!.slice(1);
  switch (flag[0]) {
    case 'v':
      return takeVersion(flag);
    case 'V':
      line.verbose = true;
      return 1;
    case 'd':
      return takeDebug(line, words, at);
    case 'c':
      return takeCheck(line, words, at);
    case 'D':
      line.daemon = true;
      return 1;
    case 'q':
      line.quiet = true;
      return 1;
    case 's':
      return takeOldPids(line, words, at);
    case 'h':
      return { kind: 'help' };
    case 'W':
      return notYet(words[at]!, 'weir has no master process so far; let the service manager watch it (-db or -D)');
    case 'S':
      return notYet('-S', 'the master command socket comes with the master process');
    case 'x':
      return notYet('-x', 'taking over listening sockets of a running process comes with the hand-off');
    case '4':
      return notYet('-4', 'weir does not query name servers so far');
    default:
      return takeValue(line, flag, words[at + 1]);
  }
}

function takeVersion(flag: string): ArgsResult {
  if (flag === 'vqs') return { kind: 'version', form: 'number' };
  if (flag === 'vqb') return { kind: 'version', form: 'branch' };
  if (flag === 'vq') return { kind: 'version', form: 'plain' };
  return { kind: 'version', form: flag[1] === 'v' ? 'long' : 'short' };
}

function takeCheck(line: CommandLine, words: readonly string[], at: number): Step {
  if (words[at]![2] !== 'c') {
    line.check = true;
    return 1;
  }
  const condition = words[at + 1];
  return condition === undefined ? { kind: 'usage' } : { kind: 'condition', condition };
}

function takeDebug(line: CommandLine, words: readonly string[], at: number): Step {
  const word = words[at]!;
  const rest = word.slice(3);
  switch (word[2]) {
    case 'b':
      line.foreground = true;
      return 1;
    case 'W':
      line.zeroWarning = true;
      return 1;
    case 'D':
      line.diagnose = true;
      return 1;
    case 'r':
      line.ignoreUnresolved = true;
      return 1;
    case 'S':
    case 'F': // fast-forward and zero-copy are the same thing here: splice(2)
    case 'Z':
      line.noSplice = true;
      return 1;
    case 'R':
      line.noReusePort = true;
      return 1;
    case 'L':
      line.listLibraries = true;
      return 1;
    case 'K':
      line.keywordClasses = rest;
      return 1;
    case 'M':
      return rest === 'help' ? { kind: 'memory-help' } : 1;
    case 'C':
      return notYet('-dC', 'the configuration cannot be printed back so far');
    case 'A':
      return notYet('-dA', 'weir cannot archive its libraries');
    case 't':
      return notYet('-dt', 'there are no trace sources so far');
    case 'c':
      return notYet('-dc', 'threads are not bound to CPUs so far');
    case 'e': // pollers, getaddrinfo, insecure fork, TLS verification and kTLS: nothing here that they could turn off
    case 'p':
    case 'k':
    case 'v':
    case 'G':
    case 'I':
    case 'V':
    case 'T':
      return 1;
    default:
      line.debug = true;
      line.foreground = true;
      return 1;
  }
}

function takeOldPids(line: CommandLine, words: readonly string[], at: number): Step {
  const letter = words[at]![2];
  if (letter !== 'f' && letter !== 't') return { kind: 'usage' };
  line.oldPidsSignal = letter === 'f' ? 'SIGUSR1' : 'SIGTERM';
  let next = at + 1;
  for (; next < words.length && !words[next]!.startsWith('-'); next++) {
    // A whole pid file may come as one word: "12\n".
    const text = words[next]!.trim();
    if (!/^\d{1,9}$/.test(text)) {
      return { kind: 'refused', message: `-s${letter} option: some bytes unconsumed in PID list {${text}}` };
    }
    const pid = Number(text);
    if (pid <= 0) return { kind: 'usage' };
    line.oldPids.push(pid);
  }
  return next - at;
}

function takeValue(line: CommandLine, flag: string, value: string | undefined): Step {
  if (value === undefined) return { kind: 'usage' };
  switch (flag[0]) {
    case 'C':
      line.folder = value;
      return 2;
    case 'f':
      line.files.push(value);
      return 2;
    case 'p':
      line.pidfile = value;
      return 2;
    case 'L':
      line.localPeer = value;
      return 2;
    case 'n':
      line.maxconn = leadingNumber(value);
      return 2;
    case 'N':
      line.proxyMaxconn = leadingNumber(value);
      return 2;
    case 'm':
      line.memoryMegabytes = leadingNumber(value);
      return 2;
    default:
      return { kind: 'usage' };
  }
}

// atol(3): "12k" is 12, "x" is 0; a negative limit is no limit.
function leadingNumber(text: string): number {
  const value = Number.parseInt(text, 10);
  return Number.isNaN(value) ? 0 : Math.min(Math.max(value, 0), 0x7fffffff);
}
