// The vocabulary of HAProxy 3.4: every word its configuration language knows, by place (manual §3, §4.1, §5).
//
// Facts, not code. They serve two ends: a word that is here but in no keyword table of weir is refused as "known
// but not implemented", never as a misspelling; and the hints for misspelt words are chosen among the same words
// as HAProxy's, so that both programs suggest the same correction. Order matters for ties.

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Global section: what `haproxy -dKcfg` lists. */
export const GLOBAL_REGISTERED = words(`
  tune.epoll.mask-events cpu-policy cpu-set cpu-affinity ocsp-update.disable tune.ssl.ocsp-update.maxdelay
  ocsp-update.maxdelay tune.ssl.ocsp-update.mindelay ocsp-update.mindelay ocsp-update.mode ocsp-update.httpproxy
  ca-base crt-base key-base issuers-chain-path maxsslconn ssl-default-bind-options ssl-default-server-options
  ssl-dh-param-file ssl-mode-async ssl-engine ssl-propquery ssl-provider ssl-provider-path ssl-security-level
  ssl-skip-self-issued-ca tune.ssl.cachesize tune.ssl.certificate-compression tune.ssl.default-dh-param
  tune.ssl.force-private-cache tune.ssl.lifetime tune.ssl.maxrecord tune.ssl.hard-maxrecord
  tune.ssl.ssl-ctx-cache-size tune.ssl.capture-cipherlist-size tune.ssl.capture-buffer-size tune.ssl.keylog
  ssl-default-bind-ciphers ssl-default-server-ciphers ssl-default-bind-curves ssl-default-server-curves
  ssl-default-bind-sigalgs ssl-default-server-sigalgs ssl-default-bind-client-sigalgs
  ssl-default-server-client-sigalgs ssl-default-bind-ciphersuites ssl-default-server-ciphersuites
  ssl-load-extra-files ssl-load-extra-del-ext ssl-passphrase-cmd acme.scheduler jwt.decrypt_alg_list
  jwt.decrypt_enc_list setcap tune.h2.be.glitches-threshold tune.h2.be.initial-window-size
  tune.h2.be.max-concurrent-streams tune.h2.be.max-frames-at-once tune.h2.be.rxbuf tune.h2.fe.glitches-threshold
  tune.h2.fe.initial-window-size tune.h2.fe.max-concurrent-streams tune.h2.fe.max-frames-at-once
  tune.h2.fe.max-rst-at-once tune.h2.fe.max-total-streams tune.h2.fe.rxbuf tune.h2.header-table-size
  tune.h2.initial-window-size tune.h2.log-errors tune.h2.max-concurrent-streams tune.h2.max-frame-size
  tune.h2.zero-copy-fwd-send tune.idle-pool.shared tune.pool-high-fd-ratio tune.pool-low-fd-ratio
  tune.stick-counters profiling.tasks default-path tune.peers.max-updates-at-once stats tune.cli.max-payload-size
  pp2-never-send-local dns-accept-family grace hard-stop-after close-spread-time tune.max-checks-per-thread
  tune.listener.default-shards tune.listener.multi-queue tune.applet.zero-copy-forwarding
  httpclient.resolvers.disabled httpclient.resolvers.id httpclient.resolvers.prefer httpclient.retries
  httpclient.timeout.connect httpclient.ssl.verify httpclient.ssl.ca-file set-var set-var-fmt
  tune.vars.global-max-size tune.vars.proc-max-size tune.vars.sess-max-size tune.vars.txn-max-size
  tune.vars.reqres-max-size tune.vars.check-max-size tune.events.max-events-at-once tune.fail-alloc
  tune.memory.hot-size no-memory-trimming chroot daemon expose-deprecated-directives
  expose-experimental-directives force-cfg-parser-pause harden.reject-privileged-ports.quic
  harden.reject-privileged-ports.tcp localpeer master-worker nbproc noepoll noevports nokqueue noktls nopoll
  pidfile prealloc-fd presetenv quiet resetenv setenv shm-stats-file shm-stats-file-max-objects stress-level
  tune.bufsize tune.chksize tune.comp.maxlevel tune.defaults.purge tune.disable-fast-forward
  tune.disable-zero-copy-forwarding tune.glitches.kill.cpu-usage tune.http.cookielen tune.http.logurilen
  tune.http.maxhdr tune.idletimer tune.max-rules-at-once tune.maxaccept tune.maxpollevents tune.maxrewrite
  tune.notsent-lowat.client tune.notsent-lowat.server tune.pattern.cache-size tune.pipesize tune.rcvbuf.client
  tune.rcvbuf.server tune.recv_enough tune.renice.runtime tune.renice.startup tune.runqueue-depth
  tune.sndbuf.client tune.sndbuf.server tune.streams-elasticity tune.takeover-other-tg-connections unsetenv
  zero-warning tune.pt.zero-copy-forwarding h1-do-not-close-on-insecure-transfer-encoding tune.fd.edge-triggered
  tune.sched.low-latency mworker-max-reloads tune.ring.queues thread-hard-limit nbthread thread-group
  thread-groups max-threads-per-group http-err-codes http-fail-codes tune.buffers.limit tune.buffers.reserve
  tune.bufsize.large tune.bufsize.small warn-blocked-traffic-after tune.rcvbuf.backend tune.rcvbuf.frontend
  tune.sndbuf.backend tune.sndbuf.frontend h1-accept-payload-with-any-method h1-case-adjust h1-case-adjust-file
  tune.h1.be.glitches-threshold tune.h1.fe.glitches-threshold tune.h1.zero-copy-fwd-recv
  tune.h1.zero-copy-fwd-send
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
  ssl-f-use log-steps http-check tcp-check timeout clitimeout contimeout srvtimeout rate-limit
  max-keep-alive-queue declare retry-on hash-preserve-affinity clitcpka-cnt srvtcpka-cnt clitcpka-idle
  srvtcpka-idle clitcpka-intvl srvtcpka-intvl force-be-switch guid errorloc errorloc302 errorloc303 errorfile
  errorfiles http-error tcp-request tcp-response use-fcgi-app external-check compression filter filter-sequence
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
  abortonclose allbackups checkcache clitcpka contstats dontlognull http-buffer-request http-drop-request-trailers
  http-drop-response-trailers http-ignore-probes idle-close-on-response prefer-last-server logasap nolinger
  persist srvtcpka transparent splice-request splice-response splice-auto accept-unsafe-violations-in-http-request
  accept-unsafe-violations-in-http-response dontlog-normal log-separate-errors log-health-checks socket-stats
  tcp-smart-accept tcp-smart-connect independent-streams http-use-proxy-header http-pretend-keepalive
  http-no-delay h1-case-adjust-bogus-client h1-case-adjust-bogus-server disable-h2-upgrade
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
  level expose-fd severity-output accept-netscaler-cip accept-proxy backlog guid-prefix id idle-ping label maxconn
  name nbconn nice process proto shards thread cc defer-accept interface mss tcp-md5sig tcp-ss tcp-ut tfo
  transparent v4v6 v6only namespace gid group mode uid user
`);

/** `bind <addr> ssl …`. */
export const BIND_TLS = words(`
  allow-0rtt alpn ca-file ca-verify-file ca-ignore-err ca-sign-file ca-sign-pass ciphers ciphersuites
  client-sigalgs crl-file crt crt-ignore-err crt-list curves default-crt ecdhe force-sslv3 force-tlsv10
  force-tlsv11 force-tlsv12 force-tlsv13 generate-certificates ktls no-alpn no-ca-names no-sslv3 no-strict-sni
  no-tlsv10 no-tlsv11 no-tlsv12 no-tlsv13 no-tls-tickets sigalgs ssl ssl-min-ver ssl-max-ver strict-sni
  tls-tickets tls-ticket-keys verify npn prefer-client-ciphers
`);

/** `bind …`: only in builds with QUIC. */
export const BIND_UNLISTED = words(`
  quic-cc-algo quic-force-retry quic-socket
`);

/** `server <name> <addr> …`, TLS included. */
export const SERVER_WORDS = words(`
  allow-0rtt alpn ca-file check-alpn check-sni check-sni-auto check-ssl ciphers ciphersuites client-sigalgs
  crl-file curves crt force-sslv3 force-tlsv10 force-tlsv11 force-tlsv12 force-tlsv13 ktls no-check-sni-auto
  no-check-ssl no-renegotiate no-send-proxy-v2-ssl no-send-proxy-v2-ssl-cn no-sni-auto no-ssl no-ssl-reuse
  no-sslv3 no-tlsv10 no-tlsv11 no-tlsv12 no-tlsv13 no-tls-tickets npn renegotiate send-proxy-v2-ssl
  send-proxy-v2-ssl-cn sigalgs sni sni-auto ssl ssl-min-ver ssl-max-ver ssl-reuse tls-tickets verify verifyhost
  backup cookie disabled enabled error-limit guid ws hash-key id idle-ping init-addr init-state log-bufsize
  log-proto maxconn maxqueue max-reuse minconn namespace no-backup no-send-proxy no-send-proxy-v2 no-tfo non-stick
  observe on-error on-marked-down on-marked-up pool-conn-name pool-low-conn pool-max-conn pool-purge-delay proto
  proxy-v2-options redir resolve-net resolve-opts resolve-prefer resolvers send-proxy send-proxy-v2
  set-proxy-v2-tlv-fmt shard slowstart source stick strict-maxconn tfo track socks4 usesrc weight healthcheck addr
  agent-addr agent-check agent-inter agent-port agent-send check check-pool-conn-name check-proto check-reuse-pool
  check-send-proxy check-via-socks4 no-agent-check no-check no-check-reuse-pool no-check-send-proxy rise fall
  inter fastinter downinter port cc tcp-md5sig tcp-ut
`);

/** Values of server options, suggested where a keyword was expected. */
export const SERVER_HINTS = words(`
  ipv4 ipv6 legacy octet-count fail-check sudden-death mark-down
`);
