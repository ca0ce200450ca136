/**
 * Reads what an address resolver ("what is my IP") answered.
 *
 * @module
 */
import type { IpAddress } from "../ip.ts";

/** The address at the start of the body; blanks, CR and LF around it are skipped. Undefined for anything else. */
export declare function parseAddressAnswer(body: Uint8Array): IpAddress | undefined;
/** Our clock minus the resolver's, in whole seconds; undefined without a readable Date field. */
export declare function clockSkewSeconds(dateField: string | undefined, nowMs: number): number | undefined;
