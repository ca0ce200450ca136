/**
 * Where the daemon hears packets: each way is a listener that gives datagrams to one handler until it ends or is closed.
 *
 * @module
 */

import { commandText, startText } from "../../command-text.ts";
import { type LoggedPacket, parseLogLine } from "../../firewall-log.ts";
import { formatIp } from "../../ip.ts";
import { parseRelayedPacket } from "../../relayed-packet.ts";
import type { LogFunction } from "../../server/log-record.ts";
import { messageOf, reasonOf } from "../system-error.ts";
import type { ByteSource } from "./byte-source.ts";
import { Capture, type CaptureOptions } from "./capture.ts";
import { CaptureFeed, type CaptureFeedOptions, isLimitReached } from "./capture-feed.ts";
import type { DatagramSource } from "./datagram-source.ts";
import { FileChunks } from "./file-chunks.ts";
import { type HttpSourceOptions, openHttpSource } from "./http-source.ts";
import { LineFeed } from "./line-feed.ts";
import { openStdin } from "./stdin-source.ts";
import { openTcpSource, type TcpSourceOptions } from "./tcp-source.ts";
import { openUdpSource, type UdpSourceOptions } from "./udp-source.ts";
import { openDatagramRelay, openUnixServer, type UnixSource } from "./unix-sources.ts";

/** How listening ended. `failed` makes the daemon's exit status 1. */
export type ListenerEnd = { readonly kind: "done" } | { readonly kind: "failed"; readonly text: string };

/** One way of hearing. */
export interface Listener {
  /**
   * Hears until the end.
   *
   * @param onReady is called when nothing that is sent from now on will be missed
   * @returns how it ended; never rejects for what comes from outside
   */
  run(onReady: () => void): Promise<ListenerEnd>;
  /** Ends {@link run}. */
  close(): Promise<void> | void;
}

/** What every listener is given. */
export interface ListenerOptions extends CaptureFeedOptions {
  /** Is given each packet of the firewall's log that begins a conversation; a promise asks for a pause until it resolves. */
  readonly handleKnock: (packet: LoggedPacket) => Promise<void> | undefined;
}

const DONE: ListenerEnd = { kind: "done" };

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

/** What is said of each arrival at a socket, with --verbose. */
const ARRIVALS = {
  udp: (source, length) => `udp_server: Got UDP datagram (${length} bytes) from: ${source}`,
  tcp: (source) => `tcp_server: Got TCP connection from ${source}.`,
  http: (source, length) => `http_server: Got HTTP request (${length} bytes) from: ${source}`,
} satisfies Record<string, (source: string, length: number) => string>;

/** How often it is told that something was lost, milliseconds. */
const LOSS_INTERVAL_MS = 60_000;

/** Makes what tells of a source's losses: at once, then once a minute, and what is left at the end. */
function lossTeller(name: keyof typeof ARRIVALS, { drops }: DatagramSource, log: LogFunction): (isOver: boolean) => void {
  let told = 0;
  let nextAtMs = -Infinity;
  return (isOver) => {
    const lost = drops.overflowed - told;
    const nowMs = performance.now();
    if (lost === 0 || (nowMs < nextAtMs && !isOver)) return;
    told = drops.overflowed;
    nextAtMs = nowMs + LOSS_INTERVAL_MS;
    log({ level: "warning", message: `${name}_server: arrivals lost, for too many came at once: ${lost}` });
  };
}

function listenToSocket(name: keyof typeof ARRIVALS, port: number, open: () => Promise<DatagramSource>, options: ListenerOptions): Listener {
  let source: DatagramSource | undefined;
  let isClosed = false;
  return {
    async run(onReady) {
      try {
        source = await open();
      } catch (error) {
        return { kind: "failed", text: `run_${name}_server: bind() failed: ${reasonOf(error)}, port ${port}. Fatal run_${name}_server() error` };
      }
      if (isClosed) {
        await source.close();
        return DONE;
      }
      options.log({ level: "info", message: `Kicking off ${name.toUpperCase()} server to listen on port ${port}.` });
      onReady();
      const tellLosses = lossTeller(name, source, options.log);
      for await (const datagram of source) {
        tellLosses(false);
        options.counts.frames++;
        options.log({ level: "debug", message: ARRIVALS[name](formatIp(datagram.source), datagram.payload.length) });
        const pause = options.handle(datagram);
        if (pause !== undefined) await pause;
        if (isLimitReached(options)) break;
      }
      await source.close();
      tellLosses(true);
      return DONE;
    },
    close() {
      isClosed = true;
      return source?.close();
    },
  };
}

/**
 * Hears datagrams of a UDP socket.
 *
 * @param udp where to bind
 * @param options handler, counts, limit, log
 */
export function listenToUdp(udp: UdpSourceOptions, options: ListenerOptions): Listener {
  return listenToSocket("udp", udp.port, () => openUdpSource(udp), options);
}

/**
 * Hears what clients send over TCP connections.
 *
 * @param tcp where to bind
 * @param options handler, counts, limit, log
 */
export function listenToTcp(tcp: TcpSourceOptions, options: ListenerOptions): Listener {
  return listenToSocket("tcp", tcp.port, () => openTcpSource(tcp), options);
}

/**
 * Hears what browsers and others send as web requests, and answers each alike.
 *
 * @param http where to bind and whom to believe
 * @param options handler, counts, limit, log
 */
export function listenToHttp(http: HttpSourceOptions, options: ListenerOptions): Listener {
  return listenToSocket("http", http.port, () => openHttpSource(http), options);
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
