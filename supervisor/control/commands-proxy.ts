// Commands that change frontends: accept or not, how many connections (management guide §9.3 "disable frontend").

import { type Answer, type Call, type Command, failure, leadingInteger, notice } from './command.ts';

async function disableFrontend(call: Call): Promise<Answer> {
  const { control } = call;
  const proxy = control.frontend(call.word(2));
  const state = control.state.frontState(proxy);
  if (state === 'STOP') return notice('Frontend was previously shut down, cannot disable.\n');
  if (state === 'PAUSED') return notice('All sockets are already disabled.\n');
  control.state.setFrontState(proxy, 'PAUSED');
  await control.threads.change({ kind: 'frontend-accepts', proxyIndex: proxy.index, accepts: false, forGood: false });
  control.parts.sockets.pause(proxy.index);
  control.parts.warn(`Paused proxy ${proxy.name}.`);
  return null;
}

async function enableFrontend(call: Call): Promise<Answer> {
  const { control } = call;
  const proxy = control.frontend(call.word(2));
  const state = control.state.frontState(proxy);
  if (state === 'STOP') return failure('Frontend was previously shut down, cannot enable.\n');
  if (state === 'OPEN') return notice('All sockets are already enabled.\n');
  if (!control.parts.sockets.resume(proxy.index)) {
    return failure('Failed to resume frontend, check logs for precise cause (port conflict?).\n');
  }
  control.state.setFrontState(proxy, 'OPEN');
  await control.threads.change({ kind: 'frontend-accepts', proxyIndex: proxy.index, accepts: true, forGood: false });
  control.parts.warn(`Resumed proxy ${proxy.name}.`);
  return null;
}

async function shutdownFrontend(call: Call): Promise<Answer> {
  const { control } = call;
  const proxy = control.frontend(call.word(2));
  if (control.state.frontState(proxy) === 'STOP') return notice('Frontend was already shut down.\n');
  control.state.setFrontState(proxy, 'STOP');
  await control.threads.change({ kind: 'frontend-accepts', proxyIndex: proxy.index, accepts: false, forGood: true });
  control.parts.sockets.close(proxy.index);
  control.parts.warn(control.parts.stoppedText(proxy));
  return null;
}

async function setMaxconn(call: Call): Promise<Answer> {
  const { control } = call;
  const proxy = control.frontend(call.word(3));
  if (call.word(4) === '') return failure('Integer value expected.\n');
  const maxconn = leadingInteger(call.word(4));
  if (maxconn < 0) return failure('Value out of range.\n');
  proxy.maxconn = maxconn;
  await control.threads.change({ kind: 'frontend-maxconn', proxyIndex: proxy.index, maxconn });
  return null;
}

export const proxyCommands: readonly Command[] = [
  {
    words: ['disable', 'frontend'],
    usage: 'disable frontend <frontend>             : temporarily disable specific frontend',
    level: 'admin',
    run: disableFrontend,
  },
  {
    words: ['enable', 'frontend'],
    usage: 'enable frontend <frontend>              : re-enable specific frontend',
    level: 'admin',
    run: enableFrontend,
  },
  {
    words: ['shutdown', 'frontend'],
    usage: 'shutdown frontend <frontend>            : stop a specific frontend',
    level: 'admin',
    run: shutdownFrontend,
  },
  {
    words: ['set', 'maxconn', 'frontend'],
    usage: "set maxconn frontend <frontend> <value> : change a frontend's maxconn setting",
    level: 'admin',
    run: setMaxconn,
  },
];
