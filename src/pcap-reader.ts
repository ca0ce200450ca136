/**
 * Reads a capture stream, pcap or pcapng, as a push machine: bytes go in as they come, records come
 * out as places in those very bytes. Nothing is copied but the record that a chunk's end cuts in two,
 * and the walk makes no object, so a frame costs some tens of nanoseconds.
 *
 * Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng, pcap-savefile(5).
 *
 * @module
 */

import { ByteWindow } from "./_byte-window.ts";
import { hexText } from "./bytes.ts";

/** One captured frame. The reader fills the same object again and again. */
export interface PcapRecord {
  /** Where the frame lies: the pushed chunk or the reader's own buffer. Holds other bytes after the next `next` or `push`. */
  buffer: Uint8Array;
  /** The frame's first byte in `buffer`. */
  offset: number;
  /** Bytes of the frame that are there. */
  capturedLength: number;
  /** Bytes that the frame had on the wire; more than `capturedLength` when the capture cut it. */
  originalLength: number;
  /** Number of the link-layer header type. */
  linkType: number;
  /** Unix time, whole seconds; 0 when the capture did not record any. */
  timestampSeconds: number;
  /** What is left of the second, below 1e9 unless the capture lies. */
  timestampNanoseconds: number;
}

/** How a stream ended. `offset` is the place of what went wrong, in bytes from the start of the stream. */
export type PcapEnd =
  | { readonly kind: "complete" }
  | { readonly kind: "cut"; readonly offset: number; readonly reason: string }
  | { readonly kind: "broken"; readonly offset: number; readonly reason: string };

/** A stream that is no capture, or stopped being one. */
export type PcapBroken = Extract<PcapEnd, { kind: "broken" }>;

/**
 * The longest frame that is taken for one, in bytes, whatever the stream says of its snapshot length.
 * It is the largest that tcpdump captures on network interfaces.
 */
export const MAX_CAPTURED_LENGTH = 262144;

/** A pcapng block that is kept whole: the longest frame, its head, and 64 KiB for options. */
const MAX_BLOCK_LENGTH = MAX_CAPTURED_LENGTH + 65536;
/** Interfaces that one section may describe, so that a hostile stream cannot fill the memory with them. */
const MAX_INTERFACES = 4096;

interface PcapVariant {
  readonly magic: number;
  readonly nanosecondsPerTick: number;
  readonly recordHeaderLength: number;
}

const PCAP_FILE_HEADER_LENGTH = 24;
const PCAP_VARIANTS: readonly PcapVariant[] = [
  { magic: 0xa1b2c3d4, nanosecondsPerTick: 1000, recordHeaderLength: 16 },
  { magic: 0xa1b23c4d, nanosecondsPerTick: 1, recordHeaderLength: 16 },
  // The patched format of old Linux tcpdump: after the usual four words an interface index, protocol and packet type.
  { magic: 0xa1b2cd34, nanosecondsPerTick: 1000, recordHeaderLength: 24 },
];

const BLOCK_SECTION_HEADER = 0x0a0d0d0a; // reads the same in both byte orders
const BLOCK_INTERFACE_DESCRIPTION = 1;
const BLOCK_PACKET = 2; // obsolete
const BLOCK_SIMPLE_PACKET = 3;
const BLOCK_ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** The blocks that are read, and how long each is without data and options; every other block is skipped. */
const BLOCK_MINIMAL_LENGTHS: Readonly<Record<number, number>> = {
  [BLOCK_SECTION_HEADER]: 28,
  [BLOCK_INTERFACE_DESCRIPTION]: 20,
  [BLOCK_PACKET]: 32,
  [BLOCK_SIMPLE_PACKET]: 16,
  [BLOCK_ENHANCED_PACKET]: 32,
};
const OPTION_END = 0;
const OPTION_IF_TSRESOL = 9;
const OPTION_IF_TSOFFSET = 14;
/** What a block has around its body: type and length before it, the length again after it. */
const BLOCK_OVERHEAD = 12;

interface PcapngInterface {
  readonly linkType: number;
  /** 0 for no limit. */
  readonly snapshotLength: number;
  /** A BigInt when ticks are finer than nanoseconds or a second has no whole power of ten of them. */
  readonly ticksPerSecond: number | bigint;
  readonly offsetSeconds: number;
}

/**
 * Makes an empty record for {@link PcapReader.next} to fill.
 *
 * @returns a fresh object, the caller's own
 */
export function createPcapRecord(): PcapRecord {
  return {
    buffer: new Uint8Array(0),
    offset: 0,
    capturedLength: 0,
    originalLength: 0,
    linkType: 0,
    timestampSeconds: 0,
    timestampNanoseconds: 0,
  };
}

/**
 * The reader: `push` a chunk, call `next` until it returns false, push the next chunk; at last `end`.
 * No bytes make it throw. What was read before the stream broke or ended stays read.
 *
 * @example
 * const reader = new PcapReader();
 * const record = createPcapRecord();
 * for (const chunk of chunks) {
 *   reader.push(chunk);
 *   while (reader.next(record)) count += record.capturedLength;
 * }
 * const end = reader.end();
 */
export class PcapReader {
  readonly #window: ByteWindow = new ByteWindow();
  #format: "unknown" | "pcap" | "pcapng" = "unknown";
  #littleEndian = false;
  #broken: PcapBroken | undefined;

  // pcap
  #linkType = 0;
  #nanosecondsPerTick = 0;
  #recordHeaderLength = 0;

  // pcapng
  #interfaces: PcapngInterface[] = [];
  /** Bytes of the skipped block that are still to come, its closing length not counted. */
  #skip = 0;
  /** The length that has to close the skipped block, 0 when none is being skipped. */
  #closingLength = 0;

  /**
   * Tells what broke the stream, as soon as it is known; no record comes after that.
   *
   * @returns the same value as {@link PcapReader.end}, or undefined
   */
  get broken(): PcapBroken | undefined {
    return this.#broken;
  }

  /**
   * Takes the next bytes of the stream. They are borrowed: leave them unchanged until
   * {@link PcapReader.next} has returned false.
   *
   * @param chunk any number of bytes
   * @throws {RangeError} when records of the chunk before were not taken yet
   */
  push(chunk: Uint8Array): void {
    if (this.#broken === undefined) this.#window.push(chunk);
  }

  /**
   * Walks to the next complete record.
   *
   * @param record is filled; when the result is false its content means nothing
   * @returns whether a record was there; false asks for the next chunk, or tells of a broken stream
   */
  next(record: PcapRecord): boolean {
    if (this.#format === "unknown" && !this.#readStart()) return false;
    return this.#format === "pcap" ? this.#nextPcap(record) : this.#nextPcapng(record);
  }

  /**
   * Tells how the stream ended. Call it after the last chunk was walked.
   *
   * @returns "complete" between two records, "cut" inside one or without any header, "broken" for what is no capture
   */
  end(): PcapEnd {
    if (this.#broken) return this.#broken;
    const offset = this.#window.position;
    if (this.#format === "unknown") {
      const reason = offset + this.#window.limit === 0 ? "The stream is empty" : "The stream ends inside its header";
      return { kind: "cut", offset, reason };
    }
    if (this.#window.limit === this.#window.at && this.#closingLength === 0) return { kind: "complete" };
    return { kind: "cut", offset, reason: "The stream ends inside a record" };
  }

  #break(reason: string): false {
    this.#broken = { kind: "broken", offset: this.#window.position, reason };
    this.#window.clear();
    return false;
  }

  #uint32(offset: number): number {
    return this.#window.view.getUint32(this.#window.at + offset, this.#littleEndian);
  }

  #uint16(offset: number): number {
    return this.#window.view.getUint16(this.#window.at + offset, this.#littleEndian);
  }

  // ---- pcap

  #readStart(): boolean {
    if (this.#broken || !this.#window.gather(4)) return false;
    if (this.#window.view.getUint32(this.#window.at) === BLOCK_SECTION_HEADER) {
      this.#format = "pcapng";
      return true;
    }
    for (const littleEndian of [false, true]) {
      const magic = this.#window.view.getUint32(this.#window.at, littleEndian);
      const variant = PCAP_VARIANTS.find((row) => row.magic === magic);
      if (variant) return this.#readPcapHeader(variant, littleEndian);
    }
    const found = hexText(this.#window.bytes.subarray(this.#window.at, this.#window.at + 4));
    return this.#break(`Not a capture: expected the magic number of pcap or pcapng, got ${found}`);
  }

  #readPcapHeader(variant: PcapVariant, littleEndian: boolean): boolean {
    if (!this.#window.gather(PCAP_FILE_HEADER_LENGTH)) return false;
    this.#littleEndian = littleEndian;
    const version = `${this.#uint16(4)}.${this.#uint16(6)}`;
    // Before 2.4 the two lengths of a record were exchanged in some writers; nobody makes those any more.
    if (version !== "2.4") return this.#break(`Unknown pcap version: expected 2.4, got ${version}`);
    // The upper half holds the length of the frame check sequence, which the IP length cuts off anyway.
    this.#linkType = this.#uint32(20) & 0xffff;
    this.#nanosecondsPerTick = variant.nanosecondsPerTick;
    this.#recordHeaderLength = variant.recordHeaderLength;
    this.#window.at += PCAP_FILE_HEADER_LENGTH;
    this.#format = "pcap";
    return true;
  }

  #nextPcap(record: PcapRecord): boolean {
    const headerLength = this.#recordHeaderLength;
    if (!this.#window.gather(headerLength)) return false;
    const capturedLength = this.#uint32(8);
    if (capturedLength > MAX_CAPTURED_LENGTH) {
      return this.#break(`Impossible record: expected at most ${MAX_CAPTURED_LENGTH} captured bytes, got ${capturedLength}`);
    }
    const length = headerLength + capturedLength;
    if (!this.#window.gather(length)) return false;
    record.buffer = this.#window.bytes;
    record.offset = this.#window.at + headerLength;
    record.capturedLength = capturedLength;
    record.originalLength = this.#uint32(12);
    record.linkType = this.#linkType;
    record.timestampSeconds = this.#uint32(0);
    record.timestampNanoseconds = this.#uint32(4) * this.#nanosecondsPerTick;
    this.#window.at += length;
    return true;
  }

  // ---- pcapng

  #nextPcapng(record: PcapRecord): boolean {
    for (;;) {
      if (this.#closingLength !== 0 && !this.#skipBlock()) return false;
      if (!this.#window.gather(BLOCK_OVERHEAD)) return false;
      const type = this.#uint32(0);
      if (type === BLOCK_SECTION_HEADER && !this.#readByteOrder()) return false;
      const length = this.#uint32(4);
      const minimalLength = BLOCK_MINIMAL_LENGTHS[type];
      if (!this.#isPossible(type, length, minimalLength)) return false;
      if (minimalLength === undefined) {
        this.#skip = length - 4;
        this.#closingLength = length;
        continue;
      }
      if (!this.#window.gather(length) || !this.#closes(length, length - 4) || !this.#readBlock(type, length, record)) return false;
      this.#window.at += length;
      if (type !== BLOCK_SECTION_HEADER && type !== BLOCK_INTERFACE_DESCRIPTION) return true;
    }
  }

  #isPossible(type: number, length: number, minimalLength: number | undefined): boolean {
    const least = minimalLength ?? BLOCK_OVERHEAD;
    if (length < least || length % 4 !== 0) {
      return this.#break(`Impossible block of type ${type}: expected a length of at least ${least}, divisible by 4, got ${length}`);
    }
    if (minimalLength === undefined || length <= MAX_BLOCK_LENGTH) return true; // what is skipped may be of any length
    return this.#break(`Impossible block of type ${type}: expected at most ${MAX_BLOCK_LENGTH} bytes, got ${length}`);
  }

  #readBlock(type: number, length: number, record: PcapRecord): boolean {
    switch (type) {
      case BLOCK_SECTION_HEADER:
        return this.#readSectionHeader();
      case BLOCK_INTERFACE_DESCRIPTION:
        return this.#readInterface(length);
      default:
        return this.#readPacket(type, length, record);
    }
  }

  #skipBlock(): boolean {
    while (this.#skip > 0) {
      if (!this.#window.gather(1)) return false;
      const passed = Math.min(this.#skip, this.#window.limit - this.#window.at);
      this.#window.at += passed;
      this.#skip -= passed;
    }
    if (!this.#window.gather(4) || !this.#closes(this.#closingLength, 0)) return false;
    this.#window.at += 4;
    this.#closingLength = 0;
    return true;
  }

  /** Whether the length at the end of a block is the one at its start. */
  #closes(length: number, offset: number): boolean {
    const closing = this.#uint32(offset);
    return closing === length || this.#break(`Broken block: begins with length ${length}, ends with ${closing}`);
  }

  #readByteOrder(): boolean {
    for (const littleEndian of [false, true]) {
      if (this.#window.view.getUint32(this.#window.at + 8, littleEndian) !== BYTE_ORDER_MAGIC) continue;
      this.#littleEndian = littleEndian;
      return true;
    }
    return this.#break("Broken section: expected the byte-order magic 1a2b3c4d");
  }

  #readSectionHeader(): boolean {
    const major = this.#uint16(12);
    if (major !== 1) return this.#break(`Unknown pcapng version: expected 1, got ${major}`);
    this.#interfaces = [];
    return true;
  }

  #readInterface(length: number): boolean {
    if (this.#interfaces.length === MAX_INTERFACES) {
      return this.#break(`Too many interfaces: expected at most ${MAX_INTERFACES} in a section`);
    }
    let resolution = 6;
    let offsetSeconds = 0;
    const end = length - 4;
    for (let at = 16; at + 4 <= end; ) {
      const code = this.#uint16(at);
      const valueLength = this.#uint16(at + 2);
      const value = at + 4;
      if (code === OPTION_END) break;
      if (value + valueLength > end) return this.#break(`Broken interface: option ${code} is longer than its block`);
      if (code === OPTION_IF_TSRESOL && valueLength === 1) resolution = this.#window.bytes[this.#window.at + value]!;
      if (code === OPTION_IF_TSOFFSET && valueLength === 8) offsetSeconds = this.#int64(value);
      at = value + valueLength + (-valueLength & 3);
    }
    this.#interfaces.push({
      linkType: this.#uint16(8),
      snapshotLength: this.#uint32(12),
      ticksPerSecond: ticksPerSecond(resolution),
      offsetSeconds,
    });
    return true;
  }

  #readPacket(type: number, length: number, record: PcapRecord): boolean {
    const simple = type === BLOCK_SIMPLE_PACKET;
    const interfaceId = simple ? 0 : type === BLOCK_ENHANCED_PACKET ? this.#uint32(8) : this.#uint16(8);
    const source = this.#interfaces[interfaceId];
    if (source === undefined) {
      return this.#break(`Broken packet: expected one of ${this.#interfaces.length} interfaces, got number ${interfaceId}`);
    }
    const room = length - BLOCK_MINIMAL_LENGTHS[type]!;
    const originalLength = this.#uint32(simple ? 8 : 24);
    // A simple packet does not say how much of it was captured (draft-ietf-opsawg-pcapng §4.4).
    const simpleLength = Math.min(originalLength, room, source.snapshotLength || room);
    const capturedLength = simple ? simpleLength : this.#uint32(20);
    if (capturedLength > Math.min(room, MAX_CAPTURED_LENGTH)) {
      return this.#break(`Impossible packet: expected at most ${Math.min(room, MAX_CAPTURED_LENGTH)} captured bytes, got ${capturedLength}`);
    }
    record.buffer = this.#window.bytes;
    record.offset = this.#window.at + (simple ? 12 : 28);
    record.capturedLength = capturedLength;
    record.originalLength = originalLength;
    record.linkType = source.linkType;
    if (simple) record.timestampSeconds = record.timestampNanoseconds = 0;
    else stampRecord(record, this.#uint32(12), this.#uint32(16), source);
    return true;
  }

  #int64(offset: number): number {
    const [high, low] = this.#littleEndian ? [4, 0] : [0, 4];
    return this.#window.view.getInt32(this.#window.at + offset + high, this.#littleEndian) * 2 ** 32 + this.#uint32(offset + low);
  }
}

/** Reads if_tsresol: a power of ten, or of two when the highest bit is set. */
function ticksPerSecond(resolution: number): number | bigint {
  const exponent = resolution & 0x7f;
  if (resolution > 0x7f) return 1n << BigInt(exponent);
  return exponent <= 9 ? 10 ** exponent : 10n ** BigInt(exponent);
}

/** Sets a record's time from the 64-bit count of ticks. */
function stampRecord(record: PcapRecord, high: number, low: number, source: PcapngInterface): void {
  const ticks = source.ticksPerSecond;
  if (typeof ticks === "bigint") {
    const stamp = (BigInt(high) << 32n) | BigInt(low);
    record.timestampSeconds = Number(stamp / ticks) + source.offsetSeconds;
    record.timestampNanoseconds = Number(((stamp % ticks) * 1_000_000_000n) / ticks);
    return;
  }
  // Long division in steps of 16 bits, so that no number exceeds 2^53.
  const upper = (high % ticks) * 65536 + (low >>> 16);
  const lower = (upper % ticks) * 65536 + (low & 0xffff);
  const seconds = (Math.floor(high / ticks) * 65536 + Math.floor(upper / ticks)) * 65536 + Math.floor(lower / ticks);
  record.timestampSeconds = seconds + source.offsetSeconds;
  record.timestampNanoseconds = (lower % ticks) * (1_000_000_000 / ticks);
}
