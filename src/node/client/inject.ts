/**
 * Puts a packet that was made by hand on the wire. Node has no raw sockets; perl or python3, one
 * of which is on nearly every host, opens one for us and gets the packet on its standard input.
 *
 * @module
 */
import { printableText } from "../../foreign-text.ts";
import { run } from "../run.ts";

/** The outcome of {@link injectPacket}. */
export type InjectResult =
  | { readonly ok: true }
  | {
    readonly ok: false;
    readonly reason: "injector" | "permission" | "unreachable" | "timeout" | "failed";
    /** One line. */
    readonly message: string;
  };

/** A program that can open a raw socket. */
interface Injector {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
}

// Protocol 255 (IPPROTO_RAW) means for both families that the IP header is ours. The destination is read from it.
// A failure is told as `socket: REASON` or `send: REASON`; anything else on stderr means that the program itself is unfit.
const PERL = `local $/; binmode STDIN; my $p = <STDIN>;
my $v4 = ord($p) >> 4 == 4;
my $to = $v4 ? pack_sockaddr_in(0, "" . substr($p, 16, 4)) : pack_sockaddr_in6(0, "" . substr($p, 24, 16));
socket(my $s, $v4 ? PF_INET : PF_INET6, SOCK_RAW, 255) or die "socket: $!\\n";
defined send($s, $p, 0, $to) or die "send: $!\\n";`;
const PYTHON = `import socket, sys
packet = sys.stdin.buffer.read()
v4 = packet[0] >> 4 == 4
family = socket.AF_INET if v4 else socket.AF_INET6
step = "socket"
try:
    raw = socket.socket(family, socket.SOCK_RAW, 255)
    step = "send"
    raw.sendto(packet, (socket.inet_ntop(family, packet[16:20] if v4 else packet[24:40]), 0))
except OSError as error:
    sys.exit(step + ": " + (error.strerror or str(error)))`;

const INJECTORS: readonly Injector[] = [
  { name: "perl", argv: ["perl", "-MSocket", "-e", PERL] },
  { name: "python3", argv: ["python3", "-I", "-S", "-c", PYTHON] },
];

/**
 * Sends one whole IP packet.
 *
 * @param packet from the IP header on, IPv4 or IPv6
 * @param timeoutMs for one helper program
 * @returns whether it left
 */
export async function injectPacket(packet: Uint8Array, timeoutMs: number): Promise<InjectResult> {
  const unfit: string[] = [];
  for (const { name, argv } of INJECTORS) {
    const result = await run(argv, { input: packet, timeoutMs });
    if (result.ok) return { ok: true };
    if (result.timedOut) return { ok: false, reason: "timeout", message: `${name} did not send the packet within ${timeoutMs} ms` };
    if (result.startError !== undefined) {
      unfit.push(`${name}: ${result.startError.code === "ENOENT" ? "not found" : result.startError.message}`);
      continue;
    }
    const words = result.stderr.trim();
    const told = /^(socket|send): (.+)$/m.exec(words);
    if (told !== null) return refused(told[1]!, told[2]!);
    unfit.push(`${name}: ${printableText(words.split("\n")[0]!)}`);
  }
  return { ok: false, reason: "injector", message: `Hand-made packets need perl or python3 to open a raw socket (${unfit.join("; ")})` };
}

function refused(step: string, words: string): InjectResult {
  const shown = printableText(words);
  if (/not permitted|denied/i.test(words)) {
    const hint = step === "socket" ? " (raw sockets need root or CAP_NET_RAW)" : "";
    return { ok: false, reason: "permission", message: `${step}: ${shown}${hint}` };
  }
  return { ok: false, reason: /unreachable|no route/i.test(words) ? "unreachable" : "failed", message: `${step}: ${shown}` };
}
