/** Networks as text, for tests to compare. */

import { formatIp, type IpNetwork } from "../../src/ip.ts";

/** The address alone when every bit counts, else with the number of bits, or with the mask when that has gaps or no bits. */
export function networkText({ address, mask }: IpNetwork): string {
  const bits = Array.from(mask, (byte) => byte.toString(2).padStart(8, "0")).join("");
  const [, ones] = /^(1+)0*$/.exec(bits) ?? [];
  return ones === bits ? formatIp(address) : `${formatIp(address)}/${ones?.length ?? mask.join(".")}`;
}
