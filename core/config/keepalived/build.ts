// Drafts to the model: plain data, every field present (core/model/vrrp.ts).

import type {
  NotifyScripts,
  VrrpDefaults,
  VrrpGlobal,
  VrrpInstance,
  VrrpLink,
  VrrpModel,
  VrrpOperation,
  VrrpSyncGroup,
} from '../../model/vrrp.ts';
import { isUnicast } from './complete.ts';
import type { GlobalDraft, GroupDraft, InstanceDraft } from './drafts.ts';
import type { Parse } from './keyword-table.ts';
import { trackedObject } from './keywords-track.ts';

/** The model of what was read and settled. `files`: all that were opened, absolute. */
export function buildModel(parse: Parse, files: readonly string[]): VrrpModel {
  const { draft } = parse;
  return {
    global: globalOf(parse),
    operation: operationOf(parse.global),
    instances: draft.instances.map((instance) => instanceOf(instance, parse)),
    groups: draft.groups.map(groupOf),
    scripts: draft.scripts,
    trackFiles: draft.trackFiles,
    trackProcesses: draft.trackProcesses,
    links: linksOf(parse),
    addressVmacs: draft.addressVmacs.map(({ name, interfaceName, family, mac }) => ({
      name,
      interfaceName,
      family,
      mac,
    })),
    bfds: draft.bfdSessions,
    staticAddresses: draft.staticAddresses,
    staticRoutes: draft.staticRoutes,
    staticRules: draft.staticRules,
    virtualServers: draft.virtualServers,
    files: [...new Set(files)],
  };
}

const NFTABLES_STANDARD = 'keepalived';

const ms = (us: number): number => us / 1_000;

function instanceOf(draft: InstanceDraft, parse: Parse): VrrpInstance {
  const { global } = parse;
  const family = draft.family ?? 'inet';
  const unicast = isUnicast(draft);
  const mcastDefault = family === 'inet' ? global.mcastGroup4 : global.mcastGroup6;
  return {
    name: draft.name,
    version: draft.version === 3 ? 3 : 2,
    family,
    wantedState: draft.state ?? 'BACKUP',
    interfaceName: draft.interfaceName,
    vrf: draft.vrf,
    vrid: draft.vrid,
    priority: draft.priority,
    advertIntMs: ms(draft.advertIntUs),
    addresses: draft.addresses,
    excluded: draft.excluded,
    routes: draft.routes,
    rules: draft.rules,
    auth: { type: draft.authType, password: draft.authType === 'none' ? '' : draft.password },
    authHmac:
      draft.hmac === null
        ? null
        : {
            keys: draft.hmac.keys,
            sendId: draft.hmac.sendId,
            mode: draft.hmac.mode,
            windowMs: draft.hmac.windowSeconds * 1_000,
          },
    preempt: !draft.nopreempt,
    preemptDelayMs: ms(draft.preemptDelayUs),
    accept: draft.accept,
    strict: draft.strict ?? global.strict,
    skipCheckAdvAddr: draft.skipCheckAdvAddr,
    dontTrackPrimary: draft.dontTrackPrimary,
    linkbeatPolling: draft.linkbeatPolling,
    unicast,
    unicastPeers: unicast ? draft.unicastPeers : [],
    unicastTtl: unicast && draft.unicastTtl >= 0 ? draft.unicastTtl : 255,
    checkUnicastSource: draft.checkUnicastSource,
    sourceAddress: draft.sourceAddress,
    trackSourceAddress: draft.trackSourceAddress,
    mcastGroup: unicast ? '' : draft.mcastGroup === '' ? mcastDefault : draft.mcastGroup,
    downTimerAdverts: draft.downTimerAdverts,
    higherPrioSendAdvert: draft.higherPrioSendAdvert ?? false,
    lowerPrioNoAdvert: draft.lowerPrioNoAdvert ?? false,
    ownerIgnoreAdverts: draft.ownerIgnoreAdverts ?? false,
    checksumPseudoHeader: !draft.checksumAsV2,
    garp: garpOf(draft, parse),
    vmac: vmacOf(draft),
    ipvlan: draft.useIpvlan ? draft.vmacName : '',
    promoteSecondaries: draft.promoteSecondaries,
    nativeIpv6: draft.nativeIpv6,
    trackInterfaces: draft.trackInterfaces,
    tracked: draft.tracked.map(trackedObject),
    kernelRxBufBytes: draft.kernelRxBufBytes === 0 ? global.rxBufs.size : draft.kernelRxBufBytes,
    notify: notifyOf(draft),
    notifyDeleted: draft.notifyDeleted,
    smtpAlert: draft.smtpAlert ?? false,
    smtpAlertFaults: !global.noEmailFaults,
    notifyPriorityChanges: draft.notifyPriorityChanges ?? false,
    debug: draft.debug,
    file: draft.file,
    line: draft.line,
  };
}

function linksOf({ draft }: Parse): VrrpLink[] {
  const links = new Map<string, VrrpLink>();
  const change = (name: string, said: Partial<VrrpLink>): void => {
    const before = links.get(name) ?? { name, linkbeat: '', downDelayMs: 0, upDelayMs: 0 };
    links.set(name, { ...before, ...said });
  };
  for (const { name, downUs, upUs } of draft.linkDelays) change(name, { downDelayMs: ms(downUs), upDelayMs: ms(upUs) });
  // What nobody watches is not asked; the kernel knows of virtual MACs by itself.
  const watched = new Set(draft.instances.flatMap((each) => each.trackInterfaces.map(({ name }) => name)));
  for (const instance of draft.instances) {
    const { interfaceName } = instance;
    if (!instance.useVmac) watched.add(interfaceName);
    if (instance.linkbeatPolling && !instance.useVmac && interfaceName !== '')
      change(interfaceName, { linkbeat: 'any' });
    for (const each of [...instance.addresses, ...instance.excluded]) watched.add(each.interfaceName);
  }
  for (const { name, method } of draft.linkbeatInterfaces) if (watched.has(name)) change(name, { linkbeat: method });
  return [...links.values()];
}

function vmacOf(draft: InstanceDraft): VrrpInstance['vmac'] {
  if (!draft.useVmac) return null;
  return {
    name: draft.vmacName,
    transmitOnBase: draft.vmacXmitBase,
    netlinkNotify: draft.vmacNotify,
    kind: draft.useIpvlan ? 'ipvlan' : 'macvlan',
    mac: draft.vmacMac,
    group: draft.vmacGroup,
    ipvlanFlags: draft.ipvlanFlags,
    address: draft.ipvlanAddress,
  };
}

function garpOf(draft: InstanceDraft, parse: Parse): VrrpInstance['garp'] {
  const { global } = parse;
  const group = parse.draft.garpGroups.find((each) => each.interfaces.includes(draft.interfaceName));
  return {
    masterDelayMs: ms(draft.garpDelayUs),
    masterRepeat: draft.garpRepeat,
    masterRefreshMs: draft.garpRefreshSeconds * 1_000,
    masterRefreshRepeat: draft.garpRefreshRepeat,
    lowerPrioDelayMs: ms(draft.garpLowerPrioDelayUs ?? 0),
    lowerPrioRepeat: draft.garpLowerPrioRepeat ?? 0,
    // A group speaks for its interfaces alone, also where it is silent about one of the two.
    intervalMs: ms(group === undefined ? global.garpIntervalUs : (group.garpIntervalUs ?? 0)),
    gnaIntervalMs: ms(group === undefined ? global.gnaIntervalUs : (group.gnaIntervalUs ?? 0)),
    extraInterface: '',
    extraIntervalMs: draft.garpExtraSeconds * 1_000,
    extraAll: draft.garpExtraAll,
  };
}

const notifyOf = ({ notify }: { notify: NotifyScripts }): NotifyScripts => ({ ...notify });

function groupOf(draft: GroupDraft): VrrpSyncGroup {
  return {
    name: draft.name,
    members: draft.members ?? [],
    trackInterfaces: draft.trackInterfaces,
    tracked: draft.tracked.map(trackedObject),
    globalTracking: draft.globalTracking,
    trackingIsAny: draft.trackingWeight,
    notify: notifyOf(draft),
    smtpAlert: draft.smtpAlert ?? false,
    file: draft.file,
    line: draft.line,
  };
}

function globalOf(parse: Parse): VrrpGlobal {
  const { global } = parse;
  const named = parse.users.named;
  const sameFifo = global.notifyFifo !== '' && global.notifyFifo === global.vrrpNotifyFifo;
  return {
    routerId: global.routerId === '' ? parse.options.hostName : global.routerId,
    strict: global.strict,
    version: global.version,
    garpLowerPrioNoAdvert: global.lowerPrioNoAdvert,
    higherPrioSendAdvert: global.higherPrioSendAdvert,
    priority: global.priority,
    rtPriority: global.rtPriority,
    rlimitRtimeUs: global.rlimitRtimeUs,
    noSwap: global.noSwap,
    cpuAffinity: global.cpuAffinity,
    startupDelayMs: global.startupDelayMs,
    delayAfterBootMs: global.delayAfterBootMs,
    // What iptables would be told is told nftables: both would do the same twice.
    iptables: global.nftables === '' ? global.iptables : [],
    nftables: global.nftables === '' && global.iptables.length > 0 ? NFTABLES_STANDARD : global.nftables,
    nftablesPriority: global.nftablesPriority,
    nftablesCounters: global.nftablesCounters,
    nftablesIfindex: global.nftablesIfindex,
    localIgmpDisabled: global.localIgmpDisabled,
    notifyFifo: global.notifyFifo,
    notifyFifoScript: global.notifyFifoScript,
    vrrpNotifyFifo: sameFifo ? '' : global.vrrpNotifyFifo,
    vrrpNotifyFifoScript: sameFifo ? null : global.vrrpNotifyFifoScript,
    startupScript: global.startupScript,
    shutdownScript: global.shutdownScript,
    notificationEmail: global.notificationEmail,
    notificationEmailFrom: mailFrom(parse),
    smtpServer: global.smtpServer,
    smtpHeloName: global.smtpHeloName === '' ? parse.options.hostName : global.smtpHeloName,
    smtpConnectTimeoutMs: global.smtpConnectTimeoutMs === 0 ? 30_000 : global.smtpConnectTimeoutMs,
    smtpAlert: global.smtpAlert ?? false,
    smtpAlertVrrp: global.smtpAlertVrrp ?? false,
    scriptUser: named === null ? null : { ...named },
    enableScriptSecurity: global.enableScriptSecurity,
    dynamicInterfaces: global.dynamicInterfaces,
    allowIfChanges: global.allowIfChanges,
    unknownVridsLogged: global.unknownVridsLogged,
    instanceName: global.instanceName,
    namespace: global.namespace,
    useSymlinkPaths: global.useSymlinkPaths,
    reloadTimeFile: global.reloadTimeFile,
  };
}

function mailFrom(parse: Parse): string {
  const { notificationEmailFrom } = parse.global;
  return notificationEmailFrom === '' ? `keepalived@${parse.options.hostName}` : notificationEmailFrom;
}

const operationOf = (global: GlobalDraft): VrrpOperation => ({
  startupScriptTimeoutMs: global.startupScriptTimeoutMs,
  shutdownScriptTimeoutMs: global.shutdownScriptTimeoutMs,
  fifoStatesOnReload: global.fifoStatesOnReload,
  supplementaryGroups: global.supplementaryGroups,
  reloadRepeat: global.reloadRepeat,
  stateDumpFile: global.stateDumpFile,
  statsDumpFile: global.statsDumpFile,
  jsonDumpFile: global.jsonDumpFile,
  jsonVersion: global.jsonVersion,
  dataUseInstance: global.dataUseInstance,
  defaults: defaultsOf(global),
});

const defaultsOf = (global: GlobalDraft): VrrpDefaults => ({
  smtpAlert: global.smtpAlert,
  smtpAlertVrrp: global.smtpAlertVrrp,
  noEmailFaults: global.noEmailFaults,
  notifyPriorityChanges: global.notifyPriorityChanges,
  defaultInterface: global.defaultInterface,
  mcastGroup4: global.mcastGroup4,
  mcastGroup6: global.mcastGroup6,
  garp: {
    delayMs: ms(global.garpDelayUs),
    repeat: global.garpRepeat,
    refreshMs: global.garpRefreshSeconds * 1_000,
    refreshRepeat: global.garpRefreshRepeat,
    lowerPrioDelayMs: global.garpLowerPrioDelayUs === null ? null : ms(global.garpLowerPrioDelayUs),
    lowerPrioRepeat: global.garpLowerPrioRepeat,
    intervalMs: ms(global.garpIntervalUs),
    gnaIntervalMs: ms(global.gnaIntervalUs),
  },
  downTimerAdverts: global.downTimerAdverts,
  checkUnicastSource: global.checkUnicastSource,
  skipCheckAdvAddr: global.skipCheckAdvAddr,
  ownerIgnoreAdverts: global.ownerIgnoreAdverts,
  nftablesPriority: global.nftablesPriority,
  vmacPrefix: global.vmacPrefix,
  rxBufs: { ...global.rxBufs },
});
