// Bundles the programs into dist/: files that run without node_modules, on Node, Deno and Bun.
//
// Starting must be cheap, so a program is one CommonJS file (a graph of ES modules costs tens of milliseconds more) whose name
// says so (to look for a package.json costs 0.5), what the client imports lazily waits in a file of its own, and what V8
// compiles of the rest is kept when it runs (bin/fwknop-start.cjs).
// The package must be small, so no module is shipped twice: a file takes what another one owns out of that one's `shared`.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { build } from "esbuild";
import { buildWeb } from "./build-web.mjs";

const { version } = JSON.parse(readFileSync("package.json", "utf8"));

/** What the client's file is asked for, and where that comes from. */
const client = { start: ["startClient", "src/node/client/client.ts"] };
const server = { start: ["startServer", "src/node/daemon/fwknopd.ts"] };
const tool = { start: ["startTool", "src/node/tool/fko-tool.ts"] };

/** What is put around a file, a program or a function that bin/fwknop-start.cjs calls: others take things from `exported`. */
const PROGRAM = { banner: { js: "#!/usr/bin/env node\nconst exported=exports;" }, footer: { js: "if(require.main===module)exported.start();" } };
const FUNCTION = { banner: { js: "(function (exported, require) {" }, footer: { js: "})" } };

/**
 * The files of dist/ in the order in which they take ownership of modules. What others take from the client comes by way
 * of fwknop.cjs, which starts it.
 */
const files = [
  { name: "fwknop-client.cjs", takenFrom: "fwknop.cjs", entry: "bin/fwknop.ts", exports: client, lazy: false, frame: FUNCTION },
  { name: "fwknop-lazy.cjs", entry: "bin/fwknop.ts", lazy: true },
  { name: "fwknopd.cjs", entry: "bin/fwknopd.ts", exports: server, lazy: true, frame: PROGRAM },
  { name: "fko-tool.cjs", entry: "bin/fko-tool.ts", exports: tool, lazy: true, frame: PROGRAM },
];

/** Functions that a plain packet does not need: a client reads and compiles them when they are first called. */
const deferred = {
  "src/_sha1.ts": "compressSha1",
  "src/_sha512.ts": "compressSha512",
  "src/_keccak.ts": "permuteKeccak",
  "src/fko-error-texts.ts": "describeFkoError",
  "src/node/system-error-words.ts": "wordsOf",
};
const DEFERRED_TO = "fwknop-lazy.cjs";

/** Leaves out texts that only the manual is made from: those of variables, and of options that usage does not list. */
const DOC = /doc: "(?:[^"\\]|\\.)*"/g;
const MINOR_DOC = /(?<=\bminor: true,\s*)doc: "(?:[^"\\]|\\.)*"/g;
const withoutDocs = (path, source) => source.replace(path.endsWith("-variables.ts") ? DOC : MINOR_DOC, 'doc: ""');

/**
 * Has rows of the client's options made when they are asked for. A run needs a few of a hundred, and to make the others
 * takes 0.4 ms.
 */
const rowsOnDemand = (source) => source.replace(/(?<=^export const CLIENT_OPTIONS.*\n)[^]*?(?=^\};)/m, (rows) =>
  rows.replace(/^  (\w+): ([^]*?),$(?=\n(?:\n?  \w|(?![^])))/gm, "  get $1() { return $2; },"));

/**
 * Makes the client's tables plain dictionaries, without a prototype: V8 then makes no hidden class for each of their names,
 * which is most of what a table costs that is looked at once (measured: 20 µs for 40 names, 3 so). To list one takes longer.
 */
const asDictionaries = (source) => source.replace(/^(?:(?:export )?const [A-Z_]+: (?:Readonly<Record<.*>>|OptionTable<\w+>) = |  (?:letters|groups): )\{$/gm, "$& __proto__: null,");

/** Tables as they are shipped. */
const tablesFor = (exports) => ({
  name: "tables",
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/, namespace: "file" }, ({ path }) => {
      const source = readFileSync(path, "utf8");
      const shipped = /-(options|variables)\.ts$/.test(path) ? rowsOnDemand(withoutDocs(path, source)) : source;
      return { contents: exports === client ? asDictionaries(shipped) : shipped, loader: "ts" };
    });
  },
});

/** Ends with its digest, for V8 compares no more of two sources than their length. */
const withDigest = (source) => `${source}//${createHash("sha256").update(source).digest("hex").slice(0, 32)}`;

/** Has a file whose modules share one scope ask for a module of Node once: each time takes 5 µs. */
function askOnce(source) {
  const names = new Map();
  return source.replace(/(?<=[ ,])([\w$]+)=require\("(node:\w+)"\)/g, (asked, name, module) => {
    if (names.has(module)) return `${name}=${names.get(module)}`;
    names.set(module, name);
    return asked;
  });
}

const options = {
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node20",
  define: { __VERSION__: JSON.stringify(version), "import.meta.url": "undefined" },
  minify: true,
  supported: { "dynamic-import": false }, // of node:os, say: it would start the loader of ES modules
  logLevel: "warning",
};

const entryPoints = [...new Set(files.map(({ entry }) => entry))];
const { inputs } = (await build({ ...options, entryPoints, outdir: "dist", write: false, metafile: true })).metafile;

/** The modules that an entry needs, without or with those that it imports lazily. */
function modulesOf(entry, lazy, found = new Set([entry])) {
  for (const { path, kind } of inputs[entry]?.imports ?? []) {
    if (path in inputs && !found.has(path) && (lazy || kind !== "dynamic-import")) modulesOf(path, lazy, found.add(path));
  }
  return found;
}

/** The file of dist/ from which a module is taken. */
const owners = new Map();
for (const module of Object.keys(deferred)) owners.set(module, DEFERRED_TO);
for (const { name, takenFrom = name, entry, lazy } of files) {
  for (const module of modulesOf(entry, lazy)) if (!owners.has(module)) owners.set(module, takenFrom);
}

/** What a module is asked for by. */
const numberOf = (module) => [...owners.keys()].indexOf(module);

/** Takes the modules of other files out of them. */
const takeFromOthers = (name) => ({
  name: "take-from-others",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^\.\/[a-z-]+\.cjs$/ }, ({ path }) => ({ path, external: true }));
    onResolve({ filter: /\.ts$/ }, ({ path, kind, resolveDir }) => {
      const module = relative(".", resolve(resolveDir, path)).replaceAll("\\", "/");
      if (owners.get(module) === name) return undefined;
      if (kind === "dynamic-import") return { path: `${owners.get(module)}#${numberOf(module)}`, external: true }; // see takeNow()
      return { path: module, namespace: module in deferred ? "deferred" : "owned" };
    });
    onLoad({ filter: /.*/, namespace: "deferred" }, ({ path }) => ({
      contents: `let load; export function ${deferred[path]}(...words) { return (load ??= require("./${owners.get(path)}").shared(${numberOf(path)}).${deferred[path]})(...words); }`,
    }));
    onLoad({ filter: /.*/, namespace: "owned" }, ({ path }) => ({
      contents: `module.exports = require("./${owners.get(path)}").shared(${numberOf(path)});`,
    }));
  },
});

/** What is imported lazily is taken from its owner where it is asked for: a function for each would be made at every start. */
const takeNow = (source) => source.replace(/require\("([a-z-]+\.cjs)#(\d+)"\)/g, 'require("./$1").shared($2)');

/** The names that modules export. */
async function exportsOf(modules) {
  const { outputs } = (await build({ ...options, entryPoints: modules, format: "esm", outdir: "dist", outbase: ".", write: false, metafile: true })).metafile;
  return new Map(Object.values(outputs).map(({ entryPoint, exports }) => [entryPoint, exports]));
}

/**
 * The source of a file whose modules share one scope, so that starting calls no function for each of them. What others
 * take from it is put together when they ask.
 */
async function joinedSource(asked, shared) {
  const names = await exportsOf(shared);
  const imports = shared.map((module, at) => `import { ${names.get(module).map((name) => `${name} as ${name}_${at}`).join(", ")} } from "./${module}";`);
  const cases = shared.map((module, at) => `case ${numberOf(module)}: return { ${names.get(module).map((name) => `${name}: ${name}_${at}`).join(", ")} };`);
  const own = Object.entries(asked).map(([name, [of, module]]) => `import { ${of} } from "./${module}";\nexported.${name} = ${of};`);
  return `${own.join("\n")}\n${imports.join("\n")}\n${cases.length > 0 ? `exported.shared = (module) => {\nswitch (module) {\n${cases.join("\n")}\n}\n};` : ""}`;
}

/** The source of a file whose modules start one by one, when somebody needs them. */
function separateSource(shared) {
  const cases = shared.map((module) => `case ${numberOf(module)}: return require("./${module}");`);
  return `exports.shared = (module) => {\nswitch (module) {\n${cases.join("\n")}\n}\n};`;
}

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
await buildWeb(version);
for (const { name, takenFrom = name, exports, frame } of files) {
  const isTaken = (module) => Object.keys(inputs).some((other) => owners.get(other) !== takenFrom && inputs[other].imports.some(({ path }) => path === module));
  const shared = [...owners.keys()].filter((module) => owners.get(module) === takenFrom && isTaken(module));
  await build({
    ...options,
    stdin: { contents: exports ? await joinedSource(exports, shared) : separateSource(shared), resolveDir: ".", sourcefile: name },
    plugins: [takeFromOthers(takenFrom), tablesFor(exports)],
    ...frame,
    outfile: `dist/${name}`,
  });
  const source = takeNow(readFileSync(`dist/${name}`, "utf8"));
  writeFileSync(`dist/${name}`, exports === client ? withDigest(askOnce(source)) : source);
  if (frame === PROGRAM) chmodSync(`dist/${name}`, 0o755);
  if (exports === client) {
    await build({ ...options, bundle: false, entryPoints: ["bin/fwknop-start.cjs"], outfile: "dist/fwknop.cjs" });
    chmodSync("dist/fwknop.cjs", 0o755);
  }
}

// The first packet, so that the next ones find what V8 compiled of the client beside it (src/node/client/keep-compiled.ts).
const home = mkdtempSync(join(tmpdir(), "fko-tool-build-"));
try {
  writeFileSync(join(home, ".fwknoprc"), "", { mode: 0o600 });
  const packet = ["-T", "-A", "tcp/22", "-a", "192.0.2.1", "-D", "192.0.2.2", "--key-rijndael", "a", "--key-hmac", "b"];
  execFileSync(process.execPath, ["dist/fwknop.cjs", ...packet], { env: { ...process.env, HOME: home, LOGNAME: "builder" }, stdio: ["ignore", "ignore", "inherit"] });
} finally {
  rmSync(home, { recursive: true });
}
