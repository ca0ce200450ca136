/**
 * The demonstration without a network: a capture made in memory goes into the daemon's standard input, and its firewall
 * prints the commands that it would run.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8Bytes } from "../../bytes.ts";
import { randomDigits } from "../../client/random-digits.ts";
import { buildUdpPacket } from "../../client/raw-packet.ts";
import { encodeMessage, PROTOCOL_VERSION, sealMessage } from "../../fko.ts";
import { HmacKey } from "../../hmac.ts";
import { ipFromBytes } from "../../ip.ts";
import { pcapHeader, pcapRecord } from "../../pcap-writer.ts";
import { sha256 } from "../../sha.ts";
import { programArgv } from "../own-runtime.ts";
import type { UndoList } from "../undo-list.ts";
import { type DemoKeys, demoKeys, demoSettings, type DemoOptions } from "./demo-settings.ts";
import { WatchedChild } from "./watched-child.ts";

/** Addresses for documentation (RFC 5737). */
const CLIENT = [192, 0, 2, 7] as const;
const SERVER = [198, 51, 100, 1] as const;
const SPA_PORT = 62201;
const OPEN_SECONDS = 2;

/**
 * Shows what the daemon does with noise, with a good packet, and with the same packet again.
 *
 * @param options where to talk
 * @param undo takes the removal of the files
 * @throws {Error} when the daemon does something else
 */
export async function showCapture({ say, main }: DemoOptions, undo: UndoList): Promise<void> {
  say("So a capture that is made in memory goes into fwknopd --stdin, and its firewall only prints its commands.");
  say("");
  const folder = mkdtempSync(join(tmpdir(), "fko-tool-demo-"));
  await undo.add(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const keys = demoKeys();
  const settings = demoSettings(keys, { FIREWALL_TYPE: "print", FWKNOP_RUN_DIR: folder }, OPEN_SECONDS);
  const words = ["--stdin", "-f", "-c", write("fwknopd.conf", settings.config), "-a", write("access.conf", settings.access)];

  const [program, ...args] = programArgv(main, "server", ...words);
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  await undo.add(() => void child.kill("SIGKILL"));
  say(`$ tcpdump -U -w - 'udp port ${SPA_PORT}' | fwknopd ${words.join(" ")}`);
  const daemon = new WatchedChild("fwknopd", child, (line) => say(`  ${line}`));
  const packet = sealPacket(keys);
  const send = (payload: string): void => {
    daemon.stdin.write(pcapRecord(buildUdpPacket({
      source: ipFromBytes(Uint8Array.from(CLIENT)),
      destination: ipFromBytes(Uint8Array.from(SERVER)),
      sourcePort: 40000,
      destinationPort: SPA_PORT,
      payload: utf8Bytes(payload),
    }), Date.now() / 1000));
  };

  daemon.stdin.write(pcapHeader());
  await daemon.waitFor("main event loop");
  say("A packet from somebody who does not have the keys:");
  send(sealPacket(demoKeys()));
  await daemon.waitFor("Non-corresponding HMAC");
  say("A packet from somebody who has them:");
  send(packet);
  await daemon.waitFor("Added access rule");
  say("The same packet again:");
  send(packet);
  await daemon.waitFor("Replay detected");
  say(`${OPEN_SECONDS} seconds later:`);
  await daemon.waitFor("Removed rule");
  say("The pipe ends:");
  daemon.stdin.end();
  const { status } = await daemon.exit;
  if (status !== 0) throw new Error(`Expected the daemon to end with status 0, got ${status}`);
  say("");
  say("Run this as root, with iptables and tcpdump installed, to see a real port open and close.");
}

/** A fresh request to open tcp/22 for the client. */
function sealPacket(keys: DemoKeys): string {
  const { plaintext } = encodeMessage({
    random: randomDigits(randomBytes),
    username: "demo",
    timestamp: Math.floor(Date.now() / 1000),
    version: PROTOCOL_VERSION,
    type: 1,
    message: `${CLIENT.join(".")},tcp/22`,
    digestType: "sha256",
  });
  return sealMessage(plaintext, { mode: "cbc", key: keys.key, salt: randomBytes(8), hmac: new HmacKey(sha256, keys.hmacKey) });
}
