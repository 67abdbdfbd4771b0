// Everything that this side watches for the election, and the latest result of each: a thread that starts hears them all.

import type { VrrpModel } from '../../core/model/vrrp.ts';
import type { VrrpTrackResult } from '../../core/model/vrrp-worker.ts';
import type { TrackingStatus } from './status.ts';
import { TrackFiles } from './track-files.ts';
import { TrackProcesses } from './track-processes.ts';
import { type TrackReport, TrackScripts } from './track-scripts.ts';

export class Trackers {
  private readonly scripts: TrackScripts;
  private readonly files: TrackFiles;
  private readonly processes: TrackProcesses;
  private readonly latest = new Map<string, VrrpTrackResult>();

  constructor(report: TrackReport) {
    const result = (result: VrrpTrackResult): void => {
      this.latest.set(`${result.kind} ${result.name}`, result);
      report.result(result);
    };
    this.scripts = new TrackScripts({ ...report, result });
    this.files = new TrackFiles({ ...report, result });
    this.processes = new TrackProcesses({ ...report, result });
  }

  /** Follows `model` from now on. */
  configure(model: VrrpModel): void {
    this.scripts.configure(model);
    this.files.configure(model);
    this.processes.configure(model);
  }

  /** Before the first configure(): a predecessor runs, whose files are to stay as they are. */
  succeed(): void {
    this.files.succeed();
  }

  stop(): void {
    this.scripts.stop();
    this.files.stop();
    this.processes.stop();
  }

  /** The latest of each tracked thing. */
  results(): Iterable<VrrpTrackResult> {
    return this.latest.values();
  }

  status(): TrackingStatus {
    return { scripts: this.scripts.status(), files: this.files.status(), processes: this.processes.status() };
  }
}
