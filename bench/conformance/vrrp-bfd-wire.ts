// BFD packets as tshark decodes them, with the kernel's times.

/** One datagram to port 3784 or 4784. */
export interface Frame {
  atMs: number;
  source: string;
  ttl: number; // or hop limit
  sourcePort: number;
  targetPort: number;
  state: string;
  poll: boolean;
  final: boolean;
  multiplier: number;
  myDiscriminator: string;
  desiredMinTxUs: number;
  complaint: string;
}

const FIELDS = [
  ...['frame.time_epoch', 'ip.src', 'ipv6.src', 'ip.ttl', 'ipv6.hlim', 'udp.srcport', 'udp.dstport'],
  ...['bfd.sta', 'bfd.flags.p', 'bfd.flags.f', 'bfd.detect_time_multiplier', 'bfd.my_discriminator'],
  ...['bfd.desired_min_tx_interval', '_ws.malformed', '_ws.expert.message'],
];

export const TSHARK_WORDS = [
  ...[
    '-l',
    '-n',
    '-i',
    'eth0',
    '-f',
    'udp port 3784 or udp port 4784',
    '-o',
    'udp.check_checksum:FALSE',
    '-T',
    'fields',
  ],
  ...FIELDS.flatMap((field) => ['-e', field]),
];

const STATES = ['admin-down', 'down', 'init', 'up'];
const isSet = (word: string | undefined): boolean => word === '1' || word === 'True';

/** The frames of a tshark's output so far; each row is decoded once. */
export class BfdWire {
  private readonly decoded: Frame[] = [];
  private readonly tshark: { readonly output: string };
  private restAt = 0; // of the output, where the rows not yet decoded begin

  constructor(tshark: { readonly output: string }) {
    this.tshark = tshark;
  }

  frames(): readonly Frame[] {
    const { output } = this.tshark;
    for (;;) {
      const end = output.indexOf('\n', this.restAt);
      if (end < 0) return this.decoded;
      const frame = frameOf(output.slice(this.restAt, end));
      this.restAt = end + 1;
      if (frame !== null) this.decoded.push(frame);
    }
  }
}

/** null: a row that is no frame. */
function frameOf(row: string): Frame | null {
  if (!/^\d+\.\d+\t/.test(row)) return null;
  const word = row.split('\t');
  return {
    atMs: Number(word[0]) * 1_000,
    source: word[1] || word[2]!,
    ttl: Number(word[3] || word[4]),
    sourcePort: Number(word[5]),
    targetPort: Number(word[6]),
    state: STATES[Number(word[7])] ?? '',
    poll: isSet(word[8]),
    final: isSet(word[9]),
    multiplier: Number(word[10]),
    myDiscriminator: word[11]!,
    desiredMinTxUs: Number(word[12]),
    complaint: [word[13], word[14]].filter((text) => text).join(' '),
  };
}
