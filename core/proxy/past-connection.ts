// What logs may still ask of a server's connection after its stream gave it back: a copy of its facts.

import type { ConnectionView } from '../sample/subject.ts';

export class PastConnection implements ConnectionView {
  known = false; // false: there was no connection
  slot = 0;
  readonly fd = -1;
  bindIndex = 0;
  sinceMs = 0;
  sinceWallMs = 0;
  requestCount = 0;
  readonly proxyTlvs = null;
  errno = 0;
  sourceFamily = 0;
  sourcePort = 0;
  source0 = 0;
  source1 = 0;
  source2 = 0;
  source3 = 0;
  targetFamily = 0;
  targetPort = 0;
  target0 = 0;
  target1 = 0;
  target2 = 0;
  target3 = 0;

  remember(connection: ConnectionView): void {
    this.known = true;
    this.slot = connection.slot;
    this.bindIndex = connection.bindIndex;
    this.sinceMs = connection.sinceMs;
    this.sinceWallMs = connection.sinceWallMs;
    this.requestCount = connection.requestCount;
    this.errno = connection.errno;
    this.sourceFamily = connection.sourceFamily;
    this.sourcePort = connection.sourcePort;
    this.source0 = connection.source0;
    this.source1 = connection.source1;
    this.source2 = connection.source2;
    this.source3 = connection.source3;
    this.targetFamily = connection.targetFamily;
    this.targetPort = connection.targetPort;
    this.target0 = connection.target0;
    this.target1 = connection.target1;
    this.target2 = connection.target2;
    this.target3 = connection.target3;
  }

  forget(): void {
    this.known = false;
  }
}
