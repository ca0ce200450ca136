// Bundles the programs into dist/: files that run without node_modules, on Node, Deno and Bun.
//
// Starting must be cheap, so each program is one CommonJS file (a graph of ES modules costs tens of milliseconds more),
// and the client's holds the client alone. The package must be small, so no module is shipped twice: the server takes
// what it shares with the client out of fwknop.js, and fko-tool takes both out of theirs.
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { build } from "esbuild";

const { version } = JSON.parse(readFileSync("package.json", "utf8"));

/** The file that ships a module, by the module's path. */
const owners = new Map();

/** Takes modules out of the bundle that ships them. */
const takeFromOwner = {
  name: "take-from-owner",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^\.\/fwknopd?\.js$/ }, ({ path }) => ({ path, external: true }));
    onResolve({ filter: /^\.{1,2}\/.*\.ts$/ }, ({ path, resolveDir }) => {
      const name = relative(".", resolve(resolveDir, path)).replaceAll("\\", "/");
      return owners.has(name) ? { path: name, namespace: "owned" } : undefined;
    });
    onLoad({ filter: /.*/, namespace: "owned" }, ({ path }) => ({
      contents: `module.exports = require("${owners.get(path)}").shared[${JSON.stringify(path)}];`,
    }));
  },
};

/** Leaves out texts that only the manual is made from. */
const withoutDocs = {
  name: "without-docs",
  setup({ onLoad }) {
    onLoad({ filter: /-variables\.ts$/ }, ({ path }) => {
      const source = readFileSync(path, "utf8");
      return { contents: source.replace(/\bdoc: "(?:[^"\\]|\\.)*"/g, 'doc: ""'), loader: "ts" };
    });
  },
};

const options = {
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node20",
  define: { __VERSION__: JSON.stringify(version), "import.meta.url": "undefined" },
  minify: true,
  plugins: [takeFromOwner, withoutDocs],
  logLevel: "warning",
};

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
writeFileSync("dist/package.json", `${JSON.stringify({ type: "commonjs" })}\n`);
for (const name of ["fwknop", "fwknopd", "fko-tool"]) {
  const { metafile } = await build({ ...options, entryPoints: [`bin/${name}.ts`], write: false, metafile: true });
  const modules = Object.keys(metafile.inputs).filter((path) => path.startsWith("src/"));
  const getters = modules.map((path) => `get ${JSON.stringify(path)}() { return require("./${path}"); }`);
  const contents = `if (require.main === module) require("./bin/${name}.ts");\nexports.shared = {\n${getters.join(",\n")}\n};`;
  await build({ ...options, stdin: { contents, resolveDir: ".", sourcefile: `${name}.js` }, banner: { js: "#!/usr/bin/env node" }, outfile: `dist/${name}.js` });
  for (const path of modules) owners.set(path, `./${name}.js`);
  chmodSync(`dist/${name}.js`, 0o755);
}
