// The simple mode for beginners: prompt, size and Generate; everything else keeps its value, out of sight.

import { h, icon } from "./dom.js";

const KEY = "easel.simple";

class Simple extends HTMLElement {
	connectedCallback() {
		if (this.button) return;
		this.button = h("button.easel-button.quiet", { type: "button", id: "easel_simple", onclick: () => this.turn(!this.on) }, icon("simple"));
		this.replaceChildren(this.button);
		this.turn(kept() === "on");
	}

	turn(on) {
		this.on = on;
		document.body.classList.toggle("easel-simple", on);
		this.button.setAttribute("aria-pressed", String(on));
		this.button.setAttribute("aria-label", "Simple mode");
		this.button.title = on ? "Show all controls" : "Simple mode: prompt, size and Generate alone";
		try {
			localStorage.setItem(KEY, on ? "on" : "off");
		} catch {
			// A browser that keeps nothing begins with everything.
		}
	}
}

function kept() {
	try {
		return localStorage.getItem(KEY);
	} catch {
		return null;
	}
}

customElements.define("easel-simple", Simple);
