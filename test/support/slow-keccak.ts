/**
 * Keccak-f[1600] straight from the definitions of FIPS 202 §3, as an oracle. Never to be made faster.
 *
 * @module
 */

const MASK = (1n << 64n) - 1n;
const turn = (lane: bigint, by: number): bigint => ((lane << BigInt(by)) | (lane >> BigInt(64 - by))) & MASK;

/** §3.2.5, Algorithm 5: rc(t). */
function roundBit(t: number): boolean {
  let r = [1, 0, 0, 0, 0, 0, 0, 0];
  for (let step = 1; step <= t % 255; step++) {
    r = [0, ...r];
    for (const at of [0, 4, 5, 6]) r[at]! ^= r[8]!;
    r = r.slice(0, 8);
  }
  return r[0] === 1;
}

/** @returns the permuted state, 50 words with the low one of each lane first */
export function slowKeccak(state: Int32Array): Int32Array {
  const words = new DataView(state.slice().buffer);
  let a = Array.from({ length: 25 }, (_, lane) => words.getBigUint64(8 * lane, true));
  const lane = (x: number, y: number): number => ((x + 5) % 5) + 5 * ((y + 5) % 5);
  for (let round = 0; round < 24; round++) {
    const parity = [0, 1, 2, 3, 4].map((x) => [0, 1, 2, 3, 4].reduce((sum, y) => sum ^ a[lane(x, y)]!, 0n));
    a = a.map((value, at) => value ^ parity[(at + 4) % 5]! ^ turn(parity[(at + 1) % 5]!, 1));
    let [x, y] = [1, 0];
    const turned = [...a];
    for (let t = 0; t < 24; t++) {
      turned[lane(x, y)] = turn(a[lane(x, y)]!, (((t + 1) * (t + 2)) / 2) % 64);
      [x, y] = [y, (2 * x + 3 * y) % 5];
    }
    const walked = a.map((_, at) => turned[lane((at % 5) + 3 * Math.floor(at / 5), at % 5)]!);
    a = walked.map((value, at) => {
      const [column, row] = [at % 5, Math.floor(at / 5)];
      return value ^ (~walked[lane(column + 1, row)]! & MASK & walked[lane(column + 2, row)]!);
    });
    for (let j = 0; j <= 6; j++) if (roundBit(j + 7 * round)) a[0]! ^= 1n << BigInt(2 ** j - 1);
  }
  a.forEach((value, at) => words.setBigUint64(8 * at, value, true));
  return new Int32Array(words.buffer);
}
