/**
 * What the demonstration is told, and keys and files for its client and daemon.
 *
 * @module
 */
import { randomBytes } from "node:crypto";

/** What the demonstration needs from its caller. */
export interface DemoOptions {
  /** Says a line to the user. */
  readonly say: (line: string) => void;
  /** The program file of fko-tool, as in `process.argv[1]`; client and daemon are started from it. */
  readonly main: string;
}

/** What client and daemon share. */
export interface DemoKeys {
  readonly key: Uint8Array;
  readonly hmacKey: Uint8Array;
}

/** @returns fresh random keys */
export function demoKeys(): DemoKeys {
  return { key: randomBytes(32), hmacKey: randomBytes(64) };
}

/** Contents of the three files. */
export interface DemoSettings {
  /** `fwknopd.conf` */
  readonly config: string;
  /** `access.conf` */
  readonly access: string;
  /** `.fwknoprc`, stanza `demo` */
  readonly client: string;
}

/**
 * Writes the three files.
 *
 * @param keys from {@link demoKeys}
 * @param config variables of `fwknopd.conf`
 * @param openSeconds how long a grant lasts
 * @returns their contents, each for a file of mode 0600
 */
export function demoSettings(keys: DemoKeys, config: Readonly<Record<string, string>>, openSeconds: number): DemoSettings {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  const shared = `KEY_BASE64 ${base64(keys.key)}\nHMAC_KEY_BASE64 ${base64(keys.hmacKey)}\n`;
  return {
    config: Object.entries(config).map(([name, value]) => `${name} ${value};\n`).join(""),
    access: `SOURCE ANY\n${shared}FW_ACCESS_TIMEOUT ${openSeconds}\nREQUIRE_SOURCE_ADDRESS Y\n`,
    client: `[demo]\n${shared}`,
  };
}
