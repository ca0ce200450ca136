/**
 * `-a` with a host name: the address that is opened for is looked up here, as the packet has room for an address only.
 *
 * @module
 */
import { type ClientSettings, familyOf } from "../../client/settings.ts";
import { formatIp, type IpAddress, isUnspecifiedIp } from "../../ip.ts";
import { resolveHost } from "../resolve-host.ts";
import { ClientError, type ClientOutput } from "./output.ts";

/**
 * Looks a name up. Of several addresses one of IPv4 is taken, since older servers understand no other.
 *
 * @param name the host name
 * @param settings whether one family only is wanted
 * @param output says with `-v` what was found
 * @returns the address
 * @throws ClientError when there is none
 */
export async function resolveAllowIp(name: string, settings: ClientSettings, output: ClientOutput): Promise<IpAddress> {
  const resolved = await resolveHost(name, { family: familyOf(settings) });
  if (!resolved.ok) throw new ClientError(`Invalid allow IP specified for SPA access: --allow-ip: ${resolved.message}`);
  const [{ ip }] = resolved.addresses;
  // In a packet it stands for whatever address the packet comes from, which nobody asked for.
  if (isUnspecifiedIp(ip)) throw new ClientError(`Invalid allow IP specified for SPA access: --allow-ip: ${name} has the address ${formatIp(ip)}`);
  output.info(`[+] Resolved ${name} as: ${formatIp(ip)}`);
  return ip;
}
