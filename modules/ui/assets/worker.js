// The worker behind the installed page. It keeps the page's own scripts and styles, whose addresses
// change with their content, and nothing else: no pictures, no prompts, no answers of the server.

const STORE = "easel-static";
const STATIC = /\/easel\/([0-9a-f]{12})\/[^?]+\.(?:js|css|svg|html)$/;
const AWAY = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Easel</title><style>body{font:16px system-ui;display:grid;place-content:center;min-height:90vh;text-align:center;
color-scheme:light dark}button{font:inherit;padding:8px 18px}</style>
<h1>Easel does not answer</h1><p>Is it running, and can this device reach it?</p>
<p><button onclick="location.reload()">Try again</button></p></html>`;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
	const { request } = event;
	const address = new URL(request.url);
	if (request.method !== "GET" || address.origin !== self.location.origin) return;
	if (request.mode === "navigate") event.respondWith(fetch(request).catch(away));
	else if (STATIC.test(address.pathname)) event.respondWith(kept(request, STATIC.exec(address.pathname)[1]));
});

const away = () => new Response(AWAY, { status: 503, headers: { "content-type": "text/html; charset=utf-8" } });

async function kept(request, mark) {
	const store = await caches.open(STORE);
	const found = await store.match(request);
	if (found) return found;
	const answer = await fetch(request);
	if (answer.ok) {
		await forgetOthers(store, mark);
		await store.put(request, answer.clone());
	}
	return answer;
}

/** Files of another version are of no use any more. */
async function forgetOthers(store, mark) {
	for (const old of await store.keys()) {
		if (STATIC.exec(new URL(old.url).pathname)?.[1] !== mark) await store.delete(old);
	}
}
