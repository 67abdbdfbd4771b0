// The log lines of one instance; what a stranger's packets can cause is said once, so that a flood costs one line.
//
// What keepalived says as well is said in its words: people grep for them.

import type { Intents, LogLevel } from './contract.ts';

// Reasons with numbers in them could be made at will by a stranger.
const KEYS_MAX = 16;

export class OnceLog {
  private readonly name: string;
  private readonly said = new Set<string>();

  constructor(name: string) {
    this.name = name;
  }

  say(level: LogLevel, text: string, intents: Intents): void {
    intents.push({ do: 'log', level, text: `(${this.name}) ${text}` });
  }

  once(key: string, text: string, intents: Intents, level: LogLevel = 'info'): void {
    if (this.said.has(key) || this.said.size >= KEYS_MAX) return;
    this.said.add(key);
    this.say(level, text, intents);
  }

  /** Another state or another master: what was said may be said again. */
  forget(): void {
    this.said.clear();
  }
}
