// Between Gradio's controls and our scripts. Gradio owns the values; this file is the only one that
// knows how to read and set them.

import { t } from "./translate.js";

const click = (id) => document.getElementById(id)?.click();

/** The controls of one tab. `name` begins the ids of its hidden controls, `draft` is where it is kept. */
class Controls {
	constructor(name, draft) {
		Object.assign(this, { name, draft, paths: [], values: {}, listeners: new Set(), inbox: "", pending: {}, open: false });
		// What Gradio calls, by the short scripts in `bridge.py`.
		this.gradio = {
			changed: (paths, current) => this.changed(paths, current),
			takeInbox: () => this.takeInbox(),
			takeValues: (current) => this.takeValues(current),
			opened: () => (this.open = true),
		};
	}

	/** The value of a control by its path, as last seen. */
	valueOf(path) {
		return this.values[path];
	}

	/** Call `listener(values, changed)` whenever a control changed. */
	onChange(listener) {
		this.listeners.add(listener);
		if (Object.keys(this.values).length) listener(this.values, new Set(Object.keys(this.values)));
		return () => this.listeners.delete(listener);
	}

	/** Set a few controls here in the page, at once: { "size.width": 512 }. */
	setValues(given) {
		this.pending = { ...this.pending, ...given };
		click(`${this.name}_set`);
	}

	/** Let the server set all controls: from { infotext } or { fields }. */
	restore(recipe) {
		this.inbox = JSON.stringify(recipe);
		click(`${this.name}_apply`);
	}

	/** Send something to a handler of its own, together with what the controls hold. */
	ask(name, sent) {
		this.inbox = JSON.stringify(sent);
		click(`${this.name}_${name}`);
	}

	remember() {
		if (!this.open) return;
		const draft = JSON.stringify(this.values);
		try {
			sessionStorage.setItem(this.draft, draft);
			localStorage.setItem(this.draft, draft);
		} catch {
			// A browser that keeps nothing (private window, full store) still draws.
		}
	}

	changed(paths, current) {
		this.paths = paths;
		const changed = new Set();
		paths.forEach((path, at) => {
			if (this.values[path] !== current[at]) changed.add(path);
			this.values[path] = current[at];
		});
		if (!changed.size) return;
		this.remember();
		for (const listener of this.listeners) listener(this.values, changed);
	}

	takeInbox() {
		const taken = this.inbox;
		this.inbox = "";
		return taken;
	}

	takeValues(current) {
		const given = this.pending;
		this.pending = {};
		return this.paths.map((path, at) => (path in given ? given[path] : current[at]));
	}
}

/** The controls of txt2img, and the menu above the tabs. */
export const textControls = new Controls("easel", "easel.draft");

/** The controls of img2img. */
export const pictureControls = new Controls("easel_img2img", "easel.draft.img2img");

/** Those of the tab that draws: img2img while it is seen. */
export const seenControls = () => (document.getElementById("img2img_page")?.offsetParent ? pictureControls : textControls);

// Those of txt2img by name.
export const valueOf = (path) => textControls.valueOf(path);
export const onChange = (listener) => textControls.onChange(listener);
export const setValues = (given) => textControls.setValues(given);
export const restore = (recipe) => textControls.restore(recipe);
export const ask = (name, sent) => textControls.ask(name, sent);

/** Show a tab by its place. */
export function showTab(name) {
	const tabs = [...document.querySelectorAll('#tabs > .tab-wrapper :is([role="tab"], .overflow-dropdown button)')];
	tabs.find((tab) => tab.textContent.trim() === t(name))?.click();
}
