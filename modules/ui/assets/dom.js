// Small pieces every part of the page builds with.

/** Make an element: h("button.tool", { onclick }, "Text", child, ...). `false`/null children are left out. */
export function h(spec, props = {}, ...children) {
	const [tag, ...classes] = spec.split(".");
	const element = document.createElement(tag || "div");
	if (classes.length) element.className = classes.join(" ");
	for (const [name, value] of Object.entries(props ?? {})) {
		if (value === undefined || value === null || value === false) continue;
		if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
		else if (name in element && typeof value !== "string") element[name] = value;
		else element.setAttribute(name, value === true ? "" : value);
	}
	element.append(...children.flat().filter((child) => child || child === 0));
	return element;
}

const STROKES = {
	download: "M12 4v11m0 0 4-4m-4 4-4-4M5 20h14",
	reuse: "M4 12a8 8 0 0 1 14-5l2 2m0-5v5h-5M20 12a8 8 0 0 1-14 5l-2-2m0 5v-5h5",
	seed: "M12 21V11m0 0c0-4 3-7 8-7 0 5-3 8-8 7Zm0 4c0-3-2-6-7-6 0 4 3 6 7 6Z",
	open: "M14 4h6v6m0-6-9 9M19 14v6H4V5h6",
	copy: "M9 9h11v11H9zM5 15H4V4h11v1",
	expand: "M9 4H4v5m11-5h5v5M9 20H4v-5m16 0v5h-5",
	larger: "M4 12h8v8H4zM8 12V4h12v12h-8M15 7h2v2",
	close: "M6 6l12 12M18 6 6 18",
	share: "M12 15V4m0 0-4 4m4-4 4 4M5 13v7h14v-7",
	check: "M5 13l5 5L19 7",
	left: "M15 5l-7 7 7 7",
	right: "M9 5l7 7-7 7",
	picture: "M4 5h16v14H4zm0 11 5-5 4 4 3-3 4 4M15 9h.01",
	simple: "M4 7h16M8 12h8M11 17h2",
	stop: "M7 7h10v10H7z",
	sparkles: "M11 4l1.7 4.8 4.8 1.7-4.8 1.7L11 17l-1.7-4.8-4.8-1.7 4.8-1.7zM18.5 15l.8 2.2 2.2.8-2.2.8-.8 2.2-.8-2.2-2.2-.8 2.2-.8z",
	keep: "M5 4h11l3 3v13H5zM8 4v5h7V4M8 20v-6h8v6",
	queue: "M4 6h16M4 12h16M4 18h10",
	pause: "M8 5v14M16 5v14",
	play: "M8 5l11 7-11 7z",
	up: "M12 19V6m0 0-6 6m6-6 6 6",
	down: "M12 5v13m0 0-6-6m6 6 6-6",
	edit: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
	forever: "M7 8c-3 0-5 2-5 4s2 4 5 4c5 0 5-8 10-8 3 0 5 2 5 4s-2 4-5 4c-5 0-5-8-10-8",
	skip: "M5 5l9 7-9 7zM18 5v14",
	trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
	pin: "M12 16v5M8 3h8l-1 7 3 3v3H6v-3l3-3z",
	control: "M4 7h9m5 0h2M4 17h2m5 0h9M15.5 4.5v5M8.5 14.5v5",
	plus: "M12 5v14M5 12h14",
	brush: "M20 4c-5 2-9 6-11 10l2 2c4-2 7-6 9-12ZM8 15c-2 0-3 1-3 3 0 1-1 2-2 2 2 1 7 1 7-3l-2-2Z",
};

/** An outlined icon of the page's own set. */
export function icon(name) {
	const holder = document.createElement("span");
	holder.className = "icon-glyph";
	holder.setAttribute("aria-hidden", "true");
	holder.innerHTML = `<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8"
		stroke-linecap="round" stroke-linejoin="round"><path d="${STROKES[name]}"/></svg>`;
	return holder;
}

/** A button with an icon and a name; `quiet` leaves only the icon, and the name for screen readers. */
export function iconButton(name, label, onclick, quiet = false) {
	return h(
		`button.easel-button${quiet ? ".quiet" : ""}`,
		{ type: "button", onclick, title: label, "aria-label": quiet ? label : undefined },
		icon(name),
		!quiet && h("span", {}, label),
	);
}

let toasts = null;

/** Say something for a few seconds, in a corner and to screen readers. */
export function toast(message, kind = "info", hint = "") {
	toasts ??= document.body.appendChild(h("div.easel-toasts", { role: "status", "aria-live": "polite" }));
	const note = h(`div.easel-toast.${kind}`, {}, h("b", {}, message), hint && h("span", {}, hint));
	toasts.append(note);
	note.addEventListener("click", () => note.remove());
	setTimeout(() => note.remove(), kind === "error" ? 12000 : 4000);
}

const lastSaid = new WeakMap();

/** Let an element say a text, once: what says so already, in whatever language, is left alone. */
export function say(element, text) {
	if (lastSaid.get(element) === text) return;
	lastSaid.set(element, text);
	element.textContent = text;
}

/** Put text on the clipboard, also where the browser offers no clipboard (plain http on a LAN). */
export async function copyText(text, said = "Copied.") {
	if (navigator.clipboard && window.isSecureContext) {
		await navigator.clipboard.writeText(text);
	} else {
		const area = document.body.appendChild(h("textarea", { style: "position:fixed;opacity:0" }));
		area.value = text;
		area.select();
		document.execCommand("copy");
		area.remove();
	}
	toast(said);
}

/** Bytes as people read them: 980 kB, 144.1 MB, 6.94 GB. */
export function sizeText(bytes) {
	if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
	return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1e3)} kB`;
}

/** Seconds as people read them: 12s, 01:30, 1:02:03. */
export function duration(seconds) {
	const whole = Math.max(0, Math.round(seconds));
	if (whole < 60) return `${whole}s`;
	const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, "0"));
	return whole < 3600 ? parts.join(":") : [Math.floor(whole / 3600), ...parts].join(":");
}

/** Call `work` at most once in `pause` ms; the last call always happens. */
export function throttled(work, pause) {
	let timer = null;
	let last = 0;
	return () => {
		if (timer !== null) return;
		timer = setTimeout(() => {
			timer = null;
			last = Date.now();
			work();
		}, Math.max(0, last + pause - Date.now()));
	};
}

/** Call `work` when nothing has happened for `pause` ms. */
export function debounced(work, pause) {
	let timer = null;
	return (...given) => {
		clearTimeout(timer);
		timer = setTimeout(() => work(...given), pause);
	};
}
