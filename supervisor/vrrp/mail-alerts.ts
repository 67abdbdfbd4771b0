// smtp_alert: a mail when an instance or group changes its state (keepalived.conf(5), "smtp_alert").
//
// Whose mails are wanted and what they say is keepalived's: each new state once, FAULT unless no_email_faults is set. Mails
// are sent one after the other in the order of the changes; what a slow server makes wait is bounded, and nothing here
// is waited for by anyone but the end of the process.

import { connect } from 'node:net';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import { type Mail, SmtpDialogue, smtpAddress } from './smtp.ts';

const MAILS_WAITING_MAX = 64;

type Type = 'INSTANCE' | 'GROUP';
type Text = { subject: string; instance: string; group: string };

const TEXTS: Readonly<Record<string, Text>> = {
  MASTER: {
    subject: 'Entering MASTER state',
    instance: 'VRRP Instance is now owning VRRP VIPs',
    group: 'All VRRP group instances are now in MASTER state',
  },
  BACKUP: {
    subject: 'Entering BACKUP state',
    instance: 'VRRP Instance is no longer owning VRRP VIPs',
    group: 'All VRRP group instances are now in BACKUP state',
  },
  FAULT: {
    subject: 'Entering FAULT state',
    instance: 'VRRP Instance is no longer owning VRRP VIPs',
    group: 'All VRRP group instances are now in FAULT state',
  },
  STOP: {
    subject: 'Stopping',
    instance: 'VRRP Instance stopping',
    group: 'All VRRP group instances are now stopping',
  },
  DELETED: { subject: 'Deleted', instance: 'VRRP Deleted at reload', group: '' },
};

/** Subject (after `[router_id] `) and body of the mail for a change; null: keepalived sends none. */
export function mailWords(type: Type, name: string, state: string): { subject: string; body: string } | null {
  const text = TEXTS[state];
  const words = text === undefined ? '' : type === 'GROUP' ? text.group : text.instance;
  if (words === '') return null;
  const kind = type === 'GROUP' ? 'VRRP Group' : 'VRRP Instance';
  return { subject: `${kind} ${name} - ${text!.subject}`, body: `=> ${words} <=` };
}

interface Subscriber {
  faults: boolean;
  lastState: string;
}

type Log = (level: 'info' | 'warn' | 'error', text: string) => void;

export class MailAlerts {
  private readonly log: Log;
  private subscribers = new Map<string, Subscriber>(); // by type and name
  private wanted = new Set<string>(); // keys of those in the configuration
  private readonly waiting: Mail[] = [];
  private readonly idle: (() => void)[] = [];
  private global: VrrpModel['global'] | null = null;
  private sending = false;
  private endSending: () => void = () => {};

  constructor(log: Log) {
    this.log = log;
  }

  configure(model: VrrpModel): void {
    const before = this.subscribers;
    const wanted = new Set<string>();
    const present = new Set<string>();
    this.global = model.global;
    this.subscribers = new Map();
    const learn = (key: string, isWanted: boolean, faults: boolean): void => {
      present.add(key);
      if (!isWanted) return;
      wanted.add(key);
      this.subscribers.set(key, { faults, lastState: before.get(key)?.lastState ?? '' });
    };
    for (const each of model.instances) learn(`INSTANCE ${each.name}`, each.smtpAlert, each.smtpAlertFaults);
    for (const each of model.groups) {
      const member = model.instances.find((instance) => each.members.includes(instance.name));
      learn(`GROUP ${each.name}`, each.smtpAlert, member?.smtpAlertFaults ?? true);
    }
    // What this reload deletes has a last word to say, and is forgotten at the next one.
    for (const key of this.wanted) if (!present.has(key)) this.subscribers.set(key, before.get(key)!);
    this.wanted = wanted;
  }

  changed(change: { type: Type; name: string; state: string }): void {
    const { global } = this;
    const subscriber = this.subscribers.get(`${change.type} ${change.name}`);
    if (global === null || subscriber === undefined || subscriber.lastState === change.state) return;
    if (change.state === 'FAULT' && !subscriber.faults) return;
    const words = mailWords(change.type, change.name, change.state);
    if (words === null) return;
    subscriber.lastState = change.state;
    if (global.notificationEmail.length === 0 || smtpAddress(global) === null) return;
    this.send({
      helo: global.smtpHeloName,
      from: global.notificationEmailFrom,
      to: global.notificationEmail,
      subject: `[${global.routerId}] ${words.subject}`,
      body: words.body,
      atMs: Date.now(),
    });
  }

  /** Resolves when nothing waits to be sent. */
  quiet(): Promise<void> {
    return new Promise((resolve) => {
      if (this.sending) this.idle.push(resolve);
      else resolve();
    });
  }

  /** Gives up what is being sent and what waits. */
  end(): void {
    const { length } = this.waiting;
    if (length > 0) this.log('warn', `${length} mails that waited for the SMTP server are not sent`);
    this.waiting.length = 0;
    this.endSending();
  }

  private send(mail: Mail): void {
    if (this.waiting.length === MAILS_WAITING_MAX) {
      const lost = this.waiting.shift()!;
      this.log('warn', `Mail '${lost.subject}' is dropped: ${MAILS_WAITING_MAX} are waiting for the SMTP server`);
    }
    this.waiting.push(mail);
    if (!this.sending) this.sendNext();
  }

  private sendNext(): void {
    const mail = this.waiting.shift();
    const { global } = this;
    const server = global === null ? null : smtpAddress(global);
    this.sending = mail !== undefined && server !== null;
    if (mail === undefined || server === null) {
      this.waiting.length = 0;
      for (const waiter of this.idle.splice(0)) waiter();
      return;
    }
    this.endSending = deliver(mail, server, global!.smtpConnectTimeoutMs, (failure) => {
      if (failure !== '') this.log('warn', `Mail '${mail.subject}' was not sent to ${global!.smtpServer}: ${failure}`);
      this.sendNext();
    });
  }
}

/** One connection, one mail. `onEnd` is called once, with '' when the server has taken it; the result ends it early. */
export function deliver(
  mail: Mail,
  server: { host: string; port: number },
  timeoutMs: number,
  onEnd: (failure: string) => void,
): () => void {
  const dialogue = new SmtpDialogue(mail);
  const socket = connect(server);
  let timer = setTimeout(() => end('it does not answer'), timeoutMs);
  let ended = false;
  const end = (failure: string): void => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    socket.destroy();
    onEnd(dialogue.delivered ? '' : dialogue.failure || failure);
  };
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => {
    const out = dialogue.take(text);
    if (dialogue.isDone) return end('');
    if (out === '') return;
    // Each step has its time, however slowly a reply trickles in.
    clearTimeout(timer);
    timer = setTimeout(() => end('it takes too long'), timeoutMs);
    socket.write(out, 'utf8');
  });
  socket.on('error', (error) => end(error.message));
  socket.on('close', () => end('it closed the connection'));
  return () => end('it is given up');
}
