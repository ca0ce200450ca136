/**
 * Opening a packet with one stanza's keys: HMAC in constant time, replay memory, and only then decryption.
 *
 * @module
 */

import type { AccessStanza } from "../config/access-config.ts";
import { checkHmac, DIGESTS, type Opened, openBody, openPgpMessage, openPgpPrefix, openPlaintext, type Refusal, SALTED_PREFIX } from "../fko.ts";
import type { GpgSignature } from "../gpg-status.ts";
import { HmacKey } from "../hmac.ts";
import { formatIp } from "../ip.ts";
import type { Datagram } from "../packet.ts";
import { ask, type Deciding } from "./decision-request.ts";
import type { LogLevel } from "./log-record.ts";
import { plaintextDigests, replayDigest, type ReplayEntry, type ReplayMemory } from "./replay.ts";
import type { RefusalReason } from "./verdict.ts";

/** From here on a packet may be OpenPGP. */
const MIN_OPENPGP_PACKET = 400;

/** A stanza with its HMAC key prepared, so that a packet costs no key handling. */
export interface ReadyStanza extends AccessStanza {
  readonly hmac?: HmacKey;
}

/**
 * Prepares a stanza for deciding.
 *
 * @param stanza as configured; its keys are shared, not copied
 * @returns the stanza with prepared HMAC state
 */
export function readyStanza(stanza: AccessStanza): ReadyStanza {
  return stanza.HMAC_KEY === undefined ? stanza : { ...stanza, hmac: new HmacKey(DIGESTS[stanza.HMAC_DIGEST_TYPE].hash, stanza.HMAC_KEY) };
}

/** What became of an attempt to open a packet with one stanza's keys. */
export type Attempt =
  | {
    readonly kind: "opened";
    readonly opened: Opened;
    /** By which it may come again. */
    readonly digests: readonly [text: string, plaintext: string];
    readonly signatures?: readonly GpgSignature[];
  }
  | { readonly kind: "replay"; readonly entry: ReplayEntry }
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly level: LogLevel; readonly text: string };

/** The ways in which a stanza can open a packet. */
interface Way {
  readonly prefix: string;
  /** Opens what the HMAC was taken off with the key that the stanza has for it. */
  readonly decrypt: (body: Uint8Array) => Deciding<Decrypted>;
}

type Decrypted = { readonly ok: true; readonly opened: Opened; readonly signatures?: readonly GpgSignature[] } | { readonly ok: false; readonly reason: string; readonly code: number };

/**
 * Tries a stanza's keys.
 *
 * @param packet a normalised packet
 * @param stanza whose keys
 * @param datagram how it came, for the log
 * @param replay what must not come again
 * @yields a request for each OpenPGP message that must be decrypted
 * @returns the message, the packet that it repeats, or the check that it came furthest to
 */
export function* openPacket(packet: Uint8Array, stanza: ReadyStanza, datagram: Pick<Datagram, "source">, replay: ReplayMemory): Deciding<Attempt> {
  const who = `(stanza #${stanza.number})`;
  const from = `[${formatIp(datagram.source)}]`;
  const ways = waysOf(packet, stanza);
  let furthest: Attempt = {
    kind: "refused",
    reason: "no-key",
    level: "warning",
    text: `${from} ${who} No stanza encryption mode match for encryption type: ${packet.length < MIN_OPENPGP_PACKET ? 1 : 2}.`,
  };
  for (const way of ways) {
    const checked = stanza.hmac ? checkHmac(packet, stanza.hmac, way.prefix) : { ok: true as const, body: packet };
    if (!checked.ok) {
      if (furthest.reason === "no-key") {
        furthest = { kind: "refused", reason: "hmac", level: "warning", text: `${from} ${who} Non-corresponding HMAC for this stanza: ${checked.reason}` };
      }
      continue;
    }
    const sum = replayDigest(packet, stanza.hmac !== undefined);
    const seen = replay.find(sum);
    if (seen !== undefined) return { kind: "replay", entry: seen };
    const decrypted: Decrypted = yield* way.decrypt(checked.body);
    if (!decrypted.ok) {
      furthest = { kind: "refused", reason: "decryption", level: "warning", text: `${from} ${who} Error creating fko context: ${decrypted.reason}` };
      continue;
    }
    const { opened, signatures } = decrypted;
    const inner = plaintextDigests(opened.encoded, opened.digest);
    // Asked again: while gpg worked, a copy may have come in on another interface and been accepted.
    const seenNow = replay.find(sum, ...inner);
    if (seenNow !== undefined) return { kind: "replay", entry: seenNow };
    return { kind: "opened", opened, digests: [sum, inner[0]], ...(signatures && { signatures }) };
  }
  return furthest;
}

/** C tells the two kinds apart by length alone; here a stanza tries what it has keys for. */
function waysOf(packet: Uint8Array, stanza: ReadyStanza): readonly Way[] {
  const ways: Way[] = [];
  const { KEY: key, ENCRYPTION_MODE: mode } = stanza;
  if (key !== undefined && mode !== "asymmetric") {
    ways.push({
      prefix: SALTED_PREFIX,
      *decrypt(body) {
        const opened = openBody(body, { mode, key, ...(stanza.hmac && { hmac: stanza.hmac }) });
        return opened.ok ? { ok: true, opened } : fromRefusal(opened);
      },
    });
  }
  if (stanza.ENABLE_GPG && packet.length >= MIN_OPENPGP_PACKET) {
    const prefix = openPgpPrefix(packet);
    ways.push({
      prefix,
      *decrypt(body) {
        const message = openPgpMessage(body, prefix);
        if (!message.ok) return fromRefusal(message);
        const answer = yield* ask({ kind: "openpgp", stanza, message: message.message });
        if (!answer.ok) return { ok: false, code: 132, reason: `Decryption operation failed - GPG ERROR: ${answer.reason}` };
        const opened = openPlaintext(answer.plaintext, true);
        return opened.ok ? { ok: true, opened, signatures: answer.signatures } : fromRefusal(opened);
      },
    });
  }
  return ways;
}

const fromRefusal = ({ code, reason }: Refusal): Decrypted => ({ ok: false, code, reason });
