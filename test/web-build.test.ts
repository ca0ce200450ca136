import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { ensureBuilt, ROOT } from "./support/dist.ts";

const MOST_BYTES = 40_000;
const FOLDER = join(ROOT, "dist", "web");
const read = (name: string): string => readFileSync(join(FOLDER, name), "utf8");
const sha256 = (text: string, encoding: "base64" | "hex"): string => createHash("sha256").update(text).digest(encoding);

describe("the built page", () => {
  let page: string;
  before(async () => {
    await ensureBuilt();
    page = read("index.html");
  });

  test("all files together are below 40 kB, compressed", () => {
    const sizes = readdirSync(FOLDER).map((name) => gzipSync(readFileSync(join(FOLDER, name)), { level: 9 }).length);
    const sum = sizes.reduce((total, size) => total + size, 0);
    assert(sum < MOST_BYTES, `${sum} bytes`);
  });

  test("its policy allows exactly its own script and style, and nothing to be loaded", () => {
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)![1]!;
    const script = /<script>([^]*?)<\/script>/.exec(page)![1]!;
    const style = /<style>([^]*?)<\/style>/.exec(page)![1]!;
    assert.match(policy, /^default-src 'none';/);
    assert(policy.includes(`script-src 'sha256-${sha256(script, "base64")}';`));
    assert(policy.includes(`style-src 'sha256-${sha256(style, "base64")}';`));
    assert.doesNotMatch(policy, /unsafe|\*/);
    assert(page.indexOf("Content-Security-Policy") < page.indexOf("<script"), "it must come before what it governs");
    assert.equal(page.match(/<script/g)!.length, 1);
    assert.doesNotMatch(page.replace(script, ""), /\son[a-z]+=|\sstyle=|%[A-Z]+%/);
  });

  test("it names no place in the network", () => {
    const places = [...page.matchAll(/(?:https?:)?\/\/[a-z0-9.-]+\.[a-z]+/gi)].map(([place]) => place).filter((place) => !/^http:\/\/www\.w3\.org$/.test(place));
    assert.deepEqual(places.filter((place) => !place.startsWith("//# ")), []);
  });

  test("SHA256SUMS is that of the file, and the service worker's cache is named by it", () => {
    assert.equal(read("SHA256SUMS"), `${sha256(page, "hex")}  index.html\n`);
    assert(read("sw.js").includes(`fko-tool-${sha256(page, "hex").slice(0, 16)}`));
  });

  test("every field has a label, and every field that a person types into has a place to say what is wrong", () => {
    const body = page.slice(page.indexOf("<body>"));
    const fields = [...body.matchAll(/<(input|select|textarea) id="(\w+)"/g)];
    assert(fields.length > 20, String(fields.length));
    for (const [, tag, id] of fields) {
      const isNamed = body.includes(`<label for="${id}"`) || new RegExp(`<\\w+ id="${id}"[^>]* aria-label="`).test(body);
      assert(isNamed, id);
      assert(tag === "select" || body.includes(`id="${id}-error"`), id);
    }
  });

  test("the files that its manifest names lie beside it", () => {
    const manifest = JSON.parse(read("manifest.webmanifest")) as { icons: { src: string }[] };
    for (const { src } of manifest.icons) assert(readdirSync(FOLDER).includes(src));
  });
});
