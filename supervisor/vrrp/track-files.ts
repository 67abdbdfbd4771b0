// vrrp_track_file: a number in a file, looked at when the file changes (keepalived.conf(5) "track_file").
//
// The folder is watched, since files are often replaced rather than written. A file that is not there counts as 0, as
// does one whose first word is no number.

import { existsSync, type FSWatcher, readFileSync, watch, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { VrrpModel, VrrpTrackFile } from '../../core/model/vrrp.ts';
import type { TrackReport } from './track-scripts.ts';

const VALUE_MAX = 2_147_483_647;
const RETRY_MS = 1_000; // until the folder is there

export class TrackFiles {
  private readonly report: TrackReport;
  private readonly watchers: FSWatcher[] = [];
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly told = new Map<string, number>();

  constructor(report: TrackReport) {
    this.report = report;
  }

  configure(model: VrrpModel): void {
    this.stop();
    for (const file of model.trackFiles) {
      this.initialise(file);
      this.watch(file);
      this.look(file);
    }
  }

  stop(): void {
    for (const watcher of this.watchers.splice(0)) watcher.close();
    for (const timer of this.timers.splice(0)) clearInterval(timer);
  }

  private initialise(file: VrrpTrackFile): void {
    const { initFile } = file;
    if (initFile === null || (existsSync(file.path) ? !initFile.overwrite : !initFile.create)) return;
    try {
      writeFileSync(file.path, `${initFile.value}\n`);
    } catch (error) {
      this.report.log('error', `track file ${file.name}: ${(error as Error).message}`);
    }
  }

  private watch(file: VrrpTrackFile): void {
    const name = basename(file.path);
    try {
      const watcher = watch(dirname(file.path), (_event, changed) => {
        if (changed === null || changed === name) this.look(file);
      });
      watcher.on('error', () => {});
      this.watchers.push(watcher);
    } catch {
      this.timers.push(setInterval(() => this.look(file), RETRY_MS));
    }
  }

  private look(file: VrrpTrackFile): void {
    const value = valueOf(file.path);
    if (this.told.get(file.name) === value) return;
    this.told.set(file.name, value);
    this.report.result({ kind: 'file', name: file.name, up: true, value });
  }
}

function valueOf(path: string): number {
  try {
    const value = Number.parseInt(readFileSync(path, 'latin1').slice(0, 64), 10);
    return Number.isNaN(value) ? 0 : Math.max(-VALUE_MAX, Math.min(VALUE_MAX, value));
  } catch {
    return 0;
  }
}
