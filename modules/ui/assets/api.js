// The page's side of /api/v1.

/** What the server refused, with what to do about it. */
export class ApiError extends Error {
	constructor(message, hint = "", status = 0) {
		super(message);
		this.hint = hint;
		this.status = status;
	}
}

async function call(path, options = {}) {
	let response;
	try {
		response = await fetch(path, options);
	} catch {
		throw new ApiError("The server does not answer.", "Is it still running? The page goes on trying.");
	}
	if (response.ok) return response.json();
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

export const post = (path, body = {}) =>
	call(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

/** Send a picture or a text and get its recipe. */
export function readRecipe(source) {
	if (typeof source === "string") return post("api/v1/images/read", { text: source });
	const form = new FormData();
	form.append("file", source);
	return call("api/v1/images/read", { method: "POST", body: form });
}

/**
 * Hints that something changed, from a stream of server-sent events. A hint says "look again"; what
 * is true is always asked for. Where streams do not get through (some proxies) it hints by the clock.
 * Closed while the page is hidden: browsers allow few connections to one server.
 */
export class Hints {
	constructor(onhint) {
		this.onhint = onhint;
		this.path = null;
		this.source = null;
		this.clock = null;
		document.addEventListener("visibilitychange", () => this.reopen());
		window.addEventListener("pagehide", () => this.close());
	}

	/** Listen to `path` from now on (and to nothing else). */
	listen(path) {
		if (path === this.path) return;
		this.path = path;
		this.reopen();
	}

	reopen() {
		this.close();
		if (!this.path) return;
		if (document.hidden) {
			this.clock = setInterval(this.onhint, 10000);
			return;
		}
		const source = new EventSource(this.path);
		this.source = source;
		source.onmessage = () => this.onhint();
		for (const kind of KINDS) source.addEventListener(kind, () => this.onhint());
		source.onopen = () => {
			clearInterval(this.clock);
			this.clock = setInterval(this.onhint, 15000);
			this.onhint();
		};
		source.onerror = () => {
			clearInterval(this.clock);
			this.clock = setInterval(this.onhint, 1500);
			if (source.readyState === EventSource.CLOSED) setTimeout(() => this.source === source && this.reopen(), 3000);
		};
	}

	close() {
		clearInterval(this.clock);
		this.source?.close();
		this.source = null;
	}
}

const KINDS = [
	"job", "Queued", "Started", "Loading", "Progress", "Preview", "ImageReady", "Notice", "Finished", "Stopped", "Failed",
];
