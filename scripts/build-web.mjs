// Builds dist/web/: the page as one file whose policy names the hashes of its script and its style, and beside it what a
// host needs to offer it as an app.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const sha256 = (text, encoding) => createHash("sha256").update(text).digest(encoding);

/**
 * Makes the page.
 *
 * @param version of the package
 * @param folder where to; made when it is missing
 */
export async function buildWeb(version, folder = "dist/web") {
  const bundle = async (entry, options) => {
    const { outputFiles } = await build({ entryPoints: [entry], bundle: true, minify: true, write: false, legalComments: "none", logLevel: "warning", ...options });
    return outputFiles[0].text.trim();
  };
  // esbuild writes "<\/script" for what would end the element.
  const script = await bundle("web/main.ts", { format: "iife", target: "es2022", charset: "utf8" });
  const style = await bundle("web/styles.css", {});
  // What the policy of a browser cannot say in a meta element, frame-ancestors, is for the server's header.
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${sha256(script, "base64")}'`,
    `style-src 'sha256-${sha256(style, "base64")}'`,
    "img-src 'self' data:",
    "connect-src http: https:",
    "manifest-src 'self'",
    "worker-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types worker",
  ].join("; ");
  const icon = encodeURIComponent(readFileSync("web/icon.svg", "utf8").trim()).replace(/%(20|2F|3A|3D)/g, decodeURIComponent);
  const parts = { ICON: icon, VERSION: version, CSP: policy, STYLE: style, SCRIPT: script };
  const template = readFileSync("web/index.html", "utf8").replace(/\n\s+/g, "\n");
  const page = template.replace(/%([A-Z]+)%/g, (placeholder, name) => parts[name] ?? placeholder);

  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/index.html`, page);
  writeFileSync(`${folder}/sw.js`, readFileSync("web/sw.js", "utf8").replace("%HASH%", sha256(page, "hex").slice(0, 16)));
  for (const name of ["manifest.webmanifest", "icon.svg"]) copyFileSync(`web/${name}`, `${folder}/${name}`);
  writeFileSync(`${folder}/SHA256SUMS`, `${sha256(page, "hex")}  index.html\n`);
}
