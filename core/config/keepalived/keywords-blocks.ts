// The blocks beside vrrp_instance: groups, scripts, tracked files and processes, BFD, static addresses, GARP groups
// (keepalived.conf(5)).

import { parseVirtualAddress } from './addresses.ts';
import { newGarpGroup, newGroup, newScript, newTrackFile, newTrackProcess } from './drafts.ts';
import { boolean, decimal, flag, type KeywordTable, type Parse, type Row } from './keyword-table.ts';
import { bfdBlock } from './keywords-bfd.ts';
import { notifyRows, parseBackendCheck, trackRows } from './keywords-track.ts';
import { INT_MAX, SECONDS_MAX } from './numbers.ts';
import { parseRoute } from './routes.ts';
import { parseRule } from './rules.ts';
import { splitEscaped, type Words } from './words.ts';

const SECOND_US = 1_000_000;
const TRACK_VALUE_MAX = 254;

const groupBlock: Row = {
  set(words, parse) {
    const name = words.list[1];
    if (words.count !== 2 || name === undefined) {
      parse.warning('vrrp_sync_group must have a name - skipping');
      parse.skipBlock(false);
    } else if (parse.draft.groups.some((group) => group.name === name)) {
      parse.warning(`vrrp sync group ${name} already defined`);
      parse.skipBlock(false);
    } else {
      parse.draft.group = newGroup(name, words);
      parse.draft.groups.push(parse.draft.group);
    }
  },
  body: {
    group: {
      set(words, parse) {
        const { group } = parse.draft;
        if (group.members !== null) {
          parse.warning(`Group list already specified for sync group ${group.name}`);
          parse.skipBlock(false);
          return;
        }
        const names = parse.blockLines(words).flatMap((line) => line.list);
        if (names.length === 0) parse.warning(`Warning - sync group ${group.name} has empty group block`);
        else group.members = names;
      },
    },
    ...trackRows((parse) => ({ about: parse.draft.group.name, list: parse.draft.group })),
    ...notifyRows((parse) => ({
      about: `vrrp group ${parse.draft.group.name}:`,
      notify: parse.draft.group.notify,
    })),
    smtp_alert: boolean(
      ({ draft }, value) => (draft.group.smtpAlert = value),
      (word) => `Invalid vrrp_group smtp_alert parameter ${word}`,
    ),
    global_tracking: {
      set(_words, parse) {
        const { group } = parse.draft;
        const advice = 'Use track_interface/script/file on the sync group';
        parse.warning(`(${group.name}) global_tracking is deprecated. ${advice}`);
        group.globalTracking = true;
        group.trackingWeight = true;
      },
    },
    sync_group_tracking_weight: flag(({ draft }) => (draft.group.trackingWeight = true)),
    notify_priority_changes: boolean(
      ({ draft }, value) => (draft.group.notifyPriorityChanges = value),
      (word, { draft }) =>
        `(${draft.group.name}) Invalid value '${word}' for sync group notify_priority_changes specified`,
    ),
  },
};

/** Seconds with three decimals; 0 is told and means one. */
const scriptSeconds = (key: 'intervalMs' | 'timeoutMs', name: string, range: string): Row =>
  decimal(
    { min: 0, max: SECONDS_MAX * 1_000, places: 3 },
    (parse, ms) => {
      const { script } = parse.draft;
      if (ms === 0) parse.warning(`(${script.name}): vrrp script ${name} must be greater than 0, setting to 1`);
      script[key] = ms === 0 ? 1_000 : ms;
    },
    (word, { draft }) => `(${draft.script.name}): vrrp script ${name} '${word}' ${range} - ignoring`,
  );

const scriptCount = (key: 'rise' | 'fall'): Row => ({
  set(words, parse) {
    const { script } = parse.draft;
    const count = parse.numbers.unsigned(words.at(1), 1, INT_MAX);
    if (count === null) {
      parse.warning(`(${script.name}): vrrp script ${key} value '${words.at(1)}' invalid, defaulting to 1`);
    }
    script[key] = count ?? 1;
  },
});

const scriptBlock: Row = {
  set(words, parse) {
    parse.draft.script = newScript(words.at(1), words);
    parse.draft.scriptUserGiven = false;
    parse.draft.scriptRemoved = false;
  },
  body: {
    script: { quoted: true, set: takeScript },
    interval: scriptSeconds('intervalMs', 'interval', `must be between 0.001 and ${SECONDS_MAX}`),
    timeout: scriptSeconds('timeoutMs', 'timeout', 'invalid'),
    weight: { set: takeScriptWeight },
    rise: scriptCount('rise'),
    fall: scriptCount('fall'),
    user: {
      set(words, parse) {
        const { script } = parse.draft;
        const ids = parse.users.lookup(words.at(1), words.list[2]);
        if (ids === null) {
          parse.warning(`Unable to set uid/gid for script ${commandText(script.command)}`);
          parse.draft.scriptRemoved = true;
          return;
        }
        Object.assign(script, ids);
        parse.draft.scriptRemoved = false;
        parse.draft.scriptUserGiven = true;
      },
    },
    init_fail: flag(({ draft }) => (draft.script.initFail = true)),
  },
  end: endScript,
};

function takeScript(words: Words, parse: Parse): void {
  const { script } = parse.draft;
  const list = splitEscaped(words.raw, parse.diagnostics);
  const command = list?.[1] === undefined ? null : splitEscaped(list[1], parse.diagnostics);
  if (command === null) return;
  if (command[0] !== 'weir:backend') {
    script.command = command;
    script.shell = /^[<>]/.test(command[0]!); // `</file`: only a shell knows what that asks
    return;
  }
  script.backend = parseBackendCheck(command);
  if (script.backend !== null) return;
  const example = 'script "weir:backend web up>=2"';
  parse.diagnostics.error(`(${script.name}): weir:backend expects a backend's name and up>=N, as in '${example}'`);
}

function takeScriptWeight(words: Words, parse: Parse): void {
  const { script } = parse.draft;
  const weight = parse.numbers.int(words.at(1), -253, 253);
  if (weight === null) {
    parse.warning(`vrrp_script ${script.name} weight ${words.at(1)} must be in [-253, 253]`);
    // keepalived uses what it read anyway; a weight it calls wrong had better not move an address.
    return;
  }
  script.weight = weight;
  const option = words.list[2];
  if (option === 'reverse') script.weightReverse = true;
  else if (option !== undefined) parse.warning(`vrrp_script ${script.name} unknown weight option ${option}`);
}

function endScript(parse: Parse): void {
  const { script, scripts } = parse.draft;
  if (script.command.length === 0 && script.backend === null) {
    parse.warning(`No script set for vrrp_script ${script.name} - removing`);
    return;
  }
  if (parse.draft.scriptRemoved) return;
  if (!parse.draft.scriptUserGiven && script.backend === null) {
    const ids = parse.users.standard();
    if (ids === null) {
      parse.warning(`Unable to set default user for vrrp script ${script.name} - removing`);
      return;
    }
    Object.assign(script, ids);
  }
  // keepalived looks for the first of a name.
  if (!scripts.some((each) => each.name === script.name)) scripts.push(script);
}

/** A command as keepalived shows it: each word in quotes. */
function commandText(command: readonly string[]): string {
  return command.map((word, index) => (index === 0 && /^[<>]/.test(word) ? word : `'${word}'`)).join(' ');
}

const trackFileBlock: Row = {
  set(words, parse) {
    if (words.at(0) === 'vrrp_track_file') {
      parse.diagnostics.notice('"vrrp_track_file" is deprecated, please use "track_file"');
    }
    parse.draft.trackFile = newTrackFile(words.at(1));
  },
  body: {
    file: {
      set(words, parse) {
        const { trackFile } = parse.draft;
        if (words.count < 2) parse.warning('track file file name missing');
        else if (trackFile.path === '') trackFile.path = words.at(1);
        else parse.warning(`File already set for track file ${trackFile.name} - ignoring ${words.at(1)}`);
      },
    },
    weight: { set: takeTrackFileWeight },
    init_file: { set: takeInitFile },
  },
  end(parse) {
    const { trackFile, trackFiles } = parse.draft;
    if (trackFile.path === '') parse.warning(`No file set for track_file ${trackFile.name} - ignoring`);
    else if (!trackFiles.some((each) => each.name === trackFile.name)) trackFiles.push(trackFile);
  },
};

function takeTrackFileWeight(words: Words, parse: Parse): void {
  const { trackFile } = parse.draft;
  if (words.count < 2) {
    parse.warning(`No weight specified for track file ${trackFile.name} - ignoring`);
    return;
  }
  if (trackFile.weight !== 1) {
    parse.warning(`Weight already set for track file ${trackFile.name} - ignoring ${words.at(1)}`);
    return;
  }
  const weight = parse.numbers.int(words.at(1), -TRACK_VALUE_MAX, TRACK_VALUE_MAX);
  if (weight === null) {
    const range = `must be between [-${TRACK_VALUE_MAX}..${TRACK_VALUE_MAX}] inclusive. Ignoring...`;
    parse.warning(`Weight (${words.at(1)}) for track_file ${trackFile.name} ${range}`);
  }
  trackFile.weight = weight ?? 1;
  const option = words.list[2];
  if (option === 'reverse') trackFile.weightReverse = true;
  else if (option !== undefined) parse.warning(`track_file ${trackFile.name} unknown weight option ${option}`);
}

function takeInitFile(words: Words, parse: Parse): void {
  const { trackFile } = parse.draft;
  const init = { create: true, overwrite: false, value: 0 };
  for (const text of words.list.slice(1)) {
    const word = text.trimStart();
    if (/^[\d-]/.test(word)) {
      const value = parse.numbers.int(word, -INT_MAX - 1, INT_MAX);
      if (value === null) parse.warning(`Track file ${trackFile.name} init value ${word} is invalid`);
      else if (Math.abs(value) > TRACK_VALUE_MAX) {
        const range = `[-${TRACK_VALUE_MAX}, ${TRACK_VALUE_MAX}]`;
        parse.warning(`Track file ${trackFile.name} init value ${value} is outside sensible range ${range}`);
      }
      init.value = value ?? 0;
    } else if (word === 'overwrite') init.overwrite = true;
    else parse.warning(`Unknown track file init option ${word}`);
  }
  trackFile.initFile = init;
}

const processDelay = (name: string, keys: readonly ('terminateDelayMs' | 'forkDelayMs')[]): Row =>
  decimal(
    { min: 1, max: 3_600 * SECOND_US, places: 6 },
    ({ draft }, us) => {
      for (const key of keys) draft.trackProcess[key] = us / 1_000;
    },
    (word, { draft }) => {
      const range = 'must be between [0.000001..3600] inclusive. Ignoring...';
      return `${name} (${word}) for vrrp_track_process ${draft.trackProcess.name} ${range}`;
    },
  );

const trackProcessBlock: Row = {
  set(words, parse) {
    parse.draft.trackProcess = newTrackProcess(words.at(1));
  },
  body: {
    process: {
      set(words, parse) {
        const { trackProcess } = parse.draft;
        if (trackProcess.process !== '') {
          parse.warning(`Process already set for track process ${trackProcess.name} - ignoring ${words.at(1)}`);
          return;
        }
        trackProcess.process = words.at(1);
        if (words.count <= 2) return;
        trackProcess.parameters = words.list.slice(2);
        if (trackProcess.parameterMatch === 'none') trackProcess.parameterMatch = 'exact';
        trackProcess.fullCommand = true;
      },
    },
    param_match: {
      set(words, parse) {
        const { trackProcess } = parse.draft;
        const mode = words.list[1] ?? 'exact';
        if (words.count > 1 && mode !== 'initial' && mode !== 'partial') {
          parse.warning(`Invalid param_match type ${mode} - ignoring`);
          return;
        }
        trackProcess.parameterMatch = mode === 'initial' || mode === 'partial' ? mode : 'exact';
        trackProcess.fullCommand = true;
      },
    },
    weight: { set: takeProcessWeight },
    quorum: { set: takeQuorum },
    quorum_max: { set: takeQuorumMax },
    delay: processDelay('delay', ['terminateDelayMs', 'forkDelayMs']),
    terminate_delay: processDelay('terminate_delay', ['terminateDelayMs']),
    fork_delay: processDelay('fork_delay', ['forkDelayMs']),
    full_command: flag(({ draft }) => (draft.trackProcess.fullCommand = true)),
  },
  end(parse) {
    const { trackProcess, trackProcesses } = parse.draft;
    if (trackProcess.process === '') {
      parse.warning(`track process '${trackProcess.name}' process name not specified`);
    } else if (!trackProcesses.some((each) => each.name === trackProcess.name)) trackProcesses.push(trackProcess);
  },
};

function takeProcessWeight(words: Words, parse: Parse): void {
  const { trackProcess } = parse.draft;
  if (words.count < 2) {
    parse.warning(`No weight specified for track process ${trackProcess.name} - ignoring`);
    return;
  }
  if (trackProcess.weight !== 0) {
    parse.warning(`Weight already set for track process ${trackProcess.name} - ignoring ${words.at(1)}`);
    return;
  }
  const weight = parse.numbers.int(words.at(1), -TRACK_VALUE_MAX, TRACK_VALUE_MAX);
  if (weight === null) {
    const range = `must be between [-${TRACK_VALUE_MAX}..${TRACK_VALUE_MAX}] inclusive. Ignoring...`;
    parse.warning(`Weight (${words.at(1)}) for vrrp_track_process ${trackProcess.name} ${range}`);
    return;
  }
  const option = words.list[2];
  if (option === 'reverse') trackProcess.weightReverse = true;
  else if (option !== undefined) {
    parse.warning(`vrrp_track_process ${trackProcess.name} unknown weight option ${option}`);
  }
  trackProcess.weight = weight;
}

function takeQuorum(words: Words, parse: Parse): void {
  const { trackProcess } = parse.draft;
  const quorum = parse.numbers.unsigned(words.at(1), 1, 65_535);
  if (quorum === null) {
    const range = 'must be between [1..65535] inclusive. Ignoring...';
    parse.warning(`Quorum (${words.at(1)}) for vrrp_track_process ${trackProcess.name} ${range}`);
  } else if (trackProcess.quorumMax >= 0 && quorum > trackProcess.quorumMax) {
    parse.warning('Quorum is greater than quorum_max - ignoring');
  } else trackProcess.quorum = quorum;
}

function takeQuorumMax(words: Words, parse: Parse): void {
  const { trackProcess } = parse.draft;
  const max = parse.numbers.unsigned(words.at(1), 0, 65_535);
  if (max === null) {
    const range = 'must be between [0..65535] inclusive. Ignoring...';
    parse.warning(`quorum_max (${words.at(1)}) for vrrp_track_process ${trackProcess.name} ${range}`);
  } else if ((max > 0 || trackProcess.quorum > 1) && max < trackProcess.quorum) {
    parse.warning('quorum_max is less than quorum - ignoring');
  } else {
    trackProcess.quorumMax = max;
    if (max === 0) trackProcess.quorum = 0;
    else trackProcess.quorum ||= 1;
  }
}

/** Every line of the block through `take`. */
const lines = (take: (line: Words, parse: Parse) => void): Row => ({
  set: (words, parse) => parse.eachLine(words, (line) => take(line, parse)),
});

const trackGroupBlock: Row = {
  set(words, parse) {
    const name = words.list[1];
    if (words.count !== 2 || name === undefined) {
      parse.warning('track_group must have a name - skipping');
      parse.skipBlock(false);
    } else if (parse.draft.trackGroups.some((group) => group.name === name)) {
      parse.warning(`track_group ${name} already defined`);
      parse.skipBlock(false);
    } else parse.draft.trackGroups.push({ name, members: null });
  },
  body: {
    group: {
      set(words, parse) {
        const group = parse.draft.trackGroups.at(-1)!;
        if (group.members !== null) {
          parse.warning(`Group list already specified for sync group ${group.name}`);
          parse.skipBlock(false);
          return;
        }
        const names = parse.blockLines(words).flatMap((line) => line.list);
        if (names.length === 0) parse.warning(`Warning - track group ${group.name} has empty group block`);
        else group.members = names;
      },
    },
  },
};

const garpInterval = (name: string, key: 'garpIntervalUs' | 'gnaIntervalUs'): Row =>
  decimal(
    { min: 0, max: INT_MAX, places: 6 },
    (parse, us, word) => {
      parse.draft.garpGroup[key] = us;
      if (us >= SECOND_US) parse.diagnostics.notice(`The ${name} is very large - ${word} seconds`);
    },
    (word) => `garp_group ${name} '${word}' invalid`,
  );

function takeGarpInterface(name: string, parse: Parse): void {
  const { draft } = parse;
  if (!parse.interfaceExists(name)) {
    parse.warning(`WARNING - interface ${name} specified for garp_group doesn't exist`);
  } else if (draft.garpGroups.some((group) => group.interfaces.includes(name))) {
    parse.warning(`garp_group already specified for ${name} - ignoring`);
  } else draft.garpGroup.interfaces.push(name);
}

const garpGroupBlock: Row = {
  set(_words, parse) {
    parse.draft.garpGroup = newGarpGroup();
    parse.draft.garpGroups.push(parse.draft.garpGroup);
  },
  body: {
    garp_interval: garpInterval('garp_interval', 'garpIntervalUs'),
    gna_interval: garpInterval('gna_interval', 'gnaIntervalUs'),
    interface: { set: (words, parse) => takeGarpInterface(words.at(1), parse) },
    interfaces: {
      set(words, parse) {
        const names = parse.blockLines(words).flatMap((line) => line.list);
        if (names.length === 0) parse.warning('Warning - empty garp_group interfaces block');
        for (const name of names) takeGarpInterface(name, parse);
      },
    },
  },
  end(parse) {
    const { garpGroup, garpGroups } = parse.draft;
    if (garpGroup.garpIntervalUs !== null || garpGroup.gnaIntervalUs !== null) return;
    parse.warning('garp group 0 does not have any delay set - removing');
    garpGroups.splice(garpGroups.indexOf(garpGroup), 1);
  },
};

const LINKBEAT_METHODS = ['MII', 'ETHTOOL', 'IOCTL'] as const;
const LINK_DELAY_US_MAX = 255_000_000;

function takeLinkbeat(line: Words, parse: Parse): void {
  const name = line.at(0);
  if (!parse.mayBeInterface(name)) {
    parse.diagnostics.error(`unknown interface ${name} specified for linkbeat interface`, 4);
    return;
  }
  const kind = line.list[1];
  if (kind !== undefined && (!LINKBEAT_METHODS.some((each) => each === kind) || line.count > 2)) {
    parse.warning(`extra characters ${kind} in linkbeat interface`);
  }
  const method = LINKBEAT_METHODS.find((each) => each === kind) ?? 'any';
  parse.draft.linkbeatInterfaces.push({ name, method });
}

function takeLinkDelays(line: Words, parse: Parse): void {
  const name = line.at(0);
  const { diagnostics } = parse;
  if (!parse.mayBeInterface(name)) {
    diagnostics.error(`unknown interface ${name} specified for up/down delay`, 4);
    return;
  }
  if (line.count < 2) {
    diagnostics.notice(`No timeouts specified for ${name} up/down delays`);
    return;
  }
  if (line.count > 3) diagnostics.notice(`Too many parameters for ${name} up/down delays`);
  const read = (at: number, which: string): number | null => {
    const us = parse.numbers.decimal(line.at(at), 0, LINK_DELAY_US_MAX, 6);
    if (us === null) diagnostics.notice(`Invalid ${which} delay ${line.at(at)} for ${name}`);
    return us;
  };
  const downUs = read(1, 'down');
  // keepalived's manual says that the delay down holds for both; its program takes 0.
  const upUs = downUs === null ? null : line.count === 2 ? 0 : read(2, 'up');
  if (downUs === null || upUs === null) return;
  const { linkDelays } = parse.draft;
  const before = linkDelays.findIndex((each) => each.name === name);
  if (before >= 0) linkDelays.splice(before, 1);
  linkDelays.push({ name, downUs, upUs });
}

/** Blocks of VRRP, by their words. */
export const blockKeywords: KeywordTable = {
  vrrp_sync_group: groupBlock,
  vrrp_script: scriptBlock,
  track_file: trackFileBlock,
  vrrp_track_file: trackFileBlock,
  vrrp_track_process: trackProcessBlock,
  bfd_instance: bfdBlock,
  track_group: trackGroupBlock,
  static_ipaddress: lines((line, parse) => {
    const address = parseVirtualAddress(line, parse, true);
    if (address !== null) parse.draft.staticAddresses.push(address);
  }),
  static_routes: lines((line, parse) => {
    const route = parseRoute(line, parse, true);
    if (route !== null) parse.draft.staticRoutes.push(route);
  }),
  static_rules: lines((line, parse) => {
    const rule = parseRule(line, parse, true);
    if (rule !== null) parse.draft.staticRules.push(rule);
  }),
  garp_group: garpGroupBlock,
  linkbeat_interfaces: lines(takeLinkbeat),
  interface_up_down_delays: lines(takeLinkDelays),
};
