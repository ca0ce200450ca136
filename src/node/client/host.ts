/**
 * What the client program gets from the system, so that a test can be the system.
 *
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";
import { type Bytes, wipe } from "../../bytes.ts";
import { pause, writeText } from "../standard-output.ts";
import { codeOf } from "../system-error.ts";
import type { CompiledClient } from "./keep-compiled.ts";

/** The system, as far as the client program looks at it without help of its neighbours. */
export interface ClientHost {
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Writes to standard output (1) or standard error (2).
   *
   * @throws FileError when standard output is full or closed
   */
  write(descriptor: 1 | 2, text: string): void;
  /** Milliseconds since 1970. */
  now(): number;
  /** Fresh bytes from the system's random source. */
  randomBytes(length: number): Bytes;
  /** Name of the user who logged in. */
  loginName(): Promise<string | undefined>;
  /**
   * Reads a line, without its end; undefined at the end of the file.
   *
   * @throws the system's error, EBADF for a descriptor that is not open
   */
  readLine(descriptor: number): Bytes | undefined;
  /** Closes a descriptor that lines were read from. */
  close(descriptor: number): void;
  /** The program that runs, where it is to be kept for later runs. */
  readonly compiled?: CompiledClient;
}

/** @returns the real system */
export function systemHost(): ClientHost {
  return {
    env: process.env,
    write: writeText,
    now: Date.now,
    randomBytes,
    loginName,
    readLine,
    close: closeSync,
  };
}

/** From the kernel itself: node:crypto and WebCrypto would take a tenth of the client's start to load (measured). */
function randomBytes(length: number): Bytes {
  const bytes = new Uint8Array(length);
  let descriptor: number;
  try {
    descriptor = openSync("/dev/urandom", "r");
  } catch { // no such device: not a Unix, or a bare chroot
    return crypto.getRandomValues(bytes);
  }
  let count = 0;
  while (count < length) {
    const more = readSync(descriptor, bytes, count, length - count, null);
    if (more === 0) throw new Error("Cannot read /dev/urandom: it has ended");
    count += more;
  }
  closeSync(descriptor);
  return bytes;
}

async function loginName(): Promise<string | undefined> {
  const { userInfo } = await import("node:os");
  try {
    return userInfo().username || undefined;
  } catch { // no line in the password file
    return undefined;
  }
}

const LONGEST_LINE = 4096;

/** Byte by byte, so that nothing behind the line is taken from whoever reads next. */
function readLine(descriptor: number): Bytes | undefined {
  const line = new Uint8Array(LONGEST_LINE);
  let length = 0;
  for (;;) {
    let count: number;
    try {
      count = length < LONGEST_LINE ? readSync(descriptor, line, length, 1, null) : 0;
    } catch (error) {
      if (codeOf(error) !== "EAGAIN") throw error;
      pause();
      continue;
    }
    const isEnd = count === 0;
    if (!isEnd && line[length] !== 0x0a) {
      length++;
      continue;
    }
    const withoutCr = !isEnd && length > 0 && line[length - 1] === 0x0d ? length - 1 : length;
    const text = isEnd && length === 0 ? undefined : line.slice(0, withoutCr);
    wipe(line);
    return text;
  }
}
