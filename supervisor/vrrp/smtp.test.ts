// Goal: a mail is handed over as keepalived does it, whatever the server says and however its words are cut. Method: the
// dialogue is fed by hand; the alerts talk to a server in this process, to none, and to one that never answers.

import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import { fuzz } from '../../core/testing/fuzz.ts';
import { MailAlerts, mailWords } from './mail-alerts.ts';
import { dateText, type Mail, mailText, SmtpDialogue, smtpAddress } from './smtp.ts';

const MAIL: Mail = {
  helo: 'box1.example.org',
  from: 'Weir <weir@example.org>',
  to: ['root@example.org', '"Night, Shift" <night@example.org>'],
  subject: '[box1] VRRP Instance VI_1 - Entering MASTER state',
  body: '=> VRRP Instance is now owning VRRP VIPs <=',
  atMs: Date.UTC(2026, 10, 22, 20, 39, 58),
};
const REPLIES = ['220 here', '250 hello', '250 ok', '250 ok', '250 ok', '354 go on', '250 taken', '221 bye'];
const DIALOGUE =
  'HELO box1.example.org\r\nMAIL FROM:<weir@example.org>\r\nRCPT TO:<root@example.org>\r\n' +
  `RCPT TO:<night@example.org>\r\nDATA\r\n${mailText(MAIL)}QUIT\r\n`;

test('every step waits for its reply, and each recipient is named', () => {
  const dialogue = new SmtpDialogue(MAIL);
  const sent = REPLIES.map((reply) => dialogue.take(`${reply}\r\n`));
  assert.equal(sent.join(''), DIALOGUE);
  assert.equal(sent[0], 'HELO box1.example.org\r\n');
  assert.ok(dialogue.isDone && dialogue.delivered);
  assert.equal(dialogue.failure, '');
});

test('replies mean the same however TCP cuts them, and of several lines the last counts', () => {
  const text = REPLIES.map((reply) => `${reply.slice(0, 3)}-more\r\n${reply}\r\n`).join('');
  for (let cut = 0; cut <= text.length; cut++) {
    const dialogue = new SmtpDialogue(MAIL);
    assert.equal(dialogue.take(text.slice(0, cut)) + dialogue.take(text.slice(cut)), DIALOGUE, `cut at ${cut}`);
    assert.ok(dialogue.delivered);
  }
});

test('a refusal ends with QUIT and its words, and is no delivery', () => {
  const dialogue = new SmtpDialogue(MAIL);
  dialogue.take('220 here\r\n250 hello\r\n');
  assert.equal(dialogue.take('550 not \x1b[31myou\r\n'), 'QUIT\r\n');
  assert.equal(dialogue.failure, "MAIL was answered with '550 not  [31myou'");
  dialogue.take('221 bye\r\n');
  assert.ok(dialogue.isDone && !dialogue.delivered);
});

test('nonsense, and lines without end, end the dialogue', () => {
  for (const text of ['SSH-2.0-OpenSSH\r\n', '\r\n', '99\r\n', '2200 x\r\n']) {
    const dialogue = new SmtpDialogue(MAIL);
    assert.equal(dialogue.take(text), 'QUIT\r\n', text);
    assert.notEqual(dialogue.failure, '');
  }
  const endless = new SmtpDialogue(MAIL);
  assert.equal(endless.take('2'.repeat(5_000)), '');
  assert.ok(endless.isDone);
});

test('nothing in a mail adds a line to the dialogue', () => {
  const mail = { ...MAIL, subject: 'a\r\nBcc: x', helo: 'h\r\nRSET', to: ['a@b>\r\nDATA'], body: '.\n.x\r\n.' };
  const text = mailText(mail);
  assert.match(text, /^Subject: a {2}Bcc: x\r$/m);
  assert.ok(text.endsWith('\r\n\r\n..\r\n..x\r\n..\r\n\r\n.\r\n'));
  const dialogue = new SmtpDialogue(mail);
  assert.equal(dialogue.take('220 \r\n'), 'HELO h  RSET\r\n');
  dialogue.take('250 \r\n');
  assert.equal(dialogue.take('250 \r\n'), 'RCPT TO:<a@b>  DATA>\r\n');
});

test('headers are keepalived’s', () => {
  assert.match(dateText(MAIL.atMs), /^[A-Z][a-z]{2}, \d{2} Nov 2026 \d{2}:\d{2}:58 [+-]\d{4}$/);
  assert.equal(
    mailText(MAIL).replace(/^Date: .*/, 'Date: D'),
    'Date: D\r\nFrom: Weir <weir@example.org>\r\n' +
      'Subject: [box1] VRRP Instance VI_1 - Entering MASTER state\r\nX-Mailer: Keepalived\r\n' +
      'To: root@example.org,\r\n "Night, Shift" <night@example.org>\r\n\r\n' +
      '=> VRRP Instance is now owning VRRP VIPs <=\r\n\r\n.\r\n',
  );
  assert.equal(mailWords('GROUP', 'G', 'DELETED'), null, 'keepalived sends none');
  assert.equal(mailWords('INSTANCE', 'V', 'MASTER_PRIORITY'), null);
});

test('the server is found in the model’s words', () => {
  assert.deepEqual(smtpAddress({ smtpServer: '[2001:db8::1]:25' }), { host: '2001:db8::1', port: 25 });
  assert.deepEqual(smtpAddress({ smtpServer: 'mail.example.org:2525' }), { host: 'mail.example.org', port: 2525 });
  assert.equal(smtpAddress({ smtpServer: '' }), null);
});

fuzz('smtp replies', (prng) => {
  const dialogue = new SmtpDialogue(MAIL);
  let sent = '';
  const rounds = prng.below(40);
  for (let round = 0; round < rounds; round++) {
    const reply = prng.pick(['220 x', '250 x', '250-x', '354 x', '221 x', '550 no', '', 'x'.repeat(300), '25', '0 x']);
    const text =
      prng.below(4) === 0 ? String.fromCharCode(prng.below(256)) : `${reply}${prng.pick(['\r\n', '\n', '', '\r'])}`;
    sent += dialogue.take(text);
  }
  // Whatever is answered, what is sent is the beginning of a dialogue, with QUIT wherever it may end.
  const asked = sent.endsWith('QUIT\r\n') ? sent.slice(0, -6) : sent;
  assert.ok(DIALOGUE.startsWith(asked), sent);
  assert.equal(dialogue.delivered, sent === DIALOGUE);
});

interface Alerting {
  alerts: MailAlerts;
  said: string[];
}

function alerting(port: number, timeoutMs: number, faults = true): Alerting {
  const said: string[] = [];
  const alerts = new MailAlerts((_level, text) => said.push(text));
  alerts.configure(modelOf(port, timeoutMs, faults, ['V1']));
  return { alerts, said };
}

function modelOf(port: number, timeoutMs: number, faults: boolean, names: string[]): VrrpModel {
  const global = {
    notificationEmail: ['root@example.org'],
    notificationEmailFrom: 'weir@example.org',
    smtpServer: `127.0.0.1:${port}`,
    smtpHeloName: 'box1',
    smtpConnectTimeoutMs: timeoutMs,
    routerId: 'box1',
  };
  const instances = names.map((name) => ({ name, smtpAlert: true, smtpAlertFaults: faults }));
  return { global, instances, groups: [] } as unknown as VrrpModel;
}

async function listen(context: TestContext, onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    onSocket(socket);
  });
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

/** Takes everything; `subjects` fills. */
function taking(subjects: string[]): (socket: Socket) => void {
  return (socket) => {
    let isBody = false;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      if (isBody) {
        subjects.push(/^Subject: (.*)\r$/m.exec(text)![1]!);
        isBody = false;
        socket.write('250 taken\r\n');
      } else if (text === 'DATA\r\n') {
        isBody = true;
        socket.write('354 go on\r\n');
      } else if (text === 'QUIT\r\n') socket.end('221 bye\r\n');
      else socket.write('250 ok\r\n');
    });
    socket.write('220 here\r\n');
  };
}

const change = (state: string, name = 'V1') => ({ type: 'INSTANCE' as const, name, state });

test('each new state is told once, faults unless they are not wanted, in the order of the changes', async (context) => {
  const subjects: string[] = [];
  const port = await listen(context, taking(subjects));
  const { alerts, said } = alerting(port, 5_000, false);
  for (const state of ['BACKUP', 'MASTER', 'MASTER', 'FAULT', 'MASTER_RX_LOWER_PRI', 'BACKUP']) {
    alerts.changed(change(state));
  }
  alerts.changed(change('MASTER', 'somebody else'));
  await alerts.quiet();
  assert.deepEqual(
    subjects.map((subject) => subject.replace('[box1] VRRP Instance V1 - ', '')),
    ['Entering BACKUP state', 'Entering MASTER state', 'Entering BACKUP state'],
  );
  assert.deepEqual(said, []);
});

test('what a reload deletes has a last word, and what does not want mails any more is silent', async (context) => {
  const subjects: string[] = [];
  const port = await listen(context, taking(subjects));
  const { alerts } = alerting(port, 5_000);
  alerts.configure(modelOf(port, 5_000, true, ['V2']));
  alerts.changed(change('DELETED', 'V1'));
  const silent = modelOf(port, 5_000, true, ['V2']);
  alerts.configure({ ...silent, instances: silent.instances.map((each) => ({ ...each, smtpAlert: false })) });
  alerts.changed(change('MASTER', 'V2'));
  alerts.changed(change('MASTER', 'V1'));
  await alerts.quiet();
  assert.deepEqual(subjects, ['[box1] VRRP Instance V1 - Deleted']);
});

test('a server that refuses, closes or says nothing costs one line a mail, and later mails are tried all the same', async (context) => {
  const silent = await listen(context, () => {});
  const closing = await listen(context, (socket) => socket.end());
  for (const [port, timeoutMs, words] of [
    [silent, 30, /^Mail '\[box1\] VRRP Instance V1 - Entering \w+ state' was not sent to 127.*: it does not answer$/],
    [closing, 10_000, /it closed the connection|ECONNRESET/],
    [1, 10_000, /ECONNREFUSED/],
  ] as const) {
    const { alerts, said } = alerting(port, timeoutMs);
    alerts.changed(change('BACKUP'));
    alerts.changed(change('MASTER'));
    await alerts.quiet();
    assert.equal(said.length, 2, said.join('\n'));
    for (const text of said) assert.match(text, words);
  }
});

test('while the server is slow no more than 64 mails wait, and the oldest go first', async (context) => {
  const port = await listen(context, () => {});
  const { alerts, said } = alerting(port, 60_000);
  for (let index = 0; index < 70; index++) alerts.changed(change(index % 2 === 0 ? 'BACKUP' : 'MASTER'));
  assert.equal(said.filter((text) => /is dropped: 64 are waiting/.test(text)).length, 5);
  alerts.end();
  await alerts.quiet();
});
