/**
 * What options of the Perl program leave open.
 *
 * @module
 */
import type { ClientSettings } from "../../client/settings.ts";
import { homeFile } from "./home-files.ts";
import type { ClientHost } from "./host.ts";
import { ClientError } from "./output.ts";

/**
 * Finds the proxy of `--HTTP-proxy`, the file of `--Save-packet`, and what comes with `--Spoof-src` and `--Spoof-proto`.
 *
 * @param given the options, and what the rc file says
 * @param host the environment
 * @returns settings that go over those given
 * @throws ClientError when there is neither proxy nor home folder
 */
export function perlSettings(given: ClientSettings, host: ClientHost): ClientSettings {
  const settings: ClientSettings = {};
  if (given.perlHttpProxy !== undefined && given.httpProxy === undefined) {
    const proxy = given.perlHttpProxy || host.env["http_proxy"];
    if (!proxy) throw new ClientError("--HTTP-proxy: expected a proxy behind it, or in the environment's http_proxy");
    settings.httpProxy = proxy;
  }
  if (given.perlSavePacket && given.savePacket === undefined) {
    settings.savePacket = homeFile(`fwknop_save_packet.${process.pid}`, given, host, "folder of the saved packet");
  }
  if (given.perlSpoofSource !== undefined) {
    settings.spoofSource = given.perlSpoofSource;
    settings.spoofUser = given.spoofUser ?? "root";
    if (given.serverProto === undefined && given.spoofProto === undefined) settings.spoofProto = "udp";
  }
  if (given.spoofProto === "icmp") settings.icmpType = given.icmpType ?? ECHO_REQUEST;
  return settings;
}

const ECHO_REQUEST = 8;
