/**
 * A real Chromium in a host of the lab, driven over the W3C WebDriver protocol by plain `fetch`.
 *
 * @module
 */
import type { ChildProcess } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { NamespaceHost } from "../../src/node/tool/namespaces.ts";
import type { Lab } from "./lab.ts";

/** Programs that {@link openLab} must find for a browser. */
export const BROWSER_PEERS = ["chromium", "chromedriver"] as const;

const PORT = 9515;
/** Pictures go into the repository: small ones do. */
const PICTURE_SCALE = 0.58;
const FLAGS = [
  "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
/** For what happens within a second on a quiet machine. */
const PATIENCE_MS = 20_000;

/** Does the requests inside the host, for a process has only one network: a JSON line in, a JSON line out. */
const RELAY = `import("node:readline").then(({ createInterface }) => createInterface({ input: process.stdin }).on("line", async (line) => {
  const { id, method, path, body } = JSON.parse(line);
  const answer = await fetch("http://127.0.0.1:${PORT}" + path, { method, ...(body && { body: JSON.stringify(body) }) })
    .then((response) => response.json()).catch((error) => ({ value: { error: "relay", message: String(error.cause ?? error) } }));
  process.stdout.write(JSON.stringify({ id, value: answer.value }) + "\\n");
}));`;

/** What WebDriver says an element is. */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

/** A browser with one window. */
export class Browser {
  readonly #relay: ChildProcess;
  readonly #waiting = new Map<number, (value: unknown) => void>();
  #session = "";
  #requests = 0;

  private constructor(relay: ChildProcess) {
    this.#relay = relay;
    createInterface({ input: relay.stdout! }).on("line", (line) => {
      const { id, value } = JSON.parse(line) as { id: number; value: unknown };
      this.#waiting.get(id)?.(value);
      this.#waiting.delete(id);
    });
  }

  /**
   * Starts a browser; it ends with the lab.
   *
   * @param lab where its profile lies
   * @param host where it runs, the client when absent
   * @param args more flags
   */
  static async open(lab: Lab, host: NamespaceHost = lab.client, args: readonly string[] = []): Promise<Browser> {
    const driver = lab.start(host, ["chromedriver", `--port=${PORT}`]);
    await driver.waitFor("started successfully");
    const browser = new Browser(host.start([process.execPath, "-e", RELAY], { stdio: ["pipe", "pipe", "inherit"] }));
    const profile = lab.path(`chromium.${driver.pid}`);
    mkdirSync(profile);
    const { sessionId } = await browser.#send<{ sessionId: string }>("POST", "/session", {
      capabilities: { alwaysMatch: { browserName: "chrome", "goog:chromeOptions": { args: [...FLAGS, `--user-data-dir=${profile}`, ...args] }, "goog:loggingPrefs": { browser: "ALL" } } },
    });
    browser.#session = `/session/${sessionId}`;
    return browser;
  }

  /** Ends the browser; whoever forgets it has the lab's end. */
  async close(): Promise<void> {
    await this.#send("DELETE", this.#session);
    this.#relay.stdin!.end();
  }

  async #send<T>(method: string, path: string, body?: object): Promise<T> {
    const id = ++this.#requests;
    const answered = new Promise<unknown>((resolve) => this.#waiting.set(id, resolve));
    this.#relay.stdin!.write(`${JSON.stringify({ id, method, path, ...(body && { body }) })}\n`);
    const value = (await answered) as T & { error?: string; message?: string } | null;
    if (value !== null && typeof value === "object" && value.error !== undefined) throw new Error(`WebDriver ${method} ${path}: ${value.error}: ${value.message?.split("\n")[0]}`);
    return value as T;
  }

  #post<T = unknown>(path: string, body: object = {}): Promise<T> {
    return this.#send("POST", this.#session + path, body);
  }

  /** Goes to an address. */
  async go(url: string): Promise<void> {
    await this.#post("/url", { url });
  }

  async reload(): Promise<void> {
    await this.#post("/refresh");
  }

  /** @returns the address that the person sees */
  url(): Promise<string> {
    return this.#send("GET", `${this.#session}/url`);
  }

  async #element(selector: string): Promise<string> {
    const found = await this.#post<Record<string, string>>("/element", { using: "css selector", value: selector });
    return `${this.#session}/element/${found[ELEMENT]}`;
  }

  /** Presses what a selector finds, as a person does: it must be visible. */
  async click(selector: string): Promise<void> {
    await this.#send("POST", `${await this.#element(selector)}/click`, {});
  }

  /** Types into a field in place of what is there. */
  async fill(selector: string, text: string): Promise<void> {
    const element = await this.#element(selector);
    await this.#send("POST", `${element}/clear`, {});
    await this.#send("POST", `${element}/value`, { text });
  }

  /** Chooses in a list. */
  async choose(selector: string, value: string): Promise<void> {
    await this.click(`${selector} option[value="${value}"]`);
  }

  /** Presses keys, one after the other: characters, or WebDriver's code points. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#post("/actions", { actions: [{ type: "key", id: "keyboard", actions: keys.flatMap((value) => [{ type: "keyDown", value }, { type: "keyUp", value }]) }] });
  }

  /** @returns what a person reads there */
  async text(selector: string): Promise<string> {
    return this.#send("GET", `${await this.#element(selector)}/text`);
  }

  /** @returns role and name as assistive software hears them */
  async spoken(selector: string): Promise<string> {
    const element = await this.#element(selector);
    return `${await this.#send<string>("GET", `${element}/computedrole`)} ${await this.#send<string>("GET", `${element}/computedlabel`)}`;
  }

  /** Runs a function's body in the page. */
  run<T>(script: string, ...args: readonly unknown[]): Promise<T> {
    return this.#post("/execute/sync", { script, args });
  }

  /** Runs a body that awaits. */
  runAsync<T>(script: string): Promise<T> {
    return this.#post("/execute/async", { script: `const done = arguments[arguments.length - 1]; (async () => { ${script} })().then(done, (error) => done(String(error)));`, args: [] });
  }

  /** A command of Chromium's own protocol. */
  devtools<T = unknown>(cmd: string, params: object = {}): Promise<T> {
    return this.#post("/goog/cdp/execute", { cmd, params });
  }

  /** @returns what the console said since the last call; warnings about the policy and uncaught errors among it */
  async console(): Promise<readonly string[]> {
    const entries = await this.#post<readonly { level: string; message: string }[]>("/se/log", { type: "browser" });
    return entries.map(({ level, message }) => `${level} ${message}`);
  }

  /**
   * Waits until something in the page reads as expected.
   *
   * @returns the text
   * @throws {Error} with the last text, after 20 seconds
   */
  async waitForText(selector: string, pattern: RegExp): Promise<string> {
    let text = "";
    for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await sleep(50)) {
      text = await this.text(selector);
      if (pattern.test(text)) return text;
    }
    throw new Error(`${selector} does not read ${pattern} but: ${text}`);
  }

  /**
   * Waits until an expression is true.
   *
   * @throws {Error} the page's, or the driver's after 30 seconds
   */
  async waitUntil(expression: string): Promise<void> {
    const failure = await this.runAsync<string | null>(`while (!(${expression})) await new Promise((resolve) => setTimeout(resolve, 20));`);
    if (failure !== null) throw new Error(failure);
  }

  /** Makes the window as wide as a device. */
  async resize(width: number, height: number): Promise<void> {
    await this.devtools("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
  }

  /** Has the page look as for a person with these wishes. */
  async prefer(features: Readonly<Record<string, string>>): Promise<void> {
    await this.devtools("Emulation.setEmulatedMedia", { features: Object.entries(features).map(([name, value]) => ({ name, value })) });
  }

  /** Takes a picture of all of the page; of what the window shows, where a dialog is open. */
  async picture(path: string): Promise<void> {
    const size = await this.run<{ width: number; height: number }>("scrollTo(0, 0); return { width: innerWidth, height: document.querySelector('dialog[open]') ? innerHeight : document.documentElement.scrollHeight }");
    const { data } = await this.devtools<{ data: string }>("Page.captureScreenshot", { captureBeyondViewport: true, clip: { x: 0, y: 0, ...size, scale: PICTURE_SCALE } });
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, Buffer.from(data, "base64"));
  }
}
