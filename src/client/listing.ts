/**
 * The listings that `-v` and `-T` print. Programs read them, so each label and blank is as they know it.
 *
 * @module
 */

import { decodeBase64 } from "../base64.ts";
import { constantTimeEqual, utf8Bytes } from "../bytes.ts";
import { DIGESTS, type DigestType, MESSAGE_TYPES, type Message } from "../fko-message.ts";
import { ENCRYPTION_MODES, type EncryptionMode } from "../fko-packet.ts";
import type { SendTarget } from "./send-target.ts";

/** All that a listing shows. */
export interface ListedPacket {
  readonly message: Message;
  /** The fields as text, without the digest. */
  readonly encoded: string;
  readonly digest: string;
  /** Absent: no HMAC. */
  readonly hmac?: { readonly type: DigestType; readonly text: string };
  readonly mode: EncryptionMode;
  readonly gpg?: ListedGpg;
  /** As it is sent. */
  readonly packet: string;
}

/** What is known of the OpenPGP side, before or after decryption. */
export interface ListedGpg {
  readonly signer?: string;
  readonly recipient?: string;
  readonly signatureId?: string;
  readonly fingerprint?: string;
  /** gpgme's signature summary and status; -1 before decryption. */
  readonly summary: number;
  readonly status: number;
  readonly home?: string;
  readonly exe: string;
}

const UNSET = "<NULL>";
const LABEL_WIDTH = 15;
const PLAN_LABEL_WIDTH = 20;

/**
 * Lists the fields of a packet.
 *
 * @param listed the packet
 * @returns lines, the last one empty, without a line end behind it
 */
export function formatPacketListing(listed: ListedPacket): string {
  const { message, hmac, gpg } = listed;
  const digest = DIGESTS[message.digestType];
  const mode = ENCRYPTION_MODES[listed.mode];
  const hmacRow = hmac && DIGESTS[hmac.type];
  const rows: readonly (readonly [label: string, value: string | number | undefined])[] = [
    ["Random Value", message.random],
    ["Username", message.username],
    ["Timestamp", message.timestamp],
    ["FKO Version", message.version],
    ["Message Type", `${message.type} (${MESSAGE_TYPES[message.type].label})`],
    ["Message String", message.message],
    ["Nat Access", message.natAccess],
    ["Server Auth", message.serverAuth?.replace(/,.*/s, HIDDEN_PASSWORD)],
    ["Client Timeout", message.clientTimeout ?? 0],
    ["Digest Type", `${digest.number} (${digest.label})`],
    ["HMAC Type", hmacRow === undefined ? "0 (None)" : `${hmacRow.number} (${hmacRow.label})`],
    ["Encryption Type", listed.mode === "asymmetric" ? "2 (GPG)" : "1 (Rijndael)"],
    ["Encryption Mode", `${mode.number} (${mode.label})`],
    ...(gpg === undefined ? [] : gpgRows(gpg)),
    ["Encoded Data", withoutPassword(listed.encoded, message.serverAuth)],
    ["SPA Data Digest", listed.digest],
    ["HMAC", hmac?.text],
    ["Final SPA Data", listed.packet],
  ];
  const lines = rows.map(([label, value]) => `${label.padStart(LABEL_WIDTH)}: ${value ?? UNSET}`);
  return ["SPA Field Values:", "=================", ...lines, ""].join("\n");
}

const HIDDEN_PASSWORD = ",(hidden)";

/** The one field that holds a password in plain text; the Perl programs pad it. */
function withoutPassword(encoded: string, serverAuth: string | undefined): string {
  if (serverAuth === undefined) return encoded;
  const field = utf8Bytes(serverAuth);
  const isPassword = (text: string): boolean => constantTimeEqual(decodeBase64(text) ?? new Uint8Array(0), field);
  return encoded.split(":").map((text) => (isPassword(text) ? "(hidden)" : text)).join(":");
}

function gpgRows(gpg: ListedGpg): (readonly [string, string | number | undefined])[] {
  return [
    ["GPG signer", gpg.signer],
    ["GPG recipient", gpg.recipient],
    ["GPG sig verify", "Yes"],
    ["GPG ignore sig", "No"],
    ["GPG sig ID", gpg.signatureId],
    ["GPG sig fpr", gpg.fingerprint],
    ["GPG sig summary", gpg.summary],
    ["GPG sig status", gpg.status],
    ["GPG home dir", gpg.home],
    ["GPG exe", gpg.exe],
  ];
}

/**
 * Lists how a packet is sent.
 *
 * @param target where and how
 * @returns lines without a line end behind the last one
 */
export function formatSendListing(target: SendTarget): string {
  const rows: readonly (readonly [label: string, value: string | number])[] = [
    ["protocol", target.transport],
    ["source port", target.sourcePort ?? "<OS assigned>"],
    ["destination port", target.port],
    ["IP/host", target.host],
  ];
  return ["Generating SPA packet:", ...rows.map(([label, value]) => `${label.padStart(PLAN_LABEL_WIDTH)}: ${value}`)].join("\n");
}
