/**
 * `fko-tool`: one program for everything, so that `npx fko-tool` is enough.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import { latin1Text } from "../../bytes.ts";
import { parseArguments } from "../../cli/getopt.ts";
import type { Parsed, Program } from "../../cli/options.ts";
import { renderUsage } from "../../cli/usage.ts";
import { randomDigits } from "../../client/random-digits.ts";
import { FkoError } from "../../fko-error.ts";
import { printableText } from "../../foreign-text.ts";
import { FileError } from "../files.ts";
import { readStandardInput } from "../standard-input.ts";
import { writeText } from "../standard-output.ts";
import { packageVersion } from "../version.ts";

/** Exit status for a command line that cannot be done. */
const MISUSED = 2;
/** More than any packet with the blanks around it. */
const MAX_INPUT = 65536;

const print = (text: string): void => writeText(1, text);
const complain = (message: string): void => writeText(2, `fko-tool: error: ${message}\n`);

/** One word behind `fko-tool`. */
interface Command {
  readonly name: string;
  readonly summary: string;
  readonly run: (argv: readonly string[]) => Promise<number>;
}

/** A command line that cannot be done: what is wrong, and where to read how it is done. */
class UsageError extends Error {}

/** Takes a value out of what a pure function answered. */
function accept<T>(parsed: Parsed<T>): T {
  if (!parsed.ok) throw new UsageError(parsed.message);
  return parsed.value;
}

/**
 * Reads a subcommand's line; undefined when it only asked for help.
 *
 * @param mostOperands how many words it takes that are no options
 */
function readArguments<Options extends { help?: true }>(program: Program<Options>, argv: readonly string[], mostOperands: number) {
  const { values, operands } = accept(parseArguments(program, argv));
  if (values.help) {
    print(`${renderUsage(program, packageVersion())}\n`);
    return undefined;
  }
  const extra = operands[mostOperands];
  if (extra !== undefined) throw new UsageError(`unexpected word '${printableText(extra)}', expected ${mostOperands === 0 ? "options only" : "one word besides the options"}`);
  return { options: values as Options, operands };
}

const COMMANDS: readonly Command[] = [
  {
    name: "keygen",
    summary: "make an encryption key and an HMAC key, as text or QR code",
    run: async (argv) => {
      const { KEYGEN } = await import("../../tool/keygen.ts");
      const line = readArguments(KEYGEN, argv, 0);
      return line === undefined ? 0 : (await import("./keygen.ts")).makeKeys(line.options, print);
    },
  },
  {
    name: "encode",
    summary: "make a packet of its fields",
    async run(argv) {
      const [{ ENCODE, encodePacket }, { readyKeys, wipeKeys }] = await Promise.all([import("../../tool/encode.ts"), import("../../tool/packet-keys.ts")]);
      const line = readArguments(ENCODE, argv, 1);
      if (line === undefined) return 0;
      const [message] = line.operands;
      if (message === undefined) throw new UsageError("expected a message, such as 203.0.113.5,tcp/22");
      const keys = accept(readyKeys(line.options));
      const chance = { random: randomDigits(randomBytes), salt: randomBytes(8), now: Math.floor(Date.now() / 1000) };
      print(`${accept(encodePacket(message, line.options, keys, chance))}\n`);
      wipeKeys(line.options, keys);
      return 0;
    },
  },
  {
    name: "decode",
    summary: "open a packet and show its fields",
    async run(argv) {
      const [{ DECODE, decodePacket, formatOpened, packetFields }, { readyKeys, wipeKeys }] = await Promise.all([import("../../tool/decode.ts"), import("../../tool/packet-keys.ts")]);
      const line = readArguments(DECODE, argv, 1);
      if (line === undefined) return 0;
      const [operand = "-"] = line.operands;
      const keys = accept(readyKeys(line.options));
      const packet = operand === "-" ? latin1Text(readStandardInput(MAX_INPUT)) : operand;
      const opened = decodePacket(packet, keys);
      wipeKeys(line.options, keys);
      if (!opened.ok) {
        const { layer, reason } = opened;
        if (line.options.json) print(`${JSON.stringify({ error: { layer, reason } })}\n`);
        else complain(`the packet is refused at the ${layer} layer: ${reason}`);
        return 1;
      }
      print(line.options.json ? `${JSON.stringify(packetFields(opened, keys))}\n` : `${formatOpened(packet, opened, keys)}\n`);
      return 0;
    },
  },
  {
    name: "client",
    summary: "the client: ask a server to open a port (same as fwknop)",
    run: async (argv) => (await import("../client/client.ts")).runClient(argv),
  },
  {
    name: "server",
    summary: "the server: open ports for the right packets (same as fwknopd)",
    run: async (argv) => (await import("../daemon/fwknopd.ts")).runServer(argv),
  },
  {
    name: "web",
    summary: "serve the page that knocks from a browser, to this computer",
    run: async (argv) => {
      const { WEB, WEB_PORT } = await import("../../tool/web.ts");
      const line = readArguments(WEB, argv, 0);
      if (line === undefined) return 0;
      return (await import("./web-server.ts")).runWeb(line.options.port ?? WEB_PORT, (text) => print(`${text}\n`));
    },
  },
  {
    name: "demo",
    summary: "show a port that is closed, a packet, and the port open",
    async run(argv) {
      const [{ DEMO }, { runDemo }] = await Promise.all([import("../../tool/demo.ts"), import("./demo.ts")]);
      if (readArguments(DEMO, argv, 0) === undefined) return 0;
      return runDemo({ say: (text) => print(`${text}\n`), main: process.argv[1]! });
    },
  },
];

const HELP = `Usage: fko-tool COMMAND [OPTION...]

Single Packet Authorization: a port that nobody can see opens for whoever
sends the right encrypted packet.

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(8)}${summary}`).join("\n")}

'fko-tool COMMAND --help' shows a command's options. Exit status: 0 done,
1 failed or refused, 2 misused. A first use, keys on both ends first:

  fko-tool keygen
  tcpdump -i eth0 -U -w - 'udp port 62201' |
    fko-tool server --stdin -c fwknopd.conf -a access.conf
  fko-tool client -A tcp/22 -a 203.0.113.5 -D server.example.org
`;

/** Runs the program on this process. */
export function startTool(): void {
  void runTool(process.argv.slice(2)).then((status) => {
    process.exit(status); // all was written; see startServer()
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
  const command = COMMANDS.find((row) => row.name === name);
  try {
    return command === undefined ? answer(name) : await command.run(rest);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof FkoError || error instanceof FileError)) throw error;
    complain(error.message);
    if (!(error instanceof UsageError)) return 1;
    writeText(2, `hint: 'fko-tool ${command === undefined ? "" : `${command.name} `}--help' shows how it is done\n`);
    return MISUSED;
  }
}

/** Answers a first word that is no command. */
function answer(name: string | undefined): number {
  switch (name) {
    case undefined:
      writeText(2, HELP);
      return MISUSED;
    case "--help":
    case "-h":
    case "help":
      print(HELP);
      return 0;
    case "--version":
    case "-V":
      print(`fko-tool ${packageVersion()}\n`);
      return 0;
    default:
      throw new UsageError(`unknown command '${printableText(name)}', expected one of ${COMMANDS.map((row) => row.name).join(" ")}`);
  }
}
