// The Checkpoint Merger tab: what to merge and how, how far that is, and what came of it.

import { get, post } from "./api.js";
import { h, iconButton, toast } from "./dom.js";
import { fieldOf } from "./fields.js";

const KEY = "easel.merger";
const LOOK_MS = 700;
const ENDED = ["finished", "stopped", "failed"];
const MODELS = ["a", "b", "c"];
const IDS = {
	a: "modelmerger_primary_model_name", b: "modelmerger_secondary_model_name", c: "modelmerger_tertiary_model_name",
	name: "modelmerger_custom_name", method: "modelmerger_interp_method", multiplier: "modelmerger_interp_amount",
	dtype: "modelmerger_save_as_half", vae: "modelmerger_bake_in_vae", discard: "modelmerger_discard_weights",
	add_recipe: "modelmerger_add_recipe", copy_metadata: "modelmerger_copy_metadata",
};
const NEEDED = { "Weighted sum": ["a", "b"], "Add difference": ["a", "b", "c"], "No interpolation": ["a"] };
const FORMULAS = { "Weighted sum": "A × (1 − M) + B × M", "Add difference": "A + (B − C) × M", "No interpolation": "A" };
const GROUPS = [["Models", MODELS], ["How", ["method", "multiplier", "blocks"]], ["Result", ["name", "dtype", "vae", "discard", "add_recipe", "copy_metadata", "overwrite"]]];
const WORDS = { waiting: "Waiting until the engine is free", running: "Reading the models", finished: "Finished", stopped: "Stopped", failed: "Nothing was made" };

class Merger extends HTMLElement {
	connectedCallback() {
		if (this.form) return;
		const kept = read();
		const fields = JSON.parse(this.getAttribute("fields"));
		this.controls = new Map(fields.map((field) => [field.name, fieldOf(field, kept[field.name] ?? field.value, IDS[field.name] ?? `modelmerger_${field.name}`)]));
		this.formula = h("p.hint", { translate: "no" });
		this.form = h("form.merger-form", { onsubmit: (event) => this.begin(event), onchange: () => this.changed() },
			GROUPS.map(([title, names]) => h("section", {}, h("h3", {}, title), h("div.sheet-fields", {}, names.map((name) => this.controls.get(name).element)), title === "How" && this.formula)));
		this.merge = h("button.easel-button.primary", { type: "button", id: "modelmerger_merge", onclick: () => this.form.requestSubmit() }, "Merge");
		this.refresh = iconButton("reuse", "Look for models again", () => this.ask(), true);
		this.stopper = iconButton("stop", "Stop", () => this.stop());
		this.stopper.id = "modelmerger_interrupt";
		this.fill = h("div.fill");
		this.bar = h("div.easel-bar", { role: "progressbar", "aria-label": "Merging", "aria-valuemin": "0", "aria-valuemax": "100" }, this.fill);
		this.status = h("p.hint", { role: "status" });
		this.list = h("div.merger-results", { id: "modelmerger_result", role: "list", "aria-label": "Merged models" });
		this.replaceChildren(this.form, h("div.merger-side", {}, h("div.row", {}, this.merge, this.stopper, this.refresh), this.bar, this.status, this.list));
		this.draw([]);
		this.changed();
		new ResizeObserver(() => this.come()).observe(this);
	}

	/** The tab came into view: models may have come or gone. */
	come() {
		if (!this.offsetParent || this.asked) return;
		this.asked = true;
		this.ask();
	}

	async ask() {
		try {
			const { checkpoints, vaes, runs } = await get("api/v1/merges");
			for (const name of MODELS) {
				const control = this.controls.get(name);
				control.set(checkpoints.includes(control.read()) ? control.read() : "", [["", "None"], ...checkpoints]);
			}
			const vae = this.controls.get("vae");
			vae.set(vaes.includes(vae.read()) ? vae.read() : "None", vaes);
			this.follow(runs);
		} catch (error) {
			this.status.textContent = error.message;
		}
	}

	changed() {
		const method = this.controls.get("method").read();
		for (const name of MODELS) this.controls.get(name).element.hidden = !NEEDED[method]?.includes(name);
		for (const name of ["multiplier", "blocks"]) this.controls.get(name).element.hidden = method === "No interpolation";
		this.formula.textContent = FORMULAS[method] ?? "";
		try {
			localStorage.setItem(KEY, JSON.stringify(this.values()));
		} catch {
			// A browser that keeps nothing works all the same.
		}
	}

	values() {
		return Object.fromEntries([...this.controls].map(([name, control]) => [name, control.read()]));
	}

	async begin(event) {
		event.preventDefault();
		if (this.merge.disabled) return;
		this.merge.disabled = true;
		try {
			const run = await post("api/v1/merges", this.values());
			this.follow([run, ...(this.runs ?? [])]);
		} catch (error) {
			toast(error.message, "error", error.hint);
		}
		this.merge.disabled = false;
	}

	async stop() {
		const active = this.runs.find((run) => !ENDED.includes(run.status));
		if (active) await post(`api/v1/merges/${active.id}/stop`).catch((error) => toast(error.message, "error", error.hint));
	}

	follow(runs) {
		this.draw(runs);
		clearTimeout(this.clock);
		if (runs.some((run) => !ENDED.includes(run.status))) this.clock = setTimeout(() => this.look(), LOOK_MS);
	}

	async look() {
		const before = new Map(this.runs.map((run) => [run.id, run.status]));
		const { runs } = await get("api/v1/merges").catch(() => ({ runs: this.runs }));
		this.follow(runs);
		for (const run of runs) {
			if (run.status === before.get(run.id)) continue;
			if (run.error) toast(run.error.message, "error", run.error.hint);
			if (run.status === "finished") this.finished();
		}
	}

	/** The new model is in the menus at once. */
	finished() {
		document.getElementById("refresh_sd_model_checkpoint")?.click();
		this.ask();
	}

	draw(runs) {
		this.runs = runs;
		const active = runs.filter((run) => !ENDED.includes(run.status)).at(-1);
		const shown = active ?? runs[0];
		this.stopper.hidden = !active;
		this.bar.style.display = active ? "block" : "none";
		const percent = Math.round(100 * (active?.fraction ?? 0));
		this.fill.style.width = `${percent}%`;
		this.bar.setAttribute("aria-valuenow", String(percent));
		this.status.textContent = !shown ? "" : active?.done ? `${active.done} of ${active.total} tensors` : WORDS[shown.status];
		const rows = runs.filter((run) => ENDED.includes(run.status)).map((run) => h(`div.card${run.error ? ".error" : ""}`, { role: "listitem" },
			h("b", { translate: "no" }, run.name), h("p", {}, run.error ? `${run.error.message} ${run.error.hint}`.trim() : WORDS[run.status]),
			run.notices.map((text) => h("p", {}, text))));
		this.list.replaceChildren(...rows);
	}
}

function read() {
	try {
		return JSON.parse(localStorage.getItem(KEY) ?? "{}");
	} catch {
		return {};
	}
}

customElements.define("easel-merger", Merger);
