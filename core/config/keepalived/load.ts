// keepalived.conf → VrrpModel: the door of this room (keepalived.conf(5), keepalived(8) "--config-test").
//
// Nothing is opened or set but the files read. The lines are gone through twice, as keepalived's processes do: first
// for global_defs, whose defaults hold for every instance, then for everything else.

import { readFileSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import type { VrrpModel } from '../../model/vrrp.ts';
import { buildModel } from './build.ts';
import { completeAll } from './complete.ts';
import {
  ConfigStop,
  type ConfigTestCode,
  formatDiagnostic,
  type KeepalivedDiagnostic,
  KeepalivedDiagnostics,
} from './diagnostics.ts';
import { type KeywordTable, Parse, type Row } from './keyword-table.ts';
import { blockKeywords } from './keywords-blocks.ts';
import { globalKeywords } from './keywords-global.ts';
import { instanceBlock } from './keywords-instance.ts';
import { lvsBlocks } from './keywords-lvs.ts';
import { processKeywords, topKeywords } from './keywords-process.ts';
import { type LineSource, Reader, Replay } from './reader.ts';
import { RouteNames } from './route-names.ts';
import { ScriptUsers } from './script-users.ts';
import { keepBlock, walk } from './walk.ts';

export { formatDiagnostic, type KeepalivedDiagnostic };

/** Everything has the default of a plain start. */
export interface KeepalivedOptions {
  readonly configId?: string; // -i: what @id means and ${_INSTANCE} is; the host name up to its first dot
  readonly environment?: Readonly<Record<string, string | undefined>>; // for ${_ENV NAME}; process.env
  /** Interfaces that exist (systemInterfaces()); null, the default: any may come to exist. */
  readonly interfaces?: ReadonlySet<string> | null;
  readonly hostName?: string;
  readonly cpuCount?: number;
  readonly random?: () => number; // for ${_RANDOM}: 0 to 2^31-1
}

export interface KeepalivedResult {
  /** null: there is an error, and nothing to run. */
  readonly model: VrrpModel | null;
  /** In the order they were found; formatDiagnostic() writes one as keepalived does. */
  readonly diagnostics: readonly KeepalivedDiagnostic[];
  /** What `--config-test` answers: 0 no mistake, 2 a parameter missing, 4 cannot run, 5 mistakes, 6 security or files. */
  readonly exitCode: ConfigTestCode;
}

/** Reads `files` one after the other as if they were one; see KeepalivedOptions and KeepalivedResult. */
export function loadKeepalived(files: readonly string[], options: KeepalivedOptions = {}): KeepalivedResult {
  const diagnostics = new KeepalivedDiagnostics();
  const model = load(files, options, diagnostics);
  const { entries, exitCode } = diagnostics;
  return { model: diagnostics.refused ? null : model, diagnostics: entries, exitCode };
}

function load(
  files: readonly string[],
  options: KeepalivedOptions,
  diagnostics: KeepalivedDiagnostics,
): VrrpModel | null {
  const hostName = options.hostName ?? hostname();
  const parse = new Parse(
    diagnostics,
    {
      interfaces: options.interfaces ?? null,
      hostName,
      cpuCount: options.cpuCount ?? availableParallelism(),
    },
    { users: new ScriptUsers(diagnostics), routeNames: new RouteNames() },
  );
  const surroundings = {
    configId: options.configId ?? hostName.replace(/\..*$/s, ''),
    environment: options.environment ?? process.env,
    random: options.random ?? ((): number => Math.floor(Math.random() * 0x8000_0000)),
  };
  const reader = new Reader(files, surroundings, diagnostics);
  parse.setIncludeCheck = (change) => {
    reader.includes.check = change(reader.includes.check);
  };
  try {
    walk(reader, globalTable(), parse);
    diagnostics.at('', 0);
    if (reader.includes.failed) {
      diagnostics.exitCode = 6;
      return null;
    }
    const replay = new Replay(reader.lines, diagnostics);
    walk(replay, blockTable(replay), parse);
    diagnostics.at('', 0);
    if (parse.interfaceMissing) {
      diagnostics.error('Non-existent interface specified in configuration', 4);
      return null;
    }
    if (!completeAll(parse)) return null;
    if (parse.draft.virtualServers.length > 0) sayServersWait(parse);
    return buildModel(parse, reader.includes.files);
  } catch (error) {
    if (error instanceof ConfigStop) return null;
    throw error;
  }
}

function sayServersWait(parse: Parse): void {
  const first = parse.draft.virtualServers[0]!;
  parse.diagnostics.at(first.file, first.line);
  parse.diagnostics.remark('virtual_server blocks are read and kept, but weir does not drive LVS yet');
}

const passOver: Row = { set: (_words, parse) => parse.skipBlock(false) };

/** The first time: global_defs and the words beside the blocks. */
function globalTable(): KeywordTable {
  const others = [...Object.keys(blockKeywords), ...Object.keys(lvsBlocks), 'vrrp_instance'];
  return {
    ...Object.fromEntries(others.map((word) => [word, passOver])),
    ...topKeywords,
    global_defs: { set: () => {}, body: { ...globalKeywords, ...processKeywords } },
  };
}

/** The second time: everything else. */
function blockTable(source: LineSource): KeywordTable {
  const nothing: Row = { set: () => {} };
  const kept = Object.entries(lvsBlocks).map(([word, table]): [string, Row] => [
    word,
    { set: (words, parse) => parse.draft.virtualServers.push(keepBlock(source, words, table, parse)) },
  ]);
  return {
    ...Object.fromEntries(Object.keys(topKeywords).map((word) => [word, nothing])),
    global_defs: passOver,
    ...blockKeywords,
    vrrp_instance: instanceBlock,
    ...Object.fromEntries(kept),
  };
}

/** The interfaces of this network namespace; null when they cannot be read. */
export function systemInterfaces(): ReadonlySet<string> | null {
  let text: string;
  try {
    text = readFileSync('/proc/self/net/dev', 'utf8');
  } catch {
    return null;
  }
  return new Set([...text.matchAll(/^\s*([^\s:]+):/gm)].map((match) => match[1]!));
}
