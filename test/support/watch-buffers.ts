/**
 * Sees every buffer that code makes while it runs, to look for what it left in them.
 *
 * @module
 */

type Buffers = (Uint8Array | Int32Array)[];

/**
 * Runs an action and gives the buffers that were made meanwhile by constructors, `slice()`, `from()` and text encoders.
 *
 * @param action runs at once
 * @returns the buffers themselves
 */
export function watchBuffers(action: () => void): Buffers {
  const made: Buffers = [];
  const undo: (() => void)[] = [];
  const patch = <T extends object, K extends keyof T>(owner: T, name: K, value: T[K]): void => {
    const before = owner[name];
    owner[name] = value;
    undo.push(() => { owner[name] = before; });
  };
  const keep = <T extends Uint8Array | Int32Array>(buffer: T): T => {
    made.push(buffer);
    return buffer;
  };
  const watched = <T extends typeof Uint8Array | typeof Int32Array>(type: T): T =>
    new Proxy(type, { construct: (target, args) => keep(Reflect.construct(target, args)) });
  const { slice } = Uint8Array.prototype;
  const { encode } = TextEncoder.prototype;
  patch(Uint8Array.prototype, "slice", function (this: Uint8Array, ...args) { return keep(slice.apply(this, args)); });
  patch(TextEncoder.prototype, "encode", function (this: TextEncoder, ...args) { return keep(encode.apply(this, args)); });
  patch(globalThis, "Uint8Array", watched(Uint8Array));
  patch(globalThis, "Int32Array", watched(Int32Array));
  try {
    action();
  } finally {
    for (const step of undo.reverse()) step();
  }
  return made;
}
