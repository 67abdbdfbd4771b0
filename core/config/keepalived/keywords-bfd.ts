// bfd_instance (keepalived.conf(5), "BFD CONFIGURATION").
//
// keepalived reads the block twice: its VRRP process to know a name that may be tracked and its weight, its BFD process
// for the session. So a name stays known whose session cannot run: what tracks it never sees it up.

import type { VrrpBfd } from '../../model/vrrp.ts';
import { parseSocketAddress } from './addresses.ts';
import type { Mutable } from './drafts.ts';
import { newBfd } from './drafts.ts';
import { boolean, flag, type Parse, type Row } from './keyword-table.ts';

const NAME_BYTES_MAX = 31;
const INTERVAL_MS_MAX = 4_294_967; // as microseconds within 32 bits
const INTERVAL_MS_SENSIBLE_MAX = 10_000;
const WEIGHT_MAX = 253;
const HOPS_ANY = 255;

type Session = Mutable<VrrpBfd>;

const mistake = (parse: Parse, text: string): void => {
  parse.warning(`Configuration error: BFD instance ${parse.draft.bfd.name} ${text}`);
};

/** What the session alone needs. */
function ofSession(set: (word: string, session: Session, parse: Parse) => void): Row {
  return {
    set(words, parse) {
      const { bfd } = parse.draft;
      if (!bfd.ignored) set(words.at(1), bfd.session, parse);
    },
  };
}

/** Milliseconds with up to three decimals. */
const interval = (name: string, msMin: number, set: (session: Session, us: number) => void): Row =>
  ofSession((word, session, parse) => {
    const us = parse.numbers.decimal(word, msMin * 1_000, INTERVAL_MS_MAX * 1_000, 3);
    if (us === null) {
      mistake(parse, `${name} value ${word} is not valid (must be in range [${msMin}-${INTERVAL_MS_MAX}]), ignoring`);
      return;
    }
    set(session, us);
    if (us <= INTERVAL_MS_SENSIBLE_MAX * 1_000) return;
    const tooLong = `${name} value ${word} is larger than max sensible (${INTERVAL_MS_SENSIBLE_MAX})`;
    parse.diagnostics.notice(`Configuration warning: BFD instance ${session.name} ${tooLong}`);
  });

const number = (name: string, min: number, set: (session: Session, value: number) => void): Row =>
  ofSession((word, session, parse) => {
    const value = min < 0 ? parse.numbers.int(word, min, 255) : parse.numbers.unsigned(word, min, 255);
    if (value === null) mistake(parse, `${name} value ${word} not valid (must be in range [${min}-255]), ignoring`);
    else set(session, value);
  });

const neighbor: Row = ofSession((word, session, parse) => {
  const found = parseSocketAddress(word);
  if (found === null) {
    mistake(parse, `has malformed neighbor address ${word}, ignoring instance`);
    parse.draft.bfd.ignored = true;
    return;
  }
  session.neighbor = found.address;
  session.family = found.family;
});

const source: Row = ofSession((word, session, parse) => {
  const found = parseSocketAddress(word);
  if (found === null) mistake(parse, `has malformed source address ${word}, ignoring`);
  else session.source = found.address;
});

const ttl = number('ttl/hoplimit', 1, (session, value) => {
  session.ttl = value;
});

const multihop = boolean(
  ({ draft: { bfd } }, value) => {
    if (!bfd.ignored) bfd.session.multihop = value;
  },
  (word, { draft: { bfd } }) => `Configuration error: BFD instance ${bfd.name} multihop setting not valid - ${word}`,
);

const weight: Row = {
  set(words, parse) {
    const { bfd } = parse.draft;
    const value = parse.numbers.int(words.at(1), -WEIGHT_MAX, WEIGHT_MAX);
    if (value !== null) bfd.weight = value;
    else {
      const range = `(must be in range [-${WEIGHT_MAX}-${WEIGHT_MAX}]), ignoring`;
      mistake(parse, `weight value ${words.at(1)} not valid ${range}`);
    }
    const option = words.list[2];
    if (option === 'reverse') bfd.reverse = true;
    else if (option !== undefined) mistake(parse, `unknown weight option ${option}`);
  },
};

export const bfdBlock: Row = {
  set(words, parse) {
    const { bfds } = parse.draft;
    const name = words.at(1);
    parse.draft.bfd = newBfd(name, words);
    if (Buffer.byteLength(name) > NAME_BYTES_MAX) {
      parse.warning(`BFD name ${name} too long`);
      mistake(parse, `name too long (maximum length is ${NAME_BYTES_MAX} characters) - ignoring`);
      parse.skipBlock(false);
    } else if (bfds.some((each) => each.name === name)) {
      parse.warning(`BFD ${name} already specified`);
      mistake(parse, 'already configured - ignoring');
      parse.skipBlock(false);
    }
  },
  body: {
    neighbor_ip: neighbor,
    neighbour_ip: neighbor,
    source_ip: source,
    min_rx: interval('min_rx', 1, (session, us) => {
      session.minRxUs = us;
    }),
    min_tx: interval('min_tx', 1, (session, us) => {
      session.minTxUs = us;
    }),
    idle_tx: interval('idle_tx', 1_000, (session, us) => {
      session.idleTxUs = us;
    }),
    multiplier: number('multiplier', 1, (session, value) => {
      session.multiplier = value;
    }),
    passive: flag(({ draft }) => {
      draft.bfd.session.passive = true;
    }),
    ttl,
    hoplimit: ttl,
    max_hops: number('max_hops', -1, (session, value) => {
      session.maxHops = value < 0 ? HOPS_ANY : value;
    }),
    multihop,
    weight,
    vrrp: flag(({ draft }) => {
      draft.bfd.forVrrp = true;
    }),
    checker: flag(({ draft }) => {
      draft.bfd.forChecker = true;
    }),
  },
  end(parse) {
    const { bfd, bfds, bfdSessions } = parse.draft;
    if (!bfd.forChecker) bfd.forVrrp = true;
    bfds.push(bfd);
    if (!bfd.ignored && canRun(bfd.session, parse)) bfdSessions.push(completed(bfd.session, parse));
  },
};

function canRun(session: Session, parse: Parse): boolean {
  const { neighbor: address, source: from } = session;
  if (address === '') {
    mistake(parse, 'has no neighbor address set, disabling instance');
    return false;
  }
  if (from !== '' && from.includes(':') !== address.includes(':')) {
    const both = `source address ${from} and neighbor address ${address}`;
    mistake(parse, `${both} are not of the same family, disabling instance`);
    return false;
  }
  // Packets of a neighbor that does not know us yet must find one session.
  const isTaken = parse.draft.bfdSessions.some(
    (each) =>
      each.neighbor === address &&
      each.multihop === session.multihop &&
      (each.source === '' || from === '' || each.source === from),
  );
  if (isTaken) {
    const which = from === '' ? `neighbor address ${address}` : `source/neighbor address ${from}/${address}`;
    mistake(parse, `has duplicate ${which}, ignoring instance`);
  }
  return !isTaken;
}

function completed(session: Session, parse: Parse): VrrpBfd {
  if (session.ttl === 0) session.ttl = session.family === 'inet' ? 255 : 64;
  if (session.maxHops > session.ttl) {
    const text = 'max_hops exceeds ttl/hoplimit - setting to ttl/hoplimit';
    parse.warning(`BFD instance ${session.name}: ${text}`);
    session.maxHops = session.ttl;
  }
  return session;
}
