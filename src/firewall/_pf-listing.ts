/**
 * Reads what `pfctl -s rules` prints: the rules as pf holds them, with families filled in, protocols by name, ports by
 * the names of their services, and labels in quotes.
 *
 * @module
 */

import { protocolName } from "./protocols.ts";
import { parseTimeMark } from "./time-mark.ts";

/** One line of a listing. */
export interface ListedPfRule {
  /** As printed. */
  readonly line: string;
  /** Without its quotes; undefined when there is none. */
  readonly label: string | undefined;
  /** Unix time, seconds, of a label `_exp_N`. */
  readonly expiresAt: number | undefined;
}

/** `label "text"`, or without quotes as it is typed. */
const LABEL = /\blabel (?:"([^"]*)"|(\S+))/;

/**
 * Reads a listing of an anchor.
 *
 * @param text what the program printed on stdout
 * @returns one entry for each line that is not empty
 */
export function readPfListing(text: string): ListedPfRule[] {
  return text.split("\n").filter((line) => line.trim() !== "").map((line) => {
    const match = LABEL.exec(line);
    const label = match?.[1] ?? match?.[2];
    return { line, label, expiresAt: parseTimeMark(label ?? "") };
  });
}

/**
 * Names under which listings show frequent ports (IANA). A port with a name that is missing here is only not recognised
 * as the one that a new grant asks for; its rule ends in time all the same.
 */
const SERVICES: Readonly<Record<string, string>> = {
  ftp: "21", ssh: "22", telnet: "23", smtp: "25", domain: "53", http: "80", pop3: "110", ntp: "123", imap: "143", snmp: "161", ldap: "389", https: "443",
  submission: "587", ldaps: "636", imaps: "993", pop3s: "995", openvpn: "1194", mysql: "3306", postgresql: "5432",
};

/**
 * Gives a rule's meaning, for comparison.
 *
 * @param line as typed or as listed
 * @returns text that is the same for rules of ours that let in the same, whatever their end; the line for those of others
 */
export function pfMeaningOf(line: string): string {
  const match = /^pass in quick (?:inet6? )?proto (\S+) from (\S+) to (\S+) port (?:= )?(\S+) (?:flags \S+ )?keep state/.exec(line);
  if (match === null) return line;
  const [, protocol, source, destination, port] = match as unknown as [string, string, string, string, string];
  return `${protocolName(protocol)} ${source} ${destination} ${SERVICES[port] ?? port}`;
}
