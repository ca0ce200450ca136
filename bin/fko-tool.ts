#!/usr/bin/env node
import { runTool } from "../src/node/fko-tool.ts";

process.exitCode = await runTool(process.argv.slice(2));
