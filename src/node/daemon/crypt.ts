/**
 * crypt(3), which the runtime does not have, by a program that does. All kinds of hashes of the host's library work.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { type Bytes, concatBytes, utf8Bytes, wipe } from "../../bytes.ts";
import { findProgram } from "../find-program.ts";
import { runBytes } from "../run.ts";

/** A program that gives crypt(3) to scripts: it reads a setting, a line feed and a password, and writes the hash. */
interface CryptProgram {
  readonly name: string;
  readonly args: readonly string[];
}

/** In the order in which they are asked. Python has the module up to 3.12. */
const CRYPT_PROGRAMS: readonly CryptProgram[] = [
  {
    name: "perl",
    args: ["-e", 'binmode STDIN; local $/; my ($setting, $password) = split /\\n/, <STDIN>, 2; print crypt($password, $setting) // "";'],
  },
  {
    name: "python3",
    args: ["-I", "-W", "ignore", "-c", 'import crypt, sys\nsetting, password = sys.stdin.buffer.read().decode().split("\\n", 1)\nprint(crypt.crypt(password, setting) or "", end="")'],
  },
];

/** What is said where neither is there. */
export const NO_CRYPT = "neither perl nor python3 with its module crypt is there to hash passwords";

/** How long a program may take to show what it can do, milliseconds. */
const PROBE_TIMEOUT_MS = 5000;

/** The programs that are on this host. */
function argvs(): readonly [string, ...string[]][] {
  return CRYPT_PROGRAMS.flatMap(({ name, args }) => {
    const path = findProgram(name);
    return path === undefined ? [] : [[path, ...args] as [string, ...string[]]];
  });
}

/**
 * Tells whether passwords can be hashed on this host.
 *
 * @returns whether one of the programs works
 */
export function hasCrypt(): boolean {
  return argvs().some(([program, ...args]) => spawnSync(program, args, { input: "$6$salt$\n", timeout: PROBE_TIMEOUT_MS, env: { LC_ALL: "C" } }).status === 0);
}

/** A hash, or why there is none. */
export type Crypted = { readonly ok: true; readonly hash: Bytes } | { readonly ok: false; readonly reason: string };

/** How patient to be. */
export interface CryptOptions {
  readonly timeoutMs: number;
  /** Ends it before. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Hashes a password. It is given to the program on its stdin.
 *
 * @param password the caller wipes it
 * @param setting what to hash by: `$6$SALT$`, or a whole hash
 * @param options limits
 * @returns the hash, a fresh array which the caller wipes
 */
export async function crypt(password: Uint8Array, setting: Uint8Array, { timeoutMs, signal }: CryptOptions): Promise<Crypted> {
  const input = concatBytes(setting, utf8Bytes("\n"), password);
  try {
    for (const argv of argvs()) {
      const result = await runBytes(argv, { input, timeoutMs, signal });
      if (result.timedOut) return { ok: false, reason: `crypt(3) took longer than ${timeoutMs / 1000} s` };
      if (result.aborted) return { ok: false, reason: "the daemon ends" };
      if (!result.ok) continue;
      // libxcrypt says *0 or *1 where others say nothing.
      const isHash = result.stdout.length > 0 && result.stdout[0] !== 0x2a;
      return isHash ? { ok: true, hash: result.stdout } : { ok: false, reason: "crypt(3) of this host does not know this kind of hash" };
    }
    return { ok: false, reason: NO_CRYPT };
  } finally {
    wipe(input);
  }
}
