// One mail over SMTP, sans-io: what the server says goes in, what is to be sent comes out (RFC 5321 §3.3, §4.2).
//
// As keepalived talks: greeting, HELO, MAIL FROM, RCPT TO for each, DATA, the mail, QUIT. A reply that is not the one
// expected ends with QUIT, since the server may still want to be told. Nothing in a mail can add a line of its own to
// the dialogue: headers lose their control characters and a line that begins with a dot gets another.

import type { VrrpGlobal } from '../../core/model/vrrp.ts';

const REPLY_BYTES_MAX = 4_096; // of one reply; a server that says more is not one

export interface Mail {
  helo: string;
  from: string; // an address, or `NAME <ADDRESS>`
  to: readonly string[];
  subject: string;
  body: string;
  atMs: number; // wall clock
}

type Step = 'greeting' | 'HELO' | 'MAIL' | 'RCPT' | 'DATA' | 'BODY' | 'QUIT' | 'done';

const EXPECTED: Readonly<Record<Step, number>> = {
  ...{ greeting: 220, HELO: 250, MAIL: 250, RCPT: 250, DATA: 354, BODY: 250, QUIT: 221, done: 0 },
};

export class SmtpDialogue {
  /** Why the mail was not taken; '' while there is no reason. */
  failure = '';
  /** The server has taken the mail. */
  delivered = false;
  private readonly mail: Mail;
  private step: Step = 'greeting';
  private recipientsSent = 0;
  private pending = '';

  constructor(mail: Mail) {
    this.mail = mail;
  }

  get isDone(): boolean {
    return this.step === 'done';
  }

  /** Bytes of the server, in whatever pieces; returns what to send now, '' to wait for more or when it is over. */
  take(text: string): string {
    this.pending += text;
    let out = '';
    while (this.step !== 'done') {
      const end = this.pending.indexOf('\n');
      if (end < 0) break;
      const row = this.pending.slice(0, end).replace(/\r$/, '');
      this.pending = this.pending.slice(end + 1);
      // `250-…` is followed by another line of the same reply.
      if (!/^\d{3}-/.test(row)) out += this.onReply(row);
    }
    if (this.pending.length > REPLY_BYTES_MAX) {
      this.failure ||= 'its reply is too long';
      this.step = 'done';
    }
    return out;
  }

  private onReply(row: string): string {
    const { step } = this;
    const code = /^\d{3}(?: |$)/.test(row) ? Number(row.slice(0, 3)) : 0;
    if (code !== EXPECTED[step]) {
      if (step === 'QUIT') this.step = 'done';
      else {
        this.failure = `${step === 'greeting' ? 'its greeting' : step} was answered with '${clean(row).slice(0, 200)}'`;
        this.step = 'QUIT';
      }
      return step === 'QUIT' ? '' : 'QUIT\r\n';
    }
    return this.next();
  }

  private next(): string {
    const { mail } = this;
    switch (this.step) {
      case 'greeting':
        this.step = 'HELO';
        return `HELO ${clean(mail.helo)}\r\n`;
      case 'HELO':
        this.step = 'MAIL';
        return `MAIL FROM:${pathOf(mail.from)}\r\n`;
      case 'MAIL':
        this.step = 'RCPT';
        return this.recipient();
      case 'RCPT':
        if (this.recipientsSent < mail.to.length) return this.recipient();
        this.step = 'DATA';
        return 'DATA\r\n';
      case 'DATA':
        this.step = 'BODY';
        return mailText(mail);
      case 'BODY':
        this.delivered = true;
        this.step = 'QUIT';
        return 'QUIT\r\n';
      case 'QUIT':
      case 'done':
        this.step = 'done';
        return '';
    }
  }

  private recipient(): string {
    const to = this.mail.to[this.recipientsSent]!;
    this.recipientsSent++;
    return `RCPT TO:${pathOf(to)}\r\n`;
  }
}

/** Headers and body as they go over the wire, with the dot that ends them. */
export function mailText(mail: Mail): string {
  const body = mail.body.replace(/\r?\n/g, '\r\n').replace(/^\./gm, '..');
  return [
    `Date: ${dateText(mail.atMs)}`,
    `From: ${clean(mail.from)}`,
    `Subject: ${clean(mail.subject)}`,
    'X-Mailer: Keepalived',
    `To: ${mail.to.map(clean).join(',\r\n ')}`,
    '',
    body,
    '',
    '.',
    '',
  ].join('\r\n');
}

/** `Sun, 22 Nov 2026 20:39:58 +0000`, local time (RFC 5322 §3.3). */
export function dateText(atMs: number): string {
  const [day, month, date, year, time, zone] = new Date(atMs).toString().split(' ');
  return `${day}, ${date} ${month} ${year} ${time} ${zone!.slice(3)}`;
}

/** `smtp_server`, as the model has it: `host:port`, `[v6]:port`; null when none is given. */
export function smtpAddress({ smtpServer }: Pick<VrrpGlobal, 'smtpServer'>): { host: string; port: number } | null {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(smtpServer);
  return match === null ? null : { host: match[1] ?? match[2]!, port: Number(match[3]) };
}

/** The reverse or forward path: what stands in angle brackets at the end, else the whole. */
function pathOf(address: string): string {
  const text = clean(address);
  const start = text.endsWith('>') ? text.lastIndexOf('<') : -1;
  return start >= 0 ? text.slice(start) : `<${text}>`;
}

const clean = (text: string): string => text.replace(/[\x00-\x1f\x7f]/g, ' ');
