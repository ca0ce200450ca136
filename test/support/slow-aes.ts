/**
 * AES straight from the pseudo code of FIPS 197, byte by byte and without tables, as an oracle. Never to be made faster.
 *
 * @module
 */

/** §4.2: the product of two polynomials modulo x^8 + x^4 + x^3 + x + 1, bit by bit. */
export function multiply(left: number, right: number): number {
  let product = 0;
  for (let bit = 0; bit < 8; bit++) if ((right >> bit) & 1) product ^= left << bit;
  for (let bit = 14; bit >= 8; bit--) if ((product >> bit) & 1) product ^= 0x11b << (bit - 8);
  return product;
}

/** §5.1.1: the inverse is searched for, the affine map done bit by bit. */
function subByte(byte: number): number {
  let inverse = 0;
  for (let other = 1; other < 256; other++) if (multiply(byte, other) === 1) inverse = other;
  let mapped = 0;
  for (let bit = 0; bit < 8; bit++) {
    const sum = [0, 4, 5, 6, 7].reduce((parity, offset) => parity ^ ((inverse >> ((bit + offset) % 8)) & 1), (0x63 >> bit) & 1);
    mapped |= sum << bit;
  }
  return mapped;
}

let box: readonly number[] | undefined;
const sub = (byte: number): number => (box ??= Array.from({ length: 256 }, (_, at) => subByte(at)))[byte]!;

/** §5.2. @returns the words of the key schedule, four bytes each */
export function slowKeyExpansion(key: Uint8Array): number[][] {
  const nk = key.length / 4;
  const w = Array.from({ length: nk }, (_, at) => [...key.subarray(4 * at, 4 * at + 4)]);
  let rcon = 1;
  for (let i = nk; i < 4 * (nk + 7); i++) {
    let temp = [...w[i - 1]!];
    if (i % nk === 0) {
      temp = [...temp.slice(1), temp[0]!].map(sub);
      temp[0]! ^= rcon;
      rcon = multiply(rcon, 2);
    } else if (nk > 6 && i % nk === 4) {
      temp = temp.map(sub);
    }
    w.push(temp.map((byte, at) => byte ^ w[i - nk]![at]!));
  }
  return w;
}

/** §5.1. @returns the encrypted block */
export function slowEncryptBlock(key: Uint8Array, block: Uint8Array): Uint8Array {
  const w = slowKeyExpansion(key);
  const rounds = w.length / 4 - 1;
  let state = [...block];
  const addRoundKey = (round: number) => (state = state.map((byte, at) => byte ^ w[4 * round + (at >> 2)]![at & 3]!));
  addRoundKey(0);
  for (let round = 1; round <= rounds; round++) {
    state = state.map(sub);
    // ShiftRows: row r of column c comes from column c + r.
    state = state.map((_, at) => state[(at + 4 * (at & 3)) % 16]!);
    if (round < rounds) {
      state = state.map((byte, at) => {
        const column = state.slice(at & ~3, (at & ~3) + 4);
        const below = (rows: number) => column[((at & 3) + rows) % 4]!;
        return multiply(byte, 2) ^ multiply(below(1), 3) ^ below(2) ^ below(3);
      });
    }
    addRoundKey(round);
  }
  return Uint8Array.from(state);
}
