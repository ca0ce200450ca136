/**
 * Users and groups by name or number: from the files that every program reads, or from whatever else the system asks
 * about them, such as a directory service.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { childEnvironment } from "./child-env.ts";
import { findProgram } from "./find-program.ts";
import { codeOf } from "./system-error.ts";

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

/** Highest id that is not a marker: -1 means "leave as it is" to the setuid calls. */
const MAX_ID = 0xffff_fffe;

/**
 * Reads /etc/passwd (passwd(5)). Lines of any other form, NIS markers among them, are passed over.
 *
 * @param text the file
 * @returns its users, in order
 */
export function parsePasswd(text: string): User[] {
  const users: User[] = [];
  for (const line of text.split("\n")) {
    const fields = line.split(":");
    if (fields.length !== 7) continue;
    const [name, , uidText, gidText, , home] = fields as [string, string, string, string, string, string, string];
    const uid = parseId(uidText);
    const gid = parseId(gidText);
    if (isName(name) && uid !== undefined && gid !== undefined) users.push({ name, uid, gid, home });
  }
  return users;
}

/**
 * Reads /etc/group (group(5)), passing over what has another form.
 *
 * @param text the file
 * @returns its groups, in order
 */
export function parseGroups(text: string): Group[] {
  const groups: Group[] = [];
  for (const line of text.split("\n")) {
    const fields = line.split(":");
    if (fields.length !== 4) continue;
    const [name, , gidText] = fields as [string, string, string, string];
    const gid = parseId(gidText);
    if (isName(name) && gid !== undefined) groups.push({ name, gid });
  }
  return groups;
}

/**
 * Finds a user.
 *
 * @param name the name, or the decimal id of a user in the file
 * @param file where users are listed
 * @returns the first that fits, or undefined
 */
export function findUser(name: string, file: string = "/etc/passwd"): User | undefined {
  const users = parsePasswd(readOrEmpty(file));
  const id = parseId(name);
  return users.find((user) => user.name === name) ?? users.find((user) => user.uid === id);
}

/**
 * Finds a group.
 *
 * @param name the name, or the decimal id of a group in the file
 * @param file where groups are listed
 * @returns the first that fits, or undefined
 */
export function findGroup(name: string, file: string = "/etc/group"): Group | undefined {
  const groups = parseGroups(readOrEmpty(file));
  const id = parseId(name);
  return groups.find((group) => group.name === name) ?? groups.find((group) => group.gid === id);
}

/**
 * Looks for a user in the file, and then wherever the system looks.
 *
 * @param name the name or the decimal id
 * @param getent the program that asks (getent(1)); undefined on systems without it
 */
export function lookUpUser(name: string, getent: string | undefined = findProgram("getent")): User | undefined {
  return findUser(name) ?? parsePasswd(ask(getent, "passwd", name))[0];
}

/**
 * Looks for a group in the file, and then wherever the system looks.
 *
 * @param name the name or the decimal id
 * @param getent the program that asks (getent(1)); undefined on systems without it
 */
export function lookUpGroup(name: string, getent: string | undefined = findProgram("getent")): Group | undefined {
  return findGroup(name) ?? parseGroups(ask(getent, "group", name))[0];
}

/** Limit for one question, milliseconds: a directory that is out of reach must not hold up the start. */
const ASK_MS = 5000;

function ask(getent: string | undefined, database: string, name: string): string {
  if (getent === undefined || !isName(name)) return "";
  const { status, stdout } = spawnSync(getent, [database, name], { encoding: "utf8", timeout: ASK_MS, env: childEnvironment(), stdio: ["ignore", "pipe", "ignore"] });
  return status === 0 ? stdout : "";
}

function parseId(text: string): number | undefined {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : MAX_ID + 1;
  return id <= MAX_ID ? id : undefined;
}

function isName(text: string): boolean {
  return text !== "" && !/^[+-]/.test(text);
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return "";
    throw error;
  }
}
