// Writes the manual pages from the option and variable tables: node --import tsx scripts/make-docs.ts
import { mkdirSync, writeFileSync } from "node:fs";
import { renderManuals } from "../src/cli/manuals.ts";
import { packageVersion } from "../src/node/version.ts";

const folder = new URL("../man/", import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(renderManuals(packageVersion()))) writeFileSync(new URL(name, folder), text);
