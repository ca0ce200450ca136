/**
 * Hears of packets in lines: those of the firewall's log, and those that other programs relay to a Unix socket.
 *
 * @module
 */

import { parseLogLine } from "../../firewall-log.ts";
import { formatIp } from "../../ip.ts";
import { parseRelayedPacket } from "../../relayed-packet.ts";
import { messageOf } from "../system-error.ts";
import type { ByteSource } from "./byte-source.ts";
import { isLimitReached } from "./capture-feed.ts";
import { FileChunks } from "./file-chunks.ts";
import { LineFeed } from "./line-feed.ts";
import { DONE, type Listener, type ListenerOptions } from "./listener.ts";
import { openStdin } from "./stdin-source.ts";
import { openDatagramRelay, openUnixServer, type UnixSource } from "./unix-sources.ts";

/**
 * Hears knocks in a log of the firewall, from its present end on.
 *
 * @param path a file that grows, or a pipe; undefined for standard input
 * @param search what the firewall's prefix has in it (FW_MSG_SEARCH)
 * @param options handler, counts, limit, log
 * @throws {FileError | StdinError} when it cannot be read
 */
export function listenToLog(path: string | undefined, search: string, options: ListenerOptions): Listener {
  const source = path === undefined ? openStdin() : new FileChunks(path, { follow: true, isLog: true });
  const name = path ?? "standard input";
  return {
    async run(onReady) {
      options.log({ level: "info", message: `Reading the firewall's log: ${name}` });
      const isFull = (): boolean => isLimitReached(options);
      const feed = new LineFeed((line) => {
        const packet = parseLogLine(line, search, Date.now() / 1000);
        if (packet === undefined) return undefined;
        options.counts.frames++;
        return options.handleKnock(packet);
      }, isFull);
      onReady();
      try {
        for await (const event of source) {
          if (event instanceof Uint8Array) await feed.feed(event);
          else if (event.kind === "start") feed.begin();
          else if (event.kind === "chunk") await feed.feed(event.bytes);
          if (isFull()) break;
        }
      } catch (error) {
        return { kind: "failed", text: `Cannot read ${name}: ${messageOf(error)}` };
      }
      return DONE;
    },
    close: () => source.close(),
  };
}

/** A Unix socket: a path to listen at, or one of the service manager's. */
export type UnixPlace = { readonly path: string } | { readonly descriptor: number; readonly isDatagram: boolean };

/**
 * Hears what another program relays to a Unix socket, in lines that name the sender, as fwknop_serv of 1.9 wrote them.
 *
 * @param place the socket
 * @param options handler, counts, limit, log
 */
export function listenToUnix(place: UnixPlace, options: ListenerOptions): Listener {
  const { log, counts, handle } = options;
  const name = "path" in place ? place.path : `descriptor ${place.descriptor}`;
  let source: UnixSource | undefined;
  let finish: () => void = () => {};
  const hear = async (stream: ByteSource): Promise<void> => {
    const isFull = (): boolean => isLimitReached(options);
    const feed = new LineFeed((line) => {
      const datagram = parseRelayedPacket(line, Date.now() / 1000);
      log({ level: "debug", message: datagram === undefined ? `A message to ${name} does not say whom it is from` : `A message to ${name} from: ${formatIp(datagram.source)}` });
      if (datagram === undefined) return undefined;
      counts.frames++;
      return handle(datagram);
    }, isFull);
    try {
      for await (const chunk of stream) await feed.feed(chunk);
    } catch { /* the other side is gone */ }
    if (isFull()) finish();
  };
  return {
    async run(onReady) {
      const ended = new Promise<void>((resolve) => (finish = resolve));
      try {
        source = "isDatagram" in place && place.isDatagram
          ? openDatagramRelay(place.descriptor, hear, (why) => log({ level: "error", message: `Cannot read on from ${name}: ${why}; it is started again` }))
          : await openUnixServer(place, hear);
      } catch (error) {
        return { kind: "failed", text: `Cannot listen at ${name}: ${messageOf(error)}` };
      }
      log({ level: "info", message: `Listening at ${name} for lines ADDRESS:PROTOCOL:PACKET.` });
      onReady();
      await ended;
      source.close();
      return DONE;
    },
    close() {
      source?.close();
      finish();
    },
  };
}
