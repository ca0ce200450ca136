/**
 * Making packets and sending them: the two buttons, what came of it, and the packet with everything in it.
 *
 * @module
 */

import { wipe } from "../src/bytes.ts";
import { randomDigits } from "../src/client/random-digits.ts";
import { byId, copyText, make, say, type Tone } from "./dom.ts";
import type { FormView } from "./form-view.ts";
import { fieldRows, type FormValues, type Knock, openList, readForm, type Row } from "./knock-form.ts";
import { curlLine, knockUrl, lengthWarning, probeUrl, requestText, sendingWay } from "./knock-request.ts";
import { type MadePacket, makePacket } from "./packet.ts";
import { choosePrimitives, randomBytes } from "./primitives.ts";
import { lacksLocalNetwork, openAddress, probe, sendByFetch } from "./send.ts";

/** A packet, and where it goes. */
interface Ready {
  readonly knock: Knock;
  readonly made: MadePacket;
}

/** The buttons and their outcome. */
export class KnockView {
  readonly #form: FormView;
  readonly #primitives = choosePrimitives(globalThis.crypto.subtle);
  readonly #outcome = byId("outcome");
  readonly #status = byId("status");
  readonly #result = byId("result", HTMLDetailsElement);
  readonly #navigate = byId("navigate", HTMLButtonElement);
  readonly #probe = byId("probe", HTMLButtonElement);
  readonly #buttons = [byId("send", HTMLButtonElement), byId("make", HTMLButtonElement), this.#navigate];
  #isBusy = false;
  #ticking: ReturnType<typeof setInterval> | undefined;
  #probeUrl: string | undefined;

  constructor(form: FormView) {
    this.#form = form;
    form.onChange(() => this.clear());
    form.onSubmit(() => void this.#act((ready) => this.#send(ready)));
    byId("make").addEventListener("click", () => void this.#act(async ({ made }) => {
      this.#tell("plain", ["The packet is below. It was not sent.", ...lengthWarning(made.packet)]);
      this.#result.open = true;
    }));
    this.#navigate.addEventListener("click", () => void this.#act((ready) => this.#sendByAddress(ready)));
    this.#probe.addEventListener("click", () => void this.#look());
  }

  /** Hides what is known about an earlier packet. */
  clear(): void {
    this.#tell("plain", []);
    this.#outcome.className = "";
    this.#result.hidden = true;
    byId("fields").replaceChildren();
    byId("texts").replaceChildren();
  }

  /** Fills the form in, says from where, and takes the person to what comes next: a field that is still missing, or the button. */
  fillIn(values: Partial<FormValues>, ...text: readonly string[]): void {
    this.#form.fill(values);
    this.#tell("good", text);
    const read = readForm(this.#form.values());
    if (read.ok) {
      wipeKeys(read.knock);
      byId("send").focus();
    } else this.#form.goTo([...read.errors.keys()][0]!);
  }

  /** Says something where people look for what came of a press. */
  tell(tone: Tone, ...text: readonly string[]): void {
    this.#tell(tone, text);
  }

  /** Makes a fresh packet and does something with it, once at a time. */
  async #act(act: (ready: Ready) => Promise<void>): Promise<void> {
    if (this.#isBusy) return;
    const read = readForm(this.#form.values());
    if (!read.ok) {
      const { size } = read.errors;
      this.#form.showErrors(read.errors);
      this.#tell("bad", [`Nothing was sent: ${size === 1 ? "one field needs" : `${size} fields need`} another look.`]);
      return;
    }
    this.#form.showErrors(new Map());
    this.#setBusy(true);
    try {
      const ready = { knock: read.knock, made: await this.#make(read.knock) };
      this.#show(ready);
      await act(ready);
    } catch (error) {
      this.#tell("bad", ["The packet could not be made.", error instanceof Error ? error.message : String(error)]);
    } finally {
      this.#setBusy(false);
    }
  }

  async #make(knock: Knock): Promise<MadePacket> {
    try {
      const message = { ...knock.message, random: randomDigits(randomBytes), timestamp: Math.floor(Date.now() / 1000) };
      return await makePacket(message, knock.keys, randomBytes(8), this.#primitives);
    } finally {
      wipeKeys(knock);
    }
  }

  /** Not by `disabled`: a button that is disabled loses the focus, and its person the place. */
  #setBusy(isBusy: boolean): void {
    for (const button of this.#buttons) button.setAttribute("aria-disabled", String(isBusy));
    this.#isBusy = isBusy;
  }

  async #send(ready: Ready): Promise<void> {
    const { knock, made } = ready;
    if (sendingWay(location.protocol, knock) === "navigation") return this.#sendByAddress(ready);
    this.#outcome.className = "reserved";
    const place = placeOf(knock);
    this.#tell("plain", [`Sending to ${place} …`, "Whatever listens there answers at once; after 8 seconds of silence this gives up."]);
    const { kind, tookMs } = await sendByFetch(knockUrl(knock, made.packet));
    const at = now();
    if (kind === "delivered") {
      this.#tell("good", [`Delivered to ${place} at ${at}, in ${tookMs} ms.`, "Whether it was accepted only the service can tell: connect now.", ...lengthWarning(made.packet)], knock);
      if (knock.message.clientTimeout !== undefined) this.#countDown(knock.message.clientTimeout);
      return;
    }
    if (kind === "silent") {
      return this.#tell("warning", [`No answer from ${place} in 8 seconds, at ${at}.`, "A server that keeps silent looks like this too: try the service. If that fails, nothing took the connection."], knock);
    }
    const causes = [
      "Nothing listens there, or the connection was cut.",
      ...(knock.scheme === "https" ? ["Its certificate may be unknown to the browser."] : []),
      ...((await lacksLocalNetwork()) ? ["If the server is in the local network: this page may not call that, unless the browser’s settings for it allow it."] : []),
      "The browser may have blocked it: then it can be sent by opening the address.",
    ];
    this.#tell("bad", [`Not delivered to ${place}, at ${at}.`, causes.join(" ")], knock, true);
  }

  /** Under what was said, until something else is said. */
  #countDown(seconds: number): void {
    const end = Date.now() + 1000 * seconds;
    const line = make("p");
    line.setAttribute("role", "timer"); // Which is not read aloud at each change.
    const tick = (): void => {
      const left = Math.ceil((end - Date.now()) / 1000);
      line.textContent = left > 0 ? `If it was, ${left} s are left.` : "If it was, its time is over.";
      if (left <= 0) clearInterval(this.#ticking);
    };
    this.#ticking = setInterval(tick, 1000);
    tick();
    this.#status.append(line);
  }

  async #sendByAddress({ knock, made }: Ready): Promise<void> {
    const why = sendingWay(location.protocol, knock) === "navigation" ? "A page from https may call plain http in no other way. " : "";
    this.#tell("plain", [
      `Sent to ${placeOf(knock)} at ${now()}, by going to its address.`,
      "Whether it was delivered cannot be seen from here: connect now.",
      `${why}A fwknopd of this package answers so that this page stays; another server’s answer would take its place.`,
    ], knock);
    await openAddress(knockUrl(knock, made.packet));
  }

  async #look(): Promise<void> {
    const url = this.#probeUrl;
    if (url === undefined) return;
    const answers = (await probe(url)).kind === "delivered";
    say(this.#status, answers ? "good" : "warning", answers ? `Something answers at ${url}` : `Nothing answers at ${url} yet, or the browser may not look.`);
  }

  #tell(tone: Tone, text: readonly string[], knock?: Knock, offersAddress = false): void {
    clearInterval(this.#ticking);
    say(this.#status, tone, ...text);
    const ports = knock === undefined || knock.message.type === 0 ? [] : openList(knock.message.message.slice(knock.message.message.indexOf(",") + 1));
    this.#probeUrl = knock && probeUrl(ports, knock.server);
    this.#probe.hidden = this.#probeUrl === undefined;
    this.#probe.textContent = `Look whether ${this.#probeUrl ?? ""} answers`;
    this.#navigate.hidden = !offersAddress;
  }

  #show({ knock, made }: Ready): void {
    const rows: Row[] = [...fieldRows(made.message, knock.keys), ["Encoded Data", made.encoded], ["SPA Data Digest", made.digest]];
    if (made.hmac !== undefined) rows.push(["HMAC", made.hmac]);
    byId("fields").replaceChildren(...rows.map(([name, value]) => {
      const head = make("th", { text: name });
      head.scope = "row";
      return make("tr", {}, head, make("td", { text: value }));
    }));
    byId("texts").replaceChildren(
      ...textBlock("Packet", made.packet),
      ...textBlock("URL", knockUrl(knock, made.packet)),
      ...textBlock("Request", requestText(knock, made.packet), "The browser adds lines of its own."),
      ...textBlock("curl", curlLine(knock, made.packet)),
    );
    this.#result.hidden = false;
  }
}

/** @param knock whose keys are not needed any more */
export function wipeKeys({ keys }: Knock): void {
  wipe(keys.key, ...(keys.hmac === undefined ? [] : [keys.hmac.key]));
}

const placeOf = ({ server, port }: Knock): string => `${server}:${port}`;
const now = (): string => new Date().toLocaleTimeString();

function textBlock(title: string, text: string, hint?: string): HTMLElement[] {
  const button = make("button", { text: "Copy" });
  button.type = "button";
  button.setAttribute("aria-label", `Copy ${title}`);
  const done = make("span");
  done.setAttribute("role", "status");
  button.addEventListener("click", async () => {
    done.textContent = (await copyText(text)) ? "Copied" : "Select the text and copy it by hand";
  });
  const block = make("pre", { text });
  block.tabIndex = 0;
  block.setAttribute("aria-label", title);
  return [make("div", { className: "text-head" }, make("h3", { text: title }), done, button), block, ...(hint === undefined ? [] : [make("p", { className: "hint", text: hint })])];
}
