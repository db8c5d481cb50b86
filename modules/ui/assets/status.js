// The pill at the top: how the engine is doing.

import { get } from "./api.js";
import { h } from "./dom.js";
import { onJobs, state } from "./jobs.js";

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
		this.off = onJobs(() => this.onJob());
		this.clock = setInterval(() => document.hidden || this.update(), 5000);
		this.update();
	}

	disconnectedCallback() {
		this.off?.();
		clearInterval(this.clock);
	}

	onJob() {
		const now = `${state.online}${state.job?.status}`;
		if (now !== this.before) this.update();
		this.before = now;
	}

	async update() {
		const answer = await get("api/v1/status").catch(() => null);
		const engine = answer?.engine ?? answer;
		const known = engine?.state ?? "offline";
		this.dataset.state = known;
		this.text.textContent = SAYS[known] ?? known;
		const facts = [engine?.device, memoryText(engine?.memory)].filter(Boolean);
		this.more.textContent = facts.join(" · ");
		this.title = [SAYS[known], ...facts, engine?.loaded && `loaded: ${engine.loaded}`].filter(Boolean).join("\n");
	}
}

customElements.define("easel-status", Status);
