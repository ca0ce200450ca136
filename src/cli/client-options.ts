/**
 * The options of `fwknop`.
 *
 * @module
 */

import { type Bytes, utf8Bytes } from "../bytes.ts";
import { parseTimeOffset } from "../client/time-offset.ts";
import type { DigestType } from "../fko-message.ts";
import type { EncryptionMode } from "../fko-packet.ts";
import type { Shell } from "./completion.ts";
import { obsolete, type OptionTable, type Parsed, type Program, type ValueType } from "./options.ts";
import { choice, count, custom, flag, integer, optionalText, portRefusal, rest, secret, text } from "./values.ts";
import { digestType, encryptionMode, keyLength, shell } from "./vocabularies.ts";

/** How a packet travels; the names of `-P` and SPA_SERVER_PROTO. */
export type ServerProto = "udp" | "udpraw" | "tcp" | "tcpraw" | "icmp" | "http";

/** The values of the options, as they were given. Absent: not given. */
export interface ClientOptions {
  access?: string;
  allowIp?: string;
  sourceIp?: true;
  resolveIpHttps?: true;
  resolveHttpOnly?: true;
  resolveUrl?: string;
  serverCmd?: string;
  natAccess?: string;
  natLocal?: true;
  natPort?: number;
  natRandPort?: true;
  /** Seconds. */
  fwTimeout?: number;
  close?: true;
  spoofUser?: string;
  serverAuth?: Bytes;
  /** Seconds, at least 0. */
  timeOffsetPlus?: number;
  /** Seconds, at least 0. */
  timeOffsetMinus?: number;
  destination?: string;
  serverPort?: number;
  serverProto?: ServerProto;
  tcpSock?: true;
  http?: true;
  spoofProto?: "udp" | "tcp" | "icmp";
  sourcePort?: number;
  spoofSource?: string;
  /** As Perl has it: by itself it chooses the transport, too. */
  perlSpoofSource?: string;
  randPort?: true;
  httpProxy?: string;
  /** As Perl has it: empty stands for the environment's. */
  perlHttpProxy?: string;
  httpProxyUser?: string;
  httpProxyPassword?: Bytes;
  icmpType?: number;
  icmpCode?: number;
  ipv4?: true;
  ipv6?: true;
  serverResolveIpv4?: true;
  userAgent?: string;
  useWgetUserAgent?: true;
  wgetCmd?: string;
  digestType?: DigestType;
  encryptionMode?: EncryptionMode;
  useHmac?: true;
  hmacDigestType?: DigestType;
  keyRijndael?: Bytes;
  /** The base64 text. */
  keyBase64Rijndael?: Bytes;
  keyHmac?: Bytes;
  /** The base64 text. */
  keyBase64Hmac?: Bytes;
  getKey?: string;
  getHmacKey?: string;
  keyCmd?: string;
  hmacKeyCmd?: string;
  stdin?: true;
  fd?: number;
  includeSalted?: true;
  includeEquals?: true;
  gpgEncryption?: true;
  gpgRecipientKey?: string;
  gpgSignerKey?: string;
  gpgHomeDir?: string;
  gpgExe?: string;
  gpgAgent?: true;
  gpgNoSigningPw?: true;
  includeGpgPrefix?: true;
  gpgPrefix?: string;
  gpgDefaultKey?: true;
  keyGen?: true;
  keyGenFile?: string;
  keyLen?: number;
  hmacKeyLen?: number;
  namedConfig?: string;
  rcFile?: string;
  noRcFile?: true;
  noHomeDir?: true;
  homeDir?: string;
  insecurePermissions?: true;
  saveRcStanza?: true;
  forceStanza?: true;
  stanzaList?: true;
  saveArgsFile?: string;
  noSaveArgs?: true;
  lastCmd?: true;
  showLast?: true;
  lastHost?: string;
  showHostCmd?: string;
  saveDst?: true;
  test?: true;
  savePacket?: string;
  savePacketAppend?: true;
  /** As Perl has it: without a file. */
  perlSavePacket?: true;
  json?: true;
  verify?: string;
  retry?: number;
  then?: readonly string[];
  verbose?: number;
  quiet?: true;
  completion?: Shell;
  version?: true;
  help?: true;
  serverMode?: "pcap" | "knock" | "shared";
  /** What `knock` adds to each byte. */
  offset?: number;
  rotateProto?: true;
  /** Seconds. */
  timeDelay?: number;
  gpgAgentInfo?: string;
  gpgVerbose?: true;
  gpgUseOptions?: true;
  gpgNoOptions?: true;
  /** Characters. */
  maxPacketSize?: number;
  /** Bytes. */
  maxResolveHttpSize?: number;
  libDir?: string;
  locale?: string;
  noLocale?: true;
  noFkoModule?: true;
  testFkoExists?: true;
}

const SERVER_PROTOS: readonly ServerProto[] = ["udp", "udpraw", "tcp", "tcpraw", "icmp", "http"];

/** The kind of value of `-P`. */
function serverProto(): ValueType<ServerProto> {
  return choice("PROTO", SERVER_PROTOS, (shown) => `Unrecognized protocol: ${shown}, must be one of {${SERVER_PROTOS.join(",")}}`);
}

/**
 * The kind of value of `-f`.
 *
 * @param max the most seconds
 * @returns the kind of value
 */
export function fwTimeout(max: number): ValueType<number> {
  return integer("SECONDS", 0, max, (shown) => `--fw-timeout must be within [0-${max}], got '${shown}'`);
}

/** Receivers take 64 base64 characters, C clients send at most 29: longer names are cut there, and so here. */
const MAX_USERNAME = 29;

/** The kind of value of `-U`. */
function spoofUser(): ValueType<string> {
  return custom("USER", (given): Parsed<string> => ({ ok: true, value: given.slice(0, MAX_USERNAME) }));
}

/** Port of an option: 0 stands for "not given" where that makes sense. */
const port = (): ValueType<number> => integer("PORT", 0, 65535, portRefusal);

const timeOffset = (): ValueType<number> => custom("TIME", parseTimeOffset);

const destination = (): ValueType<string> => custom("HOST", (given): Parsed<string> => (
  given === "" ? { ok: false, message: "expected a host name or address, got none" } : { ok: true, value: given }), { completes: "host" });

/** `crypt` alone asks for the password, which may also stand behind it. */
const serverAuth = (): ValueType<Bytes> => ({
  ...secret("crypt[,PASSWORD]"),
  redact: (given) => (given === "crypt" ? given : undefined),
  parse: ([given]) => (/^crypt(,|$)/.test(given!) ? { ok: true, value: utf8Bytes(given!) } : { ok: false, message: "expected 'crypt'" }),
});

/** Up to the last `@`, for a password may hold one. */
const withoutCredentials = (url: string): string => url.replace(/^((?:http:\/\/)?).*@/is, "$1");

const NO_WGET = "-R asks by itself, whatever this or WGET_CMD says";
const ONE_LANGUAGE = "We and gpg speak English under every locale";

/** The table. Order within a group is the order in usage. */
export const CLIENT_OPTIONS: OptionTable<ClientOptions> = {
  access: {
    long: "access", synonyms: ["Access"], value: /* @__PURE__ */ text("PROTO/PORT[,...]"), group: "request",
    doc: "Ports to open, such as 'tcp/22' or 'tcp/22,udp/53'.",
  },
  allowIp: {
    long: "allow-ip", synonyms: ["allow-IP"], value: /* @__PURE__ */ text("ADDRESS"), group: "request",
    doc: "Address to open the ports for; it travels inside the encrypted packet. IPv6 needs a server that reads it: the C program does not. The address of a host name is looked up, IPv4 first; the C client takes no name.",
  },
  sourceIp: {
    long: "source-ip", synonyms: ["source-IP"], value: flag, implies: { allowIp: "0.0.0.0" }, group: "request",
    doc: "Open the ports for whatever address the packet comes from. Not recommended: whoever catches the packet can send it from elsewhere first, and servers may refuse it.",
  },
  resolveIpHttps: {
    long: "resolve-ip-https", synonyms: ["resolve-ip-http", "Resolve-external-IP", "whatismyip"], value: flag, group: "request",
    doc: "Ask a web server over HTTPS for the address that we are seen with, and open the ports for that. -a and -s win over it.",
  },
  resolveHttpOnly: {
    long: "resolve-http-only", value: flag, implies: { resolveIpHttps: true }, group: "request",
    doc: "As -R, over plain HTTP: anybody on the way can change the answer.",
  },
  resolveUrl: {
    long: "resolve-url", synonyms: ["URL"], value: /* @__PURE__ */ text("URL[,URL...]"), group: "request",
    doc: "Which web server -R asks, and, unless -T is given, asks it. Several, separated by commas, must agree.",
  },
  serverCmd: {
    long: "server-cmd", synonyms: ["Server-cmd"], value: /* @__PURE__ */ text("COMMAND"), group: "request",
    doc: "Have the server run a command instead of opening ports. Needs -a or -s.",
  },
  natAccess: {
    long: "nat-access", synonyms: ["NAT-access", "Forward-access"], value: /* @__PURE__ */ text("HOST[:PORT]"), group: "request",
    doc: "Have the server forward the port of -A to this host behind it. Without PORT the port is that of -A.",
  },
  natLocal: {
    long: "nat-local", synonyms: ["NAT-local"], value: flag, group: "request",
    doc: "Have the server forward the port of --nat-port or --nat-rand-port to the port of -A on the server itself.",
  },
  natPort: {
    long: "nat-port", value: /* @__PURE__ */ port(), group: "request",
    doc: "Port to open on the server instead of that of -A, which becomes the port it is forwarded to.",
  },
  natRandPort: {
    long: "nat-rand-port", synonyms: ["NAT-rand-port"], value: flag, group: "request",
    doc: "As --nat-port, with a random port, which is printed.",
  },
  fwTimeout: {
    long: "fw-timeout", value: /* @__PURE__ */ fwTimeout(131072), group: "request",
    doc: "How long the ports are to stay open, if the server lets clients choose; it takes up to 65536. 0 leaves it to the server.",
  },
  close: {
    long: "close", added: true, value: flag, group: "request",
    doc: "End a grant early: the same request again, with a timeout of one second.",
  },
  spoofUser: {
    long: "spoof-user", synonyms: ["Spoof-user"], value: /* @__PURE__ */ spoofUser(), group: "request",
    doc: "User name inside the packet, cut at 29 characters; the login name unless given, or when empty.",
  },
  serverAuth: {
    long: "server-auth", added: true, synonyms: ["Server-auth"], value: /* @__PURE__ */ serverAuth(), group: "request",
    doc: "Ask for a password that a fwknopd 1.9 server compares with its shadow file. Not together with NAT.",
  },
  timeOffsetPlus: {
    long: "time-offset-plus", value: /* @__PURE__ */ timeOffset(), group: "request",
    doc: "Add to the time inside the packet, for when our clock is slow. A number of seconds, or with m, h or d behind it of minutes, hours, days.",
  },
  timeOffsetMinus: {
    long: "time-offset-minus", value: /* @__PURE__ */ timeOffset(), group: "request",
    doc: "Subtract from the time inside the packet, for when our clock is fast. Wins over --time-offset-plus.",
  },

  destination: {
    long: "destination", synonyms: ["Destination", "knock-dst"], value: /* @__PURE__ */ destination(), group: "transport",
    doc: "Host name or address of the server. 'HOST:PORT' also sets -p.",
  },
  serverPort: {
    long: "server-port", synonyms: ["Server-port"], value: /* @__PURE__ */ port(), group: "transport",
    doc: "Port that the packet is sent to; 62201 unless given.",
  },
  serverProto: {
    long: "server-proto", synonyms: ["Server-proto"], value: /* @__PURE__ */ serverProto(), group: "transport",
    doc: "How the packet travels: udp (default), tcp and http open a socket; udpraw, tcpraw and icmp make the IP packet by hand, which needs root.",
  },
  sourcePort: {
    long: "source-port", synonyms: ["Source-port"], value: /* @__PURE__ */ port(), group: "transport",
    doc: "Port that the packet is sent from.",
  },
  spoofSource: {
    long: "spoof-source", synonyms: ["spoof-src"], value: /* @__PURE__ */ text("ADDRESS"), group: "transport",
    doc: "Address that the packet claims to come from, with -P udpraw, tcpraw or icmp.",
  },
  randPort: {
    long: "rand-port", value: flag, group: "transport",
    doc: "Send to a random port from 10000 on. The server must listen to all of them.",
  },
  httpProxy: {
    long: "http-proxy", value: /* @__PURE__ */ text("[http://][USER:PASSWORD@]HOST[:PORT]", { redact: withoutCredentials }),
    implies: { serverProto: "http" }, group: "transport",
    doc: "Send over HTTP through this proxy.",
  },
  httpProxyUser: {
    long: "http-proxy-user", added: true, synonyms: ["HTTP-proxy-user"], value: /* @__PURE__ */ text("USER"), group: "transport",
    doc: "User name for the proxy.",
  },
  httpProxyPassword: {
    long: "http-proxy-password", added: true, synonyms: ["HTTP-proxy-password"], value: /* @__PURE__ */ secret("PASSWORD"), group: "transport",
    doc: "Password for the proxy.",
  },
  icmpType: {
    long: "icmp-type", value: /* @__PURE__ */ integer("TYPE", 0, 40, (shown) => `Invalid icmp type '${shown}', must be in [0-40]`), group: "transport",
    doc: "ICMP type for -P icmp; 0, an echo reply, unless given.",
  },
  icmpCode: {
    long: "icmp-code", value: /* @__PURE__ */ integer("CODE", 0, 15, (shown) => `Invalid icmp code '${shown}', must be in [0-15]`), group: "transport",
    doc: "ICMP code for -P icmp; 0 unless given.",
  },
  ipv4: { long: "ipv4", added: true, value: flag, group: "transport", doc: "Use only IPv4 addresses of the server." },
  ipv6: { long: "ipv6", added: true, value: flag, group: "transport", doc: "Use only IPv6 addresses of the server." },
  serverResolveIpv4: {
    long: "server-resolve-ipv4", value: flag, group: "transport", doc: "As -4.",
  },
  userAgent: {
    long: "user-agent", synonyms: ["User-agent", "HTTP-user-agent"], value: /* @__PURE__ */ text("TEXT"), group: "transport",
    doc: "How -P http and -R name themselves; 'Fwknop/' and our version unless given.",
  },
  useWgetUserAgent: {
    long: "use-wget-user-agent", value: flag, group: "transport", doc: "Let -R send no User-Agent.",
  },

  digestType: {
    long: "digest-type", synonyms: ["digest-alg"], value: /* @__PURE__ */ digestType("digest"), group: "keys",
    doc: "Digest inside the packet: md5, sha1, sha256 (default), sha384, sha512, sha3_256, sha3_512.",
  },
  encryptionMode: {
    long: "encryption-mode", value: /* @__PURE__ */ encryptionMode(), group: "keys",
    doc: "CBC (default), ECB, CFB, OFB, CTR; Asymmetric is GnuPG; legacy pads and cuts the key at 16 bytes as fwknop before 2.5 did; perl pads short keys only, as fwknop 1.9 did.",
  },
  useHmac: { long: "use-hmac", value: flag, group: "keys", doc: "Put an HMAC behind the packet, so that the server refuses strangers without decrypting." },
  hmacDigestType: {
    long: "hmac-digest-type", value: /* @__PURE__ */ digestType("hmac digest"), implies: { useHmac: true }, group: "keys",
    doc: "Digest of the HMAC; the names of -m.",
  },
  keyRijndael: {
    long: "key-rijndael", value: /* @__PURE__ */ secret("KEY"), group: "keys",
    doc: "The encryption key. Other users can see it in the list of processes: prefer the rc file, a key file or a command.",
  },
  keyBase64Rijndael: {
    long: "key-base64-rijndael", value: /* @__PURE__ */ secret("BASE64"), group: "keys", doc: "The encryption key in base64. As visible as --key-rijndael.",
  },
  keyHmac: {
    long: "key-hmac", value: /* @__PURE__ */ secret("KEY"), implies: { useHmac: true }, group: "keys", doc: "The HMAC key. As visible as --key-rijndael.",
  },
  keyBase64Hmac: {
    long: "key-base64-hmac", value: /* @__PURE__ */ secret("BASE64"), implies: { useHmac: true }, group: "keys",
    doc: "The HMAC key in base64. As visible as --key-rijndael.",
  },
  getKey: {
    long: "get-key", value: /* @__PURE__ */ text("FILE", { completes: "file" }), group: "keys",
    doc: "Take the encryption key from a file of lines 'DESTINATION: KEY'; the destination is that of -D.",
  },
  getHmacKey: {
    long: "get-hmac-key", value: /* @__PURE__ */ text("FILE", { completes: "file" }), implies: { useHmac: true }, group: "keys",
    doc: "Take the HMAC key from such a file.",
  },
  keyCmd: {
    long: "key-cmd", added: true, value: /* @__PURE__ */ text("COMMAND"), group: "keys",
    doc: "Take the encryption key from the first line that a command prints, such as 'pass show fwknop'. The command is split at blanks, quotes hold words together, no shell sees it.",
  },
  hmacKeyCmd: {
    long: "hmac-key-cmd", added: true, value: /* @__PURE__ */ text("COMMAND"), implies: { useHmac: true }, group: "keys", doc: "Take the HMAC key from a command.",
  },
  stdin: {
    long: "stdin", value: flag, group: "keys",
    doc: "Read the keys from standard input instead of asking for them: the encryption key on the first line, the HMAC key on the second.",
  },
  fd: {
    long: "fd", value: /* @__PURE__ */ integer("NUMBER", 0, 1048576, (shown) => `expected the number of an open file, got '${shown}'`), group: "keys",
    doc: "As --stdin, from another file descriptor.",
  },
  includeSalted: {
    long: "include-salted", added: true, synonyms: ["Include-salted"], value: flag, group: "keys", minor: true,
    doc: "Keep the text that begins each encrypted packet, for fwknopd 1.9. Servers since 2.0 refuse it.",
  },
  includeEquals: {
    long: "include-equals", added: true, synonyms: ["Include-equals"], value: flag, group: "keys", minor: true,
    doc: "Keep '=' at the end of a packet without HMAC, for fwknopd 1.9.",
  },

  gpgEncryption: { long: "gpg-encryption", value: flag, group: "gpg", doc: "Encrypt with GnuPG instead of a shared key." },
  gpgRecipientKey: {
    long: "gpg-recipient-key", value: /* @__PURE__ */ text("KEY"), implies: { gpgEncryption: true }, group: "gpg", doc: "Name or id of the server's key. Always needed.",
  },
  gpgSignerKey: {
    long: "gpg-signer-key", synonyms: ["gpg-signing-key"], value: /* @__PURE__ */ text("KEY"), implies: { gpgEncryption: true }, group: "gpg",
    doc: "Name or id of our key, which signs the packet.",
  },
  gpgDefaultKey: {
    long: "gpg-default-key", added: true, value: flag, implies: { gpgEncryption: true }, group: "gpg", doc: "Sign with the key that gpg itself takes: default-key of gpg.conf, or the first secret key.",
  },
  gpgHomeDir: {
    long: "gpg-home-dir", value: /* @__PURE__ */ text("FOLDER", { completes: "folder" }), implies: { gpgEncryption: true }, group: "gpg", doc: "Folder of the key rings.",
  },
  gpgExe: {
    long: "gpg-exe", synonyms: ["gpg-path"], value: /* @__PURE__ */ text("FILE", { completes: "file" }), implies: { gpgEncryption: true }, group: "gpg", doc: "The gpg program.",
  },
  gpgAgent: { long: "gpg-agent", value: flag, implies: { gpgEncryption: true }, group: "gpg", doc: "Let the gpg agent ask for the passphrase." },
  gpgNoSigningPw: { long: "gpg-no-signing-pw", value: flag, implies: { gpgEncryption: true }, group: "gpg", doc: "The signing key has no passphrase." },
  includeGpgPrefix: {
    long: "include-gpg-prefix", added: true, synonyms: ["Include-gpg-prefix"], value: flag, group: "gpg", minor: true,
    doc: "Keep the text that begins each OpenPGP packet, for fwknopd 1.9.",
  },
  gpgPrefix: {
    long: "gpg-prefix", added: true, value: /* @__PURE__ */ text("TEXT"), implies: { gpgEncryption: true }, group: "gpg", minor: true,
    doc: "The text that is cut from the packet's beginning, as GPG_PREFIX of fwknopd 1.9 has it; 'hQ' unless given.",
  },

  keyGen: { long: "key-gen", value: flag, group: "keygen", doc: "Print an encryption key and an HMAC key, for both sides' files, and exit." },
  keyGenFile: {
    long: "key-gen-file", value: /* @__PURE__ */ text("FILE", { completes: "file" }), group: "keygen", doc: "Write them to a file that only we can read.",
  },
  keyLen: { long: "key-len", value: /* @__PURE__ */ keyLength("key"), group: "keygen", doc: "Bytes of the encryption key, 1 to 32; 32 unless given." },
  hmacKeyLen: {
    long: "hmac-key-len", value: /* @__PURE__ */ keyLength("hmac key"), implies: { useHmac: true }, group: "keygen",
    doc: "Bytes of the HMAC key, 1 to 128; as many as suit its digest unless given.",
  },

  namedConfig: { long: "named-config", value: /* @__PURE__ */ text("STANZA", { completes: "stanza" }), group: "files", doc: "Take settings from the stanza of this name in the rc file. The command line wins over them, they win over stanza [default]." },
  rcFile: { long: "rc-file", synonyms: ["user-rc"], value: /* @__PURE__ */ text("FILE", { completes: "file" }), group: "files", doc: "The rc file; ~/.fwknoprc unless given." },
  noRcFile: { long: "no-rc-file", value: flag, group: "files", doc: "Read no rc file." },
  noHomeDir: { long: "no-home-dir", value: flag, group: "files", doc: "Touch nothing in the home folder: needs --rc-file or --no-rc-file, and -E." },
  homeDir: { long: "home-dir", added: true, synonyms: ["Home-dir"], value: /* @__PURE__ */ text("FOLDER", { completes: "folder" }), group: "files", doc: "Look for our files there, instead of where HOME says." },
  insecurePermissions: { long: "insecure-permissions", added: true, value: flag, group: "files", doc: "Use an rc file, a key file or kept command lines although other users can write to them." },
  saveRcStanza: { long: "save-rc-stanza", value: flag, group: "files", doc: "Save the options of this command line as the stanza of -n, or one named as the destination, then go on." },
  forceStanza: { long: "force-stanza", value: flag, group: "files", doc: "Overwrite keys of a saved stanza without a question." },
  stanzaList: { long: "stanza-list", value: flag, group: "files", doc: "List the stanzas of the rc file and exit." },
  saveArgsFile: { long: "save-args-file", value: /* @__PURE__ */ text("FILE", { completes: "file" }), group: "files", doc: "Where the last command line is kept; ~/.fwknop.run unless given." },
  noSaveArgs: { long: "no-save-args", value: flag, group: "files", doc: "Do not keep this command line." },
  lastCmd: { long: "last-cmd", value: flag, group: "files", doc: "Run with the options of the last command line; those given now win. Keys are not kept." },
  showLast: { long: "show-last", synonyms: ["Show-last-cmd"], value: flag, group: "files", doc: "Print the last command line and exit." },
  lastHost: { long: "last-host", added: true, synonyms: ["Last-host"], value: /* @__PURE__ */ text("HOST", { completes: "host" }), group: "files", doc: "Run with the options that were last used for this destination." },
  showHostCmd: { long: "show-host-cmd", added: true, synonyms: ["Show-host-cmd"], value: /* @__PURE__ */ text("HOST", { completes: "host" }), group: "files", doc: "Print them and exit." },
  saveDst: { long: "save-dst", added: true, synonyms: ["Save-dst"], value: flag, group: "files", minor: true, doc: "Keep this command line for its destination until --save-dst is given again: --last-host prefers it to later ones." },

  test: { long: "test", synonyms: ["Test-mode"], value: flag, group: "output", doc: "Make the packet and show it, but do not send it." },
  savePacket: {
    long: "save-packet", synonyms: ["Save-packet-file"], value: /* @__PURE__ */ text("FILE", { completes: "file" }), group: "output",
    doc: "Write the packet to a file as well.",
  },
  savePacketAppend: { long: "save-packet-append", synonyms: ["Save-packet-append"], value: flag, group: "output", doc: "Append it to what the file of -B holds." },
  json: { long: "json", added: true, value: flag, group: "output", doc: "Print one JSON object that says what was sent, without keys." },
  verify: { long: "verify", added: true, value: /* @__PURE__ */ text("PROTO/PORT"), group: "output", doc: "After the knock try the port of the server, such as 'tcp/22', and exit 0 only when it is open." },
  retry: {
    long: "retry", added: true, value: /* @__PURE__ */ integer("TIMES", 0, 100), group: "output",
    doc: "With --verify: knock again up to so many times while the port is closed.",
  },
  then: {
    long: "then", added: true, value: /* @__PURE__ */ rest("COMMAND..."), group: "output",
    doc: "After a successful knock run the rest of the command line; its exit status is ours. All else that we print goes to standard error then, so an ssh ProxyCommand may be 'fwknop -n %h --verify tcp/%p --then nc %h %p'.",
  },
  verbose: { long: "verbose", synonyms: ["debug"], value: count, group: "output", doc: "Say more: once the fields of the packet, twice how the rc file is read." },
  quiet: { long: "quiet", added: true, value: flag, group: "output", minor: true, doc: "Say only what went wrong." },
  completion: {
    long: "completion", added: true, value: /* @__PURE__ */ shell(), group: "output",
    doc: "Print a completion script for this shell and exit.",
  },
  version: { long: "version", synonyms: ["Version"], value: flag, group: "output", doc: "Print the version and exit." },
  help: { long: "help", value: flag, group: "output", doc: "Print this and exit." },

  tcpSock: { long: "TCP-sock", added: true, value: flag, implies: { serverProto: "tcp" }, group: "perl", minor: true, doc: "As '-P tcp'." },
  http: { long: "HTTP", added: true, value: flag, implies: { serverProto: "http" }, group: "perl", minor: true, doc: "As '-P http', to port 80 unless -p says otherwise." },
  perlHttpProxy: {
    long: "HTTP-proxy", added: true, value: /* @__PURE__ */ optionalText("[PROXY]", { redact: withoutCredentials }), implies: { serverProto: "http" }, group: "perl", minor: true,
    doc: "As -H; without PROXY the one of the environment's http_proxy.",
  },
  perlSavePacket: { long: "Save-packet", added: true, value: flag, group: "perl", minor: true, doc: "As -B, to ~/fwknop_save_packet.PID." },
  spoofProto: {
    long: "Spoof-proto", added: true,
    value: /* @__PURE__ */ choice("PROTO", ["udp", "tcp", "icmp"], (shown) => `Unrecognized protocol: ${shown}, must be one of {udp,tcp,icmp}`),
    group: "perl", minor: true, doc: "As '-P udpraw', '-P tcpraw' or '-P icmp', the last with the ICMP type 8, an echo request, unless --icmp-type is given.",
  },
  perlSpoofSource: {
    long: "Spoof-src", added: true, value: /* @__PURE__ */ text("ADDRESS"), group: "perl", minor: true,
    doc: "As -Q, with '-P udpraw' and '-U root' unless something else is said.",
  },
  wgetCmd: {
    long: "wget-cmd", value: /* @__PURE__ */ text("FILE", { completes: "file" }), obsolete: NO_WGET, group: "perl", minor: true, doc: `Without effect. ${NO_WGET}.`,
  },
  serverMode: {
    long: "Server-mode", added: true,
    value: /* @__PURE__ */ choice("MODE", ["pcap", "knock", "shared"]), group: "perl", minor: true,
    doc: "What is done: pcap sends a packet, as is usual; knock tries 32 ports that spell the encrypted request, for a fwknopd 1.9 that hears nothing else; shared tries the ports of a line 'SERVER: tcp/5501, udp/1001, icmp' that stands in front of the rc file's stanzas. Whoever sees such knocks can repeat them.",
  },
  offset: {
    long: "offset", added: true, value: /* @__PURE__ */ integer("PORT", 1, 65280), group: "perl", minor: true,
    doc: "With '--Server-mode knock' the port that stands for a zero byte; 61000 unless given.",
  },
  rotateProto: { long: "rotate-proto", added: true, value: flag, group: "perl", minor: true, doc: "With '--Server-mode knock' make every second knock over UDP." },
  timeDelay: {
    long: "time-delay", added: true, value: /* @__PURE__ */ integer("SECONDS", 0, 3600), group: "perl", minor: true,
    doc: "With '--Server-mode knock' or shared the time between knocks; 1 unless given.",
  },
  gpgAgentInfo: { long: "gpg-agent-info", added: true, value: /* @__PURE__ */ text("TEXT"), implies: { gpgEncryption: true, gpgAgent: true }, group: "perl", minor: true, doc: "As --gpg-agent." },
  gpgVerbose: { long: "gpg-verbose", added: true, value: flag, group: "perl", minor: true, doc: "Show what gpg says, and let it say more." },
  gpgUseOptions: { long: "gpg-use-options", added: true, value: flag, group: "perl", minor: true, doc: "Let gpg read its gpg.conf, what is done anyway." },
  gpgNoOptions: { long: "gpg-no-options", added: true, value: flag, group: "perl", minor: true, doc: "Keep gpg from reading its gpg.conf. --gpg-use-options wins over it." },
  maxPacketSize: {
    long: "Max-packet-size", added: true, value: /* @__PURE__ */ integer("BYTES", 1, 65535), group: "perl", minor: true,
    doc: "Send no longer packet than this; over HTTP the slash in front of it counts, too. No server takes more than 1500.",
  },
  maxResolveHttpSize: {
    long: "Max-resolve-http-size", added: true, value: /* @__PURE__ */ integer("BYTES", 1, 65535), group: "perl", minor: true,
    doc: "Take no longer answer than this from a web server that -R asks; 4096 unless given.",
  },
  libDir: /* @__PURE__ */ obsolete("Lib-dir", /* @__PURE__ */ text("FOLDER"), "There are no Perl modules: everything is built in"),
  locale: /* @__PURE__ */ obsolete("locale", /* @__PURE__ */ text("NAME"), ONE_LANGUAGE, { synonyms: ["LC_ALL"] }),
  noLocale: /* @__PURE__ */ obsolete("no-locale", flag, ONE_LANGUAGE, { synonyms: ["no-LC_ALL"] }),
  noFkoModule: /* @__PURE__ */ obsolete("no-FKO-module", flag, "Packets are always as libfko makes them, and fwknopd 1.9 takes those"),
  testFkoExists: { long: "test-FKO-exists", added: true, value: flag, group: "perl", minor: true, doc: "Say that FKO messages are understood, and exit." },
};

/** The program. */
export const CLIENT: Program<ClientOptions> = {
  name: "fwknop",
  summary: "open ports of a server with one encrypted packet",
  synopsis: ["-A PROTO/PORT[,...] {-a ADDRESS | -R | -s} -D HOST [OPTION]...", "-n STANZA [OPTION]...", "--key-gen [OPTION]..."],
  options: CLIENT_OPTIONS,
  letters: {
    A: "access", a: "allowIp", s: "sourceIp", R: "resolveIpHttps", C: "serverCmd", N: "natAccess", F: "natAccess", f: "fwTimeout", U: "spoofUser", D: "destination",
    p: "serverPort", P: "serverProto", S: "sourcePort", Q: "spoofSource", r: "randPort", H: "httpProxy", 4: "ipv4", 6: "ipv6", u: "userAgent", m: "digestType", M: "encryptionMode",
    G: "getKey", g: "gpgEncryption", k: "keyGen", K: "keyGenFile", n: "namedConfig", E: "saveArgsFile", l: "lastCmd", T: "test", B: "savePacket", b: "savePacketAppend",
    v: "verbose", q: "quiet", V: "version", h: "help", w: "wgetCmd", o: "offset",
  },
  groups: {
    request: "What to ask for",
    transport: "How to send it",
    keys: "Keys and encryption",
    gpg: "GnuPG",
    keygen: "Making keys",
    files: "Files",
    output: "Output and what comes after",
    perl: "Options of older programs",
  },
};
