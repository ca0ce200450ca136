/**
 * Passive fingerprints of operating systems: what the first packet of a TCP connection looks like, as pf.os(5) of OpenBSD
 * writes it down.
 *
 * @module
 */

/** The first packet of a TCP connection over IPv4, as far as it gives its maker away. */
export interface SynFacts {
  readonly window: number;
  /** Hops that are left. */
  readonly ttl: number;
  readonly dontFragment: boolean;
  /** Of the whole packet, bytes. */
  readonly length: number;
  /** The TCP options as they are in the packet. */
  readonly options: Uint8Array;
}

/** One line of the file. */
export interface OsFingerprint {
  /** `class:version:subtype:description` */
  readonly name: string;
  /** The class and the description alone. */
  readonly words: readonly [string, string];
  readonly ttl: number;
  readonly dontFragment: boolean;
  readonly window: AmountTest;
  readonly length: AmountTest;
  readonly options: readonly OptionPattern[];
}

/** Whether a number is what a fingerprint wants; some are multiples of the maximum segment size. */
type AmountTest = (value: number, segmentSize: number) => boolean;

/** A TCP option of a fingerprint: its letter, and its value where the letter has one. */
interface OptionPattern {
  readonly letter: string;
  readonly value?: AmountTest;
}

/** A TCP option of a packet. */
interface TcpOption {
  readonly letter: string;
  readonly value: number;
}

/** Bytes of IP and TCP headers without options, the difference between MTU and MSS. */
const HEADERS = 40;

/** `*` any, `%8` a multiple of 8, `S4` four segments, `T4` four MTUs, `S` and `T` any number of them, `512` itself. */
function parseAmount(text: string): AmountTest | undefined {
  if (text === "*") return () => true;
  const [, unit, digits] = /^([%ST]?)(\d{0,5})$/.exec(text) ?? [];
  if (unit === undefined || (digits === "" && !/[ST]/.test(unit))) return undefined;
  const count = Number(digits);
  const isMultiple = (value: number, of: number): boolean => of > 0 && (digits === "" || unit === "%" ? value % of === 0 : value === count * of);
  switch (unit) {
    case "%":
      return (value) => isMultiple(value, count);
    case "S":
      return (value, segmentSize) => isMultiple(value, segmentSize);
    case "T":
      return (value, segmentSize) => segmentSize > 0 && isMultiple(value, segmentSize + HEADERS);
    default:
      return (value) => value === count;
  }
}

function parseOption(text: string): OptionPattern | undefined {
  const [, letter, amount] = /^([NST]|T0|[MW](?=.))(.*)$/.exec(text) ?? [];
  if (text === "T0") return { letter: "T", value: (value) => value === 0 };
  if (letter === undefined) return undefined;
  if (amount === "") return { letter };
  const value = /[MW]/.test(letter) && /^[*%\d]/.test(amount!) ? parseAmount(amount!) : undefined;
  return value && { letter, value };
}

function parseFingerprint(line: string): OsFingerprint | undefined {
  const [window, ttl, dontFragment, length, options, osClass, version = "", subtype = "", description, ...others] = line.split(":").map((field) => field.trim());
  if (description === undefined || others.length > 0 || !/^\d{1,3}$/.test(ttl!) || !/^[01]$/.test(dontFragment!)) return undefined;
  const tests = [parseAmount(window!), parseAmount(length!)] as const;
  const patterns = options === "." ? [] : options!.split(/[,\s]+/).map(parseOption);
  if (tests.includes(undefined) || patterns.includes(undefined)) return undefined;
  // `@` and `*` are remarks about the class: approximate, and not a real system.
  const name = osClass!.replace(/^[@*]/, "");
  return {
    name: [name, version, subtype, description].join(":"),
    words: [name, description],
    ttl: Number(ttl),
    dontFragment: dontFragment === "1",
    window: tests[0]!,
    length: tests[1]!,
    options: patterns as readonly OptionPattern[],
  };
}

/**
 * Reads a file of fingerprints.
 *
 * @param text the file
 * @returns the fingerprints, and the numbers of the lines that are none
 */
export function parseFingerprints(text: string): { readonly fingerprints: readonly OsFingerprint[]; readonly bad: readonly number[] } {
  const fingerprints: OsFingerprint[] = [];
  const bad: number[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const fingerprint = parseFingerprint(line);
    if (fingerprint === undefined) bad.push(at + 1);
    else fingerprints.push(fingerprint);
  }
  return { fingerprints, bad };
}

/** Letters of the options by their numbers (RFC 9293 §3.1, RFC 7323, RFC 2018), with the place and size of a value. */
const OPTIONS: Readonly<Record<number, { readonly letter: string; readonly length: number; readonly valueLength: number }>> = {
  2: { letter: "M", length: 4, valueLength: 2 },
  3: { letter: "W", length: 3, valueLength: 1 },
  4: { letter: "S", length: 2, valueLength: 0 },
  8: { letter: "T", length: 10, valueLength: 4 },
};

/** Undefined where there is an option that no fingerprint has, or half a one. */
function readOptions(bytes: Uint8Array): readonly TcpOption[] | undefined {
  const options: TcpOption[] = [];
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    if (bytes[at] === 1) {
      options.push({ letter: "N", value: 0 });
      at++;
      continue;
    }
    const known = OPTIONS[bytes[at]!];
    if (known === undefined || bytes[at + 1] !== known.length || at + known.length > bytes.length) return undefined;
    const value = bytes.subarray(at + 2, at + 2 + known.valueLength).reduce((sum, byte) => sum * 256 + byte, 0);
    options.push({ letter: known.letter, value });
    at += known.length;
  }
  return options;
}

/**
 * Tells whether a packet may have been made by one of some systems.
 *
 * @param syn the packet
 * @param fingerprints of these systems
 * @param maxHops how far away it may have been made
 */
export function matchesFingerprint(syn: SynFacts, fingerprints: readonly OsFingerprint[], maxHops: number): boolean {
  const options = readOptions(syn.options);
  if (options === undefined) return false;
  const segmentSize = options.find(({ letter }) => letter === "M")?.value ?? 0;
  return fingerprints.some((known) => (
    known.dontFragment === syn.dontFragment &&
    syn.ttl <= known.ttl && known.ttl - syn.ttl <= maxHops &&
    known.window(syn.window, segmentSize) && known.length(syn.length, segmentSize) &&
    known.options.length === options.length &&
    known.options.every(({ letter, value }, at) => letter === options[at]!.letter && value?.(options[at]!.value, segmentSize) !== false)
  ));
}
