/** Command lines that the Perl client was really called with, given to ours: the same request has to come out of them. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { hexBytes, utf8Bytes } from "../src/bytes.ts";
import { openPacket } from "../src/fko.ts";
import { openClientBench } from "./support/client-host.ts";

interface PerlRun {
  readonly name: string;
  readonly transport: string;
  readonly argv: readonly string[];
  readonly key: string;
  readonly key_hex: string;
  readonly packet: string;
  readonly wire: { readonly sport?: number; readonly dport?: number };
  readonly gpg?: unknown;
  readonly fields: Readonly<Record<"user" | "message" | "digest_type", string>> & Readonly<Record<"timestamp" | "type", number>>
    & { readonly nat_access: string | null; readonly server_auth: string | null; readonly client_timeout: number | null };
}

const runs: readonly PerlRun[] = JSON.parse(readFileSync(new URL("../fixtures/perl-1.9.12/client-packets.json", import.meta.url), "utf8"));

/** Seconds that the command line adds to the clock. */
const OFFSETS: Readonly<Record<string, number>> = { "client-timeout": -3 * 3600, "nat-local": 86400 };

describe("the Perl client's command lines", () => {
  // Those with GnuPG need key rings; without -A there is nothing that a server would open.
  for (const run of runs.filter(({ gpg, name }) => gpg === undefined && name !== "no-access-string")) {
    test(`fwknop takes that of ${run.name}`, async (t) => {
      const { fields } = run;
      const bench = openClientBench(t, run.name);
      bench.now = fields.timestamp - (OFFSETS[run.name] ?? 0);
      const keys = join(bench.home, "keys.txt");
      const destination = run.argv[run.argv.indexOf("-D") + 1]!;
      writeFileSync(keys, `${destination.split(":")[0]}: ${run.key}\n`, { mode: 0o600 });
      // libfko refuses such a name, so we do. The password of --Server-auth was typed there.
      const user = fields.user.replace("é", "e");
      const stead: Readonly<Record<string, string | null>> = { "keys.txt": keys, [fields.user]: user, crypt: fields.server_auth };
      const argv = run.argv.slice(1).map((word) => stead[word] ?? word);
      const { status, stdout, stderr } = await bench.run(...argv, "-M", "perl", "-T", "--json", "--no-rc-file");
      assert.equal(status, 0, stderr);
      const report = JSON.parse(stdout) as { readonly packet: string; readonly protocol: string; readonly port: number | null; readonly sourcePort: number | null };
      const opened = openPacket(utf8Bytes(report.packet), { mode: "perl", key: hexBytes(run.key_hex)! });
      assert.ok(opened.ok);
      const { random: _random, version: _version, ...asked } = opened.message;
      assert.deepEqual(asked, {
        type: fields.type, username: user, message: fields.message, timestamp: fields.timestamp, digestType: fields.digest_type.toLowerCase(),
        ...(fields.nat_access !== null && { natAccess: fields.nat_access }),
        ...(fields.server_auth !== null && { serverAuth: fields.server_auth }),
        ...(fields.client_timeout !== null && { clientTimeout: fields.client_timeout }),
      });
      assert.equal(report.protocol, run.transport);
      // A proxy's port is its own; the Perl client's source port is random unless it is said.
      if (run.name !== "http-proxy") assert.equal(report.port, run.wire.dport ?? null);
      if (argv.includes("--Source-port")) assert.equal(report.sourcePort, run.wire.sport);
      assert.equal(report.packet.startsWith("U2FsdGVkX1"), run.packet.startsWith("U2FsdGVkX1"));
      assert.equal(report.packet.endsWith("="), run.packet.endsWith("=") && argv.includes("--Include-equals"));
    });
  }
});
