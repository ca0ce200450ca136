/**
 * Seals and opens packets of every kind and prints a digest of them all: the same in every runtime. Bundled by the test
 * that runs it in each.
 */
import { hexText, utf8Bytes } from "../../src/bytes.ts";
import { DIGESTS, type DigestType, encodeMessage, type EncryptionMode, openPacket, sealMessage } from "../../src/fko.ts";
import { digest } from "../../src/hash.ts";
import { HmacKey } from "../../src/hmac.ts";
import { sha256 } from "../../src/sha.ts";

const MODES: readonly EncryptionMode[] = ["cbc", "ecb", "cfb", "ofb", "ctr", "legacy", "perl"];
const key = utf8Bytes("a key of 22 characters");
const packets: string[] = [];
for (const mode of MODES) {
  for (const digestType of Object.keys(DIGESTS) as DigestType[]) {
    const hmac = new HmacKey(DIGESTS[digestType].hash, key);
    const { plaintext } = encodeMessage({
      random: "1234567890123456",
      username: "tester",
      timestamp: 1_700_000_000,
      version: "3.0.0",
      type: 1,
      message: "10.0.0.1,tcp/22",
      digestType,
    });
    const packet = sealMessage(plaintext, { mode, key, salt: utf8Bytes("saltsalt"), hmac });
    const opened = openPacket(utf8Bytes(packet), { mode, key, hmac });
    if (!opened.ok || `${opened.encoded}:${opened.digest}` !== plaintext) throw new Error(`${mode} ${digestType}: ${JSON.stringify(opened)}`);
    packets.push(packet);
  }
}
console.log(packets.length, hexText(digest(sha256, utf8Bytes(packets.join("\n")))));
