/**
 * The text in the QR code that the Android client scans.
 *
 * @module
 */

/** Keys as they stand in access.conf. */
export interface AndroidKeys {
  readonly keyBase64: string;
  readonly hmacKeyBase64: string;
  /** The address the client shall name in its packets, IPv4; it finds its own when absent. */
  readonly clientIp?: string;
}

/**
 * Writes the text: names and values joined by colons, parts by one blank, no line end.
 *
 * @param keys what the client needs to know
 * @returns the text; it is as secret as the keys
 */
export function androidKeyText(keys: AndroidKeys): string {
  const { keyBase64, hmacKeyBase64, clientIp } = keys;
  const address = clientIp === undefined ? "" : ` CLIENT_IP:${clientIp}`;
  return `KEY_BASE64:${keyBase64} HMAC_KEY_BASE64:${hmacKeyBase64}${address}`;
}
