// The page's side of /api/v1.

/** What the server refused, with what to do about it. */
export class ApiError extends Error {
	constructor(message, hint = "", status = 0) {
		super(message);
		this.hint = hint;
		this.status = status;
	}
}

/** Addresses in answers begin at the server's root; the page may lie below a path of a larger one. */
const ADDRESSES = new Set(["url", "thumb", "preview"]);
const nearby = (key, value) => (ADDRESSES.has(key) && typeof value === "string" ? value.replace(/^\//, "") : value);

async function call(path, options = {}, kind = "json") {
	let response;
	try {
		response = await fetch(path, options);
	} catch {
		throw new ApiError("The server does not answer.", "Is it still running? The page goes on trying.");
	}
	if (response.ok) return kind === "json" ? JSON.parse(await response.text(), nearby) : response[kind]();
	if (response.status === 401) location.assign("login");
	const body = await response.json().catch(() => ({}));
	const error = body.error && typeof body.error === "object" ? body.error : body;
	throw new ApiError(
		error.message || error.errors || (typeof error.detail === "string" ? error.detail : "") ||
			`The server answered ${response.status}.`,
		error.hint || "",
		response.status,
	);
}

export const get = (path) => call(path, { cache: "no-store" });

export const send = (method, path, body = {}) =>
	call(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

export const post = (path, body) => send("POST", path, body);

/** Send a picture or a text and get its recipe. */
export function readRecipe(source) {
	if (typeof source === "string") return post("api/v1/images/read", { text: source });
	return upload("api/v1/images/read", source);
}

/** Send a file as it is. */
export function upload(path, file) {
	const form = new FormData();
	form.append("file", file);
	return call(path, { method: "POST", body: form });
}

/** Ask a question about a picture file: "verify" (draws it again first), "watermark" or "contents". */
export function examine(what, file) {
	const form = new FormData();
	form.append("file", file);
	return call(`api/v1/images/${what}`, { method: "POST", body: form });
}

/** Write a recipe in another form: "json" or "diffusers". */
export async function exported(form, infotext) {
	const headers = { "content-type": "application/json" };
	return call(`api/v1/images/export?form=${form}`, { method: "POST", headers, body: JSON.stringify({ text: infotext }) }, "text");
}

const STREAMS = 3;

/** One of the few streams all tabs of this browser share; null when they are taken. */
async function takeStream() {
	if (!navigator.locks) return () => {}; // only known on secure pages; elsewhere nobody counts
	for (let number = 0; number < STREAMS; number++) {
		const release = await new Promise((answer) => {
			navigator.locks.request(`easel-stream-${number}`, { ifAvailable: true }, (lock) =>
				lock ? new Promise((free) => answer(free)) : answer(null));
		});
		if (release) return release;
	}
	return null;
}

/**
 * Hints that something changed, from a stream of server-sent events. A hint says "look again"; what
 * is true is always asked for. Where streams do not get through (some proxies) it hints by the clock,
 * and so do hidden pages and the fourth of many windows: browsers allow six connections to a server.
 */
export class Hints {
	constructor(onhint) {
		this.onhint = onhint;
		this.path = null;
		this.source = null;
		this.clock = null;
		this.turn = 0;
		document.addEventListener("visibilitychange", () => this.reopen());
		window.addEventListener("pagehide", () => this.close());
	}

	/** Listen to `path` from now on (and to nothing else). */
	listen(path) {
		if (path === this.path) return;
		this.path = path;
		this.reopen();
	}

	async reopen() {
		this.close();
		const turn = ++this.turn;
		if (!this.path) return;
		this.byClock(document.hidden ? 10000 : 1500);
		if (document.hidden) return;
		const release = await takeStream();
		if (turn !== this.turn || !release) return release?.();
		this.release = release;
		this.open();
	}

	open() {
		const source = new EventSource(this.path);
		this.source = source;
		source.onmessage = () => this.onhint();
		for (const kind of KINDS) source.addEventListener(kind, () => this.onhint());
		source.onopen = () => {
			this.byClock(15000);
			this.onhint();
		};
		source.onerror = () => {
			this.byClock(1500);
			if (source.readyState === EventSource.CLOSED) setTimeout(() => this.source === source && this.reopen(), 3000);
		};
	}

	byClock(pause) {
		clearInterval(this.clock);
		this.clock = setInterval(this.onhint, pause);
	}

	close() {
		clearInterval(this.clock);
		this.source?.close();
		this.release?.();
		this.source = this.release = null;
	}
}

const KINDS = [
	"job", "queue", "run", "Queued", "Started", "Loading", "Progress", "Preview", "ImageReady", "Notice", "Finished", "Stopped", "Failed",
];
