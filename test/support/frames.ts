/**
 * Builds frames and captures byte by byte, plainly, so that the tests need not trust what they test.
 *
 * @module
 */

import { type Bytes, concatBytes, hexBytes } from "../../src/bytes.ts";
import { parseIp } from "../../src/ip.ts";

/** Reads rows of hexadecimal digits; what follows a `#` is a comment. */
export function hexRows(rows: string): Bytes {
  const digits = rows.replace(/#.*$/gm, "").replace(/\s+/g, "");
  const bytes = hexBytes(digits);
  if (bytes === undefined) throw new SyntaxError(`Cannot read hexadecimal rows: ${digits}`);
  return bytes;
}

/** Writes numbers in network order. `u16(1, 2)` is 00 01 00 02. */
function u16(...values: readonly number[]): Bytes {
  return Uint8Array.from(values.flatMap((value) => [value >>> 8, value & 0xff]));
}

function u32(...values: readonly number[]): Bytes {
  return Uint8Array.from(values.flatMap((value) => [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]));
}

function address(text: string): Uint8Array {
  const ip = parseIp(text);
  if (ip === undefined) throw new SyntaxError(`Not an address: ${text}`);
  return ip.bytes;
}

const MAC_ADDRESSES = hexRows("02 00 00 00 00 02  02 00 00 00 00 01");

/** Tags are pairs of tag protocol and VLAN number, the outermost first. */
export function ethernet(etherType: number, payload: Uint8Array, ...tags: readonly (readonly [number, number])[]): Bytes {
  return concatBytes(MAC_ADDRESSES, ...tags.map((tag) => u16(...tag)), u16(etherType), payload);
}

export interface Ipv4Fields {
  readonly source?: string;
  readonly destination?: string;
  readonly protocol?: number;
  readonly options?: Uint8Array;
  readonly totalLength?: number;
  readonly headerWords?: number;
  readonly version?: number;
  /** Flags and offset. */
  readonly fragment?: number;
}

export function ipv4(payload: Uint8Array, fields: Ipv4Fields = {}): Bytes {
  const options = fields.options ?? new Uint8Array(0);
  const words = fields.headerWords ?? 5 + options.length / 4;
  return concatBytes(
    Uint8Array.of(((fields.version ?? 4) << 4) | words, 0),
    u16(fields.totalLength ?? 20 + options.length + payload.length, 0x1234, fields.fragment ?? 0x4000),
    Uint8Array.of(64, fields.protocol ?? 17),
    u16(0),
    address(fields.source ?? "192.0.2.1"),
    address(fields.destination ?? "198.51.100.2"),
    options,
    payload,
  );
}

export interface Ipv6Fields {
  readonly source?: string;
  readonly destination?: string;
  /** Extension headers: pairs of header number and content; the content's first byte is replaced by the next number. */
  readonly extensions?: readonly (readonly [number, Uint8Array])[];
  readonly next?: number;
  readonly payloadLength?: number;
  readonly version?: number;
}

export function ipv6(payload: Uint8Array, fields: Ipv6Fields = {}): Bytes {
  const extensions = fields.extensions ?? [];
  const numbers = [...extensions.map(([number]) => number), fields.next ?? 17];
  const headers = extensions.map(([, content], at) => concatBytes(Uint8Array.of(numbers[at + 1]!), content.subarray(1)));
  const body = concatBytes(...headers, payload);
  return concatBytes(
    Uint8Array.of((fields.version ?? 6) << 4, 0, 0, 0),
    u16(fields.payloadLength ?? body.length),
    Uint8Array.of(numbers[0]!, 64),
    fields.source === undefined ? address("2001:db8::1") : sixteen(fields.source),
    fields.destination === undefined ? address("2001:db8::2") : sixteen(fields.destination),
    body,
  );
}

/** An IPv4 address is written in its IPv4-mapped form. */
function sixteen(text: string): Uint8Array {
  const bytes = address(text);
  return bytes.length === 16 ? bytes : concatBytes(hexRows("00000000 00000000 0000ffff"), bytes);
}

export function udp(payload: Uint8Array, length: number = 8 + payload.length): Bytes {
  return concatBytes(u16(40001, 62201, length, 0), payload);
}

export function tcp(payload: Uint8Array, words = 5, options: Uint8Array = new Uint8Array(0), sequence = 1): Bytes {
  return concatBytes(u16(40002, 62202), u32(sequence >>> 0, 0), Uint8Array.of(words << 4, 0x02), u16(32767, 0, 0), options, payload);
}

export function icmp(payload: Uint8Array, type = 0, code = 0): Bytes {
  return concatBytes(Uint8Array.of(type, code, 0, 0, 0, 0, 0, 0), payload);
}

/** A frame as a capture has it. */
export interface CapturedFrame {
  readonly data: Uint8Array;
  /** The length of `data` unless given. */
  readonly originalLength?: number;
  readonly seconds?: number;
  /** In the capture's own unit. */
  readonly fraction?: number;
}

export interface PcapFileFields {
  readonly magic?: number;
  readonly littleEndian?: boolean;
  readonly linkType?: number;
  readonly version?: readonly [number, number];
  /** Put between the usual record header and the data. */
  readonly recordExtra?: Uint8Array;
}

/** Writes integers in one byte order. */
function integers(littleEndian: boolean, ...values: readonly (readonly [bits: 16 | 32, value: number])[]): Bytes {
  return concatBytes(...values.map(([bits, value]) => {
    const bytes = bits === 16 ? u16(value) : u32(value);
    return littleEndian ? bytes.reverse() : bytes;
  }));
}

export function pcapFile(frames: readonly CapturedFrame[], fields: PcapFileFields = {}): Bytes {
  const little = fields.littleEndian ?? false;
  const words = (...values: readonly number[]): Bytes => integers(little, ...values.map((value) => [32, value] as const));
  const [major, minor] = fields.version ?? [2, 4];
  return concatBytes(
    words(fields.magic ?? 0xa1b2c3d4),
    integers(little, [16, major], [16, minor]),
    words(0, 0, 262144, fields.linkType ?? 1),
    ...frames.flatMap((frame) => [
      words(frame.seconds ?? 0, frame.fraction ?? 0, frame.data.length, frame.originalLength ?? frame.data.length),
      fields.recordExtra ?? new Uint8Array(0),
      frame.data,
    ]),
  );
}

/** Writes pcapng blocks of one byte order. */
export class PcapngWriter {
  readonly #little: boolean;

  constructor(littleEndian: boolean) {
    this.#little = littleEndian;
  }

  words(...values: readonly number[]): Bytes {
    return integers(this.#little, ...values.map((value) => [32, value] as const));
  }

  block(type: number, body: Uint8Array): Bytes {
    const length = 12 + body.length;
    return concatBytes(this.words(type, length), body, this.words(length));
  }

  section(options: Uint8Array = new Uint8Array(0)): Bytes {
    const version = integers(this.#little, [16, 1], [16, 0]);
    return this.block(0x0a0d0d0a, concatBytes(this.words(0x1a2b3c4d), version, this.words(0xffffffff, 0xffffffff), options));
  }

  interface(linkType: number, options: Uint8Array = new Uint8Array(0), snapshotLength = 262144): Bytes {
    return this.block(1, concatBytes(integers(this.#little, [16, linkType], [16, 0]), this.words(snapshotLength), options));
  }

  option(code: number, value: Uint8Array): Bytes {
    return concatBytes(integers(this.#little, [16, code], [16, value.length]), pad(value));
  }

  /** A signed or unsigned 64-bit number. */
  long(value: bigint): Bytes {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), this.#little);
    return bytes;
  }

  enhancedPacket(interfaceId: number, ticks: bigint, data: Uint8Array, originalLength = data.length, options: Uint8Array = new Uint8Array(0)): Bytes {
    const stamp = this.words(Number(ticks >> 32n), Number(ticks & 0xffffffffn));
    return this.block(6, concatBytes(this.words(interfaceId), stamp, this.words(data.length, originalLength), pad(data), options));
  }

  obsoletePacket(interfaceId: number, ticks: bigint, data: Uint8Array, originalLength = data.length): Bytes {
    const stamp = this.words(Number(ticks >> 32n), Number(ticks & 0xffffffffn));
    const head = integers(this.#little, [16, interfaceId], [16, 0xffff]); // number of drops: unknown
    return this.block(2, concatBytes(head, stamp, this.words(data.length, originalLength), pad(data)));
  }

  simplePacket(data: Uint8Array, originalLength = data.length): Bytes {
    return this.block(3, concatBytes(this.words(originalLength), pad(data)));
  }
}

function pad(data: Uint8Array): Bytes {
  return concatBytes(data, new Uint8Array(-data.length & 3));
}
