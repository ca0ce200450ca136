/**
 * Settings in and out on the page: pasting, scanning, and the QR code of one's own.
 *
 * @module
 */

import { encodeQr, type QrCode } from "../src/qr.ts";
import { drawQr } from "../src/tool/qr-text.ts";
import { byId, showProblem } from "./dom.ts";
import type { FormView } from "./form-view.ts";
import { exportLink, importText } from "./import-text.ts";
import { readForm } from "./knock-form.ts";
import { type KnockView, wipeKeys } from "./knock-view.ts";

/** The browser's reader of codes, where it has one; not in TypeScript's library yet. */
interface BarcodeReader {
  detect(source: HTMLVideoElement): Promise<readonly { readonly rawValue: string }[]>;
}
type BarcodeReaderClass = new (options: { readonly formats: readonly string[] }) => BarcodeReader;

const SCAN_EVERY_MS = 200;

/**
 * Makes the two dialogs work.
 *
 * @param form where settings come from
 * @param knock where they go to
 * @returns stops the camera, and takes away what was pasted and the code
 */
export function startImport(form: FormView, knock: KnockView): () => void {
  const dialog = byId("import", HTMLDialogElement);
  const paste = byId("paste", HTMLTextAreaElement);

  const take = (text: string): void => {
    const imported = importText(text);
    showProblem(paste, imported.ok ? undefined : imported.message);
    if (!imported.ok) return paste.focus();
    dialog.close();
    const name = imported.name === undefined ? "" : ` from [${imported.name}]`;
    const unused = imported.unused.length === 0 ? [] : [`Not used here: ${imported.unused.join(", ")}.`];
    knock.fillIn(imported.values, `Filled in${name}. Look it over before you send.`, ...unused);
  };
  byId("take").addEventListener("click", () => take(paste.value));
  const stopScan = startScan(take);
  const clearPaste = (): void => {
    paste.value = "";
    showProblem(paste, undefined);
    stopScan();
  };
  dialog.addEventListener("close", clearPaste);

  takeFragment(knock);
  addEventListener("hashchange", () => takeFragment(knock)); // typed or pasted behind the address of a page that is open
  const clearCode = startCode(form);
  return () => {
    clearPaste();
    clearCode();
  };
}

/**
 * A link behind the `#` of the page's own address fills the form in, so that a page can be handed out for one server. What
 * stands there is kept in histories: a link with keys is not taken.
 */
function takeFragment(knock: KnockView): void {
  const link = location.hash.slice(1);
  if (!/^fwknop:/i.test(link)) return;
  history.replaceState(null, "", location.pathname + location.search);
  const imported = importText(link);
  if (!imported.ok) return knock.tell("bad", `The link in the address is not understood: ${imported.message}`);
  const { key, hmacKey } = imported.values;
  if (key !== undefined || hmacKey !== undefined) return knock.tell("bad", "The link in the address held keys and was not used. The browser’s history has seen them: make new ones.");
  knock.fillIn(imported.values, "Filled in from the link in the address. Look it over before you send.");
}

function startScan(take: (text: string) => void): () => void {
  const button = byId("scan", HTMLButtonElement);
  const video = byId("camera", HTMLVideoElement);
  const Reader = (globalThis as { BarcodeDetector?: BarcodeReaderClass }).BarcodeDetector;
  button.hidden = Reader === undefined || navigator.mediaDevices === undefined;
  let stream: MediaStream | undefined;
  const stop = (): void => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = undefined;
    video.srcObject = null;
    video.hidden = true;
    button.textContent = "Scan a QR code";
  };
  button.addEventListener("click", async () => {
    if (Reader === undefined) return;
    if (stream !== undefined) return stop();
    showProblem(button, undefined);
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      video.srcObject = stream;
      video.hidden = false;
      button.textContent = "Stop scanning";
      await video.play();
      const reader = new Reader({ formats: ["qr_code"] });
      while (stream !== undefined) {
        const [code] = await reader.detect(video);
        if (code !== undefined) {
          take(code.rawValue);
          break;
        }
        await new Promise((resolve) => setTimeout(resolve, SCAN_EVERY_MS));
      }
    } catch {
      showProblem(button, "The camera cannot be used here, or was not allowed. Paste the text of the code instead.");
    }
    stop();
  });
  return stop;
}

function startCode(form: FormView): () => void {
  const place = byId("code");
  const draw = byId("draw", HTMLButtonElement);
  draw.addEventListener("click", () => {
    const values = form.values();
    const read = readForm(values);
    if (!read.ok) {
      form.showErrors(read.errors);
      return showProblem(draw, "Close this and fill the form in first: a field of it needs another look.");
    }
    wipeKeys(read.knock);
    draw.hidden = true;
    place.replaceChildren(qrSvg(encodeQr(exportLink(values))));
  });
  const clear = (): void => {
    place.replaceChildren();
    showProblem(draw, undefined);
    draw.hidden = false;
  };
  byId("qr").addEventListener("close", clear);
  return clear;
}

const SVG = "http://www.w3.org/2000/svg";

/** Dark on light in dark mode too: scanners want it so. */
function qrSvg(code: QrCode): SVGElement {
  const { side, path } = drawQr(code);
  const svg = svgElement("svg", { viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": "QR code of the settings", "shape-rendering": "crispEdges" });
  svg.append(svgElement("path", { d: `M0 0h${side}v${side}H0z`, fill: "#fff" }), svgElement("path", { d: path, fill: "#000" }));
  return svg;
}

function svgElement(name: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const element = document.createElementNS(SVG, name) as SVGElement;
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  return element;
}
