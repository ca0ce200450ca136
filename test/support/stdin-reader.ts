/** Reads standard input through `openStdin` and says what came; leaves on SIGTERM, also while nothing comes. */
import { openStdin, StdinError } from "../../src/node/hearing/stdin-source.ts";

try {
  const source = openStdin();
  process.on("SIGTERM", () => source.close());
  console.log("open");
  let length = 0;
  for await (const chunk of source) length += chunk.length;
  console.log(`read ${length}`);
} catch (error) {
  if (!(error instanceof StdinError)) throw error;
  console.log(error.code);
}
