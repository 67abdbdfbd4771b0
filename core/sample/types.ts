// The value that fetches make and converters change (manual §7.1): one reused object a thread, never a new one.
//
// Text is bytes: `bytes[offset, offset + length)`, in the arena, in a trash chunk, in a variable or in a constant. Nobody
// writes to bytes he did not take from the trash in the same step: a value may be a view of the message itself.

/** Types, in the order of HAProxy's SMP_T_*. ANY and ADDR only stand in signatures. */
export const TYPE_ANY = 0;
export const TYPE_SAME = 1; // a converter's output: whatever came in
export const TYPE_BOOL = 2;
export const TYPE_SINT = 3;
export const TYPE_ADDR = 4; // IPv4 or IPv6
export const TYPE_IPV4 = 5;
export const TYPE_IPV6 = 6;
export const TYPE_STR = 7;
export const TYPE_BIN = 8;
export const TYPE_METH = 9;
export type SampleType = number;

/** Names as HAProxy's dumps and messages show them, by type. */
export const TYPE_NAMES: readonly string[] = [
  'any',
  'same',
  'bool',
  'sint',
  'addr',
  'ipv4',
  'ipv6',
  'str',
  'bin',
  'meth',
];

export const NO_BYTES = new Uint8Array(0);

export class Sample {
  type: SampleType = TYPE_BOOL;
  /** bool 0 or 1; sint (rounded when `wide` is set); ipv4 as 0…2³²−1; meth one of METHOD_… of core/http/message. */
  number = 0;
  /** The exact 64-bit integer, non-null exactly when it is a sint outside ±(2⁵³−1). */
  wide: bigint | null = null;
  /** str, bin; ipv6: 16 bytes; meth with METHOD_OTHER: its name. */
  bytes: Uint8Array = NO_BYTES;
  offset = 0;
  length = 0;
  /** More bytes may change or complete it (SMP_F_MAY_CHANGE); also set by a fetch that found nothing yet. */
  mayChange = false;
  /** The fetch has further values for an ACL: call it again with `cursor` as it left it (SMP_F_NOT_LAST). */
  more = false;
  /** The fetch's own place in the message between such calls; 0 before the first. */
  cursor = 0;

  /** Before the first call of a fetch. */
  begin(): void {
    this.mayChange = false;
    this.more = false;
    this.cursor = 0;
  }

  setBool(value: boolean): void {
    this.type = TYPE_BOOL;
    this.number = value ? 1 : 0;
    this.wide = null;
  }

  /** `value` is a whole number within ±(2⁵³−1); setWide takes the others. */
  setInt(value: number): void {
    this.type = TYPE_SINT;
    this.number = value;
    this.wide = null;
  }

  /** Any 64-bit signed integer; wraps as C does. Allocates: for the rare large ones. */
  setWide(value: bigint): void {
    const signed = BigInt.asIntN(64, value);
    this.type = TYPE_SINT;
    this.number = Number(signed);
    this.wide = Number.isSafeInteger(this.number) ? null : signed;
  }

  setIpv4(word: number): void {
    this.type = TYPE_IPV4;
    this.number = word >>> 0;
    this.wide = null;
  }

  setBytes(type: SampleType, bytes: Uint8Array, offset: number, length: number): void {
    this.type = type;
    this.bytes = bytes;
    this.offset = offset;
    this.length = length;
  }

  /** Takes over value and marks of `other`; text is shared, not copied. */
  copy(other: Sample): void {
    this.type = other.type;
    this.number = other.number;
    this.wide = other.wide;
    this.bytes = other.bytes;
    this.offset = other.offset;
    this.length = other.length;
    this.mayChange = other.mayChange;
    this.more = other.more;
    this.cursor = other.cursor;
  }
}

/** Where a fetch takes its value from (SMP_USE_*); validity in a place of use follows from it (sample/validity.ts). */
export const USE_CONST = 1 << 0;
export const USE_INTRN = 1 << 1;
export const USE_LISTN = 1 << 2;
export const USE_FTEND = 1 << 3;
export const USE_L4CLI = 1 << 4;
export const USE_L5CLI = 1 << 5;
export const USE_TRACK = 1 << 6;
export const USE_L6REQ = 1 << 7;
export const USE_HRQHV = 1 << 8;
export const USE_HRQHP = 1 << 9;
export const USE_HRQBO = 1 << 10;
export const USE_BKEND = 1 << 11;
export const USE_SERVR = 1 << 12;
export const USE_L4SRV = 1 << 13;
export const USE_L5SRV = 1 << 14;
export const USE_L6RES = 1 << 15;
export const USE_HRSHV = 1 << 16;
export const USE_HRSHP = 1 << 17;
export const USE_HRSBO = 1 << 18;
export const USE_RQFIN = 1 << 19;
export const USE_RSFIN = 1 << 20;
export const USE_TXFIN = 1 << 21;
export const USE_SSFIN = 1 << 22;
export const USE_HTTP_ANY = USE_HRQHV | USE_HRQHP | USE_HRQBO | USE_HRSHV | USE_HRSHP | USE_HRSBO;

/** Places where an expression is evaluated (SMP_VAL_*, by check point): one bit each. */
export const AT_FE_CON_ACC = 1 << 0; // tcp-request connection
export const AT_FE_SES_ACC = 1 << 1; // tcp-request session
export const AT_FE_REQ_CNT = 1 << 2; // tcp-request content, frontend
export const AT_FE_HRQ_HDR = 1 << 3; // http-request, frontend
export const AT_FE_HRQ_BDY = 1 << 4;
export const AT_FE_SET_BCK = 1 << 5; // use_backend
export const AT_BE_REQ_CNT = 1 << 6;
export const AT_BE_HRQ_HDR = 1 << 7;
export const AT_BE_HRQ_BDY = 1 << 8;
export const AT_BE_SET_SRV = 1 << 9; // use-server, balance, stick
export const AT_BE_SRV_CON = 1 << 10; // source, sni
export const AT_BE_RES_CNT = 1 << 11;
export const AT_BE_HRS_HDR = 1 << 12;
export const AT_BE_HRS_BDY = 1 << 13;
export const AT_BE_STO_RUL = 1 << 14;
export const AT_FE_RES_CNT = 1 << 15;
export const AT_FE_HRS_HDR = 1 << 16;
export const AT_FE_HRS_BDY = 1 << 17;
export const AT_FE_LOG_END = 1 << 18;
export const AT_BE_CHK_RUL = 1 << 19;
export const AT_CFG_PARSER = 1 << 20;
export const AT_CLI_PARSER = 1 << 21;
