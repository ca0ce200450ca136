#!/usr/bin/env node
import { runServer } from "../src/node/fwknopd.ts";

process.exitCode = await runServer(process.argv.slice(2));
