/**
 * Hears packets that are sent to a port of ours.
 *
 * @module
 */

import { formatIp } from "../../ip.ts";
import type { LogFunction } from "../../server/log-record.ts";
import { reasonOf } from "../system-error.ts";
import { isLimitReached } from "./capture-feed.ts";
import type { DatagramSource } from "./datagram-source.ts";
import { type HttpSourceOptions, openHttpSource } from "./http-source.ts";
import { DONE, type Listener, type ListenerOptions } from "./listener.ts";
import { openTcpSource, type TcpSourceOptions } from "./tcp-source.ts";
import { openUdpSource, type UdpSourceOptions } from "./udp-source.ts";

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
