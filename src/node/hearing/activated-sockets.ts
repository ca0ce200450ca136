/**
 * Sockets that systemd opened for us (sd_listen_fds(3)).
 *
 * @module
 */

/** One inherited socket. */
export interface ActivatedSocket {
  readonly descriptor: number;
  /** FileDescriptorName=, empty without one. */
  readonly name: string;
}

/** SD_LISTEN_FDS_START */
const FIRST_DESCRIPTOR = 3;
/** More than any unit has; a larger number is no count. */
const MAX_SOCKETS = 1000;

/**
 * Takes the sockets that the service manager handed over, and removes them from the
 * environment so that no child believes they are its own.
 *
 * @param env the environment, changed
 * @param pid our process id: the sockets may be meant for our parent
 * @returns the sockets, in order
 */
export function takeActivatedSockets(env: Record<string, string | undefined>, pid: number): ActivatedSocket[] {
  const { LISTEN_PID: owner, LISTEN_FDS: count, LISTEN_FDNAMES: names } = env;
  delete env["LISTEN_PID"];
  delete env["LISTEN_FDS"];
  delete env["LISTEN_FDNAMES"];
  if (owner !== String(pid) || !/^\d{1,4}$/.test(count ?? "") || Number(count) > MAX_SOCKETS) return [];
  const list = names?.split(":") ?? [];
  return Array.from({ length: Number(count) }, (_, at) => ({ descriptor: FIRST_DESCRIPTOR + at, name: list[at] ?? "" }));
}
