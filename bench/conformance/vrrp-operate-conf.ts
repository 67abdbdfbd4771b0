// A keepalived.conf that uses nearly every word that weir knows, for the comparison of dumps. `peer` holds VI_2.

export const TRACK_FILE = 'tracked';

export const PEER = `global_defs {
  vrrp_rt_priority 50
  vrrp_rlimit_rttime 2000000
  vrrp_version 3
  vrrp_mcast_group4 224.0.0.19
}
vrrp_instance VI_2 {
  interface eth0
  virtual_router_id 52
  priority 180
  advert_int 1
  virtual_ipaddress {
    10.77.0.150/24
  }
}
`;

/** \`folder\` holds what is tracked. */
export const everything = (folder: string): string => `global_defs {
  router_id box2
  script_user root
  enable_script_security
  vrrp_version 3
  notification_email {
    root@example.org
    ops@example.org
  }
  notification_email_from weir@example.org
  smtp_server 192.0.2.1 2525
  smtp_helo_name box2.example.org
  smtp_connect_timeout 3
  smtp_alert off
  vrrp_garp_interval 0.001
  vrrp_garp_lower_prio_delay 7
  vrrp_garp_lower_prio_repeat 2
  vrrp_garp_master_refresh 30
  vrrp_mcast_group4 224.0.0.19
  startup_script "/bin/true start"
  startup_script_timeout 4
  no_email_faults
  vrrp_priority -5
  vrrp_rt_priority 50
  vrrp_rlimit_rttime 2000000
  vrrp_no_swap
  vrrp_check_unicast_src
  dynamic_interfaces
  vrrp_notify_priority_changes
  vrrp_higher_prio_send_advert
}
vrrp_script chk {
  script "/bin/true a 'b c'"
  interval 2
  timeout 1
  weight -20
  rise 2
  fall 3
  user nobody
}
vrrp_script bad {
  script /bin/false
  interval 1
  weight 2 reverse
  init_fail
}
track_file tf {
  file ${folder}/${TRACK_FILE}
  weight 2
}
track_file tf2 {
  file ${folder}/none
  weight 2 reverse
}
vrrp_track_process tp {
  process nosuchprogram 1000
  param_match partial
  weight 3
  quorum 2
  quorum_max 5
  fork_delay 2
  terminate_delay 0.5
}
static_ipaddress {
  10.77.0.99/24 dev eth0
  fd77::99/64 dev eth0
}
static_routes {
  10.98.0.0/16 via 10.77.0.3 dev eth0 metric 5
}
static_rules {
  from 10.98.0.1 table 98 preference 55
}
vrrp_sync_group G1 {
  group {
    VI_5
    VI_6
  }
  track_script {
    chk weight 0
  }
  notify_master "/bin/true gm"
  notify "/bin/true g"
}
vrrp_instance VI_1 {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority 150
  advert_int 0.1
  virtual_ipaddress {
    10.77.0.100/24 brd + dev eth0 scope link label eth0:1
    10.77.0.101 no_track
  }
  virtual_ipaddress_excluded {
    10.77.0.110/32
    fd77::110/64 -nodad home
  }
  virtual_routes {
    10.99.0.0/16 via 10.77.0.2 dev eth0 metric 7 table 300 mtu lock 1400
    src 10.77.0.1 to 10.97.0.0/16 dev eth0 scope link
    blackhole 10.96.0.0/16 no_track
    10.95.0.0/16 no_track nexthop via 10.77.0.2 dev eth0 weight 2 nexthop via 10.77.0.3 dev eth0
    default via 10.77.0.3 dev eth0 metric 77
    inet6 default via fd77::2 dev eth0 metric 9 table 400
  }
  virtual_rules {
    from 10.77.0.100/32 table 300 preference 77
    from fd77::/64 to fd78::/32 fwmark 3/255 iif eth0 table 7 preference 88
    to 10.1.1.1 prohibit preference 89
  }
  track_interface {
    eth1 weight 5
  }
  track_script {
    chk
    bad weight -3
  }
  track_file {
    tf
    tf2 weight 1
  }
  track_process {
    tp
  }
  notify_master "/bin/true m x"
  notify_deleted "/bin/true d"
  notify_master_rx_lower_pri "/bin/true l"
  promote_secondaries
  preempt_delay 0.5
  garp_master_delay 2
  garp_master_refresh 60
  garp_master_repeat 3
  down_timer_adverts 5
  kernel_rx_buf_size 100000
  smtp_alert
}
vrrp_instance VI_2 {
  state BACKUP
  interface eth0
  virtual_router_id 52
  priority 80
  nopreempt
  advert_int 1
  dont_track_primary
  skip_check_adv_addr
  track_src_ip
  mcast_src_ip 10.77.0.1
  lower_prio_no_advert
  higher_prio_send_advert off
  virtual_ipaddress {
    10.77.0.150/24
  }
}
vrrp_instance VI_3 {
  version 2
  state MASTER
  interface eth0
  use_vmac
  vmac_xmit_base
  virtual_router_id 53
  priority 110
  advert_int 1
  authentication {
    auth_type PASS
    auth_pass secret
  }
  virtual_ipaddress {
    10.77.0.120/24
  }
}
vrrp_instance VI_4 {
  interface eth0
  virtual_router_id 54
  priority 250
  advert_int 0.3
  unicast_src_ip fd77::1
  unicast_ttl 3
  unicast_peer {
    fd77::2 min_ttl 2 max_ttl 250
  }
  virtual_ipaddress {
    fe80::99
    fd77::200/64
  }
}
vrrp_instance VI_5 {
  interface eth0
  virtual_router_id 55
  priority 100
  advert_int 0.3
  virtual_ipaddress {
    10.77.0.155/24
  }
}
vrrp_instance VI_6 {
  interface eth1
  virtual_router_id 56
  priority 100
  advert_int 0.3
  virtual_ipaddress {
    10.78.0.155/24
  }
}
vrrp_instance VI_7 {
  version 2
  interface eth0
  virtual_router_id 57
  priority 100
  authentication {
    auth_type AH
    auth_pass secret
  }
  track_interface {
    eth2
  }
  virtual_ipaddress {
    10.77.0.157/24
  }
}
`;

/** Two instances in a group and one alone; eth1 is watched by the group. */
export const MAILING = `global_defs {
  router_id box3
  vrrp_rt_priority 50
  vrrp_rlimit_rttime 2000000
  enable_script_security
  script_user root
  vrrp_version 3
  notification_email {
    root@example.org
    ops@example.org
  }
  notification_email_from weir@example.org
  smtp_server 127.0.0.1 2525
  smtp_helo_name box3.example.org
  smtp_alert_vrrp
}
vrrp_sync_group G1 {
  group {
    VI_1
    VI_2
  }
  track_interface {
    eth1
  }
}
${['VI_1', 'VI_2', 'VI_3']
  .map(
    (name, index) => `vrrp_instance ${name} {
  interface eth0
  virtual_router_id ${61 + index}
  priority 200
  advert_int 0.3
${index === 2 ? '  smtp_alert off\n' : ''}  virtual_ipaddress {
    10.77.0.${161 + index}/24
  }
}
`,
  )
  .join('')}`;
