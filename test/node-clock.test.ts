import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Alarm, findClockJump, readClocks, type ClockJump, type ClockReading } from "../src/node/clock.ts";

const start: ClockReading = { wallMs: 1_700_000_000_000, monotonicMs: 5000, bootMs: 900_000 };

function later(wall: number, monotonic: number, boot: number): ClockReading {
  return { wallMs: start.wallMs + wall, monotonicMs: start.monotonicMs + monotonic, bootMs: start.bootMs + boot };
}

test("readClocks() reads Unix time and two clocks that go forward", () => {
  const [first, second] = [readClocks(), readClocks()];
  assert.ok(Math.abs(first.wallMs - Date.now()) < 10_000);
  assert.ok(second.monotonicMs >= first.monotonicMs);
  assert.ok(second.bootMs >= first.bootMs);
});

test("findClockJump() tells a set clock from a machine that slept", () => {
  assert.equal(findClockJump(start, later(30_000, 30_000, 30_000)), undefined);
  assert.equal(findClockJump(start, later(31_500, 30_000, 30_010)), undefined);
  assert.deepEqual(findClockJump(start, later(3_630_000, 30_000, 30_000)), { kind: "step", seconds: 3600 });
  assert.deepEqual(findClockJump(start, later(-3_570_000, 30_000, 30_000)), { kind: "step", seconds: -3600 });
  assert.deepEqual(findClockJump(start, later(3_630_000, 30_000, 3_630_000)), { kind: "sleep", seconds: 3600 });
  // Slept for an hour and was set back by a day: more than the sleep explains.
  assert.deepEqual(findClockJump(start, later(3_630_000 - 86_400_000, 30_000, 3_630_000)), { kind: "step", seconds: -82_800 });
});

/** Clocks and timers in the test's hands. */
function clockwork(): { clocks: ClockReading; wakes: [number, ClockJump | undefined][]; alarm: Alarm; pass(ms: number): void } {
  mock.timers.enable({ apis: ["setTimeout"] });
  const wakes: [number, ClockJump | undefined][] = [];
  const work = {
    clocks: start,
    wakes,
    alarm: undefined as unknown as Alarm,
    pass(ms: number): void {
      for (let left = ms; left > 0; left -= 500) {
        const step = Math.min(500, left);
        work.clocks = { wallMs: work.clocks.wallMs + step, monotonicMs: work.clocks.monotonicMs + step, bootMs: work.clocks.bootMs + step };
        mock.timers.tick(step);
      }
    },
  };
  work.alarm = new Alarm((now, jump) => wakes.push([now.monotonicMs - start.monotonicMs, jump]), () => work.clocks);
  return work;
}

function withClockwork(run: (work: ReturnType<typeof clockwork>) => void): void {
  const work = clockwork();
  try {
    run(work);
  } finally {
    work.alarm.close();
    mock.timers.reset();
  }
}

test("Alarm wakes once at the deadline, and not while none is set", () => withClockwork((work) => {
  work.pass(100_000);
  assert.deepEqual(work.wakes, []);
  work.alarm.set(work.clocks.wallMs + 45_000);
  work.pass(100_000);
  assert.deepEqual(work.wakes, [[145_000, undefined]]);
}));

test("Alarm keeps a deadline that is further away than a timer can be", () => withClockwork((work) => {
  work.alarm.set(work.clocks.wallMs + 2 ** 40);
  work.pass(90_000);
  assert.deepEqual(work.wakes, []);
}));

test("Alarm takes a new deadline in place of the old, and a past one at once", () => withClockwork((work) => {
  work.alarm.set(work.clocks.wallMs + 10_000);
  work.alarm.set(work.clocks.wallMs + 20_000);
  work.pass(15_000);
  assert.deepEqual(work.wakes, []);
  work.alarm.set(work.clocks.wallMs - 1);
  work.pass(500);
  assert.equal(work.wakes.length, 1);
  work.alarm.set(undefined);
  work.pass(60_000);
  assert.equal(work.wakes.length, 1);
}));

test("Alarm holds its deadline although the clock is set back, and tells of the step", () => withClockwork((work) => {
  work.alarm.set(work.clocks.wallMs + 60_000);
  work.clocks = { ...work.clocks, wallMs: work.clocks.wallMs - 3_600_000 };
  work.pass(70_000);
  assert.deepEqual(work.wakes, [[30_000, { kind: "step", seconds: -3600 }], [60_000, undefined]]);
}));

test("Alarm ends early when the clock is set forward", () => withClockwork((work) => {
  work.alarm.set(work.clocks.wallMs + 600_000);
  work.clocks = { ...work.clocks, wallMs: work.clocks.wallMs + 3_600_000 };
  work.pass(60_000);
  assert.deepEqual(work.wakes, [[30_000, { kind: "step", seconds: 3600 }]]);
}));

test("Alarm is silent after close()", () => withClockwork((work) => {
  work.alarm.set(work.clocks.wallMs + 1000);
  work.alarm.close();
  work.pass(60_000);
  assert.deepEqual(work.wakes, []);
}));
