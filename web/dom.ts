/**
 * The few things that are done with the document. Text is only ever set as text.
 *
 * @module
 */

/**
 * Finds an element of the page.
 *
 * @param id its id
 * @param kind its class
 * @returns the element
 * @throws {TypeError} when the page has no such element
 */
export function byId<T extends Element = HTMLElement>(id: string, kind: new () => T = HTMLElement as unknown as new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new TypeError(`The page has no ${kind.name} #${id}`);
  return element;
}

/**
 * Makes an element.
 *
 * @param name its tag
 * @param options class and content
 * @returns a fresh element, in no document yet
 */
export function make<K extends keyof HTMLElementTagNameMap>(name: K, options: { readonly className?: string; readonly text?: string } = {}, ...children: readonly Node[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  if (options.className !== undefined) element.className = options.className;
  if (options.text !== undefined) element.textContent = options.text;
  element.append(...children);
  return element;
}

/** How something went. */
export type Tone = "plain" | "good" | "warning" | "bad";

/**
 * Says something in a place that assistive software reads aloud.
 *
 * @param place an element with `role=status`, never hidden: only what changes in a place that was there before is read
 * @param text sentences, one paragraph each
 */
export function say(place: HTMLElement, tone: Tone, ...text: readonly string[]): void {
  place.className = tone === "plain" ? "notice" : `notice ${tone}`;
  place.replaceChildren(...text.map((sentence) => make("p", { text: sentence })));
}

/**
 * Shows what is wrong beside a field, or that nothing is any more.
 *
 * @param field the input; its error place has the same id with `-error` behind it
 * @param problem in words; undefined for none
 */
export function showProblem(field: HTMLElement, problem: string | undefined): void {
  const place = byId(`${field.id}-error`);
  place.hidden = problem === undefined;
  place.textContent = problem ?? "";
  const described = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id !== "" && id !== place.id);
  if (problem === undefined) field.removeAttribute("aria-invalid");
  else {
    field.setAttribute("aria-invalid", "true");
    described.push(place.id);
  }
  if (described.length > 0) field.setAttribute("aria-describedby", described.join(" "));
  else field.removeAttribute("aria-describedby");
}

/** Makes the buttons work that open and close dialogs; the Escape key and the focus are the browser's. */
export function startDialogs(): void {
  for (const button of document.querySelectorAll<HTMLElement>("[data-dialog]")) {
    button.addEventListener("click", () => byId(button.dataset["dialog"]!, HTMLDialogElement).showModal());
  }
  for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog")!.close());
}

/**
 * Copies text, also where the page has no clipboard of its own (plain http).
 *
 * @param text what is copied
 * @returns whether it was copied
 */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = make("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}
