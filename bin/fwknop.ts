#!/usr/bin/env node
import { runClient } from "../src/node/client.ts";

const argv = process.argv.slice(2);
process.title = "fwknop"; // overwrites the arguments, which may hold keys, in the list of processes
void runClient(argv).then((status) => {
  process.exitCode = status;
});
