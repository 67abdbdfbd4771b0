// vrrp_track_file: a number in a file, looked at when the file changes (keepalived.conf(5) "track_file").
//
// The folder is watched, since files are often replaced rather than written. A file that is not there counts as 0, as
// does one whose first word is no number.

import { closeSync, existsSync, type FSWatcher, openSync, readSync, statSync, watch, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { VrrpModel, VrrpTrackFile } from '../../core/model/vrrp.ts';
import type { TrackedFileStatus } from './status.ts';
import type { TrackReport } from './track-scripts.ts';

const VALUE_MAX = 2_147_483_647;
const RETRY_MS = 1_000; // until the folder is there
const head = Buffer.alloc(64);

export class TrackFiles {
  private readonly report: TrackReport;
  private readonly watchers: FSWatcher[] = [];
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly told = new Map<string, number>();
  private isStart = true;

  constructor(report: TrackReport) {
    this.report = report;
  }

  /** Follows `model`. init_file counts at a start, not at a reload: a value that somebody set since then stays. */
  configure(model: VrrpModel): void {
    this.stop();
    const { isStart } = this;
    this.isStart = false;
    for (const name of this.told.keys()) {
      if (!model.trackFiles.some((file) => file.name === name)) this.told.delete(name);
    }
    for (const file of model.trackFiles) {
      if (isStart) this.initialise(file);
      this.watch(file);
      this.look(file);
    }
  }

  /** Another process ran before and was not started anew: its files stay as they are. */
  succeed(): void {
    this.isStart = false;
  }

  stop(): void {
    for (const watcher of this.watchers.splice(0)) watcher.close();
    for (const timer of this.timers.splice(0)) clearInterval(timer);
  }

  status(): TrackedFileStatus[] {
    return [...this.told].map(([name, value]) => ({ name, value }));
  }

  private initialise(file: VrrpTrackFile): void {
    const { initFile } = file;
    if (initFile === null || (existsSync(file.path) ? !initFile.overwrite : !initFile.create)) return;
    try {
      // Opening a FIFO would wait for somebody at its other end.
      if (existsSync(file.path) && !statSync(file.path).isFile()) throw new Error('it is not a regular file');
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

// The beginning is enough for a number, whatever else somebody put there.
function valueOf(path: string): number {
  let fd = -1;
  try {
    if (!statSync(path).isFile()) return 0;
    fd = openSync(path, 'r');
    const value = Number.parseInt(head.toString('latin1', 0, readSync(fd, head)), 10);
    return Number.isNaN(value) ? 0 : Math.max(-VALUE_MAX, Math.min(VALUE_MAX, value));
  } catch {
    return 0;
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}
