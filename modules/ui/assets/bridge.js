// Between Gradio's controls and our scripts. Gradio owns the values; this file is the only one that
// knows how to read and set them.

const DRAFT = "easel.draft";
const layout = { paths: [] };
const values = {};
const listeners = new Set();
let inbox = "";
let pending = {};
let open = false;

/** The value of a control by its path, as last seen. */
export const valueOf = (path) => values[path];

/** Call `listener(values, changed)` whenever a control changed. */
export function onChange(listener) {
	listeners.add(listener);
	if (Object.keys(values).length) listener(values, new Set(Object.keys(values)));
	return () => listeners.delete(listener);
}

const click = (id) => document.getElementById(id)?.click();

/** Set a few controls here in the page, at once: { "size.width": 512 }. */
export function setValues(given) {
	pending = { ...pending, ...given };
	click("easel_set");
}

/** Let the server set all controls: from { infotext } or { fields }. */
export function restore(recipe) {
	inbox = JSON.stringify(recipe);
	click("easel_apply");
}

/** Show a tab by its place. */
export function showTab(name) {
	const tabs = [...document.querySelectorAll('#tabs [role="tab"]')];
	tabs.find((tab) => tab.textContent.trim() === name)?.click();
}

function remember() {
	if (!open) return;
	const draft = JSON.stringify(values);
	try {
		sessionStorage.setItem(DRAFT, draft);
		localStorage.setItem(DRAFT, draft);
	} catch {
		// A browser that keeps nothing (private window, full store) still draws.
	}
}

// What Gradio calls, by the short scripts in `bridge.py`.
export const gradio = {
	changed: (paths, current) => {
		layout.paths = paths;
		const changed = new Set();
		paths.forEach((path, at) => {
			if (values[path] !== current[at]) changed.add(path);
			values[path] = current[at];
		});
		if (!changed.size) return;
		remember();
		for (const listener of listeners) listener(values, changed);
	},
	takeInbox: () => {
		const taken = inbox;
		inbox = "";
		return taken;
	},
	takeValues: (current) => {
		const given = pending;
		pending = {};
		return layout.paths.map((path, at) => (path in given ? given[path] : current[at]));
	},
	opened: () => (open = true),
};
