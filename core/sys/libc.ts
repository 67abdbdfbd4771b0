// libc by its own names. Every function returns what C returns: -1 and errno on failure (see core/sys/errno.ts).
//
// Offsets and addresses are passed as integers (`uintptr_t`); a typed array is accepted where the prototype says
// `void *` and is only borrowed for the call.

import { nativeFunction } from './ffi.ts';

type Bytes = ArrayBufferView | null;
type Address = bigint | number;

export const close = nativeFunction<(fd: number) => number>('int close(int fd)');
export const socket = nativeFunction<(domain: number, type: number, protocol: number) => number>(
  'int socket(int domain, int type, int protocol)',
);
export const socketpair = nativeFunction<(domain: number, type: number, protocol: number, fds: Int32Array) => number>(
  'int socketpair(int domain, int type, int protocol, void *fds)',
);
export const bind = nativeFunction<(fd: number, sockaddr: Bytes, length: number) => number>(
  'int bind(int fd, void *addr, uint32_t len)',
);
export const listen = nativeFunction<(fd: number, backlog: number) => number>('int listen(int fd, int backlog)');
export const connect = nativeFunction<(fd: number, sockaddr: Bytes, length: number) => number>(
  'int connect(int fd, void *addr, uint32_t len)',
);
export const connectAt = nativeFunction<(fd: number, sockaddr: Address, length: number) => number>(
  'int connect(int fd, uintptr_t addr, uint32_t len)',
);
export const accept4 = nativeFunction<(fd: number, sockaddr: Bytes, length: Bytes, flags: number) => number>(
  'int accept4(int fd, void *addr, void *len, int flags)',
);
export const getsockname = nativeFunction<(fd: number, sockaddr: Bytes, length: Bytes) => number>(
  'int getsockname(int fd, void *addr, void *len)',
);
export const getpeername = nativeFunction<(fd: number, sockaddr: Bytes, length: Bytes) => number>(
  'int getpeername(int fd, void *addr, void *len)',
);
export const setsockopt = nativeFunction<
  (fd: number, level: number, option: number, value: Bytes, length: number) => number
>('int setsockopt(int fd, int level, int name, void *value, uint32_t len)');
export const getsockopt = nativeFunction<
  (fd: number, level: number, option: number, value: Bytes, length: Bytes) => number
>('int getsockopt(int fd, int level, int name, void *value, void *len)');
export const shutdown = nativeFunction<(fd: number, how: number) => number>('int shutdown(int fd, int how)');
export const recvAt = nativeFunction<(fd: number, address: Address, length: number, flags: number) => number>(
  'long recv(int fd, uintptr_t buf, size_t len, int flags)',
);
export const sendAt = nativeFunction<(fd: number, address: Address, length: number, flags: number) => number>(
  'long send(int fd, uintptr_t buf, size_t len, int flags)',
);
export const sendto = nativeFunction<
  (fd: number, address: Address, length: number, flags: number, sockaddr: Bytes, sockaddrLength: number) => number
>('long sendto(int fd, uintptr_t buf, size_t len, int flags, void *addr, uint32_t alen)');
/** sendmmsg(2); `messages` is the address of an array of struct mmsghdr in mapped memory. */
export const sendmmsg = nativeFunction<(fd: number, messages: Address, count: number, flags: number) => number>(
  'int sendmmsg(int fd, uintptr_t msgvec, unsigned int vlen, int flags)',
);
export const readAt = nativeFunction<(fd: number, address: Address, length: number) => number>(
  'long read(int fd, uintptr_t buf, size_t len)',
);
export const writeAt = nativeFunction<(fd: number, address: Address, length: number) => number>(
  'long write(int fd, uintptr_t buf, size_t len)',
);
export const read = nativeFunction<(fd: number, bytes: Bytes, length: number) => number>(
  'long read(int fd, void *buf, size_t len)',
);
export const write = nativeFunction<(fd: number, bytes: Bytes, length: number) => number>(
  'long write(int fd, void *buf, size_t len)',
);
export const fcntl = nativeFunction<(fd: number, command: number, argument: number) => number>(
  'int fcntl(int fd, int cmd, int arg)',
);
export const pipe2 = nativeFunction<(fds: Int32Array, flags: number) => number>('int pipe2(void *fds, int flags)');
/** splice(2) between a pipe and a socket: both offsets are NULL. */
export const splice = nativeFunction<
  (fdIn: number, offsetIn: number, fdOut: number, offsetOut: number, length: number, flags: number) => number
>('long splice(int in, uintptr_t oin, int out, uintptr_t oout, size_t len, unsigned int flags)');
export const eventfd = nativeFunction<(initial: number, flags: number) => number>(
  'int eventfd(unsigned int initval, int flags)',
);
/** eventfd_write(3): adds `value` without an address to keep alive. */
export const eventfd_write = nativeFunction<(fd: number, value: number) => number>(
  'int eventfd_write(int fd, uint64_t value)',
);
export const epoll_create1 = nativeFunction<(flags: number) => number>('int epoll_create1(int flags)');
/** epoll_ctl(2); `event` is the address of a struct epoll_event in mapped memory. */
export const epoll_ctl = nativeFunction<(epfd: number, op: number, fd: number, event: Address) => number>(
  'int epoll_ctl(int epfd, int op, int fd, uintptr_t event)',
);
/** epoll_wait(2); `events` is the address of mapped memory for `count` struct epoll_event. */
export const epoll_wait = nativeFunction<(epfd: number, events: Address, count: number, timeoutMs: number) => number>(
  'int epoll_wait(int epfd, uintptr_t events, int maxevents, int timeout)',
);
export const mmap = nativeFunction<
  (address: number, length: number, protection: number, flags: number, fd: number, offset: number) => bigint | number
>('uintptr_t mmap(uintptr_t addr, size_t len, int prot, int flags, int fd, long offset)');
export const munmap = nativeFunction<(address: Address, length: number) => number>(
  'int munmap(uintptr_t addr, size_t len)',
);
export const madvise = nativeFunction<(address: Address, length: number, advice: number) => number>(
  'int madvise(uintptr_t addr, size_t len, int advice)',
);
export const io_uring_setup = nativeFunction<(nr: number, entries: number, params: Uint32Array) => number>(
  'long syscall(long nr, uint32_t entries, void *params)',
);
/** io_uring_enter(2); `argument` is the address of a struct io_uring_getevents_arg, or 0. */
export const io_uring_enter = nativeFunction<
  (nr: number, fd: number, submit: number, wait: number, flags: number, argument: Address, size: number) => number
>('long syscall(long nr, int fd, uint32_t to_submit, uint32_t min_complete, uint32_t flags, uintptr_t arg, size_t sz)');
export const io_uring_register = nativeFunction<
  (nr: number, fd: number, opcode: number, argument: Bytes, count: number) => number
>('long syscall(long nr, int fd, uint32_t opcode, void *arg, uint32_t nr_args)');
/** struct rlimit as two 64-bit numbers: [soft, hard]. */
export const getrlimit = nativeFunction<(resource: number, limits: BigUint64Array) => number>(
  'int getrlimit(int resource, void *rlim)',
);
export const setrlimit = nativeFunction<(resource: number, limits: BigUint64Array) => number>(
  'int setrlimit(int resource, void *rlim)',
);
export const chroot = nativeFunction<(path: string) => number>('int chroot(const char *path)');
export const kill = nativeFunction<(pid: number, signal: number) => number>('int kill(int pid, int sig)');
export const dup = nativeFunction<(fd: number) => number>('int dup(int fd)');
export const dup2 = nativeFunction<(fd: number, as: number) => number>('int dup2(int fd, int as)');
/** _exit(2): ends the process at once, without waiting for threads or running handlers. */
export const _exit = nativeFunction<(code: number) => void>('void _exit(int code)');

/** ppoll(2) without a signal mask; `fds` is an array of struct pollfd, `timeout` a struct timespec, both mapped. */
export const ppoll = nativeFunction<
  (fds: Address, count: number, timeout: Address, mask: number, size: number) => number
>('long ppoll(uintptr_t fds, unsigned long nfds, uintptr_t timeout, uintptr_t mask, size_t size)');
/** clock_gettime(2); `timespec` takes seconds and nanoseconds. */
export const clock_gettime = nativeFunction<(clock: number, timespec: BigInt64Array) => number>(
  'int clock_gettime(int clock, void *timespec)',
);
/** ioctl(2) with a struct at an address of mapped memory. */
export const ioctl = nativeFunction<(fd: number, request: number, argument: Address) => number>(
  'int ioctl(int fd, unsigned long request, uintptr_t argument)',
);
/** recvmsg(2) and sendmsg(2); `message` is the address of a struct msghdr in mapped memory. */
export const recvmsg = nativeFunction<(fd: number, message: Address, flags: number) => number>(
  'long recvmsg(int fd, uintptr_t msg, int flags)',
);
export const sendmsg = nativeFunction<(fd: number, message: Address, flags: number) => number>(
  'long sendmsg(int fd, uintptr_t msg, int flags)',
);
/** sched_setscheduler(2); pid 0 is the calling thread; `parameter` is a struct sched_param: one int. */
export const sched_setscheduler = nativeFunction<(pid: number, policy: number, parameter: Int32Array) => number>(
  'int sched_setscheduler(int pid, int policy, void *param)',
);
/** sched_setaffinity(2) of the calling thread (pid 0); `mask` holds one bit a processor. */
export const sched_setaffinity = nativeFunction<(pid: number, size: number, mask: Bytes) => number>(
  'int sched_setaffinity(int pid, size_t size, void *mask)',
);
/** sched_getaffinity(2) of the calling thread (pid 0), into `mask`. */
export const sched_getaffinity = nativeFunction<(pid: number, size: number, mask: Bytes) => number>(
  'int sched_getaffinity(int pid, size_t size, void *mask)',
);
/** sched_getcpu(3): the processor that the calling thread runs on just now. */
export const sched_getcpu = nativeFunction<() => number>('int sched_getcpu(void)');
/** setpriority(2): on Linux PRIO_PROCESS 0 is the calling thread. */
export const setpriority = nativeFunction<(which: number, who: number, priority: number) => number>(
  'int setpriority(int which, unsigned int who, int prio)',
);
export const mlock2 = nativeFunction<(address: bigint, length: number, flags: number) => number>(
  'int mlock2(uintptr_t addr, size_t len, unsigned int flags)',
);
export const prctl = nativeFunction<(option: number, a: number, b: number, c: number, d: number) => number>(
  'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
);
/** capget(2) and capset(2): header {version, pid}, data two rows of {effective, permitted, inheritable}. */
export const capabilityCall = nativeFunction<(nr: number, header: Uint32Array, data: Uint32Array) => number>(
  'long syscall(long nr, void *header, void *data)',
);
/** signal(2) with a C function as the handler; interrupted calls go on. Returns the handler before, -1 on failure. */
export const signal = nativeFunction<(number: number, handler: bigint) => number>(
  'intptr_t signal(int signum, uintptr_t handler)',
);
