/**
 * From what the lines of a stanza set to a stanza: defaults, and the checks that look at several variables at once.
 *
 * @module
 */

import { constantTimeEqual, utf8Bytes, utf8OrLatin1Text } from "../bytes.ts";
import { ENCRYPTION_MODES } from "../fko.ts";
import { printableText } from "../foreign-text.ts";
import { type OsFingerprint, parseFingerprints } from "../os-fingerprint.ts";
import { ENCRYPTED_LENGTH, MAX_STRANGERS, MAX_USERNAME_BYTES, type PortKnock } from "../port-knock.ts";
import type { AccessConfigContext, AccessHost, AccessStanza } from "./access-config.ts";
import { type AccessVariables, MAX_TIMEOUT } from "./access-variables.ts";
import type { Dialect, Entry } from "./entries.ts";
import { firewallTypeOf } from "./firewall-type.ts";
import { type ConfigProblem, hasErrors, type Place, type Variable, type VariableTable } from "./variable.ts";

/** A stanza while it is read. */
export interface Draft {
  readonly file: string;
  readonly line: number;
  readonly dialect: Dialect;
  /** SOURCE as it was written, fit for messages. */
  readonly source: string;
  readonly values: { -readonly [Name in keyof AccessVariables]?: AccessVariables[Name] };
  readonly given: Set<string>;
  readonly texts: Record<string, string>;
  /** Where each variable's value stands. */
  readonly lines: Map<string, Place>;
  /** An error was told already. */
  broken: boolean;
  /** What %include_keys names. */
  keysFile: string | undefined;
}

/**
 * Begins a stanza.
 *
 * @param entry its SOURCE
 * @param dialect of the file
 * @param source the value, fit for messages
 * @returns a draft in which nothing is set
 */
export function newDraft({ file, line }: Entry, dialect: Dialect, source: string): Draft {
  return { file, line, dialect, source, values: {}, given: new Set(), texts: {}, lines: new Map(), broken: false, keysFile: undefined };
}

/** The stanza with its defaults; what has none may be missing. */
type Filled = { -readonly [Name in keyof AccessVariables]: AccessVariables[Name] };

/**
 * Makes a stanza of a draft.
 *
 * @param draft what the lines said; its keys go over to the stanza
 * @param number the stanza's
 * @param table the rows
 * @param host finds GnuPG homes
 * @param context the daemon's configuration and the time
 * @returns the stanza, undefined when it is unusable, and what is to be said about it
 */
export function checkStanza(
  draft: Draft, number: number, table: VariableTable<AccessVariables>, host: AccessHost, context: AccessConfigContext,
): { readonly stanza: AccessStanza | undefined; readonly problems: readonly ConfigProblem[] } {
  const { file, line, given, texts, source } = draft;
  const here: Place = { file, line, column: 1 };
  const filled = fillIn(draft, table, context);
  const unheard = unheardBy(filled, context.config);
  if (unheard !== undefined) return { stanza: undefined, problems: [{ severity: "warning", ...here, message: `This stanza is for ${unheard}; it is left out. Source: '${source}'` }] };
  const required = requiredFingerprints(filled, host, context.config);
  const problems = Array.from([...findings(draft, filled, host, context), ...required.findings], ([severity, member, message]): ConfigProblem => (
    { severity, ...((member && draft.lines.get(member)) ?? here), message }));
  const stanza: AccessStanza = { number, file, line, given, texts, ...filled, ENABLE_GPG: enablesGpg(filled), ...(required.fingerprints && { OS_FINGERPRINTS: required.fingerprints }) };
  return { stanza: draft.broken || hasErrors(problems) ? undefined : stanza, problems };
}

const lacksKeys = ({ KEY, GPG_DECRYPT_PW, GPG_ALLOW_NO_PW, SHARED_SEQUENCE }: Filled): boolean =>
  SHARED_SEQUENCE === undefined && KEY === undefined && GPG_DECRYPT_PW === undefined && !GPG_ALLOW_NO_PW;

const enablesGpg = (values: Draft["values"]): boolean => values.GPG_DECRYPT_PW !== undefined || values.GPG_ALLOW_NO_PW === true;

/** Puts defaults in and takes out the values that mean none. */
function fillIn({ dialect, values: given, lines }: Draft, table: VariableTable<AccessVariables>, { config }: AccessConfigContext): Filled {
  const values: Draft["values"] = { ...daemonDefaults(given, config), ...rowDefaults(table, dialect), ...given };
  const isPerl = dialect === "perl";
  if (values.FW_ACCESS_TIMEOUT === 0) values.FW_ACCESS_TIMEOUT = isPerl ? MAX_TIMEOUT : 30;
  if (values.MAX_FW_TIMEOUT === 0) values.MAX_FW_TIMEOUT = 300;
  if (values.CMD_CYCLE_CLOSE?.startsWith("NONE")) delete values.CMD_CYCLE_CLOSE;
  if (values.KNOCK_LIMIT === 0) delete values.KNOCK_LIMIT;
  if (values.ACCESS_EXPIRE === Number.POSITIVE_INFINITY) delete values.ACCESS_EXPIRE;
  if (isPerl && values.PERMIT_CLIENT_PORTS && values.SHARED_SEQUENCE === undefined) delete values.OPEN_PORTS;
  if (isPerl && values.GPG_REMOTE_ID?.includes("ANY")) delete values.GPG_REMOTE_ID;
  // Both set: signatures are verified all the same, of any key.
  if (lines.has("GPG_REQUIRE_SIG") && given.GPG_REQUIRE_SIG && given.GPG_DISABLE_SIG) values.GPG_DISABLE_SIG = false;
  values.GPG_REQUIRE_SIG = !values.GPG_DISABLE_SIG;
  return values as Filled;
}

/** What the table says. */
function rowDefaults(table: VariableTable<AccessVariables>, dialect: Dialect): Draft["values"] {
  const defaults: Record<string, unknown> = {};
  for (const [member, { kind, default: usual, perlDefault }] of Object.entries(table) as [string, Variable<unknown>][]) {
    const text = (dialect === "perl" ? perlDefault : undefined) ?? usual;
    // A row's own default always parses; the tests hold every row to that.
    const parsed = text === undefined || kind.secret ? undefined : kind.parse(text, member);
    if (parsed?.ok) defaults[member] = parsed.value;
  }
  return defaults;
}

/** What fwknopd.conf says for stanzas that say nothing. */
function daemonDefaults(given: Draft["values"], config: AccessConfigContext["config"]): Draft["values"] {
  const { GPG_HOME_DIR, GPG_EXE, EXTERNAL_CMD_ALARM, REQUIRE_SOURCE_ADDRESS, EXTERNAL_CMD_OPEN, EXTERNAL_CMD_CLOSE } = config;
  const hasCommands = EXTERNAL_CMD_OPEN !== undefined && EXTERNAL_CMD_CLOSE !== undefined;
  const takesCommands = config.FIREWALL_TYPE === "external_cmd" && given.EXTERNAL_CMD_OPEN === undefined && hasCommands;
  return { GPG_HOME_DIR, GPG_EXE, EXTERNAL_CMD_ALARM, REQUIRE_SOURCE_ADDRESS, ...(takesCommands && { EXTERNAL_CMD_OPEN, EXTERNAL_CMD_CLOSE }) };
}

/** Severity, the variable whose line is to blame (else the stanza's first), message. */
type Finding = readonly [severity: ConfigProblem["severity"], member: keyof AccessVariables | undefined, message: string];

function* findings(draft: Draft, stanza: Filled, host: AccessHost, context: AccessConfigContext): Generator<Finding> {
  yield* keyFindings(draft, stanza);
  yield* timeFindings(draft, stanza, context);
  yield* natFindings(draft, stanza, context);
  yield* commandFindings(draft, stanza);
  yield* grantFindings(draft, stanza, context);
  yield* idleFindings(draft, stanza, context);
  if (enablesGpg(stanza)) yield* gpgFindings(draft, stanza);
  const { source, dialect, values } = draft;
  if (draft.lines.has("GPG_HOME_DIR") && (dialect === "c" || enablesGpg(stanza)) && "error" in host.list(stanza.GPG_HOME_DIR)) {
    yield ["error", "GPG_HOME_DIR", `GPG_HOME_DIR directory '${printableText(stanza.GPG_HOME_DIR, 300)}' stat()/existence problem in stanza source '${source}'`];
  }
  if (stanza.REQUIRE_SOURCE_ADDRESS === false) {
    yield ["info", undefined, `REQUIRE_SOURCE_ADDRESS not enabled for access stanza source: '${source}'`];
  }
  if (dialect === "c" && values.PERMIT_CLIENT_PORTS) {
    yield ["warning", "PERMIT_CLIENT_PORTS", "PERMIT_CLIENT_PORTS has a meaning only in a file of fwknop 1.x; here OPEN_PORTS decides"];
  }
  yield* knockFindings(draft, stanza);
  const needsPorts = dialect === "perl" && !stanza.DISABLE_FW_ACCESS && stanza.EXTERNAL_CMD_OPEN === undefined;
  if (needsPorts && stanza.OPEN_PORTS === undefined && !stanza.PERMIT_CLIENT_PORTS && !draft.given.has("OPEN_PORTS")) {
    yield ["error", undefined, `OPEN_PORTS or PERMIT_CLIENT_PORTS is missing in stanza source: '${source}'`];
  }
}

/** What the daemon does not listen for, of what a stanza is for. */
function unheardBy({ SHARED_SEQUENCE, ENCRYPT_SEQUENCE }: Filled, config: AccessConfigContext["config"]): string | undefined {
  const isForKnocks = SHARED_SEQUENCE !== undefined || ENCRYPT_SEQUENCE;
  const hearsKnocks = config.AUTH_MODE === "KNOCK";
  const hearsPackets = !hearsKnocks || config.ENABLE_UDP_SERVER || config.ENABLE_TCP_SERVER || config.ENABLE_HTTP_SERVER;
  if (isForKnocks) return hearsKnocks ? undefined : "port knocking, which is heard with AUTH_MODE KNOCK only";
  return hearsPackets ? undefined : "packets, which AUTH_MODE KNOCK hears only on the sockets of ENABLE_UDP_SERVER, ENABLE_TCP_SERVER or ENABLE_HTTP_SERVER";
}

/** The fingerprints of the systems that REQUIRE_OS and REQUIRE_OS_REGEX allow. */
function requiredFingerprints(
  { REQUIRE_OS: system, REQUIRE_OS_REGEX: pattern, SHARED_SEQUENCE, ENCRYPT_SEQUENCE }: Filled, host: AccessHost, { P0F_FILE: path }: AccessConfigContext["config"],
): { readonly fingerprints?: readonly OsFingerprint[]; readonly findings: readonly Finding[] } {
  const member = system === undefined ? "REQUIRE_OS_REGEX" : "REQUIRE_OS";
  const finding = (severity: ConfigProblem["severity"], message: string) => ({ findings: [[severity, member, message] as const] });
  if (system === undefined && pattern === undefined) return { findings: [] };
  if (SHARED_SEQUENCE === undefined && !ENCRYPT_SEQUENCE) return finding("error", `${member} is possible with SHARED_SEQUENCE and ENCRYPT_SEQUENCE only: a packet tells no operating system`);
  const read = host.readPublic(path);
  if ("error" in read) return finding("error", `${member} needs the file of fingerprints (P0F_FILE): ${printableText(read.error, 300)}`);
  const { fingerprints: known, bad } = parseFingerprints(utf8OrLatin1Text(read.bytes));
  const isNamed = (word: string): boolean => word.toLowerCase() === system?.toLowerCase();
  const fingerprints = known.filter(({ name, words }) => (system === undefined || isNamed(name) || words.some(isNamed)) && (pattern?.test(name) ?? true));
  const shownPath = printableText(path, 300);
  if (fingerprints.length === 0) return finding("error", `${member} allows none of the ${known.length} fingerprints in ${shownPath}`);
  return { fingerprints, ...(bad.length > 0 ? finding("warning", `${shownPath} has ${bad.length} lines that are no fingerprints, the first is line ${bad[0]}`) : { findings: [] }) };
}

/** Without either sequence these do nothing. */
const KNOCK_VARIABLES = ["PORT_OFFSET", "KNOCK_INTERVAL", "KNOCK_LIMIT", "MIN_TIME_DIFF", "MAX_TIME_DIFF"] as const;

function* knockFindings({ source, lines }: Draft, stanza: Filled): Generator<Finding> {
  const { SHARED_SEQUENCE: shared, ENCRYPT_SEQUENCE: isEncrypted, OPEN_PORTS: open, KNOCK_INTERVAL, MIN_TIME_DIFF = 0, MAX_TIME_DIFF = KNOCK_INTERVAL } = stanza;
  if (shared === undefined && !isEncrypted) {
    for (const member of KNOCK_VARIABLES) if (lines.has(member)) yield ["warning", member, `${member} has no effect without SHARED_SEQUENCE or ENCRYPT_SEQUENCE`];
    return;
  }
  const length = shared?.length ?? ENCRYPTED_LENGTH;
  if (MIN_TIME_DIFF > MAX_TIME_DIFF || MIN_TIME_DIFF * (length - 1) > KNOCK_INTERVAL) {
    yield ["warning", "MIN_TIME_DIFF", `MIN_TIME_DIFF ${MIN_TIME_DIFF} is too long for ${length} knocks within KNOCK_INTERVAL ${KNOCK_INTERVAL} and MAX_TIME_DIFF: nothing is granted`];
  }
  if (stanza.REQUIRE_AUTH_METHOD !== undefined) yield ["error", "REQUIRE_AUTH_METHOD", "REQUIRE_AUTH_METHOD: knocks bear no password"];
  if (shared === undefined) {
    if (stanza.KEY === undefined) yield ["error", undefined, `ENCRYPT_SEQUENCE needs KEY in stanza source: '${source}'`];
    const long = stanza.REQUIRE_USERNAME?.find((name) => utf8Bytes(name).length > MAX_USERNAME_BYTES);
    if (long !== undefined) yield ["warning", "REQUIRE_USERNAME", `Knocks bear ${MAX_USERNAME_BYTES} bytes of a user name: none is '${printableText(long)}'`];
    return;
  }
  if (isEncrypted) yield ["error", "SHARED_SEQUENCE", `SHARED_SEQUENCE and ENCRYPT_SEQUENCE do not go together in stanza source: '${source}'`];
  if (open === undefined || open.ranges.length === 0 || open.ranges.some(({ first, last }) => first !== last)) {
    yield ["error", open && "OPEN_PORTS", `SHARED_SEQUENCE opens all of OPEN_PORTS, which must name single ports, in stanza source: '${source}'`];
  }
  if (stanza.REQUIRE_USERNAME !== undefined) yield ["error", "REQUIRE_USERNAME", "REQUIRE_USERNAME: a shared sequence bears no user name"];
  if (isOpenToScans(shared)) yield ["warning", "SHARED_SEQUENCE", "A scan of all ports in their order knocks this sequence: take more ports, not in ascending or descending order"];
}

/** Whether so few ports lie between the knocks that a scan, up or down, is taken for them. */
function isOpenToScans(knocks: readonly PortKnock[]): boolean {
  const [first, ...others] = knocks.map((knock) => (knock.protocol === "icmp" ? 0 : knock.port));
  const isOneProtocol = knocks.every(({ protocol }) => protocol === knocks[0]!.protocol);
  const isMonotonous = [1, -1].some((way) => others.every((port, at) => way * (port - (at === 0 ? first! : others[at - 1]!)) > 0));
  return isOneProtocol && isMonotonous && Math.abs((others.at(-1) ?? first!) - first!) <= others.length + MAX_STRANGERS;
}

function* grantFindings({ source }: Draft, stanza: Filled, { config }: AccessConfigContext): Generator<Finding> {
  const usesFirewall = !stanza.DISABLE_FW_ACCESS && stanza.EXTERNAL_CMD_OPEN === undefined && stanza.CMD_CYCLE_OPEN === undefined;
  const isNftables = firewallTypeOf(config) === "nftables" && config.NFT_SET === undefined;
  if (stanza.GRANT_USES === 1 && !isNftables) {
    yield ["error", "GRANT_USES", `GRANT_USES needs FIREWALL_TYPE nftables without NFT_SET, for no other firewall counts connections, in stanza source: '${source}'`];
  }
  for (const name of ["GRANT_PREFIX_V4", "GRANT_PREFIX_V6"] as const) {
    if (stanza[name] !== undefined && config.NFT_SET !== undefined) yield ["error", name, `${name} does not go with NFT_SET, whose sets hold single addresses`];
  }
  if (isNftables && config.NFT_MODE === "guard" && config.NFT_GUARD_PORTS === undefined && stanza.OPEN_PORTS === undefined && usesFirewall) {
    yield ["error", undefined, `NFT_MODE guard has to know what to close: set NFT_GUARD_PORTS in fwknopd.conf, or OPEN_PORTS in stanza source: '${source}'`];
  }
}

/** What is set but can have no effect, since another setting is missing. */
function* idleFindings({ lines }: Draft, stanza: Filled, { config }: AccessConfigContext): Generator<Finding> {
  const lacksGpg = !enablesGpg(stanza) && "GPG_DECRYPT_PW or GPG_ALLOW_NO_PW";
  const lacking: readonly (readonly [member: keyof AccessVariables, what: string | false])[] = [
    ["SHADOW_FILE", stanza.REQUIRE_AUTH_METHOD === undefined && "REQUIRE_AUTH_METHOD crypt"],
    ["CMD_REGEX", !stanza.ENABLE_CMD_EXEC && "ENABLE_CMD_EXEC"],
    ["ENABLE_OUTPUT_ACCESS", stanza.ENABLE_OUTPUT_ACCESS === true && !config.ENABLE_IPT_OUTPUT && "ENABLE_IPT_OUTPUT in fwknopd.conf"],
    ["GPG_HOME_DIR", lacksGpg],
    ["GPG_DECRYPT_ID", lacksGpg],
    ["GPG_REMOTE_ID", lacksGpg],
    ["GPG_FINGERPRINT_ID", lacksGpg],
  ];
  for (const [member, what] of lacking) {
    if (what !== false && lines.has(member)) yield ["warning", member, `${member} has no effect without ${what}`];
  }
  if (stanza.ENABLE_FORWARD_ACCESS && !config.ENABLE_IPT_FORWARDING && !config.ENABLE_IPT_LOCAL_NAT) {
    yield ["warning", "ENABLE_FORWARD_ACCESS", "ENABLE_FORWARD_ACCESS takes requests for NAT only, and fwknopd.conf allows none (ENABLE_IPT_FORWARDING, ENABLE_IPT_LOCAL_NAT): nothing is granted"];
  }
  if (stanza.DISABLE_FW_ACCESS && !stanza.ENABLE_CMD_EXEC) {
    yield ["warning", "DISABLE_FW_ACCESS", "DISABLE_FW_ACCESS takes commands only, which need ENABLE_CMD_EXEC: nothing is granted"];
  }
}

function* keyFindings(draft: Draft, stanza: Filled): Generator<Finding> {
  const { source, given, keysFile } = draft;
  const { KEY, HMAC_KEY, GPG_DECRYPT_PW, ENCRYPTION_MODE } = stanza;
  const told = ["KEY", "KEY_BASE64", "GPG_DECRYPT_PW"].some((name) => given.has(name));
  if (lacksKeys(stanza) && keysFile !== undefined) {
    yield ["error", undefined, `No keys found for access stanza source: '${source}'. Data error in included keyfile: '${printableText(keysFile, 300)}', skipping stanza.`];
  } else if (lacksKeys(stanza) && !told) {
    yield ["error", undefined, `No keys found for access stanza source: '${source}'`];
  }
  const same = (key: Uint8Array | undefined): boolean => key !== undefined && HMAC_KEY !== undefined && constantTimeEqual(key, HMAC_KEY);
  if (same(KEY) || same(GPG_DECRYPT_PW)) {
    yield ["error", "HMAC_KEY", `The encryption passphrase and HMAC key should not be identical for access stanza source: '${source}'`];
  }
  if (KEY === undefined) return;
  const { maxKeyLength, label } = ENCRYPTION_MODES[ENCRYPTION_MODE];
  if (ENCRYPTION_MODE === "legacy" && KEY.length > 16) {
    yield ["warning", "KEY", `Warning: truncating encryption key in legacy mode to 16 bytes for access stanza source: '${source}'`];
  } else if (KEY.length > maxKeyLength && maxKeyLength > 0) {
    yield ["warning", "KEY", `Invalid key length: ${KEY.length} bytes, at most ${maxKeyLength} work in mode ${label}. No packet can be opened with it`];
  }
}

function* timeFindings(draft: Draft, stanza: Filled, { now }: AccessConfigContext): Generator<Finding> {
  const { source, dialect, lines } = draft;
  if (dialect === "perl" && !lines.has("FW_ACCESS_TIMEOUT")) {
    yield ["info", undefined, `FW_ACCESS_TIMEOUT is not set: grants last ${stanza.FW_ACCESS_TIMEOUT} s. fwknop 1.9 left such ports open for ever`];
  }
  if (dialect === "perl" && draft.values.FW_ACCESS_TIMEOUT === 0) {
    yield ["warning", "FW_ACCESS_TIMEOUT", `FW_ACCESS_TIMEOUT 0 meant for ever in fwknop 1.x; grants last ${MAX_TIMEOUT} s`];
  }
  if (stanza.FW_ACCESS_TIMEOUT > stanza.MAX_FW_TIMEOUT) {
    const member = lines.has("MAX_FW_TIMEOUT") ? "MAX_FW_TIMEOUT" : "FW_ACCESS_TIMEOUT";
    yield ["warning", member, `Warning: MAX_FW_TIMEOUT < FW_ACCESS_TIMEOUT, honoring MAX_FW_TIMEOUT for stanza source: '${source}': grants last ${stanza.MAX_FW_TIMEOUT} s`];
  }
  if (stanza.CMD_CYCLE_TIMER !== undefined && stanza.CMD_CYCLE_CLOSE !== undefined && stanza.CMD_CYCLE_TIMER > stanza.MAX_FW_TIMEOUT) {
    yield ["warning", "CMD_CYCLE_TIMER", `Warning: MAX_FW_TIMEOUT < CMD_CYCLE_TIMER, honoring MAX_FW_TIMEOUT for stanza source: '${source}': what is opened is closed after ${stanza.MAX_FW_TIMEOUT} s`];
  }
  if (stanza.ACCESS_EXPIRE !== undefined && stanza.ACCESS_EXPIRE < now) {
    yield ["warning", "ACCESS_EXPIRE", "This stanza's time is over; nothing is granted by it"];
  }
}

function* natFindings({ source }: Draft, stanza: Filled, { config }: AccessConfigContext): Generator<Finding> {
  const natEnabled = config.ENABLE_IPT_FORWARDING || config.ENABLE_IPT_LOCAL_NAT;
  for (const member of ["FORCE_NAT", "FORCE_SNAT", "FORCE_MASQUERADE"] as const) {
    if (!stanza[member]) continue;
    if (!natEnabled) {
      yield ["error", member, `${member} requires either ENABLE_IPT_FORWARDING or ENABLE_IPT_LOCAL_NAT in fwknopd.conf`];
    } else if (member !== "FORCE_NAT" && !config.ENABLE_IPT_SNAT) {
      yield ["error", member, `${member} requires ENABLE_IPT_SNAT in fwknopd.conf, for there is no chain for it otherwise`];
    }
    if (member !== "FORCE_NAT" && stanza.FORCE_NAT === undefined && !stanza.FORWARD_ALL) {
      yield ["error", member, `FORCE_SNAT/FORCE_MASQUERADE requires either FORCE_NAT or FORWARD_ALL: '${source}'`];
    }
  }
}

/** Each is nothing without the other. */
const COMMAND_PAIRS = [
  ["CMD_CYCLE_OPEN", "CMD_CYCLE_CLOSE"],
  ["CMD_CYCLE_CLOSE", "CMD_CYCLE_OPEN"],
  ["EXTERNAL_CMD_OPEN", "EXTERNAL_CMD_CLOSE"],
  ["EXTERNAL_CMD_CLOSE", "EXTERNAL_CMD_OPEN"],
] as const;

function* commandFindings({ source, given }: Draft, stanza: Filled): Generator<Finding> {
  const has = (name: string): boolean => given.has(name);
  for (const [set, missing] of COMMAND_PAIRS) {
    if (has(set) && !has(missing)) yield ["error", set, `Cannot set ${set} without also setting ${missing}: '${source}'`];
  }
  if (stanza.CMD_CYCLE_CLOSE !== undefined && stanza.CMD_CYCLE_OPEN !== undefined && !has("CMD_CYCLE_TIMER")) {
    yield ["error", "CMD_CYCLE_OPEN", `Must set the CMD_CYCLE_TIMER for command cycle functionality: '${source}'`];
  }
  if (has("CMD_EXEC_GROUP") && !has("CMD_EXEC_USER")) {
    yield ["error", "CMD_EXEC_GROUP", `Cannot set CMD_EXEC_GROUP without also setting CMD_EXEC_USER: '${source}'`];
  }
  if (stanza.CMD_EXEC_USER !== undefined && !has("CMD_EXEC_GROUP")) {
    yield ["info", "CMD_EXEC_USER", `Setting gid to group associated with CMD_EXEC_USER '${printableText(stanza.CMD_EXEC_USER.name)}' for setgid() execution in stanza source: '${source}'`];
  }
  if (stanza.CMD_SUDO_EXEC_USER !== undefined && !has("CMD_SUDO_EXEC_GROUP")) {
    yield ["info", "CMD_SUDO_EXEC_USER", `Setting gid to group associated with CMD_SUDO_EXEC_USER '${printableText(stanza.CMD_SUDO_EXEC_USER.name)}' in stanza source: '${source}'`];
  }
}

function* gpgFindings({ source, dialect, values }: Draft, stanza: Filled): Generator<Finding> {
  const both = values.GPG_REQUIRE_SIG === true && values.GPG_DISABLE_SIG === true;
  if (both) {
    yield ["warning", "GPG_DISABLE_SIG", `Warning: GPG_REQUIRE_SIG and GPG_DISABLE_SIG are both set, so signatures of any key are required: '${source}'`];
  } else if (values.GPG_DISABLE_SIG) {
    yield ["warning", "GPG_DISABLE_SIG", `Warning: GPG_REQUIRE_SIG should really be enabled for gpg stanza source: '${source}': anybody may seal a packet for this host's key`];
  } else if (values.GPG_REQUIRE_SIG === false) {
    yield ["warning", "GPG_REQUIRE_SIG", `Warning: GPG_REQUIRE_SIG should really be enabled for gpg stanza source: '${source}'; N has no effect`];
  }
  if (dialect === "c" && stanza.GPG_REMOTE_ID?.includes("ANY")) {
    yield ["error", "GPG_REMOTE_ID", "GPG_REMOTE_ID ANY has a meaning only in a file of fwknop 1.x"];
  }
  const anybody = both || stanza.GPG_DISABLE_SIG || (dialect === "perl" && values.GPG_REMOTE_ID?.includes("ANY"));
  if (!anybody && stanza.GPG_REMOTE_ID === undefined && stanza.GPG_FINGERPRINT_ID === undefined) {
    yield ["error", undefined, `Warning: Must have either sig ID's or fingerprints to check (GPG_REMOTE_ID or GPG_FINGERPRINT_ID) for gpg stanza source: '${source}'`];
  }
}
