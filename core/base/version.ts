// Who weir is, and which HAProxy it stands for. The only place that says so.
//
// `-v`, `-vv`, the first diagnostics line and `.if version_atleast(…)` / `feature(…)` all read it here, so that
// they can never disagree. A feature is `true` only when weir does what that name promises to an operator of
// HAProxy (manual §2.4): a false `+` makes scripts and test gates believe something that is not there.

/** weir's own release. */
export const WEIR_VERSION = '0.1.0';

/** The HAProxy release whose language, words and behaviour this weir follows. */
export const HAPROXY_VERSION = '3.4.0';

export const HAPROXY_BRANCH = '3.4';

export const HAPROXY_DATE = '2026/06/03';

/** What `haproxy -v` shows as its version: sorts as 3.4.0 and still names weir. */
export const VERSION_TEXT = `${HAPROXY_VERSION}-weir${WEIR_VERSION}`;

export interface Feature {
  readonly name: string;
  readonly enabled: boolean;
}

const feature = (name: string, enabled = false): Feature => ({ name, enabled });

/** In the order of `haproxy -vv`'s "Feature list". */
export const FEATURES: readonly Feature[] = [
  feature('51DEGREES'),
  feature('ACCEPT4', true),
  feature('ACME'),
  feature('BACKTRACE'),
  feature('CLOSEFROM'),
  feature('CPU_AFFINITY'),
  feature('CRYPT_H'),
  feature('DEVICEATLAS'),
  feature('DL'),
  feature('ECH'),
  feature('ENGINE'),
  feature('EPOLL', true),
  feature('EVPORTS'),
  feature('GETADDRINFO', true),
  feature('HAVE_TCP_MD5SIG'),
  feature('KQUEUE'),
  feature('KTLS'),
  feature('LIBATOMIC'),
  feature('LIBCRYPT'),
  feature('LINUX_CAP'),
  feature('LINUX_SPLICE', true),
  feature('LINUX_TPROXY'),
  feature('LUA'),
  feature('MATH'),
  feature('MEMORY_PROFILING'),
  feature('NETFILTER'),
  feature('NS'),
  feature('OBSOLETE_LINKER'),
  feature('OPENSSL'),
  feature('OPENSSL_AWSLC'),
  feature('OPENSSL_WOLFSSL'),
  feature('OT'),
  feature('PCRE'),
  feature('PCRE2'),
  feature('PCRE2_JIT'),
  feature('PCRE_JIT'),
  feature('POLL'),
  feature('PRCTL'),
  feature('PROCCTL'),
  feature('PROMEX'),
  feature('PTHREAD_EMULATION'),
  feature('QUIC'),
  feature('QUIC_OPENSSL_COMPAT'),
  feature('RT'),
  feature('SHM_OPEN'),
  feature('SLZ'),
  feature('SSL'),
  feature('STATIC_PCRE'),
  feature('STATIC_PCRE2'),
  feature('TFO', true),
  feature('THREAD', true),
  feature('THREAD_DUMP'),
  feature('TPROXY'),
  feature('TRACE'),
  feature('WURFL'),
  feature('ZLIB'),
];

/** The `-vv` line after "Feature list : ", e.g. `+EPOLL -KQUEUE`. */
export function featureList(): string {
  return FEATURES.map((each) => `${each.enabled ? '+' : '-'}${each.name}`).join(' ');
}
