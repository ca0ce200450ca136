/**
 * `fko-tool`: one program for everything, so that `npx fko-tool` is enough.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import { readFileSync, writeSync } from "node:fs";
import { parseArguments } from "../cli/getopt.ts";
import type { Parsed, Program } from "../cli/options.ts";
import { renderUsage } from "../cli/usage.ts";
import { randomDigits } from "../client/random-digits.ts";
import { FkoError } from "../fko-error.ts";
import { FileError } from "./files.ts";
import { packageVersion } from "./version.ts";

const print = (text: string): void => void writeSync(1, text);

/** One word behind `fko-tool`. */
interface Command {
  readonly name: string;
  readonly summary: string;
  readonly run: (argv: readonly string[]) => Promise<number>;
}

/** A command line that cannot be done, in one line. */
class ToolError extends Error {}

/** Takes a value out of what a pure function answered. */
function accept<T>(parsed: Parsed<T>): T {
  if (!parsed.ok) throw new ToolError(parsed.message);
  return parsed.value;
}

/** Reads a subcommand's line; undefined when it only asked for help. */
function readArguments<Options extends { help?: true }>(program: Program<Options>, argv: readonly string[]) {
  const { values, operands } = accept(parseArguments(program.options, argv));
  if (!values.help) return { options: values as Options, operands };
  print(renderUsage(program, packageVersion()));
  return undefined;
}

const COMMANDS: readonly Command[] = [
  {
    name: "keygen",
    summary: "make an encryption key and an HMAC key, as text or QR code",
    run: async (argv) => {
      const { KEYGEN } = await import("../tool/keygen.ts");
      const line = readArguments(KEYGEN, argv);
      return line === undefined ? 0 : (await import("./keygen.ts")).makeKeys(line.options, print);
    },
  },
  {
    name: "encode",
    summary: "make a packet of its fields",
    async run(argv) {
      const [{ ENCODE, encodePacket }, { readyKeys }] = await Promise.all([import("../tool/encode.ts"), import("../tool/packet-keys.ts")]);
      const line = readArguments(ENCODE, argv);
      if (line === undefined) return 0;
      const [message, ...rest] = line.operands;
      if (message === undefined || rest.length > 0) throw new ToolError("encode: expected one message, such as 203.0.113.5,tcp/22");
      const chance = { random: randomDigits(randomBytes), salt: randomBytes(8), now: Math.floor(Date.now() / 1000) };
      print(`${accept(encodePacket(message, line.options, accept(readyKeys(line.options)), chance))}\n`);
      return 0;
    },
  },
  {
    name: "decode",
    summary: "open a packet and show its fields",
    async run(argv) {
      const [{ DECODE, decodePacket, formatOpened, packetFields }, { readyKeys }] = await Promise.all([import("../tool/decode.ts"), import("../tool/packet-keys.ts")]);
      const line = readArguments(DECODE, argv);
      if (line === undefined) return 0;
      const [operand = "-", ...rest] = line.operands;
      if (rest.length > 0) throw new ToolError("decode: expected one packet");
      const packet = operand === "-" ? readFileSync(0, "latin1") : operand;
      const keys = accept(readyKeys(line.options));
      const opened = decodePacket(packet, keys);
      if (!opened.ok) {
        const { layer, reason } = opened;
        if (line.options.json) print(`${JSON.stringify({ error: { layer, reason } })}\n`);
        else throw new ToolError(`the packet is refused at the ${layer} layer: ${reason}`);
        return 1;
      }
      print(line.options.json ? `${JSON.stringify(packetFields(opened, keys))}\n` : `${formatOpened(packet, opened, keys)}\n`);
      return 0;
    },
  },
  {
    name: "client",
    summary: "the client: ask a server to open a port (same as fwknop)",
    run: async (argv) => (await import("./client.ts")).runClient(argv),
  },
  {
    name: "server",
    summary: "the server: open ports for whoever sends the right packet (same as fwknopd)",
    run: async (argv) => (await import("./fwknopd.ts")).runServer(argv),
  },
  {
    name: "web",
    summary: "serve the page that knocks from a browser, to this computer only",
    run: async (argv) => {
      const { WEB, WEB_PORT } = await import("../tool/web.ts");
      const line = readArguments(WEB, argv);
      if (line === undefined) return 0;
      if (line.operands.length > 0) throw new ToolError("web: expected no operands");
      return (await import("./web-server.ts")).runWeb(line.options.port ?? WEB_PORT, (text) => print(`${text}\n`));
    },
  },
  {
    name: "demo",
    summary: "show a port that is closed, a packet, and the port open for some seconds",
    async run() {
      const { runDemo } = await import("./demo.ts");
      return runDemo({ say: (text) => print(`${text}\n`), main: process.argv[1]! });
    },
  },
];

const HELP = `Usage: fko-tool COMMAND [OPTION...]

Single Packet Authorization: a port that nobody can see opens for whoever sends the right encrypted packet.

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(8)}${summary}`).join("\n")}

'fko-tool COMMAND --help' shows a command's options. A first use:

  fko-tool keygen                                       keys for both ends
  tcpdump -i eth0 -U -w - 'udp port 62201' | fko-tool server --stdin -c fwknopd.conf -a access.conf
  fko-tool client -A tcp/22 -a 203.0.113.5 -D server.example.org
`;

/** Runs the program on this process. */
export function startTool(): void {
  void runTool(process.argv.slice(2)).then((status) => {
    process.exitCode = status;
  });
}

/**
 * Runs the program.
 *
 * @param argv the words after the program's name
 * @returns the exit status
 */
export async function runTool(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    print(HELP);
    return name === undefined ? 2 : 0;
  }
  if (name === "--version" || name === "-V") {
    print(`fko-tool ${packageVersion()}\n`);
    return 0;
  }
  const command = COMMANDS.find((row) => row.name === name);
  try {
    if (command === undefined) throw new ToolError(`unknown command '${name}', expected one of ${COMMANDS.map((row) => row.name).join(" ")}`);
    return await command.run(rest);
  } catch (error) {
    if (!(error instanceof ToolError || error instanceof FkoError || error instanceof FileError)) throw error;
    writeSync(2, `fko-tool: error: ${error.message}\n`);
    return error instanceof ToolError && command === undefined ? 2 : 1;
  }
}
