/**
 * The memory of packets that were accepted: a text file that the C programs can read and go on writing, and that takes
 * the Perl programs' lines too, and the set in memory that it fills.
 *
 * An entry is known by the SHA-256 of the normalised packet, as C computes it for a packet that was not tampered with.
 * Where no HMAC protects the packet's text, the SHA-256 of the plaintext is an entry of its own (it is also what the
 * Perl programs stored), so that no rewriting of the ciphertext's framing makes a new packet.
 *
 * @module
 */

import { clearSpareBits, encodeBase64 } from "../base64.ts";
import { utf8Bytes } from "../bytes.ts";
import { SALTED_PREFIX } from "../fko.ts";
import { digest } from "../hash.ts";
import { type IpAddress, formatIp, parseIp } from "../ip.ts";
import { md5 } from "../md5.ts";
import { sha1, sha256 } from "../sha.ts";

/** The first line of a new file, as C writes it. */
export const REPLAY_HEADER = "# <digest> <proto> <src_ip> <src_port> <dst_ip> <dst_port> <time>";

/** One packet that was accepted. */
export interface ReplayEntry {
  /** SHA-256, base64 without padding. */
  readonly digest: string;
  /** IP protocol number. */
  readonly protocol: number;
  readonly source: IpAddress | undefined;
  readonly sourcePort: number;
  readonly destination: IpAddress | undefined;
  readonly destinationPort: number;
  /** Unix time of arrival, seconds; 0 when the file did not say. */
  readonly createdAt: number;
}

/**
 * The digest under which a packet is remembered.
 *
 * @param packet a normalised packet
 * @param authenticated whether an HMAC covers the text as it is; if not, the last character's unused bits are cleared
 * @returns SHA-256, base64 without padding
 */
export function replayDigest(packet: Uint8Array, authenticated: boolean): string {
  // The prefix of OpenPGP packets is as long as this one, but for whole groups of four characters.
  return encodeBase64(digest(sha256, authenticated ? packet : clearSpareBits(packet, SALTED_PREFIX.length)));
}

/**
 * The digests under which a plaintext is or was remembered. The first is ours, the SHA-256 of the whole record. fwknop 1.9
 * used the best algorithm that its DIGEST_TYPE allowed, and with libfko only what the record's own digest covers.
 *
 * @param encoded the fields
 * @param sum their digest, as the record bears it
 * @returns base64 without padding
 */
export function plaintextDigests(encoded: string, sum: string): readonly [string, ...string[]] {
  const texts = [utf8Bytes(`${encoded}:${sum}`), utf8Bytes(encoded)];
  return texts.flatMap((text) => [sha256, sha1, md5].map((algorithm) => encodeBase64(digest(algorithm, text)))) as [string, ...string[]];
}

/**
 * Writes an entry as a line of the file, in C's format.
 *
 * @param entry the packet that was accepted
 * @returns the line without its end
 */
export function formatReplayLine(entry: ReplayEntry): string {
  const address = (ip: IpAddress | undefined) => (ip === undefined ? "0.0.0.0" : formatIp(ip));
  const { protocol, sourcePort, destinationPort, createdAt } = entry;
  return `${entry.digest} ${protocol} ${address(entry.source)} ${sourcePort} ${address(entry.destination)} ${destinationPort} ${Math.floor(createdAt)}`;
}

/** A line of the file that could not be read. */
export interface BadReplayLine {
  readonly line: number;
  readonly text: string;
}

const C_LINE = /^([A-Za-z0-9+/]{22,86}) (\d{1,3}) (\S+) (\d{1,5}) (\S+) (\d{1,5}) (\d{1,12})(?: .*)?$/;
/** The three forms that the Perl programs left: address, digest and date; address and digest; digest. */
const PERL_LINE = /^(?:(\d[\d.]+) )?([A-Za-z0-9+/]{22,86})(?: \[(.*)\])?$/;

function parseReplayLine(text: string): ReplayEntry | undefined {
  const c = C_LINE.exec(text);
  if (c !== null) {
    const [, sum, protocol, source, sourcePort, destination, destinationPort, time] = c;
    return {
      digest: sum!,
      protocol: Number(protocol),
      source: parseIp(source!),
      sourcePort: Number(sourcePort),
      destination: parseIp(destination!),
      destinationPort: Number(destinationPort),
      createdAt: Number(time),
    };
  }
  const perl = PERL_LINE.exec(text);
  if (perl === null) return undefined;
  const [, source, sum, date] = perl;
  const createdAt = date === undefined ? 0 : Date.parse(`${date} UTC`) / 1000;
  return {
    digest: sum!,
    protocol: 17,
    source: source === undefined ? undefined : parseIp(source),
    sourcePort: 0,
    destination: undefined,
    destinationPort: 0,
    createdAt: Number.isFinite(createdAt) ? createdAt : 0,
  };
}

/**
 * Reads a cache file, either program's.
 *
 * @param text the file
 * @returns the entries and the lines that are none
 */
export function parseReplayFile(text: string): { readonly entries: readonly ReplayEntry[]; readonly bad: readonly BadReplayLine[] } {
  const entries: ReplayEntry[] = [];
  const bad: BadReplayLine[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.replace(/\r$/, "");
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue;
    const entry = parseReplayLine(line);
    if (entry === undefined) bad.push({ line: index + 1, text: line });
    else entries.push(entry);
  }
  return { entries, bad };
}

/** The packets that must not be accepted again. */
export class ReplayMemory {
  #entries: Map<string, ReplayEntry> = new Map();

  /** How many packets are remembered. */
  get size(): number {
    return this.#entries.size;
  }

  /** All of them, oldest first. */
  get entries(): Iterable<ReplayEntry> {
    return this.#entries.values();
  }

  /**
   * Looks a digest up. Digests are no secrets (the packets crossed the network), so an ordinary map serves.
   *
   * @param sums of one packet, all that it may be known by
   * @returns the first packet's entry, or undefined when it was never accepted
   */
  find(...sums: readonly string[]): ReplayEntry | undefined {
    for (const sum of sums) {
      const entry = this.#entries.get(sum);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** Remembers an accepted packet; the first arrival stays. */
  add(entry: ReplayEntry): void {
    if (!this.#entries.has(entry.digest)) this.#entries.set(entry.digest, entry);
  }
}
