// Notes on one model: what it is, what fits, what people want to remember of it.

import { get, post } from "./api.js";
import { h, iconButton, sizeText, toast } from "./dom.js";

const BASES = ["", "SD1", "SD2", "SDXL", "SD3", "FLUX", "Unknown"];
const FACTS = [
	["ss_sd_model_name", "Trained on"], ["ss_clip_skip", "Clip skip"], ["ss_network_module", "Kind of network"], ["ss_network_dim", "Rank"],
	["ss_resolution", "Resolution"], ["ss_num_train_images", "Training pictures"], ["modelspec.title", "Title"], ["modelspec.author", "Author"], ["modelspec.license", "Licence"],
];

export class ModelSheet {
	/** `changed(card)` hears of a card as it is after saving. */
	constructor(changed) {
		this.changed = changed;
		this.body = h("div.body");
		this.title = h("h2", {});
		this.dialog = h("dialog.easel-sheet.model-sheet", { "aria-label": "Notes on a model" },
			h("header", {}, this.title, iconButton("close", "Close", () => this.dialog.close(), true)), this.body);
		document.body.append(this.dialog);
	}

	async open(card) {
		try {
			this.card = await get(`api/v1/models/cards/${card.id}`);
			this.vaes = this.card.kind === "checkpoints" ? (await get("api/v1/models")).vaes : [];
		} catch (error) {
			return toast(error.message, "error", error.hint);
		}
		this.title.textContent = this.card.name;
		this.fill();
		if (!this.dialog.open) this.dialog.showModal();
		if (this.card.kind === "lora") this.showReport();
	}

	fill() {
		const { card } = this;
		const network = ["lora", "hypernetworks"].includes(card.kind);
		this.fields = {
			description: h("textarea", { rows: 3 }),
			...(card.kind === "lora" && { base: h("select", {}, BASES.map((base) => h("option", { value: base }, base || "As the file says"))) }),
			...(network && { activation: h("textarea", { rows: 2 }), weight: h("input", { type: "number", min: -2, max: 2, step: 0.05 }), negative: h("input", { type: "text" }) }),
			...(card.kind === "checkpoints" && { vae: h("select", {}, ["", "None", ...this.vaes].map((vae) => h("option", { value: vae }, vae || "Automatic"))) }),
			notes: h("textarea", { rows: 4 }),
		};
		const labels = { description: "Description", base: "Family", activation: "Activation text", weight: "Preferred weight (0 is the usual one)", negative: "Negative prompt", vae: "VAE to use with it", notes: "Notes" };
		for (const [name, field] of Object.entries(this.fields)) field.value = card[name] ?? "";
		this.report = h("div.report", { role: "status" });
		const tags = card.tags.length && this.fields.activation ? h("div.tags", { "aria-label": "Words it was trained with" }, card.tags.map(({ tag, count }) => this.tag(tag, count))) : null;
		const shown = document.querySelector("easel-results")?.shown;
		const preview = card.preview ? h("img", { src: card.preview, alt: `Preview of ${card.name}` }) : h("p.quiet", {}, "No picture yet.");
		const use = h("button.easel-button", { type: "button", disabled: !shown, title: shown ? "" : "Draw or choose a picture first", onclick: () => this.usePicture(shown) }, "Use the shown picture");
		this.body.replaceChildren(
			h("div.side", {}, preview, use, this.facts(), this.report),
			h("form", { onsubmit: (event) => this.save(event) },
				...Object.entries(this.fields).map(([name, field]) => h("label", {}, h("span", {}, labels[name]), field, name === "activation" && tags)),
				Object.keys(card.metadata).length && h("details", {}, h("summary", {}, "Metadata in the file"), h("pre", {}, JSON.stringify(card.metadata, null, 2))),
				h("div.row", {}, h("button.easel-button.primary", { type: "submit" }, "Save"), h("button.easel-button", { type: "button", onclick: () => this.dialog.close() }, "Cancel"))));
	}

	facts() {
		const { card } = this;
		const rows = [["File", card.folder ? `${card.folder}/${card.file}` : card.file], ["Size", sizeText(card.size)], ["Changed", new Date(card.modified * 1000).toLocaleString()],
			["Hash", card.hash], ["Name in prompts", card.alias], ["Trouble", card.note], ...FACTS.map(([key, label]) => [label, card.metadata[key]])];
		return h("table", {}, h("tbody", {}, rows.filter(([, value]) => value !== null && value !== undefined && value !== "")
			.map(([label, value]) => h("tr", {}, h("th", { scope: "row" }, label), h("td", {}, typeof value === "object" ? JSON.stringify(value) : String(value))))));
	}

	/** A word it was trained with: a click puts it into the activation text, or takes it out. */
	tag(tag, count) {
		const words = () => this.fields.activation.value.split(",").map((word) => word.trim()).filter(Boolean);
		const chip = h("button.chip", { type: "button", title: `In ${count} captions`, onclick: () => {
			const now = words();
			this.fields.activation.value = (now.includes(tag) ? now.filter((word) => word !== tag) : [...now, tag]).join(", ");
			chip.setAttribute("aria-pressed", String(words().includes(tag)));
		} }, tag);
		chip.setAttribute("aria-pressed", String(words().includes(tag)));
		return chip;
	}

	/** How much of a LoRA fits the chosen checkpoint. */
	async showReport() {
		const { id, name } = this.card;
		const answer = await get(`api/v1/loras/${encodeURIComponent(name)}`).catch((error) => ({ error }));
		if (this.card.id !== id) return;
		const { report, checkpoint } = answer;
		const good = report && report.matched === report.keys && !report.sentence;
		this.report.className = `report ${good ? "good" : "bad"}`;
		if (!report) this.report.replaceChildren(h("p", {}, answer.error.message));
		else {
			const share = Math.floor(report.share * 1000) / 10;
			const kinds = Object.entries(report.kinds).map(([kind, count]) => `${kind}: ${count} layers`).join(", ");
			this.report.replaceChildren(h("b", {}, report.matched ? `${share}% fits ${checkpoint}` : `Nothing fits ${checkpoint}`),
				h("p", {}, `${report.matched} of ${report.keys} tensors. ${kinds}`), report.sentence && h("p", {}, report.sentence));
		}
	}

	async save(event) {
		event.preventDefault();
		const changes = {};
		for (const [name, field] of Object.entries(this.fields)) {
			const value = name === "weight" ? Number(field.value) : field.value;
			if (value !== (this.card[name] ?? (name === "weight" ? 0 : ""))) changes[name] = value;
		}
		if (await this.send("notes", changes)) {
			toast(`Notes on ${this.card.name} saved.`);
			this.dialog.close();
		}
	}

	async usePicture(image) {
		if (await this.send("preview", { image: image.id })) {
			toast("The picture is on the card.");
			this.open(this.card);
		}
	}

	async send(what, body) {
		try {
			this.changed(await post(`api/v1/models/cards/${this.card.id}/${what}`, body));
			return true;
		} catch (error) {
			toast(error.message, "error", error.hint);
			return false;
		}
	}
}
