// io_uring's numbers (linux/io_uring.h), as far as weir uses them. Kernel 6.1 has them all.

export const IORING_SETUP_CQSIZE = 1 << 3;
export const IORING_SETUP_COOP_TASKRUN = 1 << 8;
export const IORING_SETUP_SINGLE_ISSUER = 1 << 12;
export const IORING_SETUP_DEFER_TASKRUN = 1 << 13;

export const IORING_OFF_SQ_RING = 0;
export const IORING_OFF_SQES = 0x10000000;

export const IORING_ENTER_GETEVENTS = 1;
export const IORING_ENTER_EXT_ARG = 8;

export const IORING_REGISTER_PBUF_RING = 22;
export const IORING_REGISTER_SYNC_CANCEL = 24;

export const IORING_ASYNC_CANCEL_ALL = 1;
export const IORING_ASYNC_CANCEL_ANY = 4;

export const IORING_OP_POLL_ADD = 6;
export const IORING_OP_ACCEPT = 13;
export const IORING_OP_ASYNC_CANCEL = 14;
export const IORING_OP_CONNECT = 16;
export const IORING_OP_CLOSE = 19;
export const IORING_OP_SEND = 26;
export const IORING_OP_RECV = 27;

// In the second byte of an SQE, shifted with the opcode's 32-bit word.
export const IOSQE_BUFFER_SELECT = (1 << 5) << 8;
export const IOSQE_CQE_SKIP_SUCCESS = (1 << 6) << 8;

// In ioprio, the upper half of the first word.
export const IORING_ACCEPT_MULTISHOT = (1 << 0) << 16;
export const IORING_RECVSEND_POLL_FIRST = (1 << 0) << 16;
export const IORING_RECV_MULTISHOT = (1 << 1) << 16;

export const IORING_POLL_ADD_MULTI = 1;

export const IORING_CQE_F_BUFFER = 1;
export const IORING_CQE_F_MORE = 2;
export const IORING_CQE_BUFFER_SHIFT = 16;

export const SQE_BYTES = 64;
export const CQE_BYTES = 16;
export const PBUF_ENTRY_BYTES = 16;
