/**
 * Profiles under a passphrase: PBKDF2 makes the key, AES-GCM seals and vouches. Nothing about them is readable where
 * they are stored, not even their names.
 *
 * @module
 */

import { encodeBase64, decodeBase64 } from "../src/base64.ts";
import { type Bytes, utf8Bytes, utf8Text } from "../src/bytes.ts";
import { DEFAULTS, type FormValues } from "./knock-form.ts";

/** Profiles by name. */
export type Profiles = Readonly<Record<string, FormValues>>;

/** Rounds of PBKDF2 with SHA-256 for new vaults: one or two seconds of a computer's time. */
export const ITERATIONS = 600_000;
/** More than that is somebody's attempt to keep the page busy. */
const MOST_ITERATIONS = 10_000_000;
const SALT_LENGTH = 16;
const NONCE_LENGTH = 12;

/** What is stored, as JSON. All but `data` is vouched for, too. */
interface Stored {
  readonly v: 1;
  readonly kdf: "PBKDF2-SHA-256";
  readonly iterations: number;
  readonly salt: string;
  readonly nonce: string;
  readonly data: string;
}

/** What a vault needs of the place where it runs. */
export interface VaultPlace {
  readonly subtle: SubtleCrypto;
  readonly randomBytes: (length: number) => Bytes;
}

/** A vault that was opened: its key cannot be taken out of WebCrypto. */
export class Vault {
  readonly profiles: Profiles;
  readonly #place: VaultPlace;
  readonly #key: CryptoKey;
  readonly #salt: Bytes;
  readonly #iterations: number;

  private constructor(place: VaultPlace, key: CryptoKey, salt: Bytes, iterations: number, profiles: Profiles) {
    this.#place = place;
    this.#key = key;
    this.#salt = salt;
    this.#iterations = iterations;
    this.profiles = profiles;
  }

  /**
   * Makes an empty vault.
   *
   * @param passphrase what opens it from now on
   * @param place WebCrypto and randomness
   */
  static async create(passphrase: string, place: VaultPlace): Promise<Vault> {
    const salt = place.randomBytes(SALT_LENGTH);
    return new Vault(place, await deriveKey(passphrase, salt, ITERATIONS, place), salt, ITERATIONS, {});
  }

  /**
   * Opens a stored vault.
   *
   * @param stored what {@link seal} returned
   * @param passphrase what it was sealed with
   * @param place WebCrypto and randomness
   * @returns the vault; undefined when the passphrase is wrong or the text was changed, which cannot be told apart
   */
  static async open(stored: string, passphrase: string, place: VaultPlace): Promise<Vault | undefined> {
    const parsed = parseStored(stored);
    const [salt, nonce, data] = [parsed?.salt, parsed?.nonce, parsed?.data].map((part) => decodeBase64(part ?? ""));
    if (parsed === undefined || salt?.length !== SALT_LENGTH || nonce?.length !== NONCE_LENGTH || data === undefined) return undefined;
    const key = await deriveKey(passphrase, salt, parsed.iterations, place);
    try {
      const algorithm = { name: "AES-GCM", iv: nonce, additionalData: headOf(parsed) };
      const opened = utf8Text(new Uint8Array(await place.subtle.decrypt(algorithm, key, data)));
      return new Vault(place, key, salt, parsed.iterations, readProfiles(JSON.parse(opened!)));
    } catch {
      return undefined;
    }
  }

  /** @returns the same vault with other profiles */
  with(profiles: Profiles): Vault {
    return new Vault(this.#place, this.#key, this.#salt, this.#iterations, profiles);
  }

  /** @returns the text to store; different each time */
  async seal(): Promise<string> {
    const nonce = this.#place.randomBytes(NONCE_LENGTH);
    const head = { v: 1, kdf: "PBKDF2-SHA-256", iterations: this.#iterations, salt: encodeBase64(this.#salt), nonce: encodeBase64(nonce) } as const;
    const algorithm = { name: "AES-GCM", iv: nonce, additionalData: headOf(head) };
    const data = new Uint8Array(await this.#place.subtle.encrypt(algorithm, this.#key, utf8Bytes(JSON.stringify(this.profiles))));
    return JSON.stringify({ ...head, data: encodeBase64(data) } satisfies Stored);
  }
}

async function deriveKey(passphrase: string, salt: Bytes, iterations: number, { subtle }: VaultPlace): Promise<CryptoKey> {
  const bytes = utf8Bytes(passphrase);
  const base = await subtle.importKey("raw", bytes, "PBKDF2", false, ["deriveKey"]);
  bytes.fill(0);
  return subtle.deriveKey({ name: "PBKDF2", hash: "SHA-256", salt, iterations }, base, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

function headOf({ v, kdf, iterations, salt, nonce }: Omit<Stored, "data">): Bytes {
  return utf8Bytes(JSON.stringify([v, kdf, iterations, salt, nonce]));
}

function parseStored(text: string): Stored | undefined {
  let value: Partial<Record<keyof Stored, unknown>>;
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    return undefined;
  }
  if (value === null || typeof value !== "object") return undefined;
  const { v, kdf, iterations, salt, nonce, data } = value;
  const isKnown = v === 1 && kdf === "PBKDF2-SHA-256" && [salt, nonce, data].every((part) => typeof part === "string");
  const isBounded = Number.isInteger(iterations) && (iterations as number) >= ITERATIONS && (iterations as number) <= MOST_ITERATIONS;
  return isKnown && isBounded ? (value as Stored) : undefined;
}

/** What an older or newer page sealed may lack fields or have others. */
function readProfiles(value: unknown): Profiles {
  return Object.fromEntries(Object.entries(value as Record<string, Record<string, unknown>>).map(([name, stored]) => {
    const values: Record<string, string> = { ...DEFAULTS };
    for (const field of Object.keys(DEFAULTS)) if (typeof stored[field] === "string") values[field] = stored[field];
    return [name, values as unknown as FormValues];
  }));
}
