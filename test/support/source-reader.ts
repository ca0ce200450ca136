/**
 * What the tests of sockets that hear have in common.
 *
 * @module
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { DatagramSource } from "../../src/node/hearing/datagram-source.ts";
import type { Datagram } from "../../src/packet.ts";

/** A source with one reader. */
export interface SourceReader {
  readonly source: DatagramSource;
  /** Of its first socket. */
  readonly port: number;
  /** Waits for the next datagram; fails when there will be none. */
  next(): Promise<Datagram>;
}

/** Reads a source. */
export function readerOf(source: DatagramSource): SourceReader {
  const iterator = source[Symbol.asyncIterator]();
  return {
    source,
    port: portOf(source),
    next: async () => {
      const result = await iterator.next();
      assert.equal(result.done, false);
      return result.value as Datagram;
    },
  };
}

/** The port of a source's first socket. */
export function portOf(source: DatagramSource): number {
  return Number(/\d+$/.exec(source.bound[0]!)![0]);
}

/** Connects to a port of this host; the connection stays open for reading when the other side has said all. */
export async function connectTo(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}
