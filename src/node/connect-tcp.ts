/**
 * Opens a TCP connection within a time limit.
 *
 * @module
 */
import { connect, type Socket } from "node:net";

/** Where to, and from which port. */
export interface ConnectOptions {
  /** An address, not a name. */
  readonly address: string;
  readonly port: number;
  /** Bound when it is not 0. */
  readonly localPort?: number | undefined;
  readonly timeoutMs: number;
}

/** A connected socket, which belongs to the caller with all its later errors, or the error. */
export type ConnectResult =
  | { readonly ok: true; readonly socket: Socket }
  | { readonly ok: false; readonly error: "timeout" | Error };

/**
 * Connects.
 *
 * @param options address, port and limit
 * @returns the socket, with an error listener that ignores; or what went wrong
 */
export function connectTcp(options: ConnectOptions): Promise<ConnectResult> {
  return new Promise((resolve) => {
    const { address, port, localPort } = options;
    let socket: Socket;
    try {
      socket = connect({ host: address, port, ...(localPort ? { localPort } : {}) });
    } catch (error) { // port out of range
      resolve({ ok: false, error: error as Error });
      return;
    }
    const timer = setTimeout(() => {
      socket.destroy();
      resolve({ ok: false, error: "timeout" });
    }, options.timeoutMs);
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve({ ok: true, socket });
    });
    socket.on("error", (error) => {
      clearTimeout(timer);
      resolve({ ok: false, error });
    });
  });
}
