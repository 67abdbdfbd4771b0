// The last changes of state, with their reasons: what somebody wants to know who is woken at night.
//
// The election says each change once, in a line of its log; the line is the one source, so that log and history cannot
// tell different stories.

const TRANSITIONS_MAX = 32;

export interface Transition {
  atMs: number; // wall clock
  name: string;
  from: string; // '' when it is the first that is known
  to: string;
  reason: string;
}

const CHANGE = /^\((.*)\) Entering (INIT|BACKUP|MASTER|FAULT) STATE(?:: (.*))?$/s;

export class History {
  private readonly transitions: Transition[] = [];
  private readonly states = new Map<string, string>();

  /** A line of the election's log; most say nothing of a state. */
  learn(line: string, atMs: number): void {
    const match = CHANGE.exec(line);
    if (match === null) return;
    const [, name = '', to = '', reason = ''] = match;
    this.transitions.push({ atMs, name, from: this.states.get(name) ?? '', to, reason });
    this.states.set(name, to);
    if (this.transitions.length > TRANSITIONS_MAX) this.transitions.shift();
  }

  /** Instances that are gone are no longer asked where they came from. */
  keep(names: readonly string[]): void {
    for (const name of this.states.keys()) if (!names.includes(name)) this.states.delete(name);
  }

  /** Oldest first. */
  list(): readonly Transition[] {
    return [...this.transitions];
  }
}
