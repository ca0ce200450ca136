/**
 * What kind of socket a descriptor is: the service manager does not say, and Node has no getsockname(2) for it.
 *
 * @module
 */

import { readFileSync, readlinkSync } from "node:fs";

/** The kernel's lists of sockets (proc(5)), in which the tenth column is the inode and the second the local address and port. */
const SOCKET_LISTS = { udp: ["/proc/net/udp", "/proc/net/udp6"], tcp: ["/proc/net/tcp", "/proc/net/tcp6"] } as const;

/** The same of Unix sockets: the seventh column is the inode, and the fifth the type. */
const UNIX_SOCKETS = "/proc/net/unix";
/** SOCK_STREAM and SOCK_DGRAM. */
const UNIX_TYPES: ReadonlyMap<string, "unix-stream" | "unix-datagram"> = /* @__PURE__ */ new Map([["0001", "unix-stream"], ["0002", "unix-datagram"]]);

/** A socket, and its port where it has one. */
export interface SocketKind {
  readonly kind: "udp" | "tcp" | "unix-stream" | "unix-datagram";
  readonly port: number;
}

/**
 * Tells what kind of socket a descriptor is.
 *
 * @param descriptor any number
 * @returns undefined for what is no such socket, and where there is no /proc
 */
export function identifySocket(descriptor: number): SocketKind | undefined {
  const inode = inodeOf(descriptor);
  if (inode === undefined) return undefined;
  for (const kind of ["udp", "tcp"] as const) {
    for (const path of SOCKET_LISTS[kind]) {
      const row = readRows(path).find((columns) => columns[9] === inode);
      if (row !== undefined) return { kind, port: Number.parseInt(row[1]!.split(":")[1]!, 16) };
    }
  }
  const kind = UNIX_TYPES.get(readRows(UNIX_SOCKETS).find((columns) => columns[6] === inode)?.[4] ?? "");
  return kind && { kind, port: 0 };
}

function inodeOf(descriptor: number): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${descriptor}`))?.[1];
  } catch {
    return undefined;
  }
}

/** A list's rows by columns; none from a kernel without it, as one without IPv6. */
function readRows(path: string): readonly (readonly string[])[] {
  try {
    return readFileSync(path, "latin1").split("\n").map((line) => line.trim().split(/\s+/));
  } catch {
    return [];
  }
}
