/**
 * The form on the page: its values, its parts that come and go, its errors.
 *
 * @module
 */

import { DIGESTS, ENCRYPTION_MODES } from "../src/fko.ts";
import { byId, make, showProblem } from "./dom.ts";
import { DEFAULTS, describeWish, type FieldName, type FormValues, MODES } from "./knock-form.ts";

const FIELDS = Object.keys(DEFAULTS).filter((name): name is Exclude<FieldName, "whose"> => name !== "whose");
const SECRETS = ["key", "hmacKey"] as const;

type Control = HTMLInputElement | HTMLSelectElement;
const control = (name: string): Control => byId<HTMLElement>(name) as Control;
const radios = (): HTMLInputElement[] => [...document.querySelectorAll<HTMLInputElement>("input[name=whose]")];

/** The form. */
export class FormView {
  readonly #form = byId("form", HTMLFormElement);

  #onChange = (): void => {};

  constructor() {
    const digests = Object.entries(DIGESTS).map(([value, { label }]) => [value, label] as const);
    fillSelect("hmacType", digests);
    fillSelect("digestType", digests);
    fillSelect("mode", MODES.map((value) => [value, value === "legacy" ? "legacy (before 2.5: no HMAC)" : ENCRYPTION_MODES[value].label]));
    this.fill(DEFAULTS);
    this.#form.addEventListener("input", (event) => {
      const { id } = event.target as HTMLElement;
      if (document.getElementById(`${id}-error`) !== null) showProblem(event.target as HTMLElement, undefined);
      this.#refresh();
      this.#onChange();
    });
    for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-show]")) {
      button.addEventListener("click", () => {
        const field = byId(button.dataset["show"]!, HTMLInputElement);
        showSecret(field, button, field.type === "password");
      });
    }
  }

  /** Is called after each change, by hand or by {@link fill}. */
  onChange(act: () => void): void {
    this.#onChange = act;
  }

  /** Is called when the form is sent, by button or by Enter. */
  onSubmit(act: () => void): void {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      act();
    });
  }

  /** @returns what is filled in */
  values(): FormValues {
    const values: Record<string, string> = { whose: radios().find(({ checked }) => checked)?.value ?? DEFAULTS.whose };
    for (const name of FIELDS) values[name] = control(name).value;
    return values as unknown as FormValues;
  }

  /** Fills fields in; the others stay. */
  fill(values: Partial<FormValues>): void {
    for (const name of FIELDS) if (values[name] !== undefined) control(name).value = values[name];
    if (values.whose !== undefined) for (const radio of radios()) radio.checked = radio.value === values.whose;
    this.showErrors(new Map());
    this.#refresh();
    this.#onChange();
  }

  /** Shows what is wrong, and takes the person to the first such field. */
  showErrors(errors: ReadonlyMap<FieldName, string>): void {
    for (const name of FIELDS) if (document.getElementById(`${name}-error`) !== null) showProblem(control(name), errors.get(name));
    const [first] = errors.keys();
    if (first !== undefined) this.goTo(first);
  }

  /** Takes the person to a field. */
  goTo(name: FieldName): void {
    const field = control(name);
    const details = field.closest("details");
    if (details !== null) details.open = true;
    field.focus();
  }

  /** Empties the key fields. */
  wipe(): void {
    for (const name of SECRETS) {
      const field = byId(name, HTMLInputElement);
      field.value = "";
      showSecret(field, document.querySelector<HTMLButtonElement>(`button[data-show=${name}]`)!, false);
    }
  }

  #refresh(): void {
    const values = this.values();
    for (const part of document.querySelectorAll<HTMLElement>("[data-for]")) part.hidden = !part.dataset["for"]!.split(" ").includes(values.purpose);
    byId("address-field").hidden = values.whose !== "typed";
    byId("hmac-field").hidden = values.useHmac !== "yes";
    byId("summary").textContent = describeWish(values);
  }
}

function showSecret(field: HTMLInputElement, button: HTMLButtonElement, isShown: boolean): void {
  field.type = isShown ? "text" : "password";
  button.textContent = isShown ? "Hide" : "Show";
  // For those who hear the button and do not see what it stands beside.
  button.setAttribute("aria-label", `${button.textContent} ${field.labels![0]!.textContent}`);
}

function fillSelect(id: string, options: readonly (readonly [value: string, label: string])[]): void {
  byId(id, HTMLSelectElement).replaceChildren(...options.map(([value, label]) => {
    const option = make("option", { text: label });
    option.value = value;
    return option;
  }));
}
