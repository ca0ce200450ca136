/** Runs every bench, one after the other: `npm run bench`. */

import { spawnSync } from "node:child_process";

for (const name of ["crypto", "capture", "refuse", "start", "grants"]) {
  console.log(`\n== bench/${name}.ts`);
  const { status } = spawnSync(process.execPath, ["--import", "tsx", `bench/${name}.ts`], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
