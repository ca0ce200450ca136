/**
 * Asks resolvers on the web for the address we are seen with.
 *
 * @module
 */
import { lookup } from "node:dns";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { type Bytes, concatBytes } from "../../bytes.ts";
import { clockSkewSeconds, parseAddressAnswer } from "../../client/own-address.ts";
import { printableText } from "../../foreign-text.ts";
import { equalIp, formatIp, type IpAddress } from "../../ip.ts";
import { codeOf, reasonOf } from "../system-error.ts";

/** Whom to ask and how. */
export interface OwnAddressOptions {
  /** Resolvers, at least one; every one must answer, and all with the same address. */
  readonly urls: readonly string[];
  /** Asked one after the other when `urls` gave no address (not when they disagreed). */
  readonly fallbackUrls?: readonly string[];
  /** Only plain http: URLs (--resolve-http-only). */
  readonly httpOnly?: boolean;
  /** Absent: no User-Agent field. */
  readonly userAgent?: string;
  /** Only connections of this family; without it IPv4 is preferred. */
  readonly family?: 4 | 6;
  /** For a whole exchange with one resolver; 10000 when absent. */
  readonly timeoutMs?: number;
  /** Of an answer's body; 4096 when absent. */
  readonly maxBodyBytes?: number;
  /** Our clock, milliseconds since 1970; Date.now when absent. */
  readonly now?: () => number;
}

/** The address, or the resolver that kept us from knowing it. */
export type OwnAddressResult =
  | {
    readonly ok: true;
    readonly address: IpAddress;
    /** The resolvers that said so. */
    readonly urls: readonly string[];
    /** How far our clock is ahead of theirs, seconds; the largest difference when several were asked. */
    readonly clockSkewSeconds?: number;
    /** One line: `Resolved external IP (via 'URL') as: A.B.C.D`. */
    readonly message: string;
  }
  | OwnAddressFailure;

/** Why there is no address. */
export interface OwnAddressFailure {
  readonly ok: false;
  readonly reason: "unreachable" | "answer" | "disagreement" | "scheme";
  /** The resolver that failed. */
  readonly url: string;
  /** One line, with `Could not resolve IP via: 'URL'` in it. */
  readonly message: string;
}

/** Asked when the user names no resolver. */
export const DEFAULT_RESOLVE_URL = "https://www.cipherdyne.org/cgi-bin/myip";
/** The same without TLS, and the one to ask when it fails. */
export const DEFAULT_HTTP_RESOLVE_URLS: readonly [string, string] = ["http://www.cipherdyne.org/cgi-bin/myip", "http://www.cipherdyne.com/cgi-bin/myip"];

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_MAX_BODY_BYTES = 4096;
const MAX_REDIRECTS = 3;

/**
 * Finds out our own address. Certificates are always checked; a redirect is followed only to the
 * same scheme.
 *
 * @param options resolvers and limits
 * @returns the address all of them agree on, and how our clock compares with theirs
 * @throws RangeError when no resolver is given
 */
export async function resolveOwnAddress(options: OwnAddressOptions): Promise<OwnAddressResult> {
  if (options.urls.length === 0) throw new RangeError("Cannot resolve own address: expected a resolver");
  let result = agreementOf(await Promise.all(options.urls.map((url) => ask(url, options))));
  for (const url of options.fallbackUrls ?? []) {
    if (result.ok || result.reason === "disagreement") break;
    const answer = await ask(url, options);
    if (answer.ok) result = agreementOf([answer]);
  }
  return result;
}

interface Answer {
  readonly ok: true;
  readonly url: string;
  readonly address: IpAddress;
  readonly skew: number | undefined;
}

function agreementOf(answers: readonly (Answer | OwnAddressFailure)[]): OwnAddressResult {
  const good: Answer[] = [];
  for (const answer of answers) {
    if (!answer.ok) return answer;
    good.push(answer);
  }
  const [first, ...others] = good as [Answer, ...Answer[]];
  const other = others.find(({ address }) => !equalIp(address, first.address));
  if (other !== undefined) {
    return failure("disagreement", other.url, `it says ${formatIp(other.address)}, but '${printableText(first.url, 200)}' says ${formatIp(first.address)}`);
  }
  const skews = good.flatMap(({ skew }) => (skew === undefined ? [] : [skew]));
  const skew = skews.length === 0 ? undefined : skews.reduce((worst, next) => (Math.abs(next) > Math.abs(worst) ? next : worst));
  return {
    ok: true,
    address: first.address,
    urls: good.map(({ url }) => url),
    ...(skew === undefined ? {} : { clockSkewSeconds: skew }),
    message: `Resolved external IP (via '${good.map(({ url }) => printableText(url, 200)).join("', '")}') as: ${formatIp(first.address)}`,
  };
}

async function ask(url: string, options: OwnAddressOptions): Promise<Answer | OwnAddressFailure> {
  const target = parseUrl(url, options.httpOnly === true);
  if (target === undefined) return failure("scheme", url, "expected an http:// or https:// URL");
  if (options.httpOnly === true && target.protocol !== "http:") return failure("scheme", url, "expected an http:// URL for a lookup over HTTP only");
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    const { body, date } = await fetchBody(target, options, deadline);
    const address = parseAddressAnswer(body);
    if (address === undefined) return failure("answer", url, `Invalid IP () in HTTP response: '${printableText(body)}'`);
    return { ok: true, url, address, skew: clockSkewSeconds(date, (options.now ?? Date.now)()) };
  } catch (error) {
    if (error instanceof AnswerError) return failure("answer", url, error.message);
    if (deadline.aborted) return failure("unreachable", url, `Timed out after ${timeoutMs} ms`);
    return failure("unreachable", url, codeOf(error) === "ENOTFOUND" ? "Name or service not known" : printableText(reasonOf(error), 200));
  }
}

/** A host without a scheme is understood, as wget does. */
function parseUrl(url: string, httpOnly: boolean): URL | undefined {
  try {
    const parsed = new URL(url.includes("://") ? url : `${httpOnly ? "http" : "https"}://${url}`);
    return parsed.protocol === "http:" || parsed.protocol === "https:" ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** The resolver was reached, but what it said is of no use. */
class AnswerError extends Error {
  override readonly name = "AnswerError";
}

interface Body {
  readonly body: Bytes;
  readonly date: string | undefined;
}

async function fetchBody(start: URL, options: OwnAddressOptions, deadline: AbortSignal): Promise<Body> {
  let url = start;
  for (let redirects = 0; ; redirects++) {
    const response = await get(url, options, deadline);
    const status = response.statusCode ?? 0;
    const location = response.headers.location;
    if (status >= 300 && status < 400 && location !== undefined) {
      response.destroy();
      if (redirects === MAX_REDIRECTS) throw new AnswerError(`More than ${MAX_REDIRECTS} redirects`);
      const next = URL.canParse(location, url) ? new URL(location, url) : undefined;
      if (next?.protocol !== url.protocol) throw new AnswerError(`Redirect to another scheme: '${printableText(location)}'`);
      url = next;
      continue;
    }
    if (status !== 200) {
      response.destroy();
      throw new AnswerError(`HTTP status ${status}`);
    }
    return { body: await readBody(response, options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES), date: response.headers.date };
  }
}

function get(url: URL, options: OwnAddressOptions, deadline: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = url.protocol === "https:" ? requestHttps : requestHttp;
    request(url, {
      agent: false,
      ...(options.family === undefined ? {} : { family: options.family }),
      headers: { ...(options.userAgent === undefined ? {} : { "User-Agent": options.userAgent }), Accept: "*/*", Connection: "close" },
      lookup: (host, lookupOptions, callback) => lookup(host, { ...lookupOptions, verbatim: false }, callback),
      rejectUnauthorized: true, // whatever NODE_TLS_REJECT_UNAUTHORIZED says
      signal: deadline,
    }, (response) => {
      response.on("error", () => {}); // of one that is read no further; a reader gets it as well
      resolve(response);
    }).on("error", reject).end();
  });
}

async function readBody(response: IncomingMessage, limit: number): Promise<Bytes> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > limit) throw new AnswerError(`More than ${limit} bytes came`);
  }
  return concatBytes(...chunks);
}

function failure(reason: OwnAddressFailure["reason"], url: string, words: string): OwnAddressFailure {
  return { ok: false, reason, url, message: `Could not resolve IP via: '${printableText(url, 200)}': ${words}` };
}
