/**
 * The variables of `.fwknoprc`: one row each, in the order in which a stanza is saved.
 *
 * @module
 */

import { encodeBase64, padBase64 } from "../base64.ts";
import { type Bytes, latin1Text, utf8Bytes, utf8OrLatin1Text } from "../bytes.ts";
import { CLIENT_OPTIONS, type ClientOptions, fwTimeout } from "../cli/client-options.ts";
import type { Parsed, ValueType } from "../cli/options.ts";
import { isResolvableName } from "../client/destination.ts";
import { decodeKey, type KeyKind } from "../client/key-text.ts";
import type { ClientSettings } from "../client/settings.ts";
import { parseTimeOffset } from "../client/time-offset.ts";
import { ENCRYPTION_MODES } from "../fko-packet.ts";
import { printableText } from "../foreign-text.ts";
import { parseIp } from "../ip.ts";

/** One variable. */
export interface RcVariable {
  readonly name: string;
  /** The option that it stands for, for the manual page. */
  readonly option?: keyof ClientOptions | undefined;
  /** A key, or what names one: replacing it needs a question. */
  readonly critical?: true | undefined;
  /** The value must not be shown. */
  readonly secret?: true | undefined;
  /** The value is all of the line, blanks included. */
  readonly wholeLine?: true | undefined;
  /** @returns the values that it takes, for people */
  describe(): string;
  /**
   * Reads a value.
   *
   * @param value at least one byte; what is kept is copied
   * @returns the settings it makes; none when it changes nothing
   */
  read(value: Uint8Array): Parsed<ClientSettings>;
  /**
   * Writes the value.
   *
   * @param given what the user set on the command line
   * @returns the value, or undefined when there is nothing to save
   */
  write(given: ClientSettings): string | Uint8Array | undefined;
}

type RowOptions = Pick<RcVariable, "critical" | "wholeLine"> & {
  /** What the variable sets besides. Other than the option it may switch nothing on. */
  readonly implies?: ClientSettings;
  /** Writes the value; as text unless given. */
  readonly format?: (value: never) => string;
  /** Reads the value instead of the option's reader. */
  readonly value?: ValueType<never>;
};

/** A variable that takes what an option takes. */
function like<K extends keyof ClientOptions>(name: string, option: K, options: RowOptions = {}): RcVariable {
  const { critical, wholeLine, implies, format = String as (value: never) => string, value: ownValue } = options;
  const value = (): ValueType<unknown> => (ownValue ?? CLIENT_OPTIONS[option].value) as ValueType<unknown>;
  return {
    name,
    option,
    critical,
    wholeLine,
    describe: () => value().choices?.join(", ") ?? value().argument ?? "",
    read: (bytes) => {
      const parsed = value().parse([utf8OrLatin1Text(bytes)], undefined);
      return parsed.ok ? { ok: true, value: { ...implies, [option]: parsed.value } } : parsed;
    },
    write: (given) => (given[option] === undefined || given[option] === "" ? undefined : format(given[option] as never)),
  };
}

/** A variable whose `Y` sets a flag. Anything else leaves it as it is, as in the C program. */
function yes<K extends keyof ClientOptions>(name: string, option: K, options: Pick<RowOptions, "implies"> & { readonly write?: RcVariable["write"] } = {}): RcVariable {
  return {
    name,
    option,
    describe: () => "Y",
    read: (bytes) => ({ ok: true, value: /^y$/i.test(utf8OrLatin1Text(bytes)) ? { ...options.implies, [option]: true } : {} }),
    write: options.write ?? ((given) => (given[option] ? "Y" : undefined)),
  };
}

type SecretSetting = "keyRijndael" | "keyBase64Rijndael" | "keyHmac" | "keyBase64Hmac" | "gpgSigningPw" | "gpgSigningPwBase64";

/** A key, which stays bytes. `base64` says that the text is base64, and of what. */
function secretRow(name: string, setting: SecretSetting, options: { readonly implies?: ClientSettings; readonly base64?: KeyKind } = {}): RcVariable {
  return {
    name,
    option: setting in CLIENT_OPTIONS ? setting as keyof ClientOptions : undefined,
    describe: () => (options.base64 === undefined ? "KEY" : "BASE64"),
    critical: true,
    secret: true,
    read: (bytes) => {
      const decoded = options.base64 === undefined ? undefined : decodeKey(bytes, options.base64);
      if (decoded?.ok === false) return decoded;
      decoded?.value.fill(0);
      return { ok: true, value: { ...options.implies, [setting]: bytes.slice() } };
    },
    write: (given) => given[setting],
  };
}

const upper = (value: string): string => value.toUpperCase();

/** `Y` or 0..4. */
function readVerbose(value: Uint8Array): Parsed<ClientSettings> {
  const text = utf8OrLatin1Text(value);
  if (/^y$/i.test(text)) return { ok: true, value: { verbose: 1 } };
  if (/^[0-4]$/.test(text)) return { ok: true, value: { verbose: Number(text) } };
  return { ok: false, message: "expected Y or a number in [0-4]" };
}

/** An address or a host name, or the word for `-s` or `-R`. */
function readAllowIp(value: Uint8Array): Parsed<ClientSettings> {
  const text = utf8OrLatin1Text(value);
  const word = text.toLowerCase();
  if (word === "source") return { ok: true, value: { allowIp: "0.0.0.0" } };
  if (word === "resolve") return { ok: true, value: { resolveIpHttps: true } };
  if (parseIp(text) === undefined && !isResolvableName(text)) return { ok: false, message: "expected an address, a host name, 'source' or 'resolve'" };
  return { ok: true, value: { allowIp: text } };
}

function readTimeOffset(value: Uint8Array): Parsed<ClientSettings> {
  const text = utf8OrLatin1Text(value);
  const parsed = parseTimeOffset(text.replace(/^-/, ""));
  if (!parsed.ok) return parsed;
  return { ok: true, value: text.startsWith("-") ? { timeOffsetMinus: parsed.value } : { timeOffsetPlus: parsed.value } };
}

function writeTimeOffset(given: ClientSettings): string | undefined {
  if (given.timeOffsetMinus !== undefined) return `-${given.timeOffsetMinus}`;
  return given.timeOffsetPlus === undefined ? undefined : String(given.timeOffsetPlus);
}

const HMAC_ON: ClientSettings = { useHmac: true };
const HMAC_SETTINGS = ["hmacDigestType", "keyHmac", "keyBase64Hmac", "hmacKeyCmd", "hmacKeyLen"] as const;

/** Bytes at which a reader ends a value. */
const ENDS_VALUE = /[\t\r #;]/;

/**
 * A key whose text a reader would cut is saved as base64 instead.
 *
 * @param given what the user set
 * @returns the same, with other members for such keys
 */
function withReadableKeys(given: ClientSettings): ClientSettings {
  const readable = { ...given };
  for (const [plain, base64] of [["keyRijndael", "keyBase64Rijndael"], ["keyHmac", "keyBase64Hmac"]] as const) {
    const key = given[plain];
    if (key === undefined || !(key.length === 0 || ENDS_VALUE.test(latin1Text(key)))) continue;
    delete readable[plain];
    readable[base64] = utf8Bytes(padBase64(encodeBase64(key)));
  }
  return readable;
}

/** How the row of each variable is made, in the order in which a stanza is saved. A file names a few of them, so the others are not. */
const ROWS: Readonly<Record<string, (name: string) => RcVariable>> = {
  DIGEST_TYPE: (name) => like(name, "digestType", { format: upper }),
  SPA_SERVER_PROTO: (name) => like(name, "serverProto"),
  SPA_SERVER_PORT: (name) => like(name, "serverPort"),
  SPA_SOURCE_PORT: (name) => like(name, "sourcePort"),
  FW_TIMEOUT: (name) => like(name, "fwTimeout", { value: fwTimeout(65536) as ValueType<never> }),
  ALLOW_IP: (name) => ({ name, option: "allowIp", describe: () => "address, host name, source or resolve", read: readAllowIp, write: (given) => given.allowIp }),
  TIME_OFFSET: (name) => ({ name, option: "timeOffsetPlus", describe: () => "[-]N[smhd]", read: readTimeOffset, write: writeTimeOffset }),
  ENCRYPTION_MODE: (name) => like(name, "encryptionMode", { format: (mode: keyof typeof ENCRYPTION_MODES) => (mode === "perl" ? mode : ENCRYPTION_MODES[mode].label) }),
  USE_GPG: (name) => yes(name, "gpgEncryption"),
  USE_GPG_AGENT: (name) => yes(name, "gpgAgent"),
  GPG_RECIPIENT: (name) => like(name, "gpgRecipientKey", { critical: true }),
  GPG_SIGNER: (name) => like(name, "gpgSignerKey", { critical: true }),
  GPG_HOMEDIR: (name) => like(name, "gpgHomeDir"),
  GPG_EXE: (name) => like(name, "gpgExe"),
  GPG_NO_SIGNING_PW: (name) => yes(name, "gpgNoSigningPw"),
  GPG_SIGNING_PW: (name) => secretRow(name, "gpgSigningPw"),
  GPG_SIGNING_PW_BASE64: (name) => secretRow(name, "gpgSigningPwBase64", { base64: "Rijndael" }),
  SPOOF_USER: (name) => like(name, "spoofUser"),
  SPOOF_SOURCE_IP: (name) => like(name, "spoofSource"),
  ACCESS: (name) => like(name, "access"),
  SPA_SERVER: (name) => like(name, "destination"),
  RAND_PORT: (name) => yes(name, "randPort"),
  KEY: (name) => secretRow(name, "keyRijndael"),
  KEY_BASE64: (name) => secretRow(name, "keyBase64Rijndael", { base64: "Rijndael" }),
  HMAC_DIGEST_TYPE: (name) => like(name, "hmacDigestType", { format: upper }),
  HMAC_KEY_BASE64: (name) => secretRow(name, "keyBase64Hmac", { base64: "HMAC", implies: HMAC_ON }),
  HMAC_KEY: (name) => secretRow(name, "keyHmac", { implies: HMAC_ON }),
  USE_HMAC: (name) => yes(name, "useHmac", {
    // --get-hmac-key alone switches HMAC on by the variable that it is saved as.
    write: (given) => (given.useHmac && (given.getHmacKey === undefined || HMAC_SETTINGS.some((key) => given[key] !== undefined)) ? "Y" : undefined),
  }),
  USE_WGET_USER_AGENT: (name) => yes(name, "useWgetUserAgent"),
  KEY_FILE: (name) => like(name, "getKey"),
  HMAC_KEY_FILE: (name) => like(name, "getHmacKey", { implies: HMAC_ON }),
  KEY_CMD: (name) => like(name, "keyCmd", { wholeLine: true, critical: true }),
  HMAC_KEY_CMD: (name) => like(name, "hmacKeyCmd", { wholeLine: true, critical: true, implies: HMAC_ON }),
  NAT_ACCESS: (name) => like(name, "natAccess"),
  HTTP_USER_AGENT: (name) => like(name, "userAgent"),
  RESOLVE_URL: (name) => like(name, "resolveUrl"),
  SERVER_RESOLVE_IPV4: (name) => yes(name, "serverResolveIpv4"),
  NAT_LOCAL: (name) => yes(name, "natLocal"),
  NAT_RAND_PORT: (name) => yes(name, "natRandPort"),
  NAT_PORT: (name) => like(name, "natPort"),
  VERBOSE: (name) => ({
    name, option: "verbose", describe: () => "Y, or 0 to 4, whatever -v says", read: readVerbose,
    write: ({ verbose }) => (verbose === undefined ? undefined : verbose === 1 ? "Y" : String(Math.min(verbose, 4))),
  }),
  RESOLVE_IP_HTTPS: (name) => yes(name, "resolveIpHttps", { write: (given) => (given.resolveIpHttps ? (given.allowIp === undefined ? "Y" : "N") : undefined) }),
  RESOLVE_IP_HTTP: (name) => yes(name, "resolveIpHttps", { write: () => undefined }),
  RESOLVE_HTTP_ONLY: (name) => yes(name, "resolveHttpOnly", { implies: { resolveIpHttps: true } }),
  WGET_CMD: (name) => like(name, "wgetCmd"),
  NO_SAVE_ARGS: (name) => yes(name, "noSaveArgs"),
};

/**
 * Finds a variable.
 *
 * @param name as written; case matters
 * @returns its row, or undefined
 */
export function findVariable(name: string): RcVariable | undefined {
  return Object.hasOwn(ROWS, name) ? ROWS[name]!(name) : undefined;
}

/**
 * Lists the variables.
 *
 * @returns their names, in the order in which a stanza is saved
 */
export function variableNames(): readonly string[] {
  return Object.keys(ROWS);
}

/**
 * All variables.
 *
 * @returns the rows, in the order in which a stanza is saved
 */
export function rcVariables(): readonly RcVariable[] {
  return Object.entries(ROWS).map(([name, row]) => row(name));
}

/** A line to be saved. */
export interface RcAssignment {
  readonly variable: RcVariable;
  /** Without a line end in it. */
  readonly value: Bytes;
}

/**
 * The variables that hold what the user gave on the command line.
 *
 * @param given options, and keys that were made in this run
 * @returns assignments in the order of the table, or the variable whose value no reader would take back
 */
export function assignmentsOf(given: ClientSettings): Parsed<readonly RcAssignment[]> {
  const readable = withReadableKeys(given);
  const assignments: RcAssignment[] = [];
  for (const variable of rcVariables()) {
    const written = variable.write(readable);
    if (written === undefined) continue;
    const value = typeof written === "string" ? utf8Bytes(written) : (written.slice() as Bytes);
    const text = latin1Text(value);
    const isTakenBack = text !== "" && (variable.wholeLine ? !/[\r\n]/.test(text) && text.trim() === text : !/[\n\0]/.test(text) && !ENDS_VALUE.test(text));
    if (!isTakenBack) {
      const shown = variable.secret ? "" : `, got '${printableText(written)}'`;
      return { ok: false, message: `Cannot save ${variable.name}: expected a value without blanks, ';' and '#'${shown}` };
    }
    assignments.push({ variable, value });
  }
  return { ok: true, value: assignments };
}
