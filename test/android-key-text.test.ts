import assert from "node:assert/strict";
import { test } from "node:test";
import { androidKeyText } from "../src/tool/android-key-text.ts";

test("androidKeyText() writes what the Android client scans: one blank between the parts, no line end", () => {
  const keys = { keyBase64: "Sz80RjpXOlhH2olGuKBUamHKcqyMBsS9BTgLaMugUsg=", hmacKeyBase64: "c0TOaMJ2aVPdYTh4Aa25Dwxni7PrLo2zLAtBoVwSepk=" };
  assert.equal(androidKeyText(keys), `KEY_BASE64:${keys.keyBase64} HMAC_KEY_BASE64:${keys.hmacKeyBase64}`);
  assert.equal(androidKeyText({ ...keys, clientIp: "192.0.2.7" }), `KEY_BASE64:${keys.keyBase64} HMAC_KEY_BASE64:${keys.hmacKeyBase64} CLIENT_IP:192.0.2.7`);
});
