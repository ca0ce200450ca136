/**
 * A program that writes down what it was given, and who it was.
 *
 * @module
 */
import { chmodSync, readFileSync } from "node:fs";
import type { Lab } from "./lab.ts";

/** The program, and what it wrote so far, a line a run. */
export interface Recorder {
  readonly path: string;
  readonly lines: () => readonly string[];
}

/** Makes a program that appends its arguments and its identity to a file; everybody may run it. */
export function makeRecorder(lab: Lab, name: string): Recorder {
  const out = lab.write(`${name}.out`, "");
  // One write a run: two of them may be under way.
  const path = lab.write(name, `#!/bin/bash\nprintf -v given '[%s]' "$@"\necho "$given uid=$(id -u) gid=$(id -g) groups=$(id -G) LC_ALL=$LC_ALL" >> ${out}\n`);
  chmodSync(lab.folder, 0o711);
  chmodSync(out, 0o666);
  chmodSync(path, 0o755);
  return { path, lines: () => readFileSync(out, "utf8").split("\n").slice(0, -1) };
}
