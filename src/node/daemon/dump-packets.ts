/**
 * `--spa-dump-packets`: what is in packets that somebody kept, and what the stanzas say to them. Nothing is done about it.
 *
 * @module
 */

import { resolve } from "node:path";
import type { ServerOptions } from "../../cli/server-options.ts";
import type { AccessStanza } from "../../config/access-config.ts";
import type { DaemonConfig } from "../../config/daemon-config.ts";
import { parseIp } from "../../ip.ts";
import type { Datagram } from "../../packet.ts";
import { decide } from "../../server/decide.ts";
import { readyStanza } from "../../server/open-packet.ts";
import { ReplayMemory } from "../../server/replay.ts";
import { senderText } from "../../server/trail.ts";
import type { Decision, Verdict } from "../../server/verdict.ts";
import { FileError, readOwnFile } from "../files.ts";
import { answerDecision } from "./decision-answers.ts";

/** Largest file that is read, bytes. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;
const LOOPBACK = parseIp("127.0.0.1")!;
/** IP protocol number. */
const UDP = 17;

/** What the packets are judged by. */
export interface DumpSetup {
  readonly config: DaemonConfig;
  readonly stanzas: readonly AccessStanza[];
  readonly options: ServerOptions;
  /** Where relative paths begin. */
  readonly folder: string;
}

/**
 * Prints the packets of a file, one a line.
 *
 * @param path the file
 * @param setup what they are judged by
 * @param print takes the lines
 * @returns the exit status: 0 when each packet could be opened
 * @throws {FileError} when the file cannot be read, or has no line
 */
export async function dumpPackets(path: string, setup: DumpSetup, print: (text: string) => void): Promise<number> {
  const { bytes } = readOwnFile(resolve(setup.folder, path), { maxBytes: MAX_FILE_BYTES, kind: "packet", name: path });
  const packets = new TextDecoder().decode(bytes).split("\n").map((line) => line.trim()).filter((line) => line !== "");
  if (packets.length === 0) throw new FileError(`Could not find a packet in file: ${path}`, "NO_PACKET", path);
  let isEachOpened = true;
  for (const [at, packet] of packets.entries()) {
    const { verdict, notes, remember } = await judge(packet, setup);
    const digest = remember[0]?.digest;
    isEachOpened &&= digest !== undefined;
    const head = `Packet ${at + 1}: ${packet.length} bytes${digest === undefined ? "" : `, replay digest ${digest}`}`;
    print([head, ...notes.map(({ message }) => message), verdictText(verdict), "", ""].join("\n"));
  }
  return isEachOpened ? 0 : 1;
}

async function judge(packet: string, { config, stanzas, options, folder }: DumpSetup): Promise<Decision> {
  const now = Date.now() / 1000;
  const datagram: Datagram = {
    payload: new TextEncoder().encode(packet), source: LOOPBACK, destination: LOOPBACK, protocol: UDP, sourcePort: 0, destinationPort: config.UDPSERV_PORT, timestamp: now,
  };
  const steps = decide(datagram, { config, stanzas: stanzas.map(readyStanza), replay: new ReplayMemory(), now, testMode: false });
  let step = steps.next();
  while (step.done !== true) step = steps.next(await answerDecision(step.value, { folder, insecurePermissions: options.insecurePermissions ?? false }));
  return step.value;
}

function verdictText(verdict: Verdict): string {
  if (verdict.kind === "refused") return verdict.record.message;
  return `(stanza #${verdict.stanza}) A daemon would accept this packet (${senderText(verdict.message, verdict.arrivedAt)})`;
}
