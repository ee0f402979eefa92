// @ts-check
/**
 * Keeps the files of the live edition, so that it opens without a network from the second time on.
 * `files.js` lists them with a version; a new version is fetched whole and takes over when no page
 * of the old one is open any more.
 */

/** @typedef {{version: string, files: string[]}} Listed */

const scope = /** @type {any} */ (self);
scope.importScripts("files.js");
const { version, files } = /** @type {Listed} */ (scope.LIVE);
const PREFIX = "uniformer-lens-live-";
const NAME = `${PREFIX}${scope.registration.scope}-${version}`;

scope.addEventListener("install", (/** @type {any} */ event) => {
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(["./", ...files])));
});

scope.addEventListener("activate", (/** @type {any} */ event) => {
  event.waitUntil(
    caches.keys().then(async (names) => {
      const ours = `${PREFIX}${scope.registration.scope}-`;
      const old = names.filter((name) => name.startsWith(ours) && name !== NAME);
      await Promise.all(old.map((name) => caches.delete(name)));
    }),
  );
});

scope.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(scope.registration.scope)) return;
  event.respondWith(
    caches
      .open(NAME)
      // A link to a picture of the examples stands in the query.
      .then((cache) => cache.match(request, { ignoreSearch: true, ignoreVary: true }))
      .then((kept) => kept ?? fetch(request)),
  );
});
