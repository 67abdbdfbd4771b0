// `npm start`, `npm test` and the others: installs what is missing, then runs the task with the pinned Node.
//
// The only file that runs on whatever Node (18 or newer) the machine has, since before the install there is no
// other: hence plain JavaScript without any import from the project.
//
//   node supervisor/boot/npm-scripts.mjs start [weir's own options]   without options: the demo
//   node supervisor/boot/npm-scripts.mjs test [files]                 types, lint, then every test
//   node supervisor/boot/npm-scripts.mjs check                        types, lint and the layout's rules
//   node supervisor/boot/npm-scripts.mjs fuzz [name [seed]]           FUZZ_CASES (1000000) cases of each fuzzer
//   node supervisor/boot/npm-scripts.mjs bench [options]

import { spawn } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const HOME = fileURLToPath(new URL('../..', import.meta.url));
const BIN = join(HOME, 'node_modules', '.bin');
const NODE = join(BIN, 'node');
const ROOMS = ['core', 'workers', 'supervisor', 'bench'];
const TEST_TIMEOUT_MS = 240_000; // of one test file: a hanging test must not hang the run
const FUZZ_CASES = '1000000';

const [task = '', ...words] = process.argv.slice(2);
const tasks = { start, test, check, fuzz, bench };
if (!Object.hasOwn(tasks, task)) {
  console.error(`usage: npm-scripts.mjs ${Object.keys(tasks).join('|')} [words]`);
  process.exit(1);
}
await ensureInstalled();
process.exit(await tasks[task](words));

async function start(args) {
  if (args.length > 0) return await run(join(HOME, 'supervisor', 'weir'), args);
  return await node('bench/rig/demo.ts');
}

async function test(files) {
  if (files.length === 0) {
    const code = (await types()) || (await lint());
    if (code !== 0) return code;
  }
  const all = filesEnding('.test.ts');
  const chosen = files.length === 0 ? all : all.filter((path) => files.some((word) => path.includes(word)));
  if (chosen.length === 0) {
    console.error(`no test file matches ${files.join(' ')}`);
    return 1;
  }
  return await runTests(chosen, []);
}

async function check() {
  return (await types()) || (await lint()) || (await runTests(['core/testing/tidy.test.ts'], []));
}

async function fuzz([name = '', seed = '']) {
  process.env.FUZZ_CASES ??= FUZZ_CASES;
  if (seed !== '') process.env.FUZZ_SEED = seed;
  const files = [...filesEnding('.test.ts'), ...filesEnding('.fuzz.ts')].filter((path) =>
    /^import .*testing\/fuzz\.ts/m.test(readFileSync(join(HOME, path), 'utf8')),
  );
  return await runTests(files, [`--test-name-pattern=^fuzz: ${name}`]);
}

async function bench(args) {
  return await node('bench/load/run.ts', ...args);
}

function types() {
  return run(join(BIN, 'tsc'), ['--noEmit', '-p', HOME]);
}

function lint() {
  return run(join(BIN, 'biome'), ['check', '--error-on-warnings', '.']);
}

// The spec reporter repeats all failures and ends with the totals. One file at a time: many start proxies, origins and
// clients of their own and watch timeouts of some hundred milliseconds.
function runTests(files, options) {
  return node(
    '--test',
    '--test-reporter=spec',
    '--test-concurrency=1',
    ...(process.env.FUZZ_CASES === undefined ? [`--test-timeout=${TEST_TIMEOUT_MS}`] : []),
    ...options,
    ...files,
  );
}

function node(...args) {
  return run(NODE, ['--disable-warning=ExperimentalWarning', ...args]);
}

function filesEnding(suffix) {
  const found = [];
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.name.endsWith(suffix)) found.push(relative(HOME, path));
    }
  };
  for (const room of ROOMS) {
    try {
      walk(join(HOME, room));
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
  return found.sort();
}

// Runs a program in the project's folder of words as the user typed them, and gives its exit code. Ctrl-C reaches
// the child by the terminal, so here it is only waited out; other signals are passed on.
function run(program, args) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: 'inherit',
      cwd: task === 'start' ? (process.env.INIT_CWD ?? process.cwd()) : HOME,
      env: environment(),
    });
    const ignore = () => {};
    const pass = (signal) => child.kill(signal);
    process.on('SIGINT', ignore);
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR2']) process.on(signal, pass);
    child.on('error', (error) => {
      console.error(`cannot run ${program}: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code, signal) => {
      process.off('SIGINT', ignore);
      for (const each of ['SIGTERM', 'SIGHUP', 'SIGUSR2']) process.off(each, pass);
      resolve(code ?? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 1));
    });
  });
}

function environment() {
  return { ...process.env, PATH: `${BIN}${delimiter}${process.env.PATH ?? ''}` };
}

async function ensureInstalled() {
  const reason = missing();
  if (reason === '') return;
  console.error(`${reason}: running npm install`);
  // The install replaces node_modules, so npm must not run on the Node in there.
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.endsWith(join('node_modules', '.bin')));
  const code = await new Promise((resolve) => {
    // Not `npm ci`: it refuses a lock file that does not list other systems' optional packages. This installs the
    // locked versions all the same, and --no-save leaves the lock file as it is.
    const options = ['--no-save', '--no-audit', '--no-fund', '--include=dev', '--include=optional'];
    const child = spawn('npm', ['install', ...options], {
      stdio: ['ignore', 2, 2],
      cwd: HOME,
      env: { ...process.env, PATH: path.join(delimiter), NODE_ENV: 'development' },
    });
    child.on('error', (error) => {
      console.error(`cannot run npm: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (exitCode) => resolve(exitCode ?? 1));
  });
  const left = code === 0 ? missing() : `npm install ended with exit code ${code}`;
  if (left === '') return;
  console.error(`the installation is not complete: ${left}`);
  process.exit(1);
}

// Why an install is needed, or ''. Compares what the lock file asks for with what npm says it has put there; times
// of files say nothing after a git checkout.
function missing() {
  let installed;
  try {
    installed = JSON.parse(readFileSync(join(HOME, 'node_modules', '.package-lock.json'), 'utf8')).packages;
  } catch {
    return 'the dependencies are not installed';
  }
  const wanted = JSON.parse(readFileSync(join(HOME, 'package-lock.json'), 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const have = installed[path];
    if (have === undefined && entry.optional) continue;
    if (have?.version !== entry.version) return `${path} is not installed as the lock file wants it`;
  }
  try {
    accessSync(NODE, constants.X_OK);
  } catch {
    return 'the pinned Node is not installed';
  }
  return '';
}
