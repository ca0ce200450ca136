/**
 * Bytes as people read them.
 *
 * @module
 */

/** Bytes of one line. */
const WIDTH = 16;

/**
 * Lists bytes with their offsets, in hexadecimal and as ASCII.
 *
 * @param bytes what to list
 * @returns a line for each 16 bytes; what is no printable ASCII is a dot
 */
export function hexDump(bytes: Uint8Array): string[] {
  const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, "0");
  return Array.from({ length: Math.ceil(bytes.length / WIDTH) }, (_, row) => {
    const line = bytes.subarray(WIDTH * row, WIDTH * (row + 1));
    const numbers = Array.from(line, (byte, at) => `${at === WIDTH / 2 ? " " : ""}${hex(byte, 2)}`).join(" ");
    const text = Array.from(line, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
    return `  0x${hex(WIDTH * row, 4)}:  ${numbers.padEnd(3 * WIDTH)}  ${text}`;
  });
}
