/**
 * `--Server-mode knock` and `shared`: the client program knocks at one port after the other.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import { setTimeout as sleep } from "node:timers/promises";
import { parsePortSpec } from "../../access-message.ts";
import { wipe } from "../../bytes.ts";
import { encryptedKnocks, formatKnock, type PortKnock, sharedKnocks } from "../../client/port-knocks.ts";
import { destinationOf } from "../../client/request.ts";
import type { ClientSettings } from "../../client/settings.ts";
import { printableText } from "../../foreign-text.ts";
import { parseIp } from "../../ip.ts";
import type { RcFile } from "./home-files.ts";
import type { ClientHost } from "./host.ts";
import { obtainKeys } from "./keys.ts";
import { ClientError, type ClientOutput } from "./output.ts";
import { connectTcp } from "../connect-tcp.ts";
import { factsOf } from "./knock.ts";
import { type HostAddress, resolveHost } from "../resolve-host.ts";
import { sendPacket } from "./send.ts";
import { reasonOf } from "../system-error.ts";

const DEFAULT_OFFSET = 61000;
const DEFAULT_DELAY_SECONDS = 1;
/** Given up before the system says SYN again, which would be one knock too many. */
const CONNECT_TIMEOUT_MS = 500;
const RESOLVE_TIMEOUT_MS = 5000;

/**
 * Knocks at a sequence of ports.
 *
 * @param settings checked settings
 * @param rc holds the sequences of `shared`
 * @param host the system
 * @param output where to talk
 * @returns the exit status
 * @throws ClientError, FkoError, FileError or PromptError with what kept the sequence from being made or sent
 */
export async function knockAtPorts(settings: ClientSettings, rc: RcFile | undefined, host: ClientHost, output: ClientOutput): Promise<number> {
  const server = destinationOf(settings).host;
  const knocks = settings.serverMode === "shared" ? agreedKnocks(rc, server) : await secretKnocks(settings, host, output);
  const shown = `Port knocking sequence:\n${knocks.map((knock) => ` ${formatKnock(knock)}`).join("\n")}`;
  if (settings.test) {
    output.notice(`${shown}\ntest mode enabled, nothing is sent.`);
    return 0;
  }
  output.info(shown);
  const family = settings.ipv6 ? 6 : settings.ipv4 || settings.serverResolveIpv4 ? 4 : undefined;
  const resolved = await resolveHost(server, { family, timeoutMs: RESOLVE_TIMEOUT_MS });
  if (!resolved.ok) throw new ClientError(`--destination: ${resolved.message}`);
  for (const [at, knock] of knocks.entries()) {
    if (at > 0) await sleep(1000 * (settings.timeDelay ?? DEFAULT_DELAY_SECONDS));
    await knockOnce(resolved.addresses[0], knock);
  }
  return 0;
}

function agreedKnocks(rc: RcFile | undefined, server: string): readonly PortKnock[] {
  const knocks = sharedKnocks(rc?.lines ?? [], server);
  if (!knocks.ok) throw new ClientError(knocks.message);
  return knocks.value;
}

async function secretKnocks(settings: ClientSettings, host: ClientHost, output: ClientOutput): Promise<readonly PortKnock[]> {
  const access = parsePortSpec(settings.access ?? "");
  if (access === undefined) throw new ClientError(`--access: expected one PROTO/PORT for --Server-mode knock, got '${printableText(settings.access ?? "")}'`);
  const { allowIp, username } = await factsOf(settings, host, output);
  const address = parseIp(allowIp ?? "");
  if (address?.version !== 4) throw new ClientError("--allow-ip: expected an IPv4 address for --Server-mode knock");
  const { cipher: key } = await obtainKeys(settings, host, output);
  try {
    return encryptedKnocks({ address, access, username, key, salt: host.randomBytes(8), offset: settings.offset ?? DEFAULT_OFFSET, isRotated: settings.rotateProto === true });
  } finally {
    wipe(key);
  }
}

async function knockOnce(to: HostAddress, knock: PortKnock): Promise<void> {
  switch (knock.protocol) {
    case "tcp": {
      // Refused, unanswered or accepted: the server has seen it.
      const connected = await connectTcp({ address: to.text, port: knock.port, timeoutMs: CONNECT_TIMEOUT_MS });
      if (connected.ok) connected.socket.destroy();
      return;
    }
    case "udp":
      return sendEmptyDatagram(to, knock.port);
    case "icmp": {
      const sent = await sendPacket({ transport: "icmp", packet: "", host: to.text, port: 0, icmp: { type: 8, code: 0 } });
      if (!sent.ok) throw new ClientError(sent.message);
    }
  }
}

function sendEmptyDatagram(to: HostAddress, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(to.ip.version === 4 ? "udp4" : "udp6");
    const settle = (error?: Error | null): void => {
      socket.close();
      if (error) reject(new ClientError(`udp/${port}: ${reasonOf(error)}`, { cause: error }));
      else resolve();
    };
    socket.once("error", settle);
    socket.send(new Uint8Array(0), port, to.text, settle);
  });
}
