/**
 * The Single Packet Authorization message, whole: fields ⇄ plaintext ⇄ packet.
 *
 * @module
 */

export * from "./fko-message.ts";
export * from "./fko-packet.ts";
