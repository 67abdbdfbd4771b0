// Where a stream stands in its rules, and what they left with it. Streams without rules never touch it.

import type { Head } from '../http/message.ts';
import { NO_BUFFER } from '../io/engine.ts';
import type { VariableTable } from '../sample/variables.ts';

export class RuleState {
  used = false; // something below was touched: releaseRules must be called when the stream ends

  // The walk through the rule sets (request-rules.ts, response-rules.ts)
  stage = 0;
  stageSinceMs = 0; // when content rules began to wait for bytes
  index = 0; // of the rule to go on with
  yielded = false; // … which asked to be called again
  yieldedSinceMs = 0;
  waitsForPeer = false; // … without a limit of its own: the timeout of the side it waits for ends it
  strict = true; // strict-mode as the last rule left it
  responding = false; // the response's rules run

  // Heads that wait with their stream; the gathered slot of the connection holds their bytes.
  requestHead: Head | null = null;
  responseHead: Head | null = null;

  // Texts added to a waiting head stand in a slot of their own, [its start, editAt).
  editBuffer = NO_BUFFER;
  editAt = 0;

  // An answer that a tarpit keeps back.
  tarpitReply: Uint8Array | null = null;
  tarpitHeadLength = 0;
  tarpitCloses = false;

  // Variables; each null until a rule could set one.
  txn: VariableTable | null = null;
  reqres: VariableTable | null = null;

  // The last rule that decided (fetches last_rule_file, last_rule_line), and the one that waits.
  lastRuleFile = '';
  lastRuleLine = 0;
  waitingFile = '';
  waitingLine = 0;

  forcedServer = -1; // `use-server`: Server.index
  priorityClass = 0;
  priorityOffsetMs = 0;
  dropsBody = false; // of the response: rules left nothing to send it with
  untilClose = false; // … or no length: it ends with the connection
  keepsBack = false; // nobody gets the response, which is whole: its connection may serve others
  closeBack = false; // the server's connection ends with what it has sent
  switchToHttp = false; // what follows is HTTP, also in mode tcp
  inspecting = false; // a tunnel whose first bytes from the server are looked at by tcp-response rules
  inspectUntilMs = 0;
  backMark = -1; // of the server's connection, once it is made; −1: not set
  backTos = -1;

  reset(): void {
    this.used = false;
    this.stage = 0;
    this.stageSinceMs = 0;
    this.index = 0;
    this.yielded = false;
    this.yieldedSinceMs = 0;
    this.strict = true;
    this.responding = false;
    this.editAt = 0;
    this.tarpitReply = null;
    this.lastRuleFile = '';
    this.lastRuleLine = 0;
    this.waitingFile = '';
    this.waitingLine = 0;
    this.forcedServer = -1;
    this.priorityClass = 0;
    this.priorityOffsetMs = 0;
    this.dropsBody = false;
    this.untilClose = false;
    this.keepsBack = false;
    this.closeBack = false;
    this.switchToHttp = false;
    this.inspecting = false;
    this.inspectUntilMs = 0;
    this.backMark = -1;
    this.backTos = -1;
  }
}
