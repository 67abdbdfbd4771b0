// The other side of the parity tests: a HAProxy 3.4 and weir, asked about the same file.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatDiagnostics } from './diagnostics.ts';
import { loadConfiguration } from './load.ts';

const PEER = process.env['HAPROXY_PEER'] ?? 'haproxy';
const PEER_TIMEOUT_MS = 20_000;

export interface Verdict {
  readonly text: string; // the diagnostics, without what differs by nature
  readonly exitCode: number; // -1: the program was killed
}

/** Process number, versions and paths of programs differ by nature. */
function normalize(text: string): string {
  return text
    .replace(/\((\d+)\) :/g, '(pid) :')
    .replace(/haproxy version is .*/g, 'haproxy version is X')
    .replace(/path to executable is .*\n/g, 'path to executable is X\n');
}

export class Peer {
  /** Why the tests that need a HAProxy 3.4 are skipped; false when they are not. */
  readonly skip: string | false;
  private readonly directory: string;

  constructor() {
    const child = spawnSync(PEER, ['-v'], { encoding: 'utf8', timeout: PEER_TIMEOUT_MS });
    const version = /HAProxy version (\S+)/.exec(child.stdout ?? '')?.[1] ?? 'none';
    this.skip = version.startsWith('3.4')
      ? false
      : `needs a HAProxy 3.4, by HAPROXY_PEER or on PATH (found ${version})`;
    this.directory = mkdtempSync(join(tmpdir(), 'weir-parity-'));
  }

  /** Both opinions about `content`; `@DIR@` in it becomes the directory of the file. */
  judge(content: string): { expected: Verdict; actual: Verdict } {
    const file = join(this.directory, 'case.cfg');
    writeFileSync(file, content.replaceAll('@DIR@', this.directory), 'latin1');
    return { expected: askPeer(file), actual: askWeir(file) };
  }

  /** What HAProxy lists with -dK<className>. */
  dump(className: string): string {
    const child = spawnSync(PEER, [`-dK${className}`, '-q', '-c', '-f', '/dev/null'], {
      encoding: 'utf8',
      timeout: PEER_TIMEOUT_MS,
    });
    return child.stdout;
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function askPeer(file: string): Verdict {
  const child = spawnSync(PEER, ['-c', '-f', file], { encoding: 'latin1', timeout: PEER_TIMEOUT_MS });
  return { text: normalize(child.stderr), exitCode: child.status ?? -1 };
}

function askWeir(file: string): Verdict {
  const { model, diagnostics, listenerCount } = loadConfiguration({ files: [file] });
  const text = normalize(formatDiagnostics(diagnostics.entries, 1, '/x'));
  return { text, exitCode: model === null ? 1 : listenerCount === 0 ? 2 : 0 };
}
