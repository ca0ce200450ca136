/**
 * Draws QR codes: with half blocks for a terminal, and as SVG.
 *
 * @module
 */
import type { QrCode } from "../qr.ts";

export declare function renderQrText(code: QrCode): string;
export declare function renderQrSvg(code: QrCode): string;
/** What the Android client scans. */
export declare function androidKeyText(keys: { readonly keyBase64: string; readonly hmacKeyBase64: string; readonly clientIp?: string }): string;
