/**
 * A system for the client program that a test can look into: its output, its clock, its home folder.
 *
 * @module
 */
import { closeSync, mkdtempSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Bytes, utf8Bytes } from "../../src/bytes.ts";
import { runClient } from "../../src/node/client/client.ts";
import type { ClientHost } from "../../src/node/client/host.ts";
import { generator } from "./gen.ts";

/** What a run of the client left. */
export interface ClientRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A home folder, and runs of the client in it. */
export interface ClientBench {
  readonly home: string;
  /** Unix time, seconds, that runs see. */
  now: number;
  /** Lines that a question on standard input, or --stdin, gets; then its end. */
  input: string[];
  readonly env: Record<string, string>;
  run(...argv: readonly string[]): Promise<ClientRun>;
}

/**
 * Makes a home folder, which goes with the test.
 *
 * @param t the running test, or its suite
 * @param name draws the random bytes
 */
export function openClientBench(t: { after(action: () => void): void } | TestContext, name: string): ClientBench {
  const home = mkdtempSync(join(tmpdir(), "fko-client-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const gen = generator(name);
  const bench: ClientBench = {
    home,
    now: 1_795_344_073,
    input: [],
    env: { HOME: home, LOGNAME: "alice", PATH: process.env["PATH"] ?? "" },
    run: async (...argv) => {
      const written = { 1: "", 2: "" };
      const host: ClientHost = {
        env: bench.env,
        write: (descriptor, text) => void (written[descriptor] += text),
        now: () => bench.now * 1000,
        randomBytes: (length) => gen.bytes(length),
        loginName: async () => "login",
        readLine: (descriptor) => (descriptor === 0 ? nextLine(bench.input) : lineOf(descriptor)),
        close: closeSync,
      };
      const status = await runClient(argv, host);
      return { status, stdout: written[1], stderr: written[2] };
    },
  };
  return bench;
}

function nextLine(input: string[]): Bytes | undefined {
  const line = input.shift();
  return line === undefined ? undefined : utf8Bytes(line);
}

function lineOf(descriptor: number): Bytes | undefined {
  const bytes: number[] = [];
  const byte = new Uint8Array(1);
  while (readSync(descriptor, byte) === 1 && byte[0] !== 0x0a) bytes.push(byte[0]!);
  return bytes.length === 0 ? undefined : Uint8Array.from(bytes);
}
