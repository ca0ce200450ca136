/**
 * Saved profiles on the page: locked, or open with a list.
 *
 * @module
 */

import { byId, make, say, showProblem, type Tone } from "./dom.ts";
import type { FormView } from "./form-view.ts";
import type { KnockView } from "./knock-view.ts";
import { randomBytes } from "./primitives.ts";
import { type Profiles, Vault, type VaultPlace } from "./vault.ts";

/** Where the sealed text lies; from `file:` all files share one storage, which is one more reason to seal it. */
const STORAGE_KEY = "fko-tool.vault";
const MIN_PASSPHRASE = 8;

/**
 * Makes the dialog work.
 *
 * @param form where profiles come from
 * @param knock where they go to
 * @returns locks the vault
 */
export function startVault(form: FormView, knock: KnockView): () => void {
  const place = vaultPlace();
  byId("no-vault").hidden = place !== undefined;
  byId("vault").hidden = place === undefined;
  return place === undefined ? () => {} : new VaultView(form, knock, place).lock;
}

function vaultPlace(): VaultPlace | undefined {
  const subtle: SubtleCrypto | undefined = globalThis.crypto.subtle;
  try {
    localStorage.getItem(STORAGE_KEY); // throws where pages may keep nothing
  } catch {
    return undefined;
  }
  return subtle && { subtle, randomBytes };
}

class VaultView {
  readonly #form: FormView;
  readonly #knock: KnockView;
  readonly #place: VaultPlace;
  readonly #passphrase = byId("passphrase", HTMLInputElement);
  readonly #name = byId("profileName", HTMLInputElement);
  readonly #list = byId("profile", HTMLSelectElement);
  readonly #unlock = byId("unlock", HTMLButtonElement);
  #vault: Vault | undefined;
  #attempt = 0;

  constructor(form: FormView, knock: KnockView, place: VaultPlace) {
    this.#form = form;
    this.#knock = knock;
    this.#place = place;
    const on = (id: string, act: () => void): void => byId(id).addEventListener("click", act);
    on("unlock", () => void this.#open());
    on("lock", () => this.lock());
    on("save", () => void this.#save());
    on("load", () => this.#load());
    on("remove", () => void this.#remove());
    on("forget", () => this.#forget());
    byId("profiles").addEventListener("close", () => {
      this.#say("plain");
      this.#refresh();
    });
    this.#list.addEventListener("change", () => askAgain(byId("remove"), "Delete"));
    // What another tab stored would be lost by the next save of this one.
    addEventListener("storage", ({ key }) => {
      if (key !== STORAGE_KEY) return;
      this.lock();
      this.#say("plain", "The profiles were changed in another tab.");
    });
    this.#onEnter(this.#passphrase, "unlock");
    this.#onEnter(this.#name, "save");
    this.#refresh();
  }

  /** Forgets the key and what it opened; the sealed text stays. */
  readonly lock = (): void => {
    this.#attempt++;
    this.#vault = undefined;
    this.#passphrase.value = "";
    this.#name.value = "";
    this.#say("plain");
    this.#refresh();
  };

  async #open(): Promise<void> {
    const passphrase = this.#passphrase.value;
    const stored = localStorage.getItem(STORAGE_KEY);
    const isShort = stored === null && passphrase.length < MIN_PASSPHRASE;
    const problem = passphrase === "" ? "Type the passphrase." : isShort ? `Expected at least ${MIN_PASSPHRASE} characters; several words are better.` : undefined;
    showProblem(this.#passphrase, problem);
    if (problem !== undefined) return this.#passphrase.focus();
    this.#unlock.disabled = true;
    this.#say("plain", "Working on the passphrase; this takes a second or two, on purpose …");
    const attempt = ++this.#attempt;
    const vault = stored === null ? await Vault.create(passphrase, this.#place) : await Vault.open(stored, passphrase, this.#place);
    this.#unlock.disabled = false;
    this.#say("plain");
    if (attempt !== this.#attempt) return; // locked meanwhile
    this.#vault = vault;
    if (vault === undefined) {
      showProblem(this.#passphrase, "This does not open the profiles: the passphrase is another one, or what is stored was changed.");
      return this.#passphrase.focus();
    }
    this.#passphrase.value = "";
    this.#refresh();
    (byId("kept").hidden ? this.#name : this.#list).focus();
  }

  async #save(): Promise<void> {
    const name = this.#name.value.trim() || this.#form.values().server.trim();
    showProblem(this.#name, name === "" ? "Type a name for the profile." : undefined);
    if (name === "") return this.#name.focus();
    await this.#store({ ...this.#vault!.profiles, [name]: this.#form.values() }, `Saved as “${name}”.`);
    this.#list.value = name;
    this.#name.value = "";
  }

  #load(): void {
    const profile = this.#vault?.profiles[this.#list.value];
    if (profile === undefined) return;
    byId("profiles", HTMLDialogElement).close();
    this.#knock.fillIn(profile, `Filled in from “${this.#list.value}”.`);
  }

  async #remove(): Promise<void> {
    if (!isSure(byId("remove"), "Really delete?")) return;
    const name = this.#list.value;
    await this.#store(Object.fromEntries(Object.entries(this.#vault!.profiles).filter(([other]) => other !== name)), `Deleted “${name}”.`);
  }

  #forget(): void {
    if (!isSure(byId("forget"), "Really delete all?")) return;
    localStorage.removeItem(STORAGE_KEY);
    this.lock();
    this.#say("plain", "All profiles are deleted.");
  }

  async #store(profiles: Profiles, done: string): Promise<void> {
    this.#vault = this.#vault!.with(profiles);
    try {
      localStorage.setItem(STORAGE_KEY, await this.#vault.seal());
      this.#say("good", done);
    } catch {
      this.#say("bad", "The browser has no room to keep this, or does not allow it.");
    }
    this.#refresh();
  }

  #refresh(): void {
    const isStored = localStorage.getItem(STORAGE_KEY) !== null;
    byId("locked").hidden = this.#vault !== undefined;
    byId("unlocked").hidden = this.#vault === undefined;
    this.#unlock.textContent = isStored ? "Unlock" : "Start";
    this.#passphrase.labels![0]!.textContent = isStored ? "Passphrase of the profiles" : "A new passphrase for them";
    byId("forget").hidden = !isStored;
    askAgain(byId("forget"), "Delete all profiles");
    askAgain(byId("remove"), "Delete");
    const names = Object.keys(this.#vault?.profiles ?? {}).sort();
    this.#list.replaceChildren(...names.map((name) => {
      const option = make("option", { text: name });
      option.value = name;
      return option;
    }));
    byId("kept").hidden = names.length === 0;
  }

  #say(tone: Tone, ...text: readonly string[]): void {
    say(byId("vault-status"), tone, ...text);
  }

  #onEnter(field: HTMLElement, button: string): void {
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      byId(button).click();
    });
  }
}

/** What cannot be undone takes two presses. */
function isSure(button: HTMLElement, question: string): boolean {
  if (button.dataset["sure"] !== undefined) return true;
  button.dataset["sure"] = "";
  button.textContent = question;
  return false;
}

function askAgain(button: HTMLElement, label: string): void {
  delete button.dataset["sure"];
  button.textContent = label;
}
