/**
 * `-R`: the client program asks the web for our address.
 *
 * @module
 */
import type { ClientSettings } from "../../client/settings.ts";
import { printableText } from "../../foreign-text.ts";
import { formatIp } from "../../ip.ts";
import { packageVersion } from "../version.ts";
import type { ClientHost } from "./host.ts";
import { ClientError, type ClientOutput } from "./output.ts";
import { DEFAULT_HTTP_RESOLVE_URLS, DEFAULT_RESOLVE_URL, resolveOwnAddress } from "./own-address.ts";

/** Servers refuse packets whose time is farther off, unless they are told otherwise. */
const MAX_CLOCK_SKEW_SECONDS = 120;

/**
 * Finds out our own address.
 *
 * @param settings which resolvers, over what
 * @param host our clock
 * @param output for warnings
 * @returns the address
 * @throws ClientError when the resolvers gave none, or disagree
 */
export async function askForOwnAddress(settings: ClientSettings, host: ClientHost, output: ClientOutput): Promise<string> {
  const httpOnly = settings.resolveHttpOnly === true;
  const [defaultUrl, ...fallbackUrls] = httpOnly ? DEFAULT_HTTP_RESOLVE_URLS : [DEFAULT_RESOLVE_URL];
  // A comma may stand in a URL, but not in front of another one.
  const urls = settings.resolveUrl?.split(/,(?=\s*https?:\/\/)/i).map((url) => url.trim());
  for (const url of urls ?? []) {
    if (url.includes(",")) output.warning(`--resolve-url: '${printableText(url, 200)}' is asked as one URL; of several, each needs its http:// or https://`);
    if (!httpOnly && !/^https:/i.test(url)) output.warning(`[-] Warning: IP resolution URL '${printableText(url, 200)}' should begin with 'https://' in -R mode.`);
  }
  const family = settings.ipv6 ? 6 : settings.ipv4 ? 4 : undefined;
  const resolved = await resolveOwnAddress({
    urls: urls ?? [defaultUrl!],
    ...(urls === undefined && { fallbackUrls }),
    ...(httpOnly && { httpOnly }),
    ...(!settings.useWgetUserAgent && { userAgent: settings.userAgent ?? `Fwknop/${packageVersion()}` }),
    ...(family !== undefined && { family }),
    ...(settings.maxResolveHttpSize !== undefined && { maxBodyBytes: settings.maxResolveHttpSize }),
    now: host.now,
  });
  if (!resolved.ok) throw new ClientError(`--resolve-ip-https: ${resolved.message}${httpOnly ? "" : " (asked by ourselves, not by wget)"}`);
  output.info(`[+] ${resolved.message}`);
  const skew = resolved.clockSkewSeconds ?? 0;
  if (Math.abs(skew) > MAX_CLOCK_SKEW_SECONDS) {
    const [fault, sign] = skew > 0 ? ["fast", "minus"] : ["slow", "plus"];
    const limit = `servers refuse packets that are off by more than ${MAX_CLOCK_SKEW_SECONDS}`;
    output.warning(`our clock is ${Math.abs(skew)} seconds ${fault}, ${limit}; --time-offset-${sign} corrects it`);
  }
  return formatIp(resolved.address);
}
