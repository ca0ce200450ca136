/**
 * Programs on a terminal of their own, as a user would sit before it. Python has what Node lacks: pseudo-terminals.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";

/** What the user does: waits for a text, then types or sends a signal. */
export interface TerminalStep {
  readonly waitFor: string;
  /** Bytes as code points 0..255. */
  readonly type?: string;
  /** To the program itself. */
  readonly signal?: "SIGTERM" | "SIGINT" | "SIGHUP";
}

/** What was to be seen. */
export interface TerminalRecord {
  /** All that stood on the screen, echoed input included. */
  readonly output: string;
  /** Whether the terminal echoed: before the program started, at each step, and after the end. */
  readonly echo: readonly boolean[];
  /** Exit status; negative for the signal that ended it. */
  readonly status: number;
}

const SCRIPT = `
import json, os, pty, select, signal, sys, termios, time
argv, steps = json.loads(sys.argv[1])
master, slave = pty.openpty()
def echo(): return bool(termios.tcgetattr(slave)[3] & termios.ECHO)
states = [echo()]
pid = os.fork()
if pid == 0:
    os.setsid()
    os.close(os.open(os.ttyname(slave), os.O_RDWR)) # the first terminal a session leader opens is its own
    for fd in 0, 1, 2: os.dup2(slave, fd)
    os.closerange(3, 64)
    os.execvp(argv[0], argv)
seen = b""
end = time.time() + 30
def look():
    global seen
    if select.select([master], [], [], 0.05)[0]: seen += os.read(master, 65536)
status = None
at = 0
for step in steps:
    while (found := seen.find(step["waitFor"].encode(), at)) < 0:
        if time.time() > end: os.kill(pid, signal.SIGKILL); sys.exit("the text did not come; seen: %r" % seen)
        look()
    at = found + 1
    states.append(echo())
    if "type" in step: os.write(master, step["type"].encode("latin-1"))
    if "signal" in step: os.kill(pid, getattr(signal, step["signal"]))
while True:
    look()
    done, status = os.waitpid(pid, os.WNOHANG)
    if done: break
    if time.time() > end: os.kill(pid, signal.SIGKILL); sys.exit("the program did not end; seen: %r" % seen)
look()
states.append(echo())
print(json.dumps({"output": seen.decode("latin-1"), "echo": states, "status": os.waitstatus_to_exitcode(status)}))
`;

/**
 * Runs a program on a terminal.
 *
 * @param argv the program
 * @param steps what the user does, in order
 * @returns what was to be seen
 * @throws {Error} when a text does not come, or the program does not end
 */
export async function runOnTerminal(argv: readonly string[], steps: readonly TerminalStep[]): Promise<TerminalRecord> {
  const child = spawn("python3", ["-c", SCRIPT, JSON.stringify([argv, steps])], { stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const [status] = await once(child, "close") as [number | null];
  if (status !== 0) throw new Error(`Cannot run ${argv.join(" ")} on a terminal: ${err}`);
  return JSON.parse(out) as TerminalRecord;
}
