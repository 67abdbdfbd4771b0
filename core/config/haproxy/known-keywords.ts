// The vocabulary of HAProxy 3.4: every word its configuration language knows, by place (manual §3, §4.1, §5).
//
// Facts, not code. They serve two ends: a word that is here but in no keyword table of weir is refused as "known
// but not implemented", never as a misspelling; and the hints for misspelt words are chosen among the same words
// as HAProxy's, so that both programs suggest the same correction. Order matters for ties.

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Global section: what `haproxy -dKcfg` lists. */
export const GLOBAL_REGISTERED = words(`
  acme.scheduler ca-base chroot close-spread-time cpu-affinity cpu-policy cpu-set crt-base daemon default-path
  dns-accept-family expose-deprecated-directives expose-experimental-directives force-cfg-parser-pause grace
  h1-accept-payload-with-any-method h1-case-adjust h1-case-adjust-file
  h1-do-not-close-on-insecure-transfer-encoding hard-stop-after harden.reject-privileged-ports.quic
  harden.reject-privileged-ports.tcp http-err-codes http-fail-codes httpclient.resolvers.disabled
  httpclient.resolvers.id httpclient.resolvers.prefer httpclient.retries httpclient.ssl.ca-file
  httpclient.ssl.verify httpclient.timeout.connect issuers-chain-path jwt.decrypt_alg_list jwt.decrypt_enc_list
  key-base localpeer master-worker max-threads-per-group maxsslconn mworker-max-reloads nbproc nbthread
  no-memory-trimming noepoll noevports nokqueue noktls nopoll ocsp-update.disable ocsp-update.httpproxy
  ocsp-update.maxdelay ocsp-update.mindelay ocsp-update.mode pidfile pp2-never-send-local prealloc-fd presetenv
  profiling.tasks quiet resetenv set-var set-var-fmt setcap setenv shm-stats-file shm-stats-file-max-objects
  ssl-default-bind-ciphers ssl-default-bind-ciphersuites ssl-default-bind-client-sigalgs ssl-default-bind-curves
  ssl-default-bind-options ssl-default-bind-sigalgs ssl-default-server-ciphers ssl-default-server-ciphersuites
  ssl-default-server-client-sigalgs ssl-default-server-curves ssl-default-server-options
  ssl-default-server-sigalgs ssl-dh-param-file ssl-engine ssl-load-extra-del-ext ssl-load-extra-files
  ssl-mode-async ssl-passphrase-cmd ssl-propquery ssl-provider ssl-provider-path ssl-security-level
  ssl-skip-self-issued-ca stats stress-level thread-group thread-groups thread-hard-limit
  tune.applet.zero-copy-forwarding tune.buffers.limit tune.buffers.reserve tune.bufsize tune.bufsize.large
  tune.bufsize.small tune.chksize tune.cli.max-payload-size tune.comp.maxlevel tune.defaults.purge
  tune.disable-fast-forward tune.disable-zero-copy-forwarding tune.epoll.mask-events
  tune.events.max-events-at-once tune.fail-alloc tune.fd.edge-triggered tune.glitches.kill.cpu-usage
  tune.h1.be.glitches-threshold tune.h1.fe.glitches-threshold tune.h1.zero-copy-fwd-recv
  tune.h1.zero-copy-fwd-send tune.h2.be.glitches-threshold tune.h2.be.initial-window-size
  tune.h2.be.max-concurrent-streams tune.h2.be.max-frames-at-once tune.h2.be.rxbuf tune.h2.fe.glitches-threshold
  tune.h2.fe.initial-window-size tune.h2.fe.max-concurrent-streams tune.h2.fe.max-frames-at-once
  tune.h2.fe.max-rst-at-once tune.h2.fe.max-total-streams tune.h2.fe.rxbuf tune.h2.header-table-size
  tune.h2.initial-window-size tune.h2.log-errors tune.h2.max-concurrent-streams tune.h2.max-frame-size
  tune.h2.zero-copy-fwd-send tune.http.cookielen tune.http.logurilen tune.http.maxhdr tune.idle-pool.shared
  tune.idletimer tune.listener.default-shards tune.listener.multi-queue tune.max-checks-per-thread
  tune.max-rules-at-once tune.maxaccept tune.maxpollevents tune.maxrewrite tune.memory.hot-size
  tune.notsent-lowat.client tune.notsent-lowat.server tune.pattern.cache-size tune.peers.max-updates-at-once
  tune.pipesize tune.pool-high-fd-ratio tune.pool-low-fd-ratio tune.pt.zero-copy-forwarding tune.rcvbuf.backend
  tune.rcvbuf.client tune.rcvbuf.frontend tune.rcvbuf.server tune.recv_enough tune.renice.runtime
  tune.renice.startup tune.ring.queues tune.runqueue-depth tune.sched.low-latency tune.sndbuf.backend
  tune.sndbuf.client tune.sndbuf.frontend tune.sndbuf.server tune.ssl.cachesize tune.ssl.capture-buffer-size
  tune.ssl.capture-cipherlist-size tune.ssl.certificate-compression tune.ssl.default-dh-param
  tune.ssl.force-private-cache tune.ssl.hard-maxrecord tune.ssl.keylog tune.ssl.lifetime tune.ssl.maxrecord
  tune.ssl.ocsp-update.maxdelay tune.ssl.ocsp-update.mindelay tune.ssl.ssl-ctx-cache-size tune.stick-counters
  tune.streams-elasticity tune.takeover-other-tg-connections tune.vars.check-max-size tune.vars.global-max-size
  tune.vars.proc-max-size tune.vars.reqres-max-size tune.vars.sess-max-size tune.vars.txn-max-size unsetenv
  warn-blocked-traffic-after zero-warning
`);

/** Global section: suggested too, though `-dKcfg` does not list them. */
export const GLOBAL_COMMON = words(`
  global busy-polling set-dumpable insecure-fork-wanted insecure-setuid-wanted nosplice nogetaddrinfo noreuseport
  uid gid external-check user group maxconn ssl-server-verify maxconnrate maxsessrate maxsslrate maxcomprate
  maxpipes maxzlibmem maxcompcpuusage ulimit-n description node unix-bind log log-send-hostname server-state-base
  server-state-file log-tag spread-checks max-spread-checks cpu-map strict-limits numa-cpu-mapping defaults listen
  frontend backend peers resolvers cluster-secret limited-quic stats-file
`);

/** Global section: known, never suggested; most exist only in builds with the library they belong to. */
export const GLOBAL_UNLISTED = words(`
  51degrees-allow-unmatched 51degrees-cache-size 51degrees-data-file 51degrees-difference 51degrees-drift
  51degrees-property-name-list 51degrees-property-separator 51degrees-use-performance-graph
  51degrees-use-predictive-graph anonkey debug.counters deviceatlas-json-file deviceatlas-log-level
  deviceatlas-properties-cookie deviceatlas-separator fd-hard-limit h2-workaround-bogus-websocket-clients lua-load
  lua-load-per-thread lua-prepend-path profiling.memory tune.lua.bool-sample-conversion tune.lua.burst-timeout
  tune.lua.forced-yield tune.lua.log.loggers tune.lua.log.stderr tune.lua.maxmem tune.lua.openlibs
  tune.lua.service-timeout tune.lua.session-timeout tune.lua.task-timeout tune.quic.be.cc.cubic-min-losses
  tune.quic.be.cc.hystart tune.quic.be.cc.max-frame-loss tune.quic.be.cc.max-win-size
  tune.quic.be.cc.reorder-ratio tune.quic.be.max-idle-timeout tune.quic.be.sec.glitches-threshold
  tune.quic.be.stream.data-ratio tune.quic.be.stream.max-concurrent tune.quic.be.stream.rxbuf
  tune.quic.be.tx.pacing tune.quic.be.tx.udp-gso tune.quic.cc-hystart tune.quic.cc.cubic.min-losses
  tune.quic.disable-tx-pacing tune.quic.disable-udp-gso tune.quic.fe.cc.cubic-min-losses tune.quic.fe.cc.hystart
  tune.quic.fe.cc.max-frame-loss tune.quic.fe.cc.max-win-size tune.quic.fe.cc.reorder-ratio
  tune.quic.fe.max-idle-timeout tune.quic.fe.sec.glitches-threshold tune.quic.fe.sec.retry-threshold
  tune.quic.fe.sock-per-conn tune.quic.fe.stream.data-ratio tune.quic.fe.stream.max-concurrent
  tune.quic.fe.stream.max-total tune.quic.fe.stream.rxbuf tune.quic.fe.tx.pacing tune.quic.fe.tx.udp-gso
  tune.quic.frontend.default-max-window-size tune.quic.frontend.max-data-size tune.quic.frontend.max-idle-timeout
  tune.quic.frontend.max-streams-bidi tune.quic.frontend.max-tx-mem tune.quic.frontend.stream-data-ratio
  tune.quic.listen tune.quic.max-frame-loss tune.quic.mem.tx-max tune.quic.reorder-ratio tune.quic.retry-threshold
  tune.quic.socket-owner tune.quic.zero-copy-fwd-send tune.zlib.memlevel tune.zlib.windowsize wurfl-cache-size
  wurfl-data-file wurfl-information-list wurfl-information-list-separator quick-exit
`);

/** Proxy sections: what `haproxy -dKcfg` lists. */
export const PROXY_REGISTERED = words(`
  clitcpka-cnt clitcpka-idle clitcpka-intvl clitimeout compression contimeout declare errorfile errorfiles
  errorloc errorloc302 errorloc303 external-check filter filter-sequence force-be-switch guid
  hash-preserve-affinity http-check http-error log-steps max-keep-alive-queue rate-limit retry-on srvtcpka-cnt
  srvtcpka-idle srvtcpka-intvl srvtimeout ssl-f-use tcp-check tcp-request tcp-response timeout use-fcgi-app
`);

/** Proxy sections: suggested too. */
export const PROXY_COMMON = words(`
  listen frontend backend defaults server default-server server-template bind monitor-net monitor-uri mode id
  description disabled enabled acl dynamic-cookie-key cookie email-alert persist appsession
  load-server-state-from-file server-state-file-name max-session-srv-conns capture retries http-request
  http-response http-after-response http-send-name-header block redirect use_backend use-server force-persist
  ignore-persist stick-table stick stats option default_backend http-reuse monitor transparent maxconn backlog
  fullconn dispatch balance hash-type hash-balance-factor unique-id-format unique-id-header log-format
  log-format-sd log-tag log source usesrc error-log-format
`);

/** Proxy sections: known, never suggested. */
export const PROXY_UNLISTED = words(`
  quic-initial
`);

/** `option …`: the on/off ones. */
export const OPTIONS_REGISTERED = words(`
  abortonclose accept-unsafe-violations-in-http-request accept-unsafe-violations-in-http-response allbackups
  checkcache clitcpka contstats disable-h2-upgrade dontlog-normal dontlognull h1-case-adjust-bogus-client
  h1-case-adjust-bogus-server http-buffer-request http-drop-request-trailers http-drop-response-trailers
  http-ignore-probes http-no-delay http-pretend-keepalive http-use-proxy-header idle-close-on-response
  independent-streams log-health-checks log-separate-errors logasap nolinger persist prefer-last-server
  socket-stats splice-auto splice-request splice-response srvtcpka tcp-smart-accept tcp-smart-connect transparent
`);

/** `option …`: suggested too. */
export const OPTIONS_COMMON = words(`
  httpclose http-server-close http-keep-alive redispatch httplog tcplog tcpka httpchk ssl-hello-chk smtpchk
  pgsql-check redis-check mysql-check ldap-check spop-check tcp-check external-check forwardfor original-to
  forwarded
`);

/** `option …`: known, never suggested. */
export const OPTIONS_UNLISTED = words(`
  originalto httpslog http-restrict-req-hdr-names use-small-buffers assume-rfc6587-ntf dont-parse-log
  accept-invalid-http-request accept-invalid-http-response
`);

/** `bind <addr> …` without those of TLS. */
export const BIND_PLAIN = words(`
  accept-netscaler-cip accept-proxy backlog cc defer-accept expose-fd gid group guid-prefix id idle-ping interface
  label level maxconn mode mss name namespace nbconn nice process proto severity-output shards tcp-md5sig tcp-ss
  tcp-ut tfo thread transparent uid user v4v6 v6only
`);

/** `bind <addr> ssl …`. */
export const BIND_TLS = words(`
  ssl allow-0rtt alpn ca-file ca-ignore-err ca-sign-file ca-sign-pass ca-verify-file ciphers ciphersuites
  client-sigalgs crl-file crt crt-ignore-err crt-list curves default-crt ecdhe force-sslv3 force-tlsv10
  force-tlsv11 force-tlsv12 force-tlsv13 generate-certificates ktls no-alpn no-ca-names no-sslv3 no-strict-sni
  no-tls-tickets no-tlsv10 no-tlsv11 no-tlsv12 no-tlsv13 npn prefer-client-ciphers sigalgs ssl-max-ver ssl-min-ver
  strict-sni tls-ticket-keys tls-tickets verify
`);

/** `bind …`: only in builds with QUIC. */
export const BIND_UNLISTED = words(`
  quic-cc-algo quic-force-retry quic-socket
`);

/** `server <name> <addr> …`, TLS included. */
export const SERVER_WORDS = words(`
  addr agent-addr agent-check agent-inter agent-port agent-send allow-0rtt alpn backup ca-file cc check check-alpn
  check-pool-conn-name check-proto check-reuse-pool check-send-proxy check-sni check-sni-auto check-ssl
  check-via-socks4 ciphers ciphersuites client-sigalgs cookie crl-file crt curves disabled downinter enabled
  error-limit fall fastinter force-sslv3 force-tlsv10 force-tlsv11 force-tlsv12 force-tlsv13 guid hash-key
  healthcheck id idle-ping init-addr init-state inter ktls log-bufsize log-proto max-reuse maxconn maxqueue
  minconn namespace no-agent-check no-backup no-check no-check-reuse-pool no-check-send-proxy no-check-sni-auto
  no-check-ssl no-renegotiate no-send-proxy no-send-proxy-v2 no-send-proxy-v2-ssl no-send-proxy-v2-ssl-cn
  no-sni-auto no-ssl no-ssl-reuse no-sslv3 no-tfo no-tls-tickets no-tlsv10 no-tlsv11 no-tlsv12 no-tlsv13 non-stick
  npn observe on-error on-marked-down on-marked-up pool-conn-name pool-low-conn pool-max-conn pool-purge-delay
  port proto proxy-v2-options redir renegotiate resolve-net resolve-opts resolve-prefer resolvers rise send-proxy
  send-proxy-v2 send-proxy-v2-ssl send-proxy-v2-ssl-cn set-proxy-v2-tlv-fmt shard sigalgs slowstart sni sni-auto
  socks4 source ssl ssl-max-ver ssl-min-ver ssl-reuse stick strict-maxconn tcp-md5sig tcp-ut tfo tls-tickets track
  usesrc verify verifyhost weight ws
`);

/** Values of server options, suggested where a keyword was expected. */
export const SERVER_HINTS = words(`
  ipv4 ipv6 legacy octet-count fail-check sudden-death mark-down
`);
