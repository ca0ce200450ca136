/**
 * Configurations as text: what `--dump-config` prints.
 *
 * @module
 */

import { DIGESTS } from "../fko.ts";
import { formatIp } from "../ip.ts";
import type { AccessStanza } from "./access-config.ts";
import type { DaemonTexts, DaemonVariableName } from "./daemon-config.ts";
import { daemonVariables } from "./daemon-variables.ts";

const NOT_SET = "<not set>";
/** As many bytes of a key count in the mode of old. */
const LEGACY_KEY_LENGTH = 16;
const HIDDEN = "<see the access.conf file>";

/**
 * Writes a configuration in the C daemon's layout. Secrets are not in it. Variables that C does not have follow its
 * own, and only where they differ from their defaults.
 *
 * @param texts of the daemon's variables, as parseDaemonConfig gives them
 * @param stanzas all of them
 * @param localTime writes a Unix time, seconds, as asctime does: `Mon Dec 31 00:00:00 2035`
 * @returns lines, the last one ended
 */
export function dumpConfig(texts: DaemonTexts, stanzas: readonly AccessStanza[], localTime: (unixSeconds: number) => string): string {
  const shown = (Object.entries(daemonVariables()) as [DaemonVariableName, { origin: string; default?: string; unset?: readonly string[] }][]).filter(
    ([name, { origin, default: usual, unset }]) => origin.startsWith("C") || (texts[name] !== usual && !unset?.includes(texts[name] ?? "")),
  );
  const settings = shown.map(([name], number) => `${String(number).padStart(3)}. ${name.padEnd(28)} =  '${texts[name] ?? NOT_SET}'\n`);
  const blocks = stanzas.map((stanza) => dumpStanza(stanza, localTime));
  return `Current fwknopd config settings:\n${settings.join("")}\nCurrent fwknopd access settings:\n${blocks.join("")}\n`;
}

function dumpStanza(stanza: AccessStanza, localTime: (unixSeconds: number) => string): string {
  const lines = STANZA_LINES.map(([label, show]) => `${label.padStart(27)}:  ${show(stanza, localTime) ?? NOT_SET}\n`);
  return `SOURCE (${stanza.number}):  ${stanza.SOURCE.text}\n${"=".repeat(62)}\n${lines.join("")}\n`;
}

type Line = readonly [label: string, show: (stanza: AccessStanza, localTime: (unixSeconds: number) => string) => string | undefined];

const textLine = (name: string): Line => [name, ({ texts }) => texts[name]];
const hiddenLine = (name: string, isSet: (stanza: AccessStanza) => boolean): Line => [name, (stanza) => (isSet(stanza) ? HIDDEN : undefined)];
const flagLine = (name: keyof AccessStanza): Line => [name, (stanza) => (stanza[name] === false ? "No" : "Yes")];
const numberLine = (name: string, read: (stanza: AccessStanza) => number | undefined): Line => [name, (stanza) => String(read(stanza) ?? 0)];

/** FORWARD_ALL with a rewritten source makes C assume a target, and say so. */
const impliesTarget = ({ FORWARD_ALL, FORCE_SNAT, FORCE_MASQUERADE }: AccessStanza): boolean => FORWARD_ALL && (FORCE_SNAT !== undefined || FORCE_MASQUERADE);

const STANZA_LINES: readonly Line[] = [
  /* @__PURE__ */ textLine("DESTINATION"),
  /* @__PURE__ */ textLine("OPEN_PORTS"),
  /* @__PURE__ */ textLine("RESTRICT_PORTS"),
  /* @__PURE__ */ hiddenLine("KEY", ({ KEY }) => KEY !== undefined),
  /* @__PURE__ */ hiddenLine("KEY_BASE64", ({ given }) => given.has("KEY_BASE64")),
  /* @__PURE__ */ numberLine("KEY_LEN", ({ KEY, ENCRYPTION_MODE }) => (KEY && ENCRYPTION_MODE === "legacy" ? Math.min(KEY.length, LEGACY_KEY_LENGTH) : KEY?.length)),
  /* @__PURE__ */ hiddenLine("HMAC_KEY", ({ HMAC_KEY }) => HMAC_KEY !== undefined),
  /* @__PURE__ */ hiddenLine("HMAC_KEY_BASE64", ({ given }) => given.has("HMAC_KEY_BASE64")),
  /* @__PURE__ */ numberLine("HMAC_KEY_LEN", ({ HMAC_KEY }) => HMAC_KEY?.length),
  /* @__PURE__ */ numberLine("HMAC_DIGEST_TYPE", ({ HMAC_KEY, HMAC_DIGEST_TYPE, given }) =>
    HMAC_KEY !== undefined || given.has("HMAC_DIGEST_TYPE") ? DIGESTS[HMAC_DIGEST_TYPE].number : 0),
  /* @__PURE__ */ numberLine("FW_ACCESS_TIMEOUT", ({ FW_ACCESS_TIMEOUT }) => FW_ACCESS_TIMEOUT),
  /* @__PURE__ */ numberLine("MAX_FW_TIMEOUT", ({ MAX_FW_TIMEOUT }) => MAX_FW_TIMEOUT),
  /* @__PURE__ */ flagLine("ENABLE_CMD_EXEC"),
  /* @__PURE__ */ flagLine("ENABLE_CMD_SUDO_EXEC"),
  /* @__PURE__ */ textLine("CMD_SUDO_EXEC_USER"),
  /* @__PURE__ */ textLine("CMD_SUDO_EXEC_GROUP"),
  /* @__PURE__ */ textLine("CMD_EXEC_USER"),
  /* @__PURE__ */ textLine("CMD_EXEC_GROUP"),
  /* @__PURE__ */ textLine("CMD_CYCLE_OPEN"),
  /* @__PURE__ */ textLine("CMD_CYCLE_CLOSE"),
  /* @__PURE__ */ numberLine("CMD_CYCLE_TIMER", ({ CMD_CYCLE_TIMER }) => CMD_CYCLE_TIMER),
  /* @__PURE__ */ textLine("REQUIRE_USERNAME"),
  /* @__PURE__ */ flagLine("REQUIRE_SOURCE_ADDRESS"),
  ["FORCE_NAT (ip)", (stanza) => (stanza.FORCE_NAT ? formatIp(stanza.FORCE_NAT.address) : impliesTarget(stanza) ? "0.0.0.0" : undefined)],
  ["FORCE_NAT (proto)", () => undefined],
  /* @__PURE__ */ numberLine("FORCE_NAT (port)", ({ FORCE_NAT }) => FORCE_NAT?.port),
  ["FORCE_SNAT (ip)", ({ FORCE_SNAT }) => FORCE_SNAT && formatIp(FORCE_SNAT)],
  /* @__PURE__ */ flagLine("FORCE_MASQUERADE"),
  /* @__PURE__ */ flagLine("DISABLE_DNAT"),
  /* @__PURE__ */ flagLine("FORWARD_ALL"),
  ["ACCESS_EXPIRE", ({ ACCESS_EXPIRE }, localTime) => (ACCESS_EXPIRE === undefined ? undefined : localTime(ACCESS_EXPIRE))],
  ["GPG_HOME_DIR", ({ ENABLE_GPG, GPG_HOME_DIR, given }) => (ENABLE_GPG || given.has("GPG_HOME_DIR") ? GPG_HOME_DIR : undefined)],
  ["GPG_EXE", ({ GPG_EXE, given }) => (given.has("GPG_EXE") || given.has("GPG_PATH") ? GPG_EXE : undefined)],
  /* @__PURE__ */ textLine("GPG_DECRYPT_ID"),
  /* @__PURE__ */ hiddenLine("GPG_DECRYPT_PW", ({ ENABLE_GPG }) => ENABLE_GPG),
  // Of a stanza without GnuPG, what its line says.
  ["GPG_REQUIRE_SIG", ({ ENABLE_GPG, GPG_REQUIRE_SIG, texts }) => ((ENABLE_GPG ? GPG_REQUIRE_SIG : /^y/i.test(texts["GPG_REQUIRE_SIG"] ?? "")) ? "Yes" : "No")],
  /* @__PURE__ */ flagLine("GPG_IGNORE_SIG_VERIFY_ERROR"),
  /* @__PURE__ */ textLine("GPG_REMOTE_ID"),
  /* @__PURE__ */ textLine("GPG_FINGERPRINT_ID"),
];
