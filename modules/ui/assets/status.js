// The pill at the top: how the engine is doing.

import { h, say } from "./dom.js";
import { look, onJobs, state } from "./jobs.js";

const SAYS = {
	cold: "Idle", starting: "Starting", ready: "Ready", busy: "Drawing", down: "Engine stopped", offline: "No connection",
};

/** Memory of the graphics card as one short text; nothing on a machine without one. */
function memoryText(memory) {
	const system = memory?.cuda?.system;
	const gigabytes = (bytes) => (bytes / 2 ** 30).toFixed(1);
	return system ? `${gigabytes(system.used)} of ${gigabytes(system.total)} GB` : "";
}

class Status extends HTMLElement {
	connectedCallback() {
		this.text = h("span.text", {});
		this.more = h("span.more", {});
		this.replaceChildren(h("span.dot"), this.text, this.more);
		this.setAttribute("role", "status");
		this.off = onJobs(() => this.update());
		this.clock = setInterval(() => document.hidden || look(), 5000);
		this.update();
	}

	disconnectedCallback() {
		this.off?.();
		clearInterval(this.clock);
	}

	update() {
		const { engine, online } = state;
		const known = online ? (engine?.state ?? "starting") : "offline";
		if (this.dataset.state !== known) this.dataset.state = known;
		const said = SAYS[known] ?? known;
		say(this.text, said);
		const facts = [engine?.device, memoryText(engine?.memory)].filter(Boolean);
		this.more.textContent = facts.join(" · ");
		this.title = [said, ...facts, engine?.loaded && `Loaded: ${engine.loaded}`].filter(Boolean).join("\n");
	}
}

customElements.define("easel-status", Status);
