// All commands there are, in the order in which they are looked up.

import type { Command } from './command.ts';
import { patternCommands } from './commands-pattern.ts';
import { proxyCommands } from './commands-proxy.ts';
import { serverCommands } from './commands-server.ts';
import { sessionCommands } from './commands-session.ts';
import { systemCommands } from './commands-system.ts';
import { tableCommands } from './commands-table.ts';
import { variableCommands } from './commands-variable.ts';
import { infoCommands } from './show-info.ts';
import { serverStateCommands } from './show-servers.ts';
import { streamCommands } from './show-sess.ts';
import { statCommands } from './show-stat.ts';

export const allCommands: readonly Command[] = [
  ...sessionCommands,
  ...systemCommands,
  ...infoCommands,
  ...statCommands,
  ...serverStateCommands,
  ...serverCommands,
  ...proxyCommands,
  ...streamCommands,
  ...patternCommands,
  ...tableCommands,
  ...variableCommands,
];
