/**
 * Unix sockets as streams of bytes. Node reads those that are streams; datagrams are read by perl or python3, one of which
 * is on nearly every host, and come to us as lines on a pipe.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import { createServer, type ListenOptions } from "node:net";
import { Readable } from "node:stream";
import { childEnvironment } from "../child-env.ts";
import { findProgram } from "../find-program.ts";
import { Pause } from "../pause.ts";
import { type ByteSource, readableSource } from "./byte-source.ts";

/** A socket under way. */
export interface UnixSource {
  /** Ends it. */
  close(): void;
}

/**
 * Listens for connections.
 *
 * @param place a path, which is for our user alone and replaces a socket that was left there, or a socket of the service manager
 * @param hear is given each connection
 * @returns when connections are taken
 * @throws {Error} the system's, when it cannot listen
 */
export async function openUnixServer(place: { readonly path: string } | { readonly descriptor: number }, hear: (connection: ByteSource) => Promise<void>): Promise<UnixSource> {
  const connections = new Set<ByteSource>();
  const server = createServer((socket) => {
    const connection = readableSource(socket);
    connections.add(connection);
    void hear(connection).finally(() => connections.delete(connection));
  });
  server.maxConnections = MAX_CONNECTIONS;
  if ("path" in place && lstatSync(place.path, { throwIfNoEntry: false })?.isSocket()) unlinkSync(place.path);
  const options: ListenOptions & { readonly fd?: number } = "path" in place ? { path: place.path } : { fd: place.descriptor };
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(options, resolve));
  if ("path" in place) chmodSync(place.path, 0o600);
  return {
    close() {
      for (const connection of connections) connection.close();
      server.close();
    },
  };
}

const MAX_CONNECTIONS = 64;

/** Programs that write each datagram of the socket that is their standard input as a line. */
const RELAYS: readonly (readonly [program: string, ...args: string[]])[] = [
  ["perl", "-e", 'STDIN->blocking(1); binmode STDOUT; $| = 1; while (defined recv(STDIN, my $message, 65536, 0)) { print "$message\\n" or last } die "recv: $!\\n"'],
  ["python3", "-I", "-S", "-c", 'import socket, sys\nheard = socket.socket(fileno=0)\nheard.setblocking(True)\nwhile True:\n    sys.stdout.buffer.write(heard.recv(65536) + b"\\n")\n    sys.stdout.buffer.flush()'],
];

/** Before a relay that ended is started again, milliseconds. */
const RESTART_MS = 1000;

/**
 * Reads datagrams by a program, which is started again whenever it ends.
 *
 * @param descriptor the socket
 * @param hear is given what each program writes
 * @param onEnd is told why one ended
 * @throws {TypeError} when there is no program for it
 */
export function openDatagramRelay(descriptor: number, hear: (lines: ByteSource) => Promise<void>, onEnd: (why: string) => void): UnixSource {
  const relay = RELAYS.flatMap(([program, ...args]) => {
    const path = findProgram(program);
    return path === undefined ? [] : [[path, ...args] as const];
  })[0];
  if (relay === undefined) throw new TypeError("Unix datagrams need perl or python3, for Node does not read them");
  const [program, ...args] = relay;
  const pause = new Pause();
  let isClosed = false;
  let child: ChildProcess | undefined;
  void (async () => {
    while (!isClosed) {
      const started = (child = spawn(program, args, { stdio: [descriptor, "pipe", "ignore"], cwd: "/", env: childEnvironment() }));
      const ended = new Promise<string>((resolve) => started.on("error", ({ message }) => resolve(message)).on("close", (status, signal) => resolve(`status ${status ?? signal}`)));
      await hear(readableSource(started.stdout ?? Readable.from([]))); // there is none when all descriptors are in use
      const why = await ended;
      if (isClosed) return;
      onEnd(`${program} ended (${why})`);
      await pause.wait(RESTART_MS);
    }
  })();
  return {
    close() {
      isClosed = true;
      child?.kill("SIGKILL"); // it has nothing to put in order
      pause.cut();
    },
  };
}
