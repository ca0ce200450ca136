#!/usr/bin/env node
import { runTool } from "../src/node/fko-tool.ts";

void runTool(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
