/**
 * Runs a `Capture` and writes each event as a line of JSON. The options are the first argument;
 * lines on stdin: `counters`, `close`.
 */
import { createInterface } from "node:readline";
import { Capture, type CaptureOptions } from "../../src/node/hearing/capture.ts";

const capture = new Capture(JSON.parse(process.argv[2]!) as CaptureOptions);
const commands = createInterface({ input: process.stdin });
commands.on("line", (line) => {
  if (line === "close") void capture.close().then(() => commands.close());
  if (line === "counters") void capture.counters().then((counters) => console.log(JSON.stringify({ kind: "counters", ...counters })));
});
for await (const event of capture) {
  console.log(JSON.stringify(event.kind === "chunk" ? { kind: "chunk", hex: Buffer.from(event.bytes).toString("hex") } : event));
}
console.log(JSON.stringify({ kind: "left" }));
commands.close();
process.stdin.destroy();
