/**
 * access.conf of fwknop 2.x and 1.x: who may ask for what, with which keys.
 *
 * @module
 */

import type { Bytes } from "../bytes.ts";
import type { DigestType, EncryptionMode } from "../fko.ts";
import type { IpAddress } from "../ip.ts";
import type { OsFingerprint } from "../os-fingerprint.ts";
import type { PortKnock } from "../port-knock.ts";
import { type AddressList, matchesAddressList } from "./address-list.ts";
import type { DaemonConfig } from "./daemon-config.ts";
import type { Dialect } from "./entries.ts";
import type { PortList } from "./port-list.ts";
import type { ConfigProblem } from "./variable.ts";

/** A user of this host. */
export interface UserAccount {
  readonly name: string;
  readonly uid: number;
  /** Primary group. */
  readonly gid: number;
  readonly home: string;
}

/** A group of this host. */
export interface GroupAccount {
  readonly name: string;
  readonly gid: number;
}

/**
 * One stanza: every variable with its value. What is absent was not set and has no default. The rows of
 * `access-variables.ts` say what each means.
 */
export interface AccessStanza {
  /** From 1, in the order of the files; the order in which stanzas are tried. */
  readonly number: number;
  /** Where its SOURCE stands. */
  readonly file: string;
  readonly line: number;
  /** The names that were set, as they were spelt. */
  readonly given: ReadonlySet<string>;
  /** What was set, as text, for commands that name variables; secrets are not in it. */
  readonly texts: Readonly<Record<string, string>>;

  readonly SOURCE: AddressList;
  readonly DESTINATION?: AddressList;
  /** Absent: every port may be asked for. */
  readonly OPEN_PORTS?: PortList;
  readonly RESTRICT_PORTS?: PortList;
  /** Yes, in a file of 1.x: OPEN_PORTS was set aside and is absent. */
  readonly PERMIT_CLIENT_PORTS: boolean;
  /** The symmetric key, also from KEY_BASE64. */
  readonly KEY?: Bytes;
  /** Also from HMAC_KEY_BASE64. Absent: packets bear no HMAC. */
  readonly HMAC_KEY?: Bytes;
  readonly HMAC_DIGEST_TYPE: DigestType;
  readonly ENCRYPTION_MODE: EncryptionMode;
  /** Seconds. */
  readonly FW_ACCESS_TIMEOUT: number;
  /** Seconds; caps whatever is granted. */
  readonly MAX_FW_TIMEOUT: number;
  /** No: a client that names a timeout is refused. */
  readonly PERMIT_CLIENT_TIMEOUT: boolean;
  /** Any of these. */
  readonly REQUIRE_USERNAME?: readonly string[];
  /** The packet must bear the password that its user has on this host. */
  readonly REQUIRE_AUTH_METHOD?: "crypt";
  readonly SHADOW_FILE: string;
  /** A list: not required of packets from there. See {@link requiresSourceAddress}. */
  readonly REQUIRE_SOURCE_ADDRESS: boolean | AddressList;
  /** Command messages only. */
  readonly DISABLE_FW_ACCESS: boolean;
  /** Also from ACCESS_EXPIRE_EPOCH. Unix time, seconds. */
  readonly ACCESS_EXPIRE?: number;

  readonly ENABLE_CMD_EXEC: boolean;
  /** Must match somewhere in `address,command`. */
  readonly CMD_REGEX?: RegExp;
  readonly CMD_EXEC_USER?: UserAccount;
  /** Never without CMD_EXEC_USER. Absent: the user's primary group. */
  readonly CMD_EXEC_GROUP?: GroupAccount;
  readonly ENABLE_CMD_SUDO_EXEC: boolean;
  readonly CMD_SUDO_EXEC_USER?: UserAccount;
  readonly CMD_SUDO_EXEC_GROUP?: GroupAccount;
  readonly CMD_CYCLE_OPEN?: string;
  /** Absent with CMD_CYCLE_OPEN: nothing is run to close (`NONE`). */
  readonly CMD_CYCLE_CLOSE?: string;
  /** Seconds. */
  readonly CMD_CYCLE_TIMER?: number;
  /** These two replace the firewall for the stanza; both or neither. */
  readonly EXTERNAL_CMD_OPEN?: string;
  readonly EXTERNAL_CMD_CLOSE?: string;
  /** Seconds that each of them may take. */
  readonly EXTERNAL_CMD_ALARM: number;

  readonly FORCE_NAT?: { readonly address: IpAddress; readonly port: number };
  readonly FORCE_SNAT?: IpAddress;
  readonly FORCE_MASQUERADE: boolean;
  readonly FORWARD_ALL: boolean;
  readonly DISABLE_DNAT: boolean;
  /** Yes: requests for NAT only. No: none of them. Absent: as fwknopd.conf says. */
  readonly ENABLE_FORWARD_ACCESS?: boolean;
  /** Where NAT may lead to. Absent: anywhere. */
  readonly INTERNAL_NET_ACCESS?: AddressList;
  /** Absent: as ENABLE_IPT_OUTPUT says. */
  readonly ENABLE_OUTPUT_ACCESS?: boolean;
  /** Leading bits of an address that a grant is for; absent: all of them. */
  readonly GRANT_PREFIX_V4?: number;
  readonly GRANT_PREFIX_V6?: number;
  /** Connections that a grant is good for; absent: any number. */
  readonly GRANT_USES?: 1 | "any";

  /** What has to be knocked at; each of OPEN_PORTS is opened then. This or ENCRYPT_SEQUENCE: the stanza is for port knocking alone. */
  readonly SHARED_SEQUENCE?: readonly PortKnock[];
  /** Knocks spell a request that KEY encrypts. */
  readonly ENCRYPT_SEQUENCE: boolean;
  /** Port of the byte 0 in such a sequence. */
  readonly PORT_OFFSET: number;
  /** Seconds from the first knock to the last. */
  readonly KNOCK_INTERVAL: number;
  /** Seconds between two knocks. */
  readonly MIN_TIME_DIFF?: number;
  readonly MAX_TIME_DIFF?: number;
  /** Grants to one address. */
  readonly KNOCK_LIMIT?: number;
  readonly REQUIRE_OS?: string;
  readonly REQUIRE_OS_REGEX?: RegExp;
  /** Those of P0F_FILE that these two allow; absent when neither is set. */
  readonly OS_FINGERPRINTS?: readonly OsFingerprint[];

  /** Whether OpenPGP packets are tried: GPG_DECRYPT_PW or GPG_ALLOW_NO_PW is set. */
  readonly ENABLE_GPG: boolean;
  readonly GPG_HOME_DIR: string;
  readonly GPG_EXE: string;
  readonly GPG_DECRYPT_ID?: string;
  readonly GPG_DECRYPT_PW?: Bytes;
  readonly GPG_ALLOW_NO_PW: boolean;
  /** The opposite of GPG_DISABLE_SIG. */
  readonly GPG_REQUIRE_SIG: boolean;
  readonly GPG_DISABLE_SIG: boolean;
  readonly GPG_IGNORE_SIG_VERIFY_ERROR: boolean;
  /** Key ids, 8 to 40 hexadecimal digits. Both lists absent: any key of the ring. */
  readonly GPG_REMOTE_ID?: readonly string[];
  readonly GPG_FINGERPRINT_ID?: readonly string[];
}

/** What the parser needs from the host. */
export interface AccessHost {
  /** Reads a file; relative paths mean the folder of the start. An error names the file. */
  read(path: string): { readonly bytes: Uint8Array } | { readonly error: string };
  /** The same for a file that everybody may read. */
  readPublic(path: string): { readonly bytes: Uint8Array } | { readonly error: string };
  /** Lists a folder, names only. */
  list(folder: string): { readonly names: readonly string[] } | { readonly error: string };
  findUser(name: string): UserAccount | undefined;
  findGroup(name: string): GroupAccount | undefined;
  /** The Unix time, seconds, at which a day of the local calendar begins; the month is 1..12. */
  startOfDay(year: number, month: number, day: number): number;
}

/** What the stanzas are read against. */
export interface AccessConfigContext {
  readonly config: DaemonConfig;
  /** Of the daemon's own file. */
  readonly dialect: Dialect;
  /** Unix time, seconds. */
  readonly now: number;
}

/** Where stanzas come from: one file, or every `*.conf` of a folder. */
export type AccessRoot = { readonly file: string } | { readonly folder: string };

/** The stanzas that were read. Those with an error are missing, so with errors among the problems nobody should start. */
export interface ParsedAccessConfig {
  readonly stanzas: readonly AccessStanza[];
  readonly problems: readonly ConfigProblem[];
}

/**
 * Tells whether a packet must name the address to open for.
 *
 * @param stanza the stanza
 * @param source where the packet came from
 * @returns whether `0.0.0.0` in the message is refused
 */
export function requiresSourceAddress(stanza: AccessStanza, source: IpAddress): boolean {
  const required = stanza.REQUIRE_SOURCE_ADDRESS;
  return typeof required === "boolean" ? required : !matchesAddressList(required, source);
}
