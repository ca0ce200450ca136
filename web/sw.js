// Keeps the page for when there is no network. A knock, and everything else, goes its own way.
const CACHE = "fko-tool-%HASH%";
const PAGE = new URL("./", location).href;
const KEPT = [PAGE, `${PAGE}manifest.webmanifest`, `${PAGE}icon.svg`];

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(KEPT.map((url) => new Request(url, { cache: "reload" })))));
});
addEventListener("activate", (event) => {
  const dropOld = async () => {
    for (const name of await caches.keys()) if (name.startsWith("fko-tool-") && name !== CACHE) await caches.delete(name);
    await clients.claim();
  };
  event.waitUntil(dropOld());
});
addEventListener("fetch", (event) => {
  const url = event.request.url.replace(/#.*/, "").replace(/index\.html$/, "");
  if (KEPT.includes(url) && event.request.method === "GET") event.respondWith(caches.match(url).then((kept) => kept ?? fetch(event.request)));
});
