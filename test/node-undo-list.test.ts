import assert from "node:assert/strict";
import { test } from "node:test";
import { UndoList } from "../src/node/undo-list.ts";

test("UndoList.run() runs each step once, the last first", async () => {
  const undo = new UndoList();
  const ran: number[] = [];
  for (const step of [1, 2, 3]) await undo.add(() => void ran.push(step));
  await undo.run();
  await undo.run();
  assert.deepEqual(ran, [3, 2, 1]);
});

test("UndoList.add() undoes at once what was made after the end, and says so", async () => {
  const undo = new UndoList();
  await undo.run();
  let undone = false;
  await assert.rejects(undo.add(() => void (undone = true)), /Interrupted/);
  assert(undone);
});
