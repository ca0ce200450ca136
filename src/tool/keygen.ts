/**
 * `fko-tool keygen`: keys for both ends, as lines and as the QR code that the Android client scans.
 *
 * @module
 */

import type { OptionTable, Parsed, Program } from "../cli/options.ts";
import { custom, flag, text } from "../cli/values.ts";
import { digestType } from "../cli/vocabularies.ts";
import type { DigestType } from "../fko.ts";
import { printableText } from "../foreign-text.ts";
import { formatIp, parseIp } from "../ip.ts";
import { numberFrom } from "./option-values.ts";

/** The options. */
export interface KeygenOptions {
  keyLen?: number;
  hmacKeyLen?: number;
  hmacDigestType?: DigestType;
  output?: string;
  qr?: true;
  qrSvg?: string;
  clientIp?: string;
  help?: true;
}

/** The Android client knows IPv4 only. */
function ipv4(given: string): Parsed<string> {
  const ip = parseIp(given);
  return ip?.version === 4 ? { ok: true, value: formatIp(ip) } : { ok: false, message: `expected an IPv4 address, got '${printableText(given)}'` };
}

const OPTIONS: OptionTable<KeygenOptions> = {
  keyLen: { long: "key-len", value: /* @__PURE__ */ numberFrom("BYTES", 1, 32), group: "keys", doc: "Bytes of the encryption key, 1 to 32; 32 unless given." },
  hmacKeyLen: { long: "hmac-key-len", value: /* @__PURE__ */ numberFrom("BYTES", 1, 128), group: "keys", doc: "Bytes of the HMAC key, 1 to 128; as many as suit its digest unless given." },
  hmacDigestType: { long: "hmac-digest-type", value: /* @__PURE__ */ digestType("hmac digest"), group: "keys", doc: "Digest that the HMAC key is for; sha256 unless given." },
  output: { long: "output", value: /* @__PURE__ */ text("FILE", { completes: "file" }), group: "output", doc: "Write the two lines to a file of mode 0600 instead of the terminal." },
  qr: { long: "qr", value: flag, group: "output", doc: "Draw a QR code of the keys in the terminal; the Android client scans it." },
  qrSvg: { long: "qr-svg", value: /* @__PURE__ */ text("FILE", { completes: "file" }), group: "output", doc: "Write that QR code as SVG to a file of mode 0600." },
  clientIp: { long: "client-ip", value: /* @__PURE__ */ custom("ADDRESS", ipv4), group: "output", doc: "Put the IPv4 address to open for into the QR code as well." },
  help: { long: "help", value: flag, group: "output", doc: "Print this." },
};

/** The subcommand. */
export const KEYGEN: Program<KeygenOptions> = {
  name: "fko-tool keygen",
  summary: "makes an encryption key and an HMAC key",
  synopsis: ["[OPTION]..."],
  options: OPTIONS,
  letters: { o: "output", h: "help" },
  groups: { keys: "Keys", output: "Output" },
};
