/**
 * Users and groups by name, from the files that every program reads.
 *
 * @module
 */

/** A line of /etc/passwd. */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** A line of /etc/group. */
export interface Group {
  readonly name: string;
  readonly gid: number;
}

/** @param name a user's name or decimal id  @returns the user, or undefined */
export function findUser(name: string): User | undefined {
  void name;
  return undefined;
}

/** @param name a group's name or decimal id  @returns the group, or undefined */
export function findGroup(name: string): Group | undefined {
  void name;
  return undefined;
}
