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
  const refused: { readonly setting: Setting; readonly variable: Variable<unknown>; readonly parsed: ParsedValue<unknown> & { readonly ok: false } }[] = [];

  for (const [name, variable] of Object.entries(daemonVariables()) as [DaemonVariableName, Variable<unknown>][]) {
    const setting = settings.get(name);
    const text = setting?.text ?? settings.defaultOf(name);
    if (text !== undefined) texts[name] = text;
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

  for (const { setting, variable, parsed } of refused) {
    const { file, line, column } = setting.place;
    const unused = variable.onlyWith !== undefined && values[variable.onlyWith] !== true;
    // In an expanded value the offset is not the place in the file.
    const shift = setting.expanded === true ? 0 : (parsed.offset ?? 0);
    problems.push({ severity: unused ? "warning" : "error", file, line, column: column === 0 ? 0 : column + shift, message: parsed.message });
  }
  if (texts.PCAP_FILE !== undefined && settings.get("ENABLE_SPA_PACKET_AGING") === undefined) {
    values["ENABLE_SPA_PACKET_AGING"] = false;
    texts.ENABLE_SPA_PACKET_AGING = "N";
  }
  const config = values as unknown as DaemonConfig;
  problems.push(...contradictions(config, settings));
  return { config, problems, texts, dialect: settings.dialect };
}

/** What each value allows and all together do not. */
function contradictions(config: DaemonConfig, settings: Settings): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const say = (severity: ConfigProblem["severity"], name: DaemonVariableName, message: string): void => {
    problems.push({ severity, ...(settings.get(name)?.place ?? { file: settings.mainFile, line: 0, column: 0 }), message });
  };
  if (config.ENABLE_X_FORWARDED_FOR && config.TRUSTED_PROXIES.length === 0) {
    say("warning", "ENABLE_X_FORWARDED_FOR", "ENABLE_X_FORWARDED_FOR has no effect without TRUSTED_PROXIES: nobody's header is believed");
  }
  if (!config.ENABLE_X_FORWARDED_FOR && config.TRUSTED_PROXIES.length > 0) {
    say("warning", "TRUSTED_PROXIES", "TRUSTED_PROXIES has no effect without ENABLE_X_FORWARDED_FOR");
  }
  if ((config.EXTERNAL_CMD_OPEN === undefined) !== (config.EXTERNAL_CMD_CLOSE === undefined)) {
    const [set, missing] = config.EXTERNAL_CMD_OPEN === undefined ? (["EXTERNAL_CMD_CLOSE", "EXTERNAL_CMD_OPEN"] as const) : (["EXTERNAL_CMD_OPEN", "EXTERNAL_CMD_CLOSE"] as const);
    say("error", set, `Cannot set ${set} without also setting ${missing}`);
  }
  if (config.FIREWALL_TYPE === "external_cmd" && config.EXTERNAL_CMD_OPEN === undefined && config.EXTERNAL_CMD_CLOSE === undefined) {
    say("error", "FIREWALL_TYPE", "FIREWALL_TYPE external_cmd needs EXTERNAL_CMD_OPEN and EXTERNAL_CMD_CLOSE");
  }
  if (config.AUTH_MODE === "SOCKET" && !config.ENABLE_UDP_SERVER && !config.ENABLE_TCP_SERVER && !config.ENABLE_HTTP_SERVER) {
    say("error", "AUTH_MODE", "AUTH_MODE SOCKET hears nothing without ENABLE_UDP_SERVER, ENABLE_TCP_SERVER or ENABLE_HTTP_SERVER");
  }
  if (config.IPFW_ACTIVE_SET_NUM === config.IPFW_EXPIRE_SET_NUM) {
    say("error", "IPFW_EXPIRE_SET_NUM", `IPFW_ACTIVE_SET_NUM and IPFW_EXPIRE_SET_NUM are both ${config.IPFW_EXPIRE_SET_NUM}: expected two different sets`);
  }
  if (config.NFT_SET !== undefined && (config.ENABLE_DESTINATION_RULE || config.ENABLE_IPT_FORWARDING || config.ENABLE_IPT_LOCAL_NAT || config.ENABLE_IPT_OUTPUT)) {
    say("error", "NFT_SET", "NFT_SET only opens ports of this host: it goes neither with NAT nor with ENABLE_DESTINATION_RULE or ENABLE_IPT_OUTPUT");
  }
  return problems;
}
