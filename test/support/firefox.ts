/**
 * A real Firefox in a host of the lab, driven over WebDriver BiDi, which it speaks by itself.
 *
 * @module
 */
import type { ChildProcess } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Lab } from "./lab.ts";

/** Programs that the lab must find for it. */
export const FIREFOX_PEERS = ["firefox-esr"] as const;

/** Holds the connection inside the host, for a process has only one network: lines of JSON in both directions. */
const RELAY = `const socket = new WebSocket(process.argv[1]);
socket.onopen = () => require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => socket.send(line));
socket.onmessage = ({ data }) => process.stdout.write(data + "\\n");
process.stdin.on("close", () => process.exit());`;

interface Answer {
  readonly id?: number;
  readonly type: string;
  readonly result?: unknown;
  readonly message?: string;
}

/** A browser with one tab. */
export class Firefox {
  readonly #relay: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #context = "";
  #commands = 0;

  private constructor(relay: ChildProcess) {
    this.#relay = relay;
    createInterface({ input: relay.stdout! }).on("line", (line) => {
      const answer = JSON.parse(line) as Answer;
      if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
    });
  }

  /** Starts a browser on the lab's client; it ends with the lab. */
  static async open(lab: Lab): Promise<Firefox> {
    const profile = lab.path("firefox");
    mkdirSync(profile);
    const program = lab.start(lab.client, ["firefox-esr", "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]);
    await program.waitFor("WebDriver BiDi listening on");
    const address = /listening on (ws:\S+)/.exec(program.log)![1]!;
    const browser = new Firefox(lab.client.start([process.execPath, "--experimental-websocket", "--no-warnings", "-e", RELAY, `${address}/session`], { stdio: ["pipe", "pipe", "inherit"] }));
    await browser.#send("session.new", { capabilities: {} });
    const { contexts } = await browser.#send<{ contexts: { context: string }[] }>("browsingContext.getTree", {});
    browser.#context = contexts[0]!.context;
    return browser;
  }

  /** Ends the browser; whoever forgets it has the lab's end. */
  async close(): Promise<void> {
    await this.#send("browser.close", {});
    this.#relay.stdin!.end();
  }

  async #send<T>(method: string, params: object): Promise<T> {
    const id = ++this.#commands;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#relay.stdin!.write(`${JSON.stringify({ id, method, params })}\n`);
    const { type, result, message } = await answered;
    if (type !== "success") throw new Error(`WebDriver BiDi ${method}: ${message}`);
    return result as T;
  }

  /** Goes to an address. */
  async go(url: string): Promise<void> {
    await this.#send("browsingContext.navigate", { context: this.#context, url, wait: "complete" });
  }

  /**
   * Runs a function's body in the page, as if a person had just clicked.
   *
   * @param body awaits what it likes, and returns a string
   */
  async run(body: string): Promise<string> {
    const { result, exceptionDetails } = await this.#send<{ result?: { value: string }; exceptionDetails?: { text: string } }>("script.callFunction", {
      functionDeclaration: `async () => { ${body} }`, target: { context: this.#context }, awaitPromise: true, userActivation: true,
    });
    if (result === undefined) throw new Error(`In the page: ${exceptionDetails?.text}`);
    return result.value;
  }
}
