/**
 * The manual pages of both programs.
 *
 * @module
 */

import { accessVariables } from "../config/access-variables.ts";
import { daemonVariables } from "../config/daemon-variables.ts";
import { rcVariables } from "../config/fwknoprc-variables.ts";
import type { Variable } from "../config/variable.ts";
import { CLIENT, CLIENT_OPTIONS } from "./client-options.ts";
import { type Definition, type Manual, renderManPage } from "./man-page.ts";
import { SERVER } from "./server-options.ts";

/**
 * Makes all manual pages.
 *
 * @param version of the package
 * @returns their texts by the names of their files
 */
export function renderManuals(version: string): Readonly<Record<string, string>> {
  return {
    "fwknop.8": renderManPage(CLIENT, clientManual(), version),
    "fwknopd.8": renderManPage(SERVER, serverManual(), version),
  };
}

function clientManual(): Manual {
  return {
    description: [
      "Sends one encrypted packet to a host that answers nobody. The server, fwknopd(8) of this package or of the C program, reads it from the wire and opens the ports that it asks for, for the address that it names, for a short time. To everybody else the ports stay closed.",
      "The packet holds a random value, so that no two are alike; the time, so that an old one is worthless; and an HMAC, so that the server need not decrypt what strangers send.",
    ],
    sections: [
      {
        heading: "EXAMPLES",
        body: [
          "Make keys once, for the client's stanza and for the server's access.conf:",
          "$ fwknop -A tcp/22 -R -D spa.example.com --key-gen --use-hmac --save-rc-stanza",
          "Then open the port, and log in:",
          "$ fwknop -n spa.example.com && ssh spa.example.com",
          "The same at each ssh, by lines of ~/.ssh/config. Keys come from the stanza, the program behind --then carries the connection:",
          "$ cat ~/.ssh/config\nHost spa.example.com\n  ProxyCommand fwknop -n %h --verify tcp/%p --retry 2 --then nc %h %p",
          "Reach a host behind the server, by a random port of the server that is printed:",
          "$ fwknop -n spa.example.com -N 192.168.10.5:22 --nat-rand-port",
          "Keys from a password manager instead of the file, by lines of the stanza:",
          "$ grep CMD ~/.fwknoprc\nKEY_CMD             pass show fwknop/key\nHMAC_KEY_CMD        pass show fwknop/hmac",
          "See what would be sent:",
          "$ fwknop -n spa.example.com -T -v",
        ],
      },
      {
        heading: "RC FILE",
        body: [
          "~/.fwknoprc holds stanzas. Each begins with a line [NAME]; lines 'VARIABLE value' follow. A value ends at the first blank, ';' or '#', except for commands, which take the whole line. Lines that begin with '#' or ';' are comments. [default] is always read; the stanza of -n wins over it, and the command line over both.",
          "Where both KEY and KEY_BASE64 are set, KEY is used; then come KEY_FILE, KEY_CMD, standard input, the terminal. The same holds for the HMAC key.",
          ...rcVariables().map(({ name, describe, option }): Definition => ({
            term: name, text: `${describe().replace(/.$/, "$&. ")}${option === undefined ? "" : `As --${CLIENT_OPTIONS[option].long}.`}`.trim(),
          })),
        ],
      },
      {
        heading: "FILES",
        body: [
          { term: "~/.fwknoprc", text: "Stanzas. It must not be writable by others." },
          { term: "~/.fwknop.run", text: "The last command line, without keys, for --last-cmd." },
          { term: "~/.fwknop.hosts", text: "The last command line for each server, without keys, for --last-host." },
          { term: "~/.fwknop.save", text: "Those kept by --save-dst, which --last-host prefers." },
          { term: "~/.cache/fko-tool/", text: "What Node compiled of this program, left by a run that made a packet and could not leave it beside the program, so that others start sooner. It may be removed. Not used with --no-home-dir, not written with --home-dir." },
        ],
      },
      {
        heading: "ENVIRONMENT",
        body: [
          { term: "SPOOF_USER, LOGNAME, USER", text: "The first that is set gives the user name inside the packet; between LOGNAME and USER the login name is tried." },
          { term: "HOME", text: "Where the files are." },
          { term: "XDG_CACHE_HOME", text: "Stands for ~/.cache." },
        ],
      },
      {
        heading: "EXIT STATUS",
        body: [
          { term: "0", text: "The packet was sent; with --verify, the port is open." },
          { term: "1", text: "It was not: standard error says why, in one line." },
          { term: "130", text: "Ctrl-C was pressed while a key was asked for." },
          { term: "other", text: "With --then, the exit status of the program: 126 and 127 when it could not be started, 128 and the number of a signal that ended it." },
        ],
      },
      {
        heading: "OLDER PROGRAMS",
        body: [
          "Options of the C program 2.6 mean what they mean there. Those of the Perl program 1.9 are taken by their long names; of its one-letter options -A, -D, -F, -R, -V, -a, -f, -h, -o, -q, -s and -v are the same. A number for --time-offset-plus or --time-offset-minus is of seconds, not of minutes.",
          "fwknopd 1.9 pads keys of less than 16 bytes and knows no HMAC: give its clients -M perl, or ENCRYPTION_MODE perl in the rc file.",
          "Where fwknopd 1.9 does NAT, -A names the inner port and -N HOST,PORT the outer one; later servers have it the other way round. With fwknopd 1.9 name both ports: --nat-local alone and --nat-rand-port choose them for later servers.",
          "Port knocking is for servers that have nothing else: fwknopd 1.9 in its KNOCK mode. The encrypted sequence holds an IPv4 address, one port, and the first 7 bytes of the user name, under a key that is padded as -M perl does it. It has neither a time nor an HMAC, so whoever has seen the knocks can repeat them. The same is true of a shared sequence: prefer a packet wherever the server takes one.",
          "Open ssh by 32 knocks, which takes half a minute:",
          "$ fwknop --Server-mode knock -A tcp/22 -a 203.0.113.5 -D old.example.com --get-key keys",
          "A shared sequence stands in the rc file, in front of the stanzas, on a line of its own for each server; the server's own files say what it opens. ICMP needs root.",
          "$ cat ~/.fwknoprc\n192.0.2.7: tcp/5501, udp/1001, icmp\n$ fwknop --Server-mode shared -D 192.0.2.7",
        ],
      },
      { heading: "SEE ALSO", body: ["fwknopd(8), fko-tool --help"] },
    ],
  };
}

function serverManual(): Manual {
  const noHost = { findUser: () => undefined, findGroup: () => undefined, startOfDay: () => 0 };
  return {
    description: [
      "Reads network traffic for encrypted packets of fwknop(8). One that the right key made, that is new, and that asks for no more than access.conf allows opens ports of the firewall for one address and a short time.",
      "Packets come from tcpdump, which the daemon starts itself, or from a pipe, a capture file or a UDP socket; knocks from the firewall's log. It runs in the background unless -f is given.",
    ],
    sections: [
      {
        heading: "EXAMPLES",
        body: [
          "Look for mistakes, then start:",
          "$ fwknopd --check && fwknopd",
          "Capture with a program of your own:",
          "$ tcpdump -i eth0 -U -w - 'udp port 62201' | fwknopd --stdin -f",
        ],
      },
      {
        heading: "FWKNOPD.CONF",
        body: ["Lines 'VARIABLE value;'. A value may begin with $NAME, a variable that was set before.", ...variableList(daemonVariables())],
      },
      {
        heading: "ACCESS.CONF",
        body: [
          "Stanzas of lines 'VARIABLE value'; each begins with SOURCE. A packet is tried with each stanza whose SOURCE it comes from, in their order, until one grants it.",
          { term: "%include FILE", text: "More stanzas, at most three files deep." },
          { term: "%include_folder FOLDER", text: "Those of each *.conf file in it." },
          { term: "%include_keys FILE", text: "Inside a stanza: its keys and what concerns GnuPG, from a file of their own." },
          ...variableList(accessVariables(noHost)),
        ],
      },
      {
        heading: "PORT KNOCKING",
        body: [
          "With AUTH_MODE KNOCK the daemon hears the port knocking of fwknop 1.9, in the lines that the firewall writes about packets which it drops:",
          "$ iptables -A INPUT -j LOG --log-prefix 'DROP ' --log-tcp-options\n$ printf 'AUTH_MODE KNOCK;\\nIPT_SYSLOG_FILE /var/log/kern.log;\\n' > /etc/fwknop/fwknopd.conf",
          "Only the first packets of TCP connections, UDP packets and echo requests are knocks. Where the journal has the only log, the daemon takes it from a pipe:",
          "$ journalctl -kfn0 | fwknopd --stdin",
          "A shared sequence (SHARED_SEQUENCE) can be repeated by whoever sees it. An encrypted one (ENCRYPT_SEQUENCE) is good for once, but has neither a time nor an HMAC: who keeps it from arriving can send it later. Prefer packets wherever the client can send them. Up to 5 other packets may come in the midst of a sequence; a connection's first packet counts once, however often it is sent.",
        ],
      },
      {
        heading: "FILES",
        body: [
          { term: "/etc/fwknop/fwknopd.conf, /etc/fwknop/access.conf", text: "The configuration. They must not be writable by others; readable ones are warned about." },
          { term: "/run/fwknop/fwknopd.pid", text: "The pid of the daemon, which holds a lock on it." },
          { term: "/run/fwknop/digest.cache", text: "The packets that were accepted. Without it an old packet could be accepted again, so a daemon that cannot open it does not start." },
        ],
      },
      {
        heading: "SIGNALS",
        body: [
          { term: "HUP", text: "Read the files again; a broken file leaves all as it was." },
          { term: "INT, TERM", text: "Close what is open, remove the chains, end." },
        ],
      },
      {
        heading: "EXIT STATUS",
        body: [
          { term: "0", text: "Success." },
          { term: "1", text: "A fatal error, told in one line; or, for --status, --restart and --kill, no daemon runs." },
          { term: "78", text: "--check found errors." },
        ],
      },
      { heading: "SEE ALSO", body: ["fwknop(8), tcpdump(8), iptables(8)"] },
    ],
  };
}

function variableList(table: object): Definition[] {
  return (Object.entries(table) as [string, Variable<unknown>][]).map(([name, variable]) => {
    const synonyms = Object.keys(variable.synonyms ?? {});
    const parts = [
      variable.doc,
      variable.obsolete === undefined ? "" : `Without effect: ${variable.obsolete}`,
      `Values: ${variable.kind.describe}${variable.default === undefined ? "" : `; ${variable.default} unless set`}.`,
    ];
    return { term: [name, ...synonyms].join(", "), text: parts.filter((part) => part !== "").join(" ") };
  });
}
