import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { encodeBase64, padBase64 } from "../../src/base64.ts";
import { concatBytes, utf8Bytes } from "../../src/bytes.ts";
import { encodeQr, type QrCode, type QrErrorCorrection } from "../../src/qr.ts";
import { androidKeyText } from "../../src/tool/android-key-text.ts";
import { renderQrText } from "../../src/tool/qr-text.ts";
import { ensureBuilt, shipped } from "../support/dist.ts";
import { type Gen, generator } from "../support/gen.ts";
import { requirePeer } from "../support/require-peer.ts";

/** A grey picture (PGM) with `scale` pixels a module. */
function picture(side: number, isDark: (row: number, column: number) => boolean, scale = 3): Uint8Array {
  const width = side * scale;
  const pixels = new Uint8Array(width * width);
  for (let y = 0; y < width; y++) {
    for (let x = 0; x < width; x++) pixels[y * width + x] = isDark(Math.floor(y / scale), Math.floor(x / scale)) ? 0 : 255;
  }
  return concatBytes(utf8Bytes(`P5\n${width} ${width}\n255\n`), pixels);
}

function pictureOf(code: QrCode): Uint8Array {
  const inside = (at: number): boolean => at >= 4 && at < code.size + 4;
  return picture(code.size + 8, (row, column) => inside(row) && inside(column) && code.modules[(row - 4) * code.size + column - 4] === 1);
}

/** What zbarimg reads in each picture, in order. One start of it reads many. */
function scan(t: TestContext, pictures: readonly Uint8Array[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), "fko-tool-qr-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const paths = pictures.map((bytes, at) => {
    const path = join(folder, `${at}.pgm`);
    writeFileSync(path, bytes);
    return path;
  });
  const { stdout, stderr } = spawnSync("zbarimg", ["--quiet", "--xml", "-Sdisable", "-Sqrcode.enable", ...paths], { encoding: "utf8", timeout: 120_000, maxBuffer: 1 << 26 });
  return paths.map((path) => {
    const source = stdout.split("<source ").find((part) => part.includes(`href='${path}'`)) ?? "";
    const data = /<data[^>]*><!\[CDATA\[(.*?)\]\]><\/data>/s.exec(source)?.[1];
    assert.ok(data !== undefined, `zbarimg found no code in ${path}: ${stderr}`);
    return data;
  });
}

const ALPHABETS: Readonly<Record<string, string>> = {
  digits: "0123456789",
  alphanumeric: "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ$%*+-./:",
  base64: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/:_ ",
};

function assertScanned(t: TestContext, cases: readonly { readonly text: string; readonly code: QrCode }[]): void {
  const read = scan(t, cases.map(({ code }) => pictureOf(code)));
  for (const [at, { text, code }] of cases.entries()) assert.equal(read[at], text, `version ${code.version}-${code.errorCorrection}, mask ${code.mask}`);
}

/** Text that starts and ends with a visible character. */
function anyText(gen: Gen, alphabet: string, length: number): string {
  return gen.text(length, alphabet).replace(/^ | $/g, "x");
}

test("zbarimg reads what encodeQr() draws, in every mode and at every level", (t) => {
  if (requirePeer(t, "zbarimg") === undefined) return;
  const gen = generator("zbar modes");
  const cases = gen.list(40, () => {
    const text = anyText(gen, ALPHABETS[gen.pick(Object.keys(ALPHABETS))]!, gen.between(1, 400));
    return { text, code: encodeQr(text, gen.pick(["L", "M", "Q", "H"] as const)) };
  });
  assertScanned(t, cases);
});

test("zbarimg reads every version at every level", (t) => {
  if (requirePeer(t, "zbarimg") === undefined) return;
  const gen = generator("zbar versions");
  const found = new Map<string, { text: string; code: QrCode }>();
  for (const level of ["L", "M", "Q", "H"] satisfies QrErrorCorrection[]) {
    for (let length = 2; ; length = Math.ceil(length * 1.04) + 1) {
      const text = anyText(gen, ALPHABETS["base64"]!, length);
      try {
        const code = encodeQr(text, level);
        const name = `${code.version}${level}`;
        if (!found.has(name)) found.set(name, { text, code });
      } catch {
        break; // longer than the largest version
      }
    }
  }
  assert.ok(found.size >= 150, `${found.size} of 160 versions and levels`);
  // Large pictures take zbarimg long: of the versions beyond any key text every sixth.
  assertScanned(t, [...found.values()].filter(({ code }) => code.version <= 16 || code.version % 6 === 4));
});

test("zbarimg reads a code with damage that its level makes good", (t) => {
  if (requirePeer(t, "zbarimg") === undefined) return;
  const text = "fko-tool ".repeat(10).trim();
  const whole = encodeQr(text, "H");
  const modules = whole.modules.slice();
  for (let row = 12; row < 17; row++) for (let column = 20; column < 26; column++) modules[row * whole.size + column]! ^= 1;
  assertScanned(t, [{ text, code: { ...whole, modules } }]);
});

test("zbarimg reads the keys of androidKeyText() from the half blocks of renderQrText()", (t) => {
  if (requirePeer(t, "zbarimg") === undefined) return;
  const gen = generator("zbar keys");
  const key = (length: number): string => padBase64(encodeBase64(gen.bytes(length)));
  for (const clientIp of [undefined, "192.0.2.7"]) {
    const text = androidKeyText({ keyBase64: key(32), hmacKeyBase64: key(64), ...(clientIp === undefined ? {} : { clientIp }) });
    assert.deepEqual(scan(t, [pictureOfText(renderQrText(encodeQr(text)))]), [text]);
  }
});

/** What a camera sees of half blocks on a terminal. */
function pictureOfText(drawn: string): Uint8Array {
  const lines = drawn.split("\n").slice(0, -1).map((line) => line.replace(/\x1b\[[0-9;]*m/g, ""));
  return picture(lines[0]!.length, (row, column) => {
    const block = lines[row >> 1]?.[column];
    return block === "█" || block === (row % 2 === 0 ? "▀" : "▄");
  });
}

/** What a viewer draws of an SVG document whose dark modules are runs `Mx yhWIDTH…`. */
function pictureOfSvg(svg: string): Uint8Array {
  const side = Number(/viewBox="0 0 (\d+) \1"/.exec(svg)![1]);
  const dark = new Set<number>();
  for (const [, column, row, width] of svg.matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g)) {
    for (let at = 0; at < Number(width); at++) dark.add(Number(row) * side + Number(column) + at);
  }
  return picture(side, (row, column) => dark.has(row * side + column));
}

test("zbarimg reads the keys that fko-tool keygen prints from its terminal code and from its SVG file", async (t) => {
  if (requirePeer(t, "zbarimg") === undefined) return;
  await ensureBuilt();
  const folder = mkdtempSync(join(tmpdir(), "fko-tool-keygen-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, args, tail] of [["plain", [], ""], ["address", ["--client-ip", "192.0.2.7"], " CLIENT_IP:192.0.2.7"]] as const) {
    const file = join(folder, `${name}.svg`);
    const [program, ...rest] = shipped("fko-tool", "keygen", "--qr", "--qr-svg", file, ...args);
    const { status, stdout, stderr } = spawnSync(program, rest, { encoding: "utf8", timeout: 60_000 });
    assert.equal(status, 0, stderr);
    const [key, hmacKey, ...drawn] = stdout.split("\n");
    const text = `${key!.replace(": ", ":")} ${hmacKey!.replace(": ", ":")}${tail}`;
    assert.match(text, /^KEY_BASE64:\S{44} HMAC_KEY_BASE64:\S{88}( |$)/);
    assert.deepEqual(scan(t, [pictureOfText(drawn.join("\n")), pictureOfSvg(readFileSync(file, "utf8"))]), [text, text]);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  }
});
