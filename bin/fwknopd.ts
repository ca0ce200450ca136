#!/usr/bin/env node
import { runServer } from "../src/node/fwknopd.ts";

void runServer(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
