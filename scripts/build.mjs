// Bundles the three programs into dist/: self-contained ES modules that run without node_modules.
import { chmodSync, readFileSync, rmSync } from "node:fs";
import { build } from "esbuild";

const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const programs = ["fko-tool", "fwknop", "fwknopd"];

rmSync("dist", { recursive: true, force: true });
await build({
  entryPoints: programs.map((name) => `bin/${name}.ts`),
  outdir: "dist",
  bundle: true,
  splitting: true, // code that two programs share is shipped once, rarely used parts load when needed
  chunkNames: "chunks/[name]-[hash]",
  format: "esm",
  platform: "node",
  target: "node20",
  define: { __VERSION__: JSON.stringify(version) },
  minifySyntax: true,
  logLevel: "warning",
});
for (const name of programs) chmodSync(`dist/${name}.js`, 0o755);
