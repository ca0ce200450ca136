/**
 * From fwknopd.conf, or the fwknop.conf of fwknop 1.x, to the daemon's configuration.
 *
 * @module
 */

import { type Setting, Settings } from "./_settings.ts";
import type { DaemonConfig, DaemonTexts, DaemonVariableName } from "./daemon-config.ts";
import { daemonVariables } from "./daemon-variables.ts";
import type { ConfigFile, Dialect } from "./entries.ts";
import { COMMAND_LINE, type ConfigProblem, type ParsedValue, type Variable } from "./variable.ts";

/** What is known besides the files. */
export interface DaemonConfigOptions {
  /** Values from options, which beat every file. */
  readonly commandLine?: DaemonTexts;
  /** Defaults that the host knows better than the table. */
  readonly defaults?: DaemonTexts;
}

/** A configuration that was read. With errors among its problems the refused values are those of the defaults. */
export interface ParsedDaemonConfig {
  readonly config: DaemonConfig;
  readonly problems: readonly ConfigProblem[];
  /** Every value, defaults included, as text after expansion; for `--dump-config`. */
  readonly texts: DaemonTexts;
  /** Which program's file it is: settles the doubt about an access.conf that could be either's. */
  readonly dialect: Dialect;
}

/** A value that its variable does not take. */
interface RefusedValue {
  readonly setting: Setting;
  readonly variable: Variable<unknown>;
  readonly parsed: ParsedValue<unknown> & { readonly ok: false };
}

/**
 * Reads the configuration.
 *
 * @param files the main file and the override files, in their order; later values replace earlier ones
 * @param options values and defaults from elsewhere
 * @returns the values and everything that is to be said about the files; never throws
 */
export function parseDaemonConfig(files: readonly ConfigFile[], options: DaemonConfigOptions = {}): ParsedDaemonConfig {
  const settings = new Settings(files, options.commandLine ?? {}, options.defaults ?? {});
  const problems: ConfigProblem[] = [...settings.problems];
  const texts: Partial<Record<DaemonVariableName, string>> = {};
  const values: Record<string, unknown> = {};
  const refused: RefusedValue[] = [];

  for (const [name, variable] of Object.entries(daemonVariables()) as [DaemonVariableName, Variable<unknown>][]) {
    const setting = settings.get(name);
    const text = setting?.text ?? settings.defaultOf(name);
    const shown = text ?? settings.noneText(name);
    if (shown !== undefined) texts[name] = shown;
    if (variable.absent !== undefined) values[name] = variable.absent;
    if (text === undefined || variable.kind.secret) continue;
    const parsed = variable.kind.parse(text, setting?.spelling ?? name);
    if (parsed.ok) {
      values[name] = parsed.value;
      if (parsed.warning !== undefined && setting !== undefined) problems.push({ severity: "warning", ...setting.place, message: parsed.warning });
      continue;
    }
    // Without a place it is a default that the host gave, and the option is to blame that is named like it.
    refused.push({ setting: setting ?? { spelling: name, text, place: { file: COMMAND_LINE, line: 0, column: 0 } }, variable, parsed });
    const fallback = settings.defaultOf(name);
    const again = fallback === undefined ? undefined : variable.kind.parse(fallback, name);
    if (again?.ok) values[name] = again.value;
  }
  // Only now, when it is known what the variables are used with.
  problems.push(...refused.map((value) => refusalProblem(value, values)));

  // A capture file may be of any age.
  if (texts.PCAP_FILE !== undefined && settings.get("ENABLE_SPA_PACKET_AGING") === undefined) {
    values["ENABLE_SPA_PACKET_AGING"] = false;
    texts.ENABLE_SPA_PACKET_AGING = "N";
  }
  const config = values as unknown as DaemonConfig;
  for (const { severity, name, isTrue, message } of CONTRADICTIONS) {
    if (!isTrue(config)) continue;
    const place = settings.get(name)?.place ?? { file: settings.mainFile, line: 0, column: 0 };
    problems.push({ severity, ...place, message: typeof message === "string" ? message : message(config) });
  }
  return { config, problems, texts, dialect: settings.dialect };
}

function refusalProblem({ setting: { place, expanded }, variable, parsed }: RefusedValue, values: Readonly<Record<string, unknown>>): ConfigProblem {
  const isUnused = variable.onlyWith !== undefined && values[variable.onlyWith] !== true;
  // In an expanded value the offset is not the place in the file.
  const offset = place.column === 0 || expanded === true ? 0 : (parsed.offset ?? 0);
  return { severity: isUnused ? "warning" : "error", ...place, column: place.column + offset, message: parsed.message };
}

/** What each value allows and all together do not. */
interface Contradiction {
  readonly severity: "error" | "warning";
  /** The variable whose line is to blame. */
  readonly name: DaemonVariableName;
  isTrue(config: DaemonConfig): boolean;
  readonly message: string | ((config: DaemonConfig) => string);
}

/** What runs commands in the place of a firewall. */
const IDLE_COMMANDS = ["EXTERNAL_CMD_OPEN", "EXTERNAL_CMD_CLOSE", "ENABLE_EXTERNAL_CMDS"] as const;

const CONTRADICTIONS: readonly Contradiction[] = [
  {
    severity: "warning", name: "ENABLE_X_FORWARDED_FOR", isTrue: (c) => c.ENABLE_X_FORWARDED_FOR && c.TRUSTED_PROXIES.length === 0,
    message: "ENABLE_X_FORWARDED_FOR has no effect without TRUSTED_PROXIES: nobody's header is believed",
  },
  {
    severity: "warning", name: "TRUSTED_PROXIES", isTrue: (c) => !c.ENABLE_X_FORWARDED_FOR && c.TRUSTED_PROXIES.length > 0,
    message: "TRUSTED_PROXIES has no effect without ENABLE_X_FORWARDED_FOR",
  },
  {
    severity: "error", name: "EXTERNAL_CMD_OPEN", isTrue: (c) => c.EXTERNAL_CMD_OPEN !== undefined && c.EXTERNAL_CMD_CLOSE === undefined,
    message: "Cannot set EXTERNAL_CMD_OPEN without also setting EXTERNAL_CMD_CLOSE",
  },
  {
    severity: "error", name: "EXTERNAL_CMD_CLOSE", isTrue: (c) => c.EXTERNAL_CMD_CLOSE !== undefined && c.EXTERNAL_CMD_OPEN === undefined,
    message: "Cannot set EXTERNAL_CMD_CLOSE without also setting EXTERNAL_CMD_OPEN",
  },
  {
    severity: "error", name: "FIREWALL_TYPE",
    isTrue: (c) => c.FIREWALL_TYPE === "external_cmd" && c.EXTERNAL_CMD_OPEN === undefined && c.EXTERNAL_CMD_CLOSE === undefined,
    message: "FIREWALL_TYPE external_cmd needs EXTERNAL_CMD_OPEN and EXTERNAL_CMD_CLOSE",
  },
  ...IDLE_COMMANDS.map((name): Contradiction => ({
    severity: "warning", name, isTrue: (c) => c.FIREWALL_TYPE !== "external_cmd" && c[name] !== undefined && c[name] !== false,
    message: `${name} has no effect unless FIREWALL_TYPE is external_cmd; a stanza may have commands of its own`,
  })),
  {
    severity: "error", name: "AUTH_MODE",
    isTrue: (c) => c.AUTH_MODE === "SOCKET" && !c.ENABLE_UDP_SERVER && !c.ENABLE_TCP_SERVER && !c.ENABLE_HTTP_SERVER && c.FWKNOP_SERV_SOCK === undefined,
    message: "AUTH_MODE SOCKET hears nothing without ENABLE_UDP_SERVER, ENABLE_TCP_SERVER, ENABLE_HTTP_SERVER or FWKNOP_SERV_SOCK",
  },
  {
    severity: "error", name: "IPFW_EXPIRE_SET_NUM", isTrue: (c) => c.IPFW_ACTIVE_SET_NUM === c.IPFW_EXPIRE_SET_NUM,
    message: (c) => `IPFW_ACTIVE_SET_NUM and IPFW_EXPIRE_SET_NUM are both ${c.IPFW_EXPIRE_SET_NUM}: expected two different sets`,
  },
  {
    severity: "error", name: "NFT_SET",
    isTrue: (c) => c.NFT_SET !== undefined && (c.ENABLE_DESTINATION_RULE || c.ENABLE_IPT_FORWARDING || c.ENABLE_IPT_LOCAL_NAT || c.ENABLE_IPT_OUTPUT),
    message: "NFT_SET only opens ports of this host: it goes neither with NAT nor with ENABLE_DESTINATION_RULE or ENABLE_IPT_OUTPUT",
  },
];
