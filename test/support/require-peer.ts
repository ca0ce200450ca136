/**
 * What a test needs from this machine. Without it the test is skipped aloud, with the reason and the remedy; where
 * `CI` is set it fails instead, so that nothing is ever proven by not looking.
 *
 * @module
 */
import type { TestContext } from "node:test";
import { findProgram } from "../../src/node/find-program.ts";

/** Debian's package for each peer. */
const PACKAGES: Readonly<Record<string, string>> = {
  apache2: "apache2",
  bash: "bash",
  caddy: "caddy",
  chromedriver: "chromium-driver",
  chromium: "chromium",
  conntrack: "conntrack",
  dmesg: "util-linux",
  "dbus-daemon": "dbus-daemon",
  expect: "expect",
  fish: "fish",
  "firewall-cmd": "firewalld",
  firewalld: "firewalld",
  fwknop: "fwknop-client",
  fwknopd: "fwknop-server",
  gpg: "gnupg",
  gpgconf: "gpgconf",
  groff: "groff-base",
  haproxy: "haproxy",
  ip: "iproute2",
  ip6tables: "iptables",
  ipset: "ipset",
  iptables: "iptables",
  "iptables-legacy": "iptables",
  logger: "bsdutils",
  mount: "mount",
  nft: "nftables",
  nginx: "nginx-light",
  nsenter: "util-linux",
  openssl: "openssl",
  perl: "perl",
  "perl Crypt::CBC": "libcrypt-cbc-perl",
  "perl Crypt::Rijndael": "libcrypt-rijndael-perl",
  "perl FKO": "libfko-perl",
  "perl Math::Int128": "libmath-int128-perl",
  prlimit: "util-linux",
  ps: "procps",
  python3: "python3",
  script: "bsdutils",
  setpriv: "util-linux",
  sudo: "sudo",
  tcpdump: "tcpdump",
  tmux: "tmux",
  unshare: "util-linux",
  zbarimg: "zbar-tools",
  zsh: "zsh",
};

/**
 * Skips the running test when something is missing, or fails it where `CI` is set.
 *
 * @param t the running test
 * @param peer a program's name, `root`, or a name of the caller's choice
 * @param find how to find it; a program of that name in PATH when absent
 * @returns what was found, or undefined: then the test returns at once
 */
export function requirePeer<T = string>(t: TestContext, peer: string, find?: () => T | undefined): T | undefined {
  const found = find === undefined ? findProgram(peer) as T | undefined : find();
  if (found !== undefined) return found;
  const remedy = PACKAGES[peer];
  return lack(t, `needs ${peer}${remedy === undefined ? "" : `: apt-get install ${remedy}`}`);
}

/**
 * Skips or fails the running test unless all programs are there.
 *
 * @returns whether it may go on
 */
export function requirePeers(t: TestContext, ...peers: readonly string[]): boolean {
  return peers.every((peer) => requirePeer(t, peer) !== undefined);
}

/**
 * Skips or fails the running test unless it runs as root.
 *
 * @returns whether it may go on
 */
export function requireRoot(t: TestContext): boolean {
  if (process.getuid?.() === 0) return true;
  lack(t, "needs root, for network namespaces and firewalls: run the tests with sudo");
  return false;
}

function lack(t: TestContext, reason: string): undefined {
  if (process.env["CI"]) throw new Error(`Nothing may be skipped where CI is set, and this test ${reason}`);
  t.skip(reason);
  return undefined;
}
