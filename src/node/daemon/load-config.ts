/**
 * The daemon's files, read from this host: fwknopd.conf with its overrides, access.conf with its includes.
 *
 * @module
 */

import { readdirSync } from "node:fs";
import { basename, resolve } from "node:path";
import { utf8Bytes, wipe } from "../../bytes.ts";
import { describeObsoleteOptions } from "../../cli/options.ts";
import { SERVER_OPTIONS, type ServerOptions } from "../../cli/server-options.ts";
import type { AccessHost, AccessStanza } from "../../config/access-config.ts";
import { parseAccessConfig } from "../../config/access-config-parser.ts";
import type { DaemonConfig, DaemonTexts } from "../../config/daemon-config.ts";
import { type ParsedDaemonConfig, parseDaemonConfig } from "../../config/daemon-config-parser.ts";
import type { ConfigFile } from "../../config/entries.ts";
import { COMMAND_LINE, type ConfigProblem } from "../../config/variable.ts";
import { printableText } from "../../foreign-text.ts";
import { FileError, kindOfPath, readOwnFile } from "../files.ts";
import { findProgram } from "../find-program.ts";
import { reasonOf } from "../system-error.ts";
import { lookUpGroup, lookUpUser } from "../users.ts";
import { hasCrypt, NO_CRYPT } from "./crypt.ts";
import { shadowProblem } from "./server-auth.ts";

/** Where the configuration is unless somebody says otherwise; an installation of 1.9 has the second alone. */
export const DEFAULT_CONFIG_FILES: readonly [string, ...string[]] = ["/etc/fwknop/fwknopd.conf", "/etc/fwknop/fwknop.conf"];

/** Largest configuration file that is read, bytes. */
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/** The daemon's file, read. */
export interface LoadedConfig extends ParsedDaemonConfig {}

/** The stanzas, read. */
export interface LoadedAccess {
  readonly stanzas: readonly AccessStanza[];
  readonly problems: readonly ConfigProblem[];
}

/** Options that stand for a variable. */
const OPTION_VARIABLES: readonly (readonly [keyof ServerOptions, keyof DaemonConfig])[] = [
  ["interface", "PCAP_INTF"],
  ["pcapFilter", "PCAP_FILTER"],
  ["pcapFile", "PCAP_FILE"],
  ["runDir", "FWKNOP_RUN_DIR"],
  ["pidFile", "FWKNOP_PID_FILE"],
  ["digestFile", "DIGEST_FILE"],
  ["gpgHomeDir", "GPG_HOME_DIR"],
  ["gpgExe", "GPG_EXE"],
  ["sudoExe", "SUDO_EXE"],
  ["locale", "LOCALE"],
  ["fwType", "FIREWALL_TYPE"],
  ["accessFile", "ACCESS_FILE"],
  ["accessFolder", "ACCESS_FOLDER"],
  ["fwLog", "IPT_SYSLOG_FILE"],
];

/** Variables whose files are opened again later, when the daemon works in another folder. */
const FILE_VARIABLES = ["PCAP_FILE", "PCAP_PKT_FILE", "FWKNOP_PID_FILE", "DIGEST_FILE", "GPG_HOME_DIR", "IPT_SYSLOG_FILE", "KNOPMD_FIFO", "FW_DATA_FILE", "FWKNOP_SERV_SOCK"] as const satisfies readonly (keyof DaemonConfig)[];

function textsOf(options: ServerOptions): DaemonTexts {
  const texts = OPTION_VARIABLES.flatMap(([option, variable]) => (options[option] === undefined ? [] : [[variable, String(options[option])]]));
  return {
    ...Object.fromEntries(texts),
    ...(options.udpServer && { ENABLE_UDP_SERVER: "Y" }),
    ...(options.pcapAnyDirection && { ENABLE_PCAP_ANY_DIRECTION: "Y" }),
    ...(options.fwLog !== undefined && { ENABLE_SYSLOG_FILE: "Y" }),
    ...(options.linuxCookedIntf && { ENABLE_COOKED_INTF: "Y" }),
    ...(options.overrideConfig && { OVERRIDE_CONFIG: options.overrideConfig.join(",") }),
  };
}

/** What this host knows better than a table. */
function hostDefaults(): DaemonTexts {
  const firewall = findProgram("iptables");
  return firewall === undefined ? {} : { FIREWALL_EXE: firewall };
}

/** A reader of files that keeps what is unsafe about them as problems. */
class Reader {
  readonly problems: ConfigProblem[] = [];
  readonly #folder: string;
  readonly #insecure: boolean;

  constructor(folder: string, insecure: boolean) {
    this.#folder = folder;
    this.#insecure = insecure;
  }

  /** @param isPublic everybody may read it */
  read(path: string, kind: string, isPublic = false): Uint8Array {
    const { bytes, problems } = readOwnFile(resolve(this.#folder, path), { maxBytes: MAX_CONFIG_BYTES, kind, name: path });
    for (const { kind: what, message } of problems) {
      if (isPublic && what !== "writable") continue;
      const isFatal = what === "writable" && !this.#insecure;
      const hint = isFatal ? "; others can write to it, so it is not used (--insecure-permissions overrides)" : "";
      this.problems.push({ severity: isFatal ? "error" : "warning", file: path, line: 0, column: 0, message: `${message}${hint}` });
    }
    return bytes;
  }
}

/**
 * Reads fwknopd.conf and its overrides.
 *
 * @param options the command line
 * @param folder where relative paths begin, for good
 * @returns the configuration with everything that is to be said about it
 */
export function loadDaemonConfig(options: ServerOptions, folder: string): LoadedConfig {
  const reader = new Reader(folder, options.insecurePermissions ?? false);
  const files: ConfigFile[] = [];
  const mainFile = options.configFile ?? DEFAULT_CONFIG_FILES.find((path) => kindOfPath(path) !== undefined) ?? DEFAULT_CONFIG_FILES[0];
  const add = (path: string): void => {
    try {
      files.push({ path, bytes: reader.read(path, "config") });
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      reader.problems.push({ severity: "error", file: path, line: 0, column: 0, message: `[*] ${error.message}` });
    }
  };
  add(mainFile);
  (options.overrideConfig ?? parseDaemonConfig(files).config.OVERRIDE_CONFIG).forEach(add);
  const parsed = parseDaemonConfig(files, { commandLine: { CONFIG_FILE: mainFile, ...textsOf(options) }, defaults: hostDefaults() });
  const searched = parsed.dialect === "perl" ? searchPrograms(parsed.config) : [];
  const config: DaemonConfig = { ...parsed.config, ...wholePaths(parsed.config, folder), ...Object.fromEntries(searched.map(({ name, found }) => [name, found])) };
  const refused = refusePath(options, folder);
  const obsolete = describeObsoleteOptions(SERVER_OPTIONS, options).map((message): ConfigProblem => ({ severity: "warning", file: COMMAND_LINE, line: 0, column: 0, message }));
  const elsewhere = searched.map(({ name, path, found }): ConfigProblem => ({ severity: "info", file: mainFile, line: 0, column: 0, message: `There is no program ${printableText(path, 200)} (${name}); ${found} is used` }));
  return { ...parsed, config, problems: [...(refused === undefined ? [] : [refused]), ...obsolete, ...reader.problems, ...parsed.problems, ...elsewhere] };
}

/** Programs that fwknop 1.9 looked for in the usual folders when they were not where its file says. */
const SEARCHED_PROGRAMS = ["FIREWALL_EXE", "ipfwCmd", "GPG_EXE", "sendmailCmd", "mailCmd"] as const satisfies readonly (keyof DaemonConfig)[];

function searchPrograms(config: DaemonConfig): readonly { readonly name: (typeof SEARCHED_PROGRAMS)[number]; readonly path: string; readonly found: string }[] {
  return SEARCHED_PROGRAMS.flatMap((name) => {
    const path = config[name];
    const found = findProgram(path) === undefined ? findProgram(basename(path)) : undefined;
    return found === undefined ? [] : [{ name, path, found }];
  });
}

function wholePaths(config: DaemonConfig, folder: string): Partial<DaemonConfig> {
  return Object.fromEntries(FILE_VARIABLES.flatMap((name) => (config[name] === undefined ? [] : [[name, resolve(folder, config[name])]])));
}

/**
 * Reads access.conf, or the folder in its place.
 *
 * @param options the command line
 * @param loaded the daemon's configuration
 * @param folder where relative paths begin, for good
 * @param now Unix time, seconds
 * @returns the stanzas with everything that is to be said about them
 */
export function loadAccess(options: ServerOptions, { config, dialect }: LoadedConfig, folder: string, now: number): LoadedAccess {
  const reader = new Reader(folder, options.insecurePermissions ?? false);
  const read: Uint8Array[] = [];
  const tryToRead = (path: string, kind: string, isPublic: boolean): ReturnType<AccessHost["read"]> => {
    try {
      const bytes = reader.read(path, kind, isPublic);
      read.push(bytes);
      return { bytes };
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      return { error: error.message };
    }
  };
  const host: AccessHost = {
    read: (path) => tryToRead(path, "access", false),
    readPublic: (path) => tryToRead(path, "fingerprint", true),
    list(path) {
      try {
        return { names: readdirSync(resolve(folder, path)).sort() };
      } catch (error) {
        return { error: reasonOf(error) };
      }
    },
    findUser: (name) => lookUpUser(name),
    findGroup: (name) => lookUpGroup(name),
    startOfDay: (year, month, day) => new Date(year, month - 1, day).getTime() / 1000,
  };
  const root = config.ACCESS_FOLDER === undefined ? { file: config.ACCESS_FILE } : { folder: config.ACCESS_FOLDER };
  const parsed = parseAccessConfig(root, host, { config, dialect, now });
  wipe(...read); // they hold keys; the stanzas have their own copies
  return { stanzas: parsed.stanzas, problems: [...reader.problems, ...parsed.problems, ...missingMeans(config, parsed.stanzas, options, folder)] };
}

/** Programs and files that packets would be the first to miss. */
function missingMeans({ SUDO_EXE }: DaemonConfig, stanzas: readonly AccessStanza[], options: ServerOptions, folder: string): readonly ConfigProblem[] {
  const withoutGpg = stanzas.filter(({ ENABLE_GPG, GPG_EXE }) => ENABLE_GPG && findProgram(GPG_EXE) === undefined);
  const withoutSudo = stanzas.filter(({ ENABLE_CMD_SUDO_EXEC }) => ENABLE_CMD_SUDO_EXEC && findProgram(SUDO_EXE) === undefined);
  const withPassword = stanzas.filter(({ REQUIRE_AUTH_METHOD }) => REQUIRE_AUTH_METHOD !== undefined);
  const lacksCrypt = withPassword.length > 0 && !hasCrypt();
  const warn = ({ number, file, line }: AccessStanza, message: string): ConfigProblem => ({ severity: "warning", file, line, column: 1, message: `(stanza #${number}) ${message}` });
  return [
    ...withoutGpg.map((stanza) => warn(stanza, `GnuPG is missing: there is no program ${stanza.GPG_EXE} (GPG_EXE), so no packet can be decrypted with it`)),
    ...withoutSudo.map((stanza) => warn(stanza, `sudo is missing: there is no program ${SUDO_EXE} (SUDO_EXE), so no command can be run`)),
    ...withPassword.flatMap((stanza) => {
      const problem = lacksCrypt ? NO_CRYPT : shadowProblem(resolve(folder, stanza.SHADOW_FILE), options.insecurePermissions ?? false);
      return problem === undefined ? [] : [warn(stanza, `REQUIRE_AUTH_METHOD lets nobody in: ${problem}`)];
    }),
  ];
}

/** Longer than the kernel takes (PATH_MAX of Linux, with its end). */
const MAX_PATH = 4095;

/** Paths that options name must be what they say, not a link to something else. */
const OPTION_PATHS: readonly { readonly option: "accessFile" | "accessFolder" | "pcapFile" | "gpgHomeDir" | "gpgExe" | "sudoExe"; readonly kind: "file" | "folder" | "program"; readonly invalid: (path: string) => string }[] = [
  { option: "accessFile", kind: "file", invalid: (path) => `Invalid access.conf file path '${path}'` },
  { option: "accessFolder", kind: "folder", invalid: (path) => `Invalid access folder directory '${path}' could not lstat(), does not exist, or too large?` },
  { option: "pcapFile", kind: "file", invalid: (path) => `Invalid pcap file path '${path}': unable to lstat() it, or it is not a regular file` },
  { option: "gpgHomeDir", kind: "folder", invalid: (path) => `Invalid GnuPG home: unable to lstat() '${path}', or it is not a directory` },
  { option: "gpgExe", kind: "program", invalid: (path) => `Invalid GnuPG path: unable to lstat() '${path}', or it is not an executable file` },
  { option: "sudoExe", kind: "program", invalid: (path) => `Invalid sudo path: unable to lstat() '${path}', or it is not an executable file` },
];

function refusePath(options: ServerOptions, folder: string): ConfigProblem | undefined {
  for (const { option, kind, invalid } of OPTION_PATHS) {
    const path = options[option];
    if (path === undefined) continue;
    const problem = (message: string): ConfigProblem => ({ severity: "error", file: printableText(path, 300), line: 0, column: 0, message: `[*] ${message}` });
    if (utf8Bytes(path).length > MAX_PATH) return problem(`The path is too long: ${utf8Bytes(path).length} bytes, at most ${MAX_PATH} are possible`);
    if (!isFit(resolve(folder, path), kind)) return problem(invalid(printableText(path, 300)));
  }
  return undefined;
}

function isFit(path: string, kind: "file" | "folder" | "program"): boolean {
  if (kind === "program") return findProgram(path) !== undefined;
  try {
    return kindOfPath(path) === kind;
  } catch {
    return false; // a name in it is too long, a folder before it is not for us
  }
}
