// What expressions may ask of the process (core/sample/subject.ts, World), and what they tell it: changes of maps and of
// proc variables go to every other thread by way of the supervisor.

import { AF_INET, isOwnAddress, lastName, readOwnName, readPeerName, tcpInfo } from '../io/net.ts';
import type { PatternStore } from '../sample/patterns/store.ts';
import type { AddressView, ConnectionView, StreamView, TextCell, World } from '../sample/subject.ts';
import { LOG_LINES } from '../shared/counters.ts';
import { type Connection, SIDE_BACK } from './connection.ts';
import { learnBack, putWord, readSource, readTarget } from './endpoints.ts';
import type { ProxyThread } from './thread.ts';

/** How the thread tells the supervisor what its rules changed. */
export interface LanguageNews {
  patternsChanged(refIndex: number, kind: 'add' | 'set' | 'del', key: string, value: string): void;
  procVariableChanged(variable: number): void;
}

const SOCKADDR_INET_BYTES = 16;
const SOCKADDR_INET6_BYTES = 28;

export class ThreadWorld implements World {
  private readonly thread: ProxyThread;
  private readonly patterns: PatternStore;
  private readonly news: LanguageNews;
  private readonly sockaddr = new Uint8Array(SOCKADDR_INET6_BYTES);
  private readonly sockaddrInet = this.sockaddr.subarray(0, SOCKADDR_INET_BYTES);

  constructor(thread: ProxyThread, patterns: PatternStore, news: LanguageNews) {
    this.thread = thread;
    this.patterns = patterns;
    this.news = news;
  }

  changePatterns(refIndex: number, kind: 'add' | 'set' | 'del', key: string, value: string): boolean {
    if (!this.patterns.change(refIndex, kind, key, value)) return false;
    this.news.patternsChanged(refIndex, kind, key, value);
    return true;
  }

  procVariableChanged(variable: number): void {
    this.news.procVariableChanged(variable);
  }

  learnAddresses(connection: ConnectionView): void {
    const known = connection as Connection;
    if (known.fd < 0) return;
    if (known.side === SIDE_BACK) {
      learnBack(this.thread, known);
      return;
    }
    if (known.sourceFamily === 0) readSource(known);
    if (known.targetFamily === 0) readTarget(known);
  }

  socketAddress(connection: ConnectionView, ofPeer: boolean, into: AddressView): boolean {
    if ((ofPeer ? readPeerName(connection.fd) : readOwnName(connection.fd)) < 0) return false;
    into.family = lastName.family;
    into.port = lastName.port;
    into.word0 = lastName.word0;
    into.word1 = lastName.word1;
    into.word2 = lastName.word2;
    into.word3 = lastName.word3;
    return true;
  }

  serverMaxconn(serverIndex: number): number {
    const server = this.thread.servers[serverIndex];
    return server === undefined ? 0 : server.balancer.maxconn(server.position);
  }

  isLocalAddress(family: number, word0: number, word1: number, word2: number, word3: number): number {
    const { sockaddr } = this;
    sockaddr.fill(0);
    sockaddr[0] = family;
    if (family === AF_INET) {
      putWord(sockaddr, 4, word0);
      return isOwnAddress(this.sockaddrInet);
    }
    putWord(sockaddr, 8, word0);
    putWord(sockaddr, 12, word1);
    putWord(sockaddr, 16, word2);
    putWord(sockaddr, 20, word3);
    return isOwnAddress(sockaddr);
  }

  tcpInfo(connection: ConnectionView, offset: number): number {
    return tcpInfo(connection.fd, offset);
  }

  uniqueId(stream: StreamView): TextCell | null {
    const { thread } = this;
    const maker = thread.frontends[stream.frontendIndex]?.uniqueId ?? null;
    return maker === null ? null : maker.of(stream, thread.language.subject);
  }

  lineCount(frontendIndex: number): number {
    const { counters } = this.thread;
    return counters.sum(counters.frontend(frontendIndex), LOG_LINES);
  }

  isStopping(): boolean {
    return this.thread.stopping;
  }
}
