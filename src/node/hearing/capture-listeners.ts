/**
 * Hears packets in captures: those of standard input, of a file, and of a tcpdump of our own.
 *
 * @module
 */

import { commandText, startText } from "../../command-text.ts";
import { messageOf } from "../system-error.ts";
import { Capture, type CaptureOptions } from "./capture.ts";
import { CaptureFeed } from "./capture-feed.ts";
import { FileChunks } from "./file-chunks.ts";
import { DONE, type Listener, type ListenerEnd, type ListenerOptions } from "./listener.ts";
import { openStdin } from "./stdin-source.ts";

/** What is said of a capture stream that ended or broke. */
function endOfStream(feed: CaptureFeed, name: string): ListenerEnd {
  if (feed.isFull) return DONE;
  const end = feed.end();
  if (end.kind === "complete") return DONE;
  return { kind: "failed", text: `Cannot read on from ${name}: the capture is ${end.kind} at byte ${end.offset}: ${end.reason}` };
}

/**
 * Hears what `tcpdump … -w -` writes into our standard input.
 *
 * @param options handler, counts, limit, log
 * @throws {StdinError} when standard input is a terminal or nothing that can be read
 */
export function listenToStdin(options: ListenerOptions): Listener {
  const source = openStdin();
  return {
    async run(onReady) {
      const feed = new CaptureFeed(options);
      onReady();
      try {
        for await (const chunk of source) {
          await feed.feed(chunk);
          if (feed.isFull || feed.broken !== undefined) break;
        }
      } catch (error) {
        return { kind: "failed", text: `Cannot read standard input: ${messageOf(error)}` };
      }
      return endOfStream(feed, "standard input");
    },
    close: () => source.close(),
  };
}

/**
 * Reads a capture file, to its end or as it grows.
 *
 * @param path the file
 * @param follow pass over what is there and go on at its end
 * @param options handler, counts, limit, log
 * @throws {FileError} when it cannot be read
 */
export function listenToFile(path: string, follow: boolean, options: ListenerOptions): Listener {
  const source = new FileChunks(path, { follow });
  return {
    async run(onReady) {
      options.log({ level: "info", message: `Reading pcap file: ${path}` });
      if (!follow) onReady();
      let isOld = follow;
      let feed = new CaptureFeed(options);
      try {
        for await (const event of source) {
          if (event.kind === "start") feed = new CaptureFeed(options);
          else if (event.kind === "end") {
            if (isOld) onReady();
            isOld = false;
          } else if (isOld) feed.skip(event.bytes);
          else await feed.feed(event.bytes);
          if (feed.isFull || feed.broken !== undefined) break;
        }
      } catch (error) {
        return { kind: "failed", text: `Cannot read ${path}: ${messageOf(error)}` };
      }
      return endOfStream(feed, path);
    },
    close: () => source.close(),
  };
}

/**
 * Captures on an interface by a tcpdump of our own, which is started again whenever it ends.
 *
 * @param capture interface, filter and watches
 * @param exitWhenDown end when the interface goes down (EXIT_AT_INTF_DOWN)
 * @param options handler, counts, limit, log
 */
export function listenToInterface(capture: CaptureOptions, exitWhenDown: boolean, options: ListenerOptions): Listener {
  const source = new Capture(capture);
  const { log } = options;
  return {
    async run(onReady) {
      let feed: CaptureFeed | undefined;
      for await (const event of source) {
        switch (event.kind) {
          case "start":
            log({ level: "debug", detail: 2, message: startText(commandText(event.argv)) });
            log({ level: "info", message: `Sniffing interface: ${capture.interfaceName}` });
            log({ level: "info", message: `PCAP filter is: '${capture.filter}'` });
            feed = new CaptureFeed(options);
            onReady();
            break;
          case "chunk":
            await feed?.feed(event.bytes);
            if (feed?.isFull) {
              await source.close();
              return DONE;
            }
            break;
          case "end":
            if (event.restartInMs === undefined) return { kind: "failed", text: startFailure(event.reason.kind, event.reason.text) };
            log({ level: "error", message: `Error from pcap_dispatch: ${event.reason.text}; tcpdump is started again in ${event.restartInMs} ms` });
            break;
          case "down":
            if (exitWhenDown) {
              await source.close();
              return { kind: "failed", text: `Fatal error from pcap_dispatch: ${event.text}` };
            }
            log({ level: "error", message: `Error from pcap_dispatch: ${event.text}` });
            break;
          case "lost":
            log({ level: "warning", message: `Lost on ${capture.interfaceName}, for too many came at once: ${event.count}` });
            break;
          case "no-carrier":
          case "up":
          case "replaced":
            log({ level: "warning", message: event.text });
        }
      }
      return DONE;
    },
    close: () => source.close(),
  };
}

/** The phrases of a capture that could not be opened. */
function startFailure(kind: string, text: string): string {
  return kind === "bad-filter" ? `[*] Error compiling pcap filter: ${text}` : `[*] pcap_open_live() error: ${text}`;
}
