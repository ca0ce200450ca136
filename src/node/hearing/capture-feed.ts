/**
 * From the bytes of one capture stream to datagrams in the hands of whoever decides about them.
 *
 * @module
 */

import { createPacketLayout, createRefusalCounts, type Datagram, datagramOf, type PacketRefusal, parsePacket, PROTOCOL_TCP } from "../../packet.ts";
import { createPcapRecord, type PcapEnd, PcapReader } from "../../pcap-reader.ts";
import { MIN_PAYLOAD } from "../../server/decide.ts";
import { HttpSegments } from "../../server/http-segments.ts";
import type { LogFunction } from "../../server/log-record.ts";


/** Takes a datagram; a promise asks for a pause until it resolves. */
export type DatagramHandler = (datagram: Datagram) => Promise<void> | undefined;

/** Counts over all streams of a daemon. */
export interface FrameCounts {
  /** Packets that the capture handed over, whatever they were. */
  frames: number;
  readonly refused: Record<PacketRefusal, number>;
}

/** @returns counters at zero */
export function createFrameCounts(): FrameCounts {
  return { frames: 0, refused: createRefusalCounts() };
}

/** What a capture stream needs from its listener. */
export interface CaptureFeedOptions {
  /** Is given each datagram that is long enough to be a packet. */
  readonly handle: DatagramHandler;
  /** Kept up to date. */
  readonly counts: FrameCounts;
  /** Frames after which the rest is left unread (`-C`), 0 for none. */
  readonly packetLimit: number;
  readonly log: LogFunction;
}

/** Tells whether the frames have come that the limit allows (`-C`). */
export function isLimitReached({ counts, packetLimit }: Pick<CaptureFeedOptions, "counts" | "packetLimit">): boolean {
  return packetLimit > 0 && counts.frames >= packetLimit;
}

/** One capture stream with its own header. */
export class CaptureFeed {
  readonly #reader: PcapReader = new PcapReader();
  readonly #record = createPcapRecord();
  readonly #layout = createPacketLayout();
  readonly #segments: HttpSegments = new HttpSegments();
  readonly #options: CaptureFeedOptions;
  #isDeafnessTold = false;

  constructor(options: CaptureFeedOptions) {
    this.#options = options;
  }

  /** Whether nothing more is to be read. */
  get isFull(): boolean {
    return isLimitReached(this.#options);
  }

  /**
   * Handles what a chunk completes.
   *
   * @param chunk the next bytes; free again when the promise resolves
   */
  async feed(chunk: Uint8Array): Promise<void> {
    const { handle, counts } = this.#options;
    this.#reader.push(chunk);
    while (!this.isFull && this.#reader.next(this.#record)) {
      counts.frames++;
      const refusal = parsePacket(this.#record, this.#layout);
      if (refusal !== undefined) {
        counts.refused[refusal]++;
        if (refusal === "unknown-link") this.#tellDeafness(this.#record.linkType);
      } else if (this.#layout.payloadLength >= MIN_PAYLOAD || this.#layout.protocol === PROTOCOL_TCP) {
        const datagram = this.#segments.join(datagramOf(this.#record, this.#layout), this.#layout.sequence);
        const pause = datagram === undefined || datagram.payload.length < MIN_PAYLOAD ? undefined : handle(datagram);
        if (pause !== undefined) await pause;
      }
    }
  }

  /** Of the refusals the one that may concern every frame, and that only the administrator can do something about. */
  #tellDeafness(linkType: number): void {
    if (this.#isDeafnessTold) return;
    this.#isDeafnessTold = true;
    this.#options.log({ level: "warning", message: `Frames of link type ${linkType} are not understood: nothing on that interface is heard` });
  }

  /**
   * Passes over what a chunk completes.
   *
   * @param chunk the next bytes; free again afterwards
   */
  skip(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    while (this.#reader.next(this.#record));
  }

  /** Why nothing more can be read, when the stream is broken already. */
  get broken(): PcapEnd | undefined {
    return this.#reader.broken;
  }

  /** @returns how the stream ended */
  end(): PcapEnd {
    return this.#reader.end();
  }
}
