/**
 * The variables of access.conf, one row each.
 *
 * @module
 */

import { decodeBase64 } from "../base64.ts";
import type { Bytes } from "../bytes.ts";
import { DIGESTS, type DigestType, type EncryptionMode } from "../fko.ts";
import { printableText } from "../foreign-text.ts";
import { parseIp } from "../ip.ts";
import { DEFAULT_OFFSET, parseKnock, type PortKnock } from "../port-knock.ts";
import { accept, addresses, choice, command, integer, path, refuse, shown, text, words, yesNo } from "./_kinds.ts";
import type { AccessHost, AccessStanza, GroupAccount, UserAccount } from "./access-config.ts";
import type { AddressList } from "./address-list.ts";
import { parsePortList, type PortList } from "./port-list.ts";
import type { ObsoleteVariables, ParsedValue, SecretKind, TextKind, VariableTable } from "./variable.ts";

/** The members of a stanza that are variables. */
export type AccessVariables = Omit<AccessStanza, "number" | "file" | "line" | "given" | "texts" | "ENABLE_GPG" | "OS_FINGERPRINTS">;

/** Longest time that a stanza may set, seconds: 97 days. */
export const MAX_TIMEOUT = 8388608;

// --- Kinds of values that only this file has --------------------------------------------------------------------------

const list: TextKind<AddressList> = {
  describe: addresses.describe,
  parse(text, name) {
    const parsed = addresses.parse(text, name);
    return parsed.ok ? parsed : { ...parsed, message: `${parsed.message} in access stanza` };
  },
};

const ports: TextKind<PortList> = {
  describe: "tcp/PORT, udp/PORT, tcp/LOW-HIGH between commas",
  parse(text, name) {
    const parsed = parsePortList(text);
    if (!parsed.ok) return { ...parsed, message: `${parsed.message}: Fatal invalid ${name} in access stanza` };
    return /icmp/i.test(text) ? { ...parsed, warning: `${name} names icmp, which cannot be asked for` } : parsed;
  },
};

const CHANGEME = /* @__PURE__ */ Array.from("__CHANGEME__", (letter) => letter.charCodeAt(0));

/** Compares without making text of what may be a key. */
function isPlaceholder(bytes: Uint8Array): boolean {
  // Setting bit 5 makes letters small and maps the underscore to DEL, which no file has here.
  return bytes.length === CHANGEME.length && CHANGEME.every((code, at) => (code | 0x20) === (bytes[at]! | 0x20));
}

/** @param read makes a copy of the value's bytes, or says why not */
function secret(describe: string, read: (bytes: Uint8Array, name: string) => ParsedValue<Bytes>): SecretKind<Bytes> {
  return {
    secret: true,
    describe,
    parse(bytes, name) {
      if (isPlaceholder(bytes)) return refuse(`${name} value is not properly set: it is still the placeholder`);
      // C's text ends at either.
      if (bytes.includes(0) || bytes.includes(0x0d)) return refuse(`${name} value has a NUL or carriage return in it`);
      return read(bytes, name);
    },
  };
}

const passphrase = /* @__PURE__ */ secret("text", (bytes) => accept(Uint8Array.from(bytes)));

const base64Key = /* @__PURE__ */ secret("base64", (bytes, name) => {
  let length = bytes.length;
  while (length > 0 && (bytes[length - 1] === 0x20 || bytes[length - 1] === 0x09)) length--;
  const digits = bytes.subarray(0, length);
  const padding = digits.indexOf(0x3d);
  const paddedRight = padding < 0 || (digits.length - padding <= 2 && digits.subarray(padding).every((byte) => byte === 0x3d));
  const key = paddedRight ? decodeBase64(digits) : undefined;
  if (key === undefined || digits.includes(0)) return refuse(`${name} argument doesn't look like base64-encoded data.`);
  return key.length > 0 ? accept(key) : refuse(`${name} decodes to no bytes at all`);
});

const digestType: TextKind<DigestType> = /* @__PURE__ */ choice(
  { md5: "md5", sha1: "sha1", sha256: "sha256", sha384: "sha384", sha512: "sha512", sha3_256: "sha3_256", sha3_512: "sha3_512" },
  (name, value) => `${name} argument ${value} must be one of {${Object.keys(DIGESTS).join(",")}}`,
);

const encryptionMode: TextKind<EncryptionMode> = /* @__PURE__ */ choice(
  { CBC: "cbc", CTR: "ctr", CFB: "cfb", OFB: "ofb", ECB: "ecb", legacy: "legacy", perl: "perl", Asymmetric: "asymmetric" },
  (name, value) => `Unrecognized ${name} ${value}, use {CBC,CTR,CFB,OFB,ECB,legacy,perl,Asymmetric}`,
);

const seconds = /* @__PURE__ */ integer(0, MAX_TIMEOUT, (name) => `${name} value not in range [0,${MAX_TIMEOUT}]`);
const timer = /* @__PURE__ */ integer(1, MAX_TIMEOUT, (name) => `${name} value not in range [1,${MAX_TIMEOUT}]`);

const userNames: TextKind<readonly string[]> = {
  describe: "names between commas",
  parse(text, name) {
    const names = text.split(",").map((part) => part.trim());
    return names.includes("") ? refuse(`${name} has an empty name`) : accept(names);
  },
};

const sourceRequirement: TextKind<boolean | AddressList> = {
  describe: "Y, N, or an address list",
  parse: (text, name) => (/^[a-z]+$/i.test(text) ? yesNo : list).parse(text, name),
};

const expression = (flags: string): TextKind<RegExp> => ({
  describe: "regular expression",
  parse(text, name) {
    try {
      return accept(new RegExp(text, flags));
    } catch (error) {
      return refuse(`${name} value ${shown(text)} is not a regular expression: ${printableText(String((error as Error).message), 120)}`);
    }
  },
});
const regex = /* @__PURE__ */ expression("");

const knocks: TextKind<readonly PortKnock[]> = {
  describe: "tcp/PORT, udp/PORT, icmp between commas",
  parse(text, name) {
    const words = text.split(",").map((word) => word.trim());
    const sequence = words.map(parseKnock);
    const wrong = sequence.indexOf(undefined);
    return wrong < 0 ? accept(sequence as readonly PortKnock[]) : refuse(`${name} item ${shown(words[wrong]!)} is none of tcp/PORT, udp/PORT, icmp`);
  },
};

const collectMode = /* @__PURE__ */ choice(
  { PCAP: false, FILE_PCAP: false, ULOG_PCAP: false, ENCRYPT_SEQUENCE: true },
  (name, value) => `${name} value ${value} is none of PCAP, FILE_PCAP, ULOG_PCAP, ENCRYPT_SEQUENCE`,
);

/** Longest that knocks may be apart, seconds. */
const MAX_KNOCK_SECONDS = 86400;
const knockSeconds = /* @__PURE__ */ integer(1, MAX_KNOCK_SECONDS);

const MAX_CYCLE_COMMAND = 255;

const cycleCommand: TextKind<string> = {
  describe: "command",
  parse: (text, name) => (text.length > MAX_CYCLE_COMMAND ? refuse(`${name} command is too long: ${text.length} characters, at most ${MAX_CYCLE_COMMAND} are read`) : accept(text)),
};

const natTarget: TextKind<NonNullable<AccessStanza["FORCE_NAT"]>> = {
  describe: "IP PORT",
  parse(text, name) {
    const [, ip, portText] = /^(\S+)\s+(\d+)$/.exec(text) ?? [];
    if (ip === undefined) return refuse(`invalid ${name} arg ${shown(text)}, need <IP> <PORT>`);
    const address = parseIp(ip);
    if (address === undefined) return refuse(`invalid ${name} IP ${shown(ip)}`);
    const port = Number(portText);
    if (port < 1 || port > 65535) return refuse(`invalid ${name} port ${shown(portText!)}`, text.length - portText!.length);
    return accept({ address, port });
  },
};

const snatAddress: AccessKind<"FORCE_SNAT"> = {
  describe: "address",
  parse(text, name) {
    const address = parseIp(text);
    return address === undefined ? refuse(`invalid ${name} IP ${shown(text)}`) : accept(address);
  },
};

/** @param min the widest network that may be opened, in bits */
function prefix(min: number, max: number): TextKind<number> {
  return {
    describe: `/${min}../${max}`,
    parse(text, name) {
      const length = /^\/?\d{1,3}$/.test(text) ? Number(text.replace("/", "")) : Number.NaN;
      return length >= min && length <= max ? accept(length) : refuse(`${name} value ${shown(text)} is not a prefix length of /${min} to /${max}`);
    },
  };
}

const uses: AccessKind<"GRANT_USES"> = /* @__PURE__ */ choice<1 | "any">({ "1": 1, any: "any" }, (name, value) => `${name} value ${value} is neither 1 nor any`);

type AccessKind<Name extends keyof AccessVariables> = TextKind<NonNullable<AccessVariables[Name]>>;

/** Shorter ids could be anybody's. */
const keyIds = /* @__PURE__ */ words("key id of 8 to 64 hexadecimal digits", /^((0x)?[0-9A-Fa-f]{8,64}|ANY)$/i, (word) => word.replace(/^0x/i, "").toUpperCase());

const remoteIds: TextKind<readonly string[]> = {
  describe: keyIds.describe,
  parse(text, name) {
    const parsed = keyIds.parse(text, name);
    const short = parsed.ok ? parsed.value.find((id) => id.length < 16 && id !== "ANY") : undefined;
    return parsed.ok && short !== undefined ? { ...parsed, warning: `${name} ${short} is short enough to be forged; give the whole fingerprint in GPG_FINGERPRINT_ID` } : parsed;
  },
};

const fingerprints: TextKind<readonly string[]> = {
  describe: "fingerprints of 40 or 64 hexadecimal digits between commas",
  parse(text, name) {
    const found = text.split(",").map((part) => part.replace(/\s/g, "").replace(/^0x/i, "").toUpperCase());
    const wrong = found.find((digits) => !/^([0-9A-F]{40}|[0-9A-F]{64})$/.test(digits));
    return wrong === undefined ? accept(found) : refuse(`${name} item ${shown(wrong)} is not a fingerprint of 40 or 64 hexadecimal digits`);
  },
};

/** The latest time that has a date (ECMA-262 §21.4.1.1), Unix time, seconds. */
const MAX_DATE = 8.64e12;

const epoch: TextKind<number> = {
  describe: "Unix time in seconds, 0 for never",
  parse(text) {
    if (!/^\d{1,13}$/.test(text) || Number(text) > MAX_DATE) return refuse(`invalid epoch seconds value ${shown(text)} for access stanza expiration time`);
    return accept(Number(text) === 0 ? Number.POSITIVE_INFINITY : Number(text));
  },
};

// --- The table --------------------------------------------------------------------------------------------------------

/** What some values are looked up with. */
export type AccessLookups = Pick<AccessHost, "findUser" | "findGroup" | "startOfDay">;

/**
 * Makes the table of variables.
 *
 * @param host users, groups, calendar
 * @returns the rows
 */
export function accessVariables(host: AccessLookups): VariableTable<AccessVariables> {
  const user: TextKind<UserAccount> = {
    describe: "user",
    parse(text, name) {
      const found = host.findUser(text);
      return found ? accept(found) : refuse(`Unable to determine UID for ${name}: Not a user on this system. ${shown(text)}`);
    },
  };
  const group: TextKind<GroupAccount> = {
    describe: "group",
    parse(text, name) {
      const found = host.findGroup(text);
      return found ? accept(found) : refuse(`Unable to determine GID for ${name}: Not a group on this system. ${shown(text)}`);
    },
  };
  const date: TextKind<number> = {
    describe: "MM/DD/YYYY",
    parse(text) {
      const [, month, day, digits] = (/^(\d{1,2})\/(\d{1,2})\/(\d{1,4})$/.exec(text) ?? []).map(Number) as [unknown, number, number, number];
      const year = digits < 100 ? 2000 + digits : digits;
      // C takes 99/99/2030 for a day in 2038.
      const exists = month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate() && year >= 1970;
      return exists ? accept(host.startOfDay(year, month, day)) : refuse(`invalid date value ${shown(text)} (need MM/DD/YYYY) for access stanza expiration time`);
    },
  };
  const both = "C, Perl" as const;
  return {
    SOURCE: { kind: list, origin: both, toLastSemicolon: true, doc: "Begins a stanza: where packets may come from. ANY, addresses, networks; ! excepts." },
    DESTINATION: { kind: list, origin: "C", toLastSemicolon: true, doc: "Which of this host's addresses packets must be sent to." },
    OPEN_PORTS: { kind: ports, origin: both, toLastSemicolon: true, doc: "What may be asked for; anything when it is not set." },
    RESTRICT_PORTS: { kind: ports, origin: "C", toLastSemicolon: true, doc: "What may not be asked for, whatever OPEN_PORTS says." },
    PERMIT_CLIENT_PORTS: { kind: yesNo, origin: "Perl", default: "N", standsAlone: true, doc: "In a file of fwknop 1.x: anything may be asked for, whatever OPEN_PORTS says." },
    KEY: { kind: passphrase, origin: both, toLastSemicolon: true, synonyms: { KEY_BASE64: { origin: "C", kind: base64Key } }, doc: "The key that packets are encrypted with; KEY_BASE64 has it in base64." },
    HMAC_KEY: { kind: passphrase, origin: "C", toLastSemicolon: true, synonyms: { HMAC_KEY_BASE64: { origin: "C", kind: base64Key } }, doc: "The key that packets are authenticated with; HMAC_KEY_BASE64 has it in base64. Set it always." },
    HMAC_DIGEST_TYPE: { kind: digestType, origin: "C", default: "sha256", doc: "The hash of that authentication." },
    ENCRYPTION_MODE: { kind: encryptionMode, origin: "C", default: "CBC", perlDefault: "perl", doc: "How packets are encrypted; legacy and perl are CBC with the key rules of older clients." },
    FW_ACCESS_TIMEOUT: {
      kind: seconds, origin: both, default: "30", perlDefault: "300", synonyms: { MAX_ACCESS_TIMEOUT: { origin: "Perl" } },
      doc: "Seconds that a grant lasts unless the client says otherwise.",
    },
    MAX_FW_TIMEOUT: { kind: seconds, origin: "C", default: "300", perlDefault: String(MAX_TIMEOUT), doc: "Seconds that any grant lasts at most." },
    PERMIT_CLIENT_TIMEOUT: { kind: yesNo, origin: "Perl", default: "Y", perlDefault: "N", standsAlone: true, doc: "Let the client say how long a grant lasts." },
    REQUIRE_USERNAME: { kind: userNames, origin: both, toLastSemicolon: true, doc: "User names of which the packet must bear one." },
    REQUIRE_AUTH_METHOD: {
      kind: choice({ crypt: "crypt" } as const, (name, value) => `${name} value ${value} is not crypt`), origin: "Perl",
      doc: "With crypt, packets must also bear the password that their user has on this host (fwknop --server-auth). It is hashed by perl, or else by python3.",
    },
    SHADOW_FILE: { kind: path, origin: "Perl", default: "/etc/shadow", doc: "The file of these users' password hashes." },
    REQUIRE_SOURCE_ADDRESS: {
      kind: sourceRequirement, origin: both, toLastSemicolon: true, synonyms: { REQUIRE_SOURCE: { origin: "C" } },
      doc: "Refuse packets that do not name the address to open for; not those from the given networks.",
    },
    DISABLE_FW_ACCESS: { kind: yesNo, origin: "Perl", default: "N", standsAlone: true, doc: "Take command messages only." },
    ACCESS_EXPIRE: { kind: date, origin: "C", synonyms: { ACCESS_EXPIRE_EPOCH: { origin: "C", kind: epoch } }, doc: "The first day on which the stanza is not used any more; ACCESS_EXPIRE_EPOCH has its beginning in seconds since 1970." },
    ENABLE_CMD_EXEC: { kind: yesNo, origin: both, default: "N", standsAlone: true, doc: "Run the commands that packets bring." },
    CMD_REGEX: { kind: regex, origin: "Perl", toLastSemicolon: true, doc: "What such a command, after its address and a comma, must match." },
    CMD_EXEC_USER: { kind: user, origin: "C", doc: "Who runs such commands." },
    CMD_EXEC_GROUP: { kind: group, origin: "C", doc: "The group that they run with; needs CMD_EXEC_USER." },
    ENABLE_CMD_SUDO_EXEC: { kind: yesNo, origin: "C", default: "N", doc: "Put SUDO_EXE in front of such commands." },
    CMD_SUDO_EXEC_USER: { kind: user, origin: "C", doc: "Whom sudo makes run them." },
    CMD_SUDO_EXEC_GROUP: { kind: group, origin: "C", doc: "With which group." },
    CMD_CYCLE_OPEN: { kind: cycleCommand, origin: "C", toLastSemicolon: true, doc: "Run instead of the firewall: program and arguments with $IP, $PORT, $PROTO, $TIMEOUT …" },
    CMD_CYCLE_CLOSE: { kind: cycleCommand, origin: "C", toLastSemicolon: true, doc: "Run at the end of such a grant; NONE for nothing." },
    CMD_CYCLE_TIMER: { kind: timer, origin: "C", doc: "Seconds between the two unless the client says otherwise." },
    EXTERNAL_CMD_OPEN: { kind: command, origin: "Perl", toLastSemicolon: true, doc: "Run instead of the firewall: program and arguments with $SRC, $PORT, $PROTO and the stanza's variables." },
    EXTERNAL_CMD_CLOSE: { kind: command, origin: "Perl", toLastSemicolon: true, doc: "Run at the end of such a grant." },
    EXTERNAL_CMD_ALARM: { kind: integer(1, 3600), origin: "Perl", doc: "Seconds that each of them may take; fwknopd.conf's when it is not set." },
    FORCE_NAT: { kind: natTarget, origin: "C", doc: "Every grant leads there." },
    FORCE_SNAT: { kind: snatAddress, origin: "C", doc: "The source that forwarded connections get." },
    FORCE_MASQUERADE: { kind: yesNo, origin: "C", default: "N", doc: "They get the address of the outgoing interface." },
    FORWARD_ALL: { kind: yesNo, origin: "C", default: "N", doc: "Forward everything that the client sends, not only the port." },
    DISABLE_DNAT: { kind: yesNo, origin: "C", default: "N", doc: "Do not rewrite destinations." },
    ENABLE_FORWARD_ACCESS: { kind: yesNo, origin: "Perl", perlDefault: "N", standsAlone: true, doc: "Y: take requests for NAT only. N: take none." },
    INTERNAL_NET_ACCESS: { kind: list, origin: "Perl", toLastSemicolon: true, doc: "Where NAT may lead to; anywhere when it is not set." },
    ENABLE_OUTPUT_ACCESS: { kind: yesNo, origin: "Perl", perlDefault: "N", standsAlone: true, doc: "Also let answers out, where ENABLE_IPT_OUTPUT is set." },
    GRANT_PREFIX_V4: { kind: prefix(8, 31), origin: "own", doc: "Open for the whole network of so many bits around an IPv4 address, for clients behind carriers' NAT: /24. Everybody in it gets in." },
    GRANT_PREFIX_V6: { kind: prefix(32, 127), origin: "own", doc: "The same around an IPv6 address: /64." },
    GRANT_USES: { kind: uses, origin: "own", doc: "1: a grant ends with the first connection that it lets in; any: it does not. 1 needs FIREWALL_TYPE nftables." },
    SHARED_SEQUENCE: { kind: knocks, origin: "Perl", toLastSemicolon: true, doc: "With AUTH_MODE KNOCK: whoever knocks there in this order gets all of OPEN_PORTS. Whoever sees it can do so too." },
    ENCRYPT_SEQUENCE: {
      kind: yesNo, origin: "Perl", default: "N", standsAlone: true, synonyms: { DATA_COLLECT_MODE: { origin: "Perl", kind: collectMode } },
      doc: "With AUTH_MODE KNOCK: 32 knocks spell a request that KEY encrypts; they are good for once. DATA_COLLECT_MODE ENCRYPT_SEQUENCE is the same.",
    },
    PORT_OFFSET: { kind: integer(1, 65280), origin: "Perl", default: String(DEFAULT_OFFSET), doc: "The first of the 256 ports of such knocks." },
    KNOCK_INTERVAL: { kind: knockSeconds, origin: "Perl", default: "60", doc: "Seconds from the first knock to the last, at most." },
    MIN_TIME_DIFF: { kind: integer(0, MAX_KNOCK_SECONDS), origin: "Perl", doc: "Seconds between two knocks, at least." },
    MAX_TIME_DIFF: { kind: knockSeconds, origin: "Perl", doc: "Seconds between two knocks, at most." },
    KNOCK_LIMIT: { kind: integer(0, 1_000_000), origin: "Perl", doc: "How often one address gets in by knocking, until the files are read again; 0 for any number." },
    REQUIRE_OS: { kind: text, origin: "Perl", doc: "The operating system that knocks must come from, as P0F_FILE names it: its class (Linux) or description. Anybody can imitate it." },
    REQUIRE_OS_REGEX: { kind: expression("i"), origin: "Perl", toLastSemicolon: true, doc: "The same: what CLASS:VERSION:SUBTYPE:DESCRIPTION must match, in any case." },
    GPG_HOME_DIR: { kind: path, origin: both, doc: "GnuPG's home; fwknopd.conf's when it is not set." },
    GPG_EXE: { kind: path, origin: "C", synonyms: { GPG_PATH: { origin: "Perl" } }, doc: "GnuPG; fwknopd.conf's when it is not set." },
    GPG_DECRYPT_ID: { kind: text, origin: both, doc: "The key that packets are encrypted for. GnuPG finds it out itself." },
    GPG_DECRYPT_PW: { kind: passphrase, origin: both, toLastSemicolon: true, doc: "Its passphrase." },
    GPG_ALLOW_NO_PW: { kind: yesNo, origin: "C", default: "N", doc: "It has none." },
    GPG_REQUIRE_SIG: { kind: yesNo, origin: "C", default: "Y", doc: "Packets must be signed; GPG_DISABLE_SIG is what switches this off." },
    GPG_DISABLE_SIG: { kind: yesNo, origin: "C", default: "N", doc: "Take packets that nobody signed." },
    GPG_IGNORE_SIG_VERIFY_ERROR: { kind: yesNo, origin: "C", default: "N", doc: "Overlook expired and untrusted keys of signers." },
    GPG_REMOTE_ID: { kind: remoteIds, origin: both, toLastSemicolon: true, doc: "Key ids of signers; in a file of fwknop 1.x also ANY." },
    GPG_FINGERPRINT_ID: { kind: fingerprints, origin: "C", toLastSemicolon: true, doc: "Fingerprints of signers, of the signing or the primary key." },
  };
}

/** Names that are known but have no row. */
export const OBSOLETE_ACCESS_VARIABLES: readonly ObsoleteVariables[] = [
  {
    now: "Where packets are heard is said in fwknopd.conf",
    origin: "Perl",
    names: ["PCAP", "FILE_PCAP", "ULOG_PCAP", "RESTRICT_INTF"],
  },
  {
    now: "GnuPG is asked directly, and finds out itself what a packet is",
    origin: "Perl",
    names: ["GPG_PREFIX", "GPG_NO_REQUIRE_PREFIX", "GPG_NO_OPTIONS", "GPG_USE_OPTIONS"],
  },
  {
    now: "EXTERNAL_CMD_OPEN and EXTERNAL_CMD_CLOSE are enough",
    origin: "Perl",
    names: ["ENABLE_EXTERNAL_CMDS"],
  },
];
