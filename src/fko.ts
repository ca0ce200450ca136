/**
 * The Single Packet Authorization message, whole: fields ⇄ plaintext ⇄ packet. What the client starts with takes the parts
 * that it needs instead, so that nothing else has to be loaded.
 *
 * @module
 */

export * from "./fko-decode.ts";
export * from "./fko-message.ts";
export * from "./fko-open.ts";
export * from "./fko-packet.ts";
