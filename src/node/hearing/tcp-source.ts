/**
 * A TCP server that reads what each client sends and answers nothing: one datagram a connection.
 *
 * @module
 */

import { appendUpTo, ConnectionSource, type DoorLimits } from "./connection-source.ts";
import type { DatagramSource } from "./datagram-source.ts";
import type { TcpConnection, TcpEndpoint } from "./tcp-listener.ts";

/** Where to listen and how patient to be. */
export interface TcpSourceOptions extends TcpEndpoint, DoorLimits {
  /** Longest payload that is read, bytes; a longer one is counted and dropped. */
  readonly maxPayload: () => number;
  /** From accept to close, milliseconds: absolute, so that no drip of bytes prolongs it. */
  readonly deadlineMs?: number;
}

const DEADLINE_MS = 5000;
/** An HTTP request has ended there although its client keeps the connection open for the answer. */
const HTTP_END = Uint8Array.of(13, 10, 13, 10);

/**
 * Binds.
 *
 * @param options where, and the limits
 * @returns one datagram a connection that sent something, until it is closed
 * @throws {Error} the system's, when it cannot be bound
 */
export async function openTcpSource(options: TcpSourceOptions): Promise<DatagramSource> {
  const source = new TcpSource(options);
  await source.open(options);
  return source;
}

class TcpSource extends ConnectionSource {
  readonly #options: TcpSourceOptions;

  constructor(options: TcpSourceOptions) {
    super(options);
    this.#options = options;
  }

  protected override serve({ socket, ...ends }: TcpConnection): void {
    const maxPayload = this.#options.maxPayload();
    let received = new Uint8Array(0);
    let over = false;
    const finish = (): void => {
      if (over) return;
      over = true;
      clearTimeout(deadline);
      // Read on and then close: a reset would tell a scanner that something was left unread.
      socket.end();
      socket.resume();
      setTimeout(() => socket.destroy(), 1000).unref();
      if (received.length === 0) return;
      if (received.length > maxPayload) this.drops.oversized++;
      else this.pass({ payload: received, ...ends });
    };
    const deadline = setTimeout(finish, this.#options.deadlineMs ?? DEADLINE_MS);
    socket.on("data", (chunk: Uint8Array) => {
      if (over) return;
      received = appendUpTo(received, chunk, maxPayload + 1);
      if (received.length > maxPayload || endsHttpRequest(received)) finish();
    });
    socket.on("end", finish);
    socket.on("error", finish);
    socket.on("close", finish);
  }
}

function endsHttpRequest(received: Uint8Array): boolean {
  const start = received.length - HTTP_END.length;
  return start >= 0 && HTTP_END.every((byte, at) => received[start + at] === byte);
}
