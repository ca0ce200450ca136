// Keeps the page for when there is no network. A knock, and everything else, goes its own way.
const CACHE = "fko-tool-%HASH%";
const PAGE = new URL("./", location).href;

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll([PAGE, "manifest.webmanifest", "icon.svg"])));
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
  if (url === PAGE && event.request.method === "GET") event.respondWith(caches.match(PAGE).then((kept) => kept ?? fetch(event.request)));
});
