// What the VRRP tests run inside a network namespace, as a process of its own: a weir without proxies, a service that
// says which machine it is on, and a client that asks it without pause.
//
//   vrrp-agent.ts weir FILE             the VRRP service; lines on stdout tell what happens. SIGTERM stops it, SIGHUP
//                                       reloads, SIGALRM crashes its thread, SIGWINCH moves all to another thread,
//                                       SIGVTALRM the same, and crashes that other one while it gets ready; SIGURG
//                                       moves all to another service
//   vrrp-agent.ts serve NAME PORT       answers every TCP connection with NAME
//   vrrp-agent.ts probe ADDRESS PORT    connects again and again; one line for each change of who answers

import { connect, createServer } from 'node:net';
import { loadVrrp } from '../../supervisor/vrrp/load.ts';
import { VrrpService, type VrrpServiceOptions } from '../../supervisor/vrrp/service.ts';

const PROBE_PAUSE_MS = 1;
const PROBE_TIMEOUT_MS = 5;
const STOP_MS = 2_000;

const say = (what: object): void => void process.stdout.write(`${JSON.stringify({ at: wallMs(), ...what })}\n`);
const wallMs = (): number => performance.timeOrigin + performance.now();

const [mode, ...words] = process.argv.slice(2);
if (mode === 'weir') await runWeir(words[0]!);
else if (mode === 'serve') serve(words[0]!, Number(words[1]));
else probe(words[0]!, Number(words[1]));

async function runWeir(path: string): Promise<void> {
  const load = (): VrrpServiceOptions['model'] => {
    const { model, remarks } = loadVrrp([path], []);
    for (const remark of remarks) say(remark);
    if (model === null) process.exit(1);
    return model;
  };
  const make = (state: VrrpServiceOptions['state']): VrrpService =>
    new VrrpService({
      model: load(),
      serverWords: null,
      backends: [],
      image: null,
      state,
      onEvent: (level, text, fields) => say({ level, text, ...fields }),
      onGiveUp: (text) => {
        say({ gaveUp: text });
        process.exit(1);
      },
    });
  let service = make(null);
  // As between two processes: all that goes from one service to the other is what handOver() answers, as JSON.
  const upgrade = async (): Promise<void> => {
    const next = make(null);
    if (!(await next.prepare())) throw new Error('the next service did not get ready');
    const answer = await service.handOver();
    if (answer?.kind !== 'state') throw new Error('the thread gave no state');
    say({ upgraded: await next.adopt(JSON.parse(JSON.stringify(answer))) });
    service = next;
  };
  const renew = (): void => {
    void service.renew().then((renewed) => say({ renewed }));
    say({ renewing: true });
  };
  process.on('SIGWINCH', renew);
  process.on('SIGURG', () => void upgrade());
  process.on('SIGTERM', () => void service.stop(STOP_MS).then(() => process.exit(0)));
  process.on('SIGHUP', () => service.reload(load(), []));
  process.on('SIGUSR2', () => void service.ask('status').then((answer) => say({ status: answer })));
  process.on('SIGALRM', () => service.crash());
  process.on('SIGVTALRM', () => {
    renew();
    service.crash('heir');
  });
  await service.start();
}

function serve(name: string, port: number): void {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(name);
  });
  server.listen(port, '::', () => say({ serving: name }));
}

function probe(address: string, port: number): void {
  let last = '';
  let lastAt = wallMs();
  const once = (): void => {
    let text = '';
    let done = false;
    const socket = connect({ host: address, port });
    const finish = (): void => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      socket.destroy();
      const now = wallMs();
      if (text !== '') {
        if (text !== last) say({ answers: text, before: last, gapMs: now - lastAt });
        last = text;
        lastAt = now;
      }
      setTimeout(once, PROBE_PAUSE_MS);
    };
    const timer = setTimeout(finish, PROBE_TIMEOUT_MS);
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
    });
    socket.on('error', finish);
    socket.on('close', finish);
  };
  once();
}
