/**
 * What a request needs besides the settings: our address, our name, a password, a random port.
 *
 * @module
 */
import { utf8Text, wipe } from "../../bytes.ts";
import { randomPort, type RequestFacts } from "../../client/request.ts";
import { type ClientSettings, isAddressResolved } from "../../client/settings.ts";
import { formatIp, type IpAddress, isUnspecifiedIp, parseIp } from "../../ip.ts";
import type { ClientHost } from "./host.ts";
import { ClientError, type ClientOutput } from "./output.ts";

/**
 * Finds out what the settings do not hold.
 *
 * @param settings checked settings
 * @param host our name, and what is random
 * @param output for warnings
 * @returns the facts
 * @throws ClientError when the web does not tell our address, nobody that of a name, or the user no password
 */
export async function factsOf(settings: ClientSettings, host: ClientHost, output: ClientOutput): Promise<RequestFacts> {
  const allowIp = isAddressResolved(settings)
    ? canonicalAddress(parseIp(await ownAddress(settings, host, output)), "--resolve-ip-https", output)
    : canonicalAddress(await givenAddress(settings, output), "--allow-ip", output);
  if (allowIp === "0.0.0.0" && output.verbosity > 0 && !settings.test) {
    output.warning("[-] WARNING: Should use -a or -R to harden SPA against potential MITM attacks");
  }
  const serverAuth = settings.serverAuth === undefined ? undefined : await authText(settings.serverAuth);
  return {
    username: settings.spoofUser || await loginName(host),
    allowIp,
    randomPort: () => freshPort(host),
    ...(serverAuth !== undefined && { serverAuth }),
  };
}

/**
 * Chooses a port by chance.
 *
 * @param host randomness
 * @returns 10000..65534
 */
export function freshPort(host: ClientHost): number {
  return randomPort(new DataView(host.randomBytes(4).buffer).getUint32(0));
}

/** `-R`. */
async function ownAddress(settings: ClientSettings, host: ClientHost, output: ClientOutput): Promise<string> {
  const { askForOwnAddress } = await import("./ask-own-address.ts");
  return askForOwnAddress(settings, host, output);
}

/** `-a`; a name is looked up. */
async function givenAddress(settings: ClientSettings, output: ClientOutput): Promise<IpAddress | undefined> {
  const { allowIp } = settings;
  if (allowIp === undefined) return undefined;
  const address = parseIp(allowIp);
  if (address !== undefined) return address;
  const { resolveAllowIp } = await import("./allow-ip.ts");
  return resolveAllowIp(allowIp, settings, output);
}

function canonicalAddress(address: IpAddress | undefined, option: string, output: ClientOutput): string | undefined {
  if (address?.version === 6) output.warning(`${option}: ${isUnspecifiedIp(address) ? "::" : "an IPv6 address"} is understood by fko-tool's server only, the C program refuses the packet`);
  return address && formatIp(address);
}

/** The most bytes of a name that a server takes. */
const MAX_USERNAME = 48;

/** The name inside the packet, found as the C program finds it. */
async function loginName(host: ClientHost): Promise<string> {
  const { env } = host;
  return (env["SPOOF_USER"] || env["LOGNAME"] || await host.loginName() || env["USER"] || "NO_USER").slice(0, MAX_USERNAME);
}

/** `crypt,PASSWORD`; the message is text, so this one secret becomes a string. */
async function authText(given: Uint8Array): Promise<string> {
  const text = utf8Text(given) ?? "";
  if (text !== "crypt") return text;
  const { promptSecret } = await import("./prompt.ts");
  const password = await promptSecret("Enter crypt() password: ");
  const typed = utf8Text(password);
  wipe(password);
  if (typed === undefined || typed === "") throw new ClientError("--server-auth: expected a password in UTF-8");
  return `crypt,${typed}`;
}
