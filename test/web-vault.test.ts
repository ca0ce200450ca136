import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bytes } from "../src/bytes.ts";
import { DEFAULTS, type FormValues } from "../web/knock-form.ts";
import { ITERATIONS, Vault, type VaultPlace } from "../web/vault.ts";

const PLACE: VaultPlace = { subtle: crypto.subtle, randomBytes: (length): Bytes => crypto.getRandomValues(new Uint8Array(length)) };
const HOME: FormValues = { ...DEFAULTS, server: "knock.example.org", key: "secret key", hmacKey: "other secret" };

test("Vault seals profiles so that nothing of them is readable, and opens them again", async () => {
  const vault = (await Vault.create("correct horse battery", PLACE)).with({ home: HOME });
  const stored = await vault.seal();
  assert.doesNotMatch(stored, /secret|knock|home|tcp|horse/);
  assert(ITERATIONS >= 600_000);
  assert.equal((JSON.parse(stored) as { iterations: number }).iterations, ITERATIONS);
  assert.notEqual(await vault.seal(), stored, "a nonce of its own for each text");

  const opened = await Vault.open(stored, "correct horse battery", PLACE);
  assert.deepEqual(opened?.profiles, { home: HOME });
  assert.equal(await Vault.open(stored, "correct horse", PLACE), undefined, "another passphrase");

  const parts = JSON.parse(stored) as Record<string, string | number>;
  const data = String(parts["data"]);
  const changed: Record<string, Record<string, string | number>> = {
    data: { ...parts, data: (data.startsWith("A") ? "B" : "A") + data.slice(1) },
    iterations: { ...parts, iterations: ITERATIONS + 1 },
  };
  for (const [name, text] of Object.entries(changed)) assert.equal(await Vault.open(JSON.stringify(text), "correct horse battery", PLACE), undefined, name);
});

test("Vault.open() refuses texts that are no vault before it derives a key", async () => {
  const subtle = { importKey: () => assert.fail("a key was derived") } as unknown as SubtleCrypto;
  const head = { v: 1, kdf: "PBKDF2-SHA-256", iterations: ITERATIONS, salt: "AAAAAAAAAAAAAAAAAAAAAA", nonce: "AAAAAAAAAAAAAAAA", data: "AAAA" };
  const texts = [
    "", "null", "1", "{}", "[]", "{\"v\":1}",
    ...[{ v: 2 }, { kdf: "x" }, { iterations: 599_999 }, { iterations: 1e9 }, { iterations: "600000" }, { salt: "AAAA" }, { nonce: "" }, { data: "*" }, { data: 1 }].map((change) => JSON.stringify({ ...head, ...change })),
  ];
  for (const text of texts) assert.equal(await Vault.open(text, "passphrase", { ...PLACE, subtle }), undefined, text);
});
