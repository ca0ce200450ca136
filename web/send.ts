/**
 * Sending, by the two ways that carry a GET once and only once. Forms add a `?`, beacons are POSTs, and images are moved
 * to https by some browsers; none of them is used.
 *
 * @module
 */

/** What a page can know of a request that it sent. */
export interface Outcome {
  /** `delivered`: somebody answered; `failed`: refused, cut or blocked, which cannot be told apart; `silent`: no answer. */
  readonly kind: "delivered" | "failed" | "silent";
  readonly tookMs: number;
}

const PATIENCE_MS = 8000;
const PROBE_PATIENCE_MS = 3000;
/** After that an address that does not answer is given up, so that this page stays. */
const STOP_AFTER_MS = 1500;

async function request(url: string, patienceMs: number): Promise<Outcome> {
  const start = performance.now();
  const took = (): number => Math.round(performance.now() - start);
  try {
    await fetch(url, { mode: "no-cors", credentials: "omit", referrerPolicy: "no-referrer", cache: "no-store", signal: AbortSignal.timeout(patienceMs) });
    return { kind: "delivered", tookMs: took() };
  } catch (error) {
    return { kind: error instanceof DOMException && error.name === "TimeoutError" ? "silent" : "failed", tookMs: took() };
  }
}

/**
 * Sends a packet in the background.
 *
 * @param url its address
 * @returns what came of it
 */
export function sendByFetch(url: string): Promise<Outcome> {
  return request(url, PATIENCE_MS);
}

/**
 * Looks whether a web server answers.
 *
 * @param url its address
 * @returns `delivered` when it does
 */
export function probe(url: string): Promise<Outcome> {
  return request(url, PROBE_PATIENCE_MS);
}

/**
 * Tells whether the person, or the browser by itself, refused this page the local network: then requests to it fail like any
 * other. Pages from a file or this computer need no such permission.
 *
 * @returns whether it was refused; false where the browser does not say
 */
export async function lacksLocalNetwork(): Promise<boolean> {
  if (location.protocol !== "https:") return false;
  try {
    // Not in TypeScript's list, and not in every browser's.
    return (await navigator.permissions.query({ name: "local-network" as PermissionName })).state === "denied";
  } catch {
    return false;
  }
}

/**
 * Sends a packet by going to its address, which a page from https may do. An answer 204 leaves the page where it is.
 *
 * @param url its address
 */
export async function openAddress(url: string): Promise<void> {
  location.href = url;
  await new Promise((resolve) => setTimeout(resolve, STOP_AFTER_MS));
  window.stop();
}
