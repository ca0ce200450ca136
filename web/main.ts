/**
 * The page: joins its parts, and forgets secrets when nobody is there.
 *
 * @module
 */

import { make, startDialogs } from "./dom.ts";
import { FormView } from "./form-view.ts";
import { startImport } from "./import-view.ts";
import { KnockView } from "./knock-view.ts";
import { startVault } from "./vault-view.ts";

/** After that time without a key or a touch the keys are wiped. */
const IDLE_MS = 10 * 60_000;

// Before anything is drawn, so that the warning moves nothing.
document.documentElement.classList.toggle("insecure", !isSecureContext);
addEventListener("DOMContentLoaded", start);

function start(): void {
  const form = new FormView();
  const knock = new KnockView(form);
  startDialogs();
  const clearImport = startImport(form, knock);
  const lockVault = startVault(form, knock);

  const forgetSecrets = (): void => {
    form.wipe();
    clearImport();
    lockVault();
    for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  };
  const giveUp = (): void => {
    forgetSecrets();
    knock.tell("plain", "The keys were wiped, and the profiles locked: ten minutes went by without a touch.");
  };
  let idle = setTimeout(giveUp, IDLE_MS);
  for (const kind of ["keydown", "pointerdown", "input"]) {
    addEventListener(kind, () => {
      clearTimeout(idle);
      idle = setTimeout(giveUp, IDLE_MS);
    });
  }
  // A browser may keep the whole page in memory for "back". A knock by opening its address does not come this way.
  addEventListener("pagehide", forgetSecrets);

  if (isSecureContext && /^https?:$/.test(location.protocol)) installApp();
}

/** Whoever hosts the page beside `sw.js` and the manifest gives it to people as an app that works without a network. */
function installApp(): void {
  const link = make("link");
  link.rel = "manifest";
  link.href = "manifest.webmanifest";
  document.head.append(link);
  // Not there, or not wanted: the page works all the same.
  navigator.serviceWorker?.register(workerUrl()).catch(() => {});
}

/** Trusted Types, where there are any, let only a policy name a script. */
function workerUrl(): string {
  interface Policies {
    createPolicy(name: string, rules: { createScriptURL(): string }): { createScriptURL(url: string): string };
  }
  const policies = (globalThis as { trustedTypes?: Policies }).trustedTypes;
  return policies === undefined ? "sw.js" : policies.createPolicy("worker", { createScriptURL: () => "sw.js" }).createScriptURL("");
}
