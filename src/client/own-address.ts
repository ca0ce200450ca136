/**
 * Reads what an address resolver ("what is my IP") answered.
 *
 * @module
 */
import { latin1Text } from "../bytes.ts";
import { type IpAddress, isUnspecifiedIp, parseIp } from "../ip.ts";

/** No address is longer: `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`. */
const LONGEST_ADDRESS = 45;

/**
 * Reads the address that a body starts with. Blanks and line ends before it are skipped; what
 * follows it after a blank, a line end, a comma or a tag does not matter.
 *
 * @param body the answer's body, or its beginning
 * @returns the address; undefined for anything else, and for `0.0.0.0` and `::`, which would ask
 *   the server to open for whoever the packet seems to come from
 */
export function parseAddressAnswer(body: Uint8Array): IpAddress | undefined {
  const text = latin1Text(body).trimStart().slice(0, LONGEST_ADDRESS + 1);
  const word = /^[0-9A-Fa-f:.]+(?=[\s,<]|$)/.exec(text)?.[0];
  const address = word === undefined ? undefined : parseIp(word);
  return address === undefined || isUnspecifiedIp(address) ? undefined : address;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/**
 * Compares our clock with the one that a Date field shows.
 *
 * @param dateField the field's value as RFC 9110 §5.6.7 has servers write it
 * @param nowMs our clock when the answer came, milliseconds since 1970
 * @returns how far our clock is ahead, in whole seconds; undefined without a readable field
 */
export function clockSkewSeconds(dateField: string | undefined, nowMs: number): number | undefined {
  const match = /^[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/.exec(dateField ?? "");
  if (match === null) return undefined;
  const [day, month, year, hour, minute, second] = [match[1], MONTHS.indexOf(match[2]!), match[3], match[4], match[5], match[6]].map(Number);
  if (month! < 0) return undefined;
  // The field has whole seconds: on average half of one has gone by.
  return Math.trunc((nowMs - Date.UTC(year!, month, day, hour, minute, second) - 500) / 1000) + 0;
}
