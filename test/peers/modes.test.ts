/** Every encryption mode with every HMAC type, and every digest type with each of both, between the C programs and ours. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DIGESTS, type DigestType, type EncryptionMode } from "../../src/fko.ts";
import { openLab } from "../support/lab.ts";
import { CLIENT_PEERS, DAEMON_PEERS, keyOptions, knock, type Maker, type Settings, startDaemon } from "../support/peers.ts";

const MODES: readonly EncryptionMode[] = ["cbc", "ecb", "cfb", "ofb", "ctr", "legacy"];
const DIGEST_TYPES = Object.keys(DIGESTS) as DigestType[];
const HMAC_TYPES: readonly (DigestType | undefined)[] = [undefined, ...DIGEST_TYPES];

/** What the two ends of one packet agree on. */
interface Agreement {
  readonly mode: EncryptionMode;
  readonly hmac: DigestType | undefined;
}

/** Legacy mode has no HMAC. */
const AGREEMENTS: readonly Agreement[] = MODES.flatMap((mode) => HMAC_TYPES.filter((hmac) => mode !== "legacy" || hmac === undefined).map((hmac) => ({ mode, hmac })));

/** One packet for each agreement, and more until each digest type was with each mode and with each HMAC type. */
function packets(): (Agreement & { readonly digest: DigestType })[] {
  const seen = new Set<string>();
  const news = ({ mode, hmac }: Agreement, digest: DigestType): string[] => [`${mode} ${digest}`, `${hmac} ${digest}`].filter((pair) => !seen.has(pair));
  const take = (agreement: Agreement): Agreement & { digest: DigestType } => {
    const digest = DIGEST_TYPES.reduce((best, other) => (news(agreement, other).length > news(agreement, best).length ? other : best));
    for (const pair of news(agreement, digest)) seen.add(pair);
    return { ...agreement, digest };
  };
  const chosen = AGREEMENTS.map(take);
  for (const agreement of AGREEMENTS) {
    while (DIGEST_TYPES.some((digest) => news(agreement, digest).length > 0)) chosen.push(take(agreement));
  }
  return chosen;
}

/** Keys of their own for each agreement, so that only its stanza can open its packets. */
function keysOf({ mode, hmac }: Agreement): { readonly key: string; readonly hmacKey: string | undefined } {
  const base64 = (text: string): string => Buffer.from(text.padEnd(32, "=").slice(0, 32)).toString("base64");
  return { key: base64(`cipher key of ${mode} ${hmac}`), hmacKey: hmac === undefined ? undefined : base64(`HMAC key of ${mode} ${hmac}`) };
}

function stanzaOf(agreement: Agreement): Settings {
  const { key, hmacKey } = keysOf(agreement);
  return {
    SOURCE: "ANY",
    ENCRYPTION_MODE: agreement.mode,
    KEY_BASE64: key,
    ...(hmacKey !== undefined && { HMAC_KEY_BASE64: hmacKey, HMAC_DIGEST_TYPE: agreement.hmac! }),
    FW_ACCESS_TIMEOUT: 300,
  };
}

const FIRST_PORT = 10_000;

describe("encryption modes, HMAC types and digest types", { concurrency: 2 }, () => {
  for (const [client, daemon] of [["ours", "C"], ["C", "ours"], ["ours", "ours"]] as const satisfies readonly (readonly [Maker, Maker])[]) {
    test(`fwknop (${client}) and fwknopd (${daemon}) agree on every encryption mode, HMAC type and digest type`, async (t) => {
      const lab = await openLab(t, [...CLIENT_PEERS[client], ...DAEMON_PEERS[daemon]]);
      if (lab === undefined) return;
      const fwknopd = await startDaemon(lab, daemon, { stanzas: AGREEMENTS.map(stanzaOf) });
      const sent = packets();
      for (const [index, { mode, hmac, digest }] of sent.entries()) {
        const { key, hmacKey } = keysOf({ mode, hmac });
        const args = ["-M", mode, "-m", digest, ...(hmac === undefined ? [] : ["--hmac-digest-type", hmac])];
        await knock(lab, client, { access: `tcp/${FIRST_PORT + index}`, keys: keyOptions(key, hmacKey), args });
      }
      await fwknopd.waitFor("Added access rule", sent.length).catch(() => {}); // the rules tell which are missing
      const opened = (await lab.rules("FWKNOP_INPUT")).map((rule) => Number(/--dport (\d+)/.exec(rule)?.[1]));
      const name = ({ mode, hmac, digest }: (typeof sent)[number]): string => `${mode} hmac ${hmac} digest ${digest}`;
      assert.deepEqual(opened.map((port) => sent[port - FIRST_PORT]).map((packet) => packet && name(packet)).sort(), sent.map(name).sort());
    });
  }
});
