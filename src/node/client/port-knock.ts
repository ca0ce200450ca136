/**
 * `--Server-mode knock` and `shared`: the client program knocks at one port after the other.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { wipe } from "../../bytes.ts";
import { destinationOf } from "../../client/destination.ts";
import { encryptedKnocks, sharedKnocks } from "../../client/port-knocks.ts";
import type { ClientSettings } from "../../client/settings.ts";
import { printableText } from "../../foreign-text.ts";
import { formatIp, parseIp } from "../../ip.ts";
import { DEFAULT_OFFSET, formatKnock, parseKnock, type PortKnock } from "../../port-knock.ts";
import { connectTcp } from "../connect-tcp.ts";
import { resolveHost } from "../resolve-host.ts";
import { codeOf, reasonOf } from "../system-error.ts";
import type { ClientHost } from "./host.ts";
import { obtainKeys } from "./keys.ts";
import { ClientError, type ClientOutput, unwrap } from "./output.ts";
import type { RcFile } from "./rc-file.ts";
import { factsOf } from "./request-facts.ts";
import { sendPacket } from "./send.ts";

const DEFAULT_DELAY_SECONDS = 1;
/** The SYN is out by then. Given up long before the system says it again, which would be one knock too many; and servers allow a minute for all 32. */
const CONNECT_TIMEOUT_MS = 100;
/** The server, or somebody in front of it, has seen the knock. */
const ANSWERS = new Set(["ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH"]);

/**
 * Knocks at a sequence of ports.
 *
 * @param settings checked settings
 * @param rc holds the sequences of `shared`
 * @param host the system
 * @param output where to talk
 * @returns the exit status
 * @throws ClientError, FkoError or FileError with what kept the sequence from being made or sent
 */
export async function knockAtPorts(settings: ClientSettings, rc: RcFile | undefined, host: ClientHost, output: ClientOutput): Promise<number> {
  const { host: server } = destinationOf(settings);
  const isShared = settings.serverMode === "shared";
  const knocks = isShared ? await agreedKnocks(rc, server) : await secretKnocks(settings, host, output);
  if (isShared && (settings.access !== undefined || settings.allowIp !== undefined)) {
    output.warning("--access and --allow-ip are not told by a shared sequence: the server opens what its own files say");
  }
  const shown = `Port knocking sequence:\n${knocks.map((knock) => ` ${formatKnock(knock)}`).join("\n")}`;
  if (settings.test) {
    output.notice(`${shown}\ntest mode enabled, nothing is sent.`);
    return 0;
  }
  output.info(shown);
  const resolved = await findServer(server);
  if (!resolved.ok) throw new ClientError(`--destination: ${resolved.message}`);
  const address = formatIp(resolved.addresses[0].ip);
  for (const [at, knock] of knocks.entries()) {
    if (at > 0) await sleep(1000 * (settings.timeDelay ?? DEFAULT_DELAY_SECONDS));
    const failure = await knockOnce(address, knock);
    if (failure !== undefined) throw new ClientError(`Knock ${at + 1} of ${knocks.length}: ${formatKnock(knock)}: ${failure}`);
  }
  return 0;
}

/** Servers of that age know IPv4 only. */
const findServer = (server: string): ReturnType<typeof resolveHost> => resolveHost(server, { family: 4 });

async function agreedKnocks(rc: RcFile | undefined, server: string): Promise<readonly PortKnock[]> {
  const resolved = await findServer(server);
  return unwrap(sharedKnocks(rc?.lines ?? [], server, resolved.ok ? resolved.addresses[0].ip : undefined));
}

async function secretKnocks(settings: ClientSettings, host: ClientHost, output: ClientOutput): Promise<readonly PortKnock[]> {
  const access = parseKnock(settings.access ?? "");
  if (access === undefined) throw new ClientError(`--access: expected one PROTO/PORT for --Server-mode knock, got '${printableText(settings.access ?? "")}'`);
  const { allowIp, username } = await factsOf({ ...settings, ipv4: true }, host, output);
  const address = parseIp(allowIp ?? "");
  if (address?.version !== 4) throw new ClientError("--allow-ip: expected an IPv4 address for --Server-mode knock");
  const { cipher: key } = await obtainKeys(settings, host, output);
  try {
    return encryptedKnocks({ address, access, username, key, salt: host.randomBytes(8), offset: settings.offset ?? DEFAULT_OFFSET, isRotated: settings.rotateProto === true });
  } finally {
    wipe(key);
  }
}

/** Sends one knock, and waits for no answer. Says why it could not be sent. */
async function knockOnce(address: string, knock: PortKnock): Promise<string | undefined> {
  if (knock.protocol === "tcp") {
    const connected = await connectTcp({ address, port: knock.port, timeoutMs: CONNECT_TIMEOUT_MS });
    if (connected.ok) connected.socket.destroy();
    return connected.ok || connected.error === "timeout" || ANSWERS.has(codeOf(connected.error) ?? "") ? undefined : `${reasonOf(connected.error)} (${address})`;
  }
  const sent = await sendPacket({ transport: knock.protocol, packet: "", host: address, port: knock.protocol === "icmp" ? 0 : knock.port, icmp: ECHO_REQUEST });
  return sent.ok ? undefined : sent.message;
}

const ECHO_REQUEST = { type: 8, code: 0 };
