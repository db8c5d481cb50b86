// The middle of the img2img tab: ways to start from a picture, one canvas for all of them, and what of
// it is handed over when Generate is pressed. Nothing leaves the browser before.

import { upload as keepFile } from "./api.js";
import { onChange, pictureControls as controls, showTab } from "./bridge.js";
import { BatchPanel } from "./batch.js";
import { Canvas } from "./canvas/canvas.js";
import { h, iconButton, toast } from "./dom.js";
import { scaleWished, setSize, showSizes } from "./picture_size.js";
import { chosenModel } from "./presets.js";

/** In A1111's order. `layers` may be drawn on; `masked` names the layer that says what is repainted. */
export const MODES = [
	{ id: "img2img", label: "img2img", layers: [], hint: "The whole picture is drawn anew, as far as the denoising strength allows." },
	{ id: "sketch", label: "Sketch", layers: ["paint"], hint: "Draw with colour; what you draw is taken as a part of the picture." },
	{ id: "inpaint", label: "Inpaint", layers: ["mask"], masked: "mask", hint: "Paint over what should change. With the frame (V) the picture grows beyond its edge." },
	{ id: "inpaint_sketch", label: "Inpaint sketch", layers: ["paint"], masked: "paint", hint: "Draw with colour; only what you drew over is drawn anew." },
	{ id: "inpaint_upload", label: "Inpaint upload", layers: ["mask"], masked: "mask", hint: "Take the mask from a file: white is drawn anew." },
	{ id: "batch", label: "Batch", layers: [], hint: "Many pictures, one after the other, with the same settings." },
];
const MODE_KEY = "easel.img2img.mode";
const MOST_AREA = 2.25; // times the model's own, for a picture just loaded
const LARGEST = 63 * 2 ** 20; // bytes of a file; the server takes 64 MB with what is around it

let source = null;
let appeared;
/** The part itself; it comes into the page when the tab is first seen. */
const there = new Promise((come) => (appeared = come));

class Source extends HTMLElement {
	connectedCallback() {
		source = this;
		if (!this.canvas) this.build();
		appeared(this);
		setTimeout(() => window.dispatchEvent(new Event("easel:tab"))); // when the rest of the tab is there
	}

	build() {
		this.batch = new BatchPanel(JSON.parse(this.getAttribute("folder") ?? "[]"));
		this.waiting = []; // pictures of a batch that are not handed in yet
		this.tabs = MODES.map((mode) => h("button.source-mode", {
			type: "button", role: "tab", id: `img2img_${mode.id}_tab`, onclick: () => this.choose(mode.id),
		}, mode.label));
		const list = h("div.source-modes", { role: "tablist", id: "mode_img2img", "aria-label": "How to start", onkeydown: (event) => this.walk(event) }, this.tabs);
		this.hint = h("p.source-hint", {});
		this.chooser = h("input", { type: "file", accept: "image/*", hidden: true, onchange: () => this.chosen() });
		this.more = iconButton("open", "Choose the mask", () => this.chooser.click());
		this.place = h("div.source-canvas", {});
		this.depthChooser = h("input", { type: "file", accept: "image/*", hidden: true, id: "img2img_depth", "aria-label": "Depth map", onchange: () => this.keepDepth() });
		this.depthButton = iconButton("picture", "Depth map", () => (this.depth ? this.setDepth(null) : this.depthChooser.click()));
		onChange((_, changed) => changed.has("models.checkpoint") && this.askForDepth());
		this.append(list, h("div.source-line", {}, this.hint, this.more, this.chooser, this.depthButton, this.depthChooser), this.place, this.batch.element);
		this.canvas = new Canvas(this.place, { storageKey: "img2img", layers: [], onChange: () => this.changed() });
		this.choose(MODES.find(({ id }) => id === localStorage.getItem(MODE_KEY))?.id ?? "img2img");
		this.canvas.ready.then(() => (this.seen = this.sizeText()));
		this.watcher = new ResizeObserver(() => this.bringResults());
		this.watcher.observe(this.closest(".work-page"));
	}

	/** There is one result panel; it is in the tab that is seen. */
	bringResults() {
		const panel = document.querySelector("easel-results");
		if (!panel) return;
		this.home ??= panel.parentElement;
		this.namePaste();
		const here = this.closest(".work-page").offsetParent ? document.getElementById("img2img_results_place") : this.home;
		if (panel.parentElement !== here) here.append(panel);
	}

	/** Page scripts look for #paste in the tab that is seen; there may be one of a name. */
	namePaste() {
		const seen = this.closest(".work-page").offsetParent ? 1 : 0;
		this.pastes ??= ["txt2img", "img2img"].map((tab) => document.querySelector(`#${tab}_generate_box #paste`));
		this.pastes.forEach((button, at) => button && (button.id = at === seen ? "paste" : "paste_unseen"));
	}

	/** Left and right walk the modes. */
	walk(event) {
		const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
		if (!step) return;
		const at = MODES.indexOf(this.mode) + step;
		const next = MODES[(at + MODES.length) % MODES.length];
		this.choose(next.id);
		this.tabs[MODES.indexOf(next)].focus();
	}

	choose(id) {
		this.mode = MODES.find((mode) => mode.id === id);
		localStorage.setItem(MODE_KEY, id);
		MODES.forEach((mode, at) => {
			this.tabs[at].setAttribute("aria-selected", String(mode === this.mode));
			this.tabs[at].tabIndex = mode === this.mode ? 0 : -1;
		});
		this.closest(".work-page")?.toggleAttribute("data-masked", Boolean(this.mode.masked));
		this.canvas.setLayers(this.mode.layers);
		this.place.hidden = id === "batch";
		this.batch.element.hidden = id !== "batch";
		this.more.hidden = id !== "inpaint_upload";
		this.hint.textContent = this.mode.hint;
	}

	async chosen() {
		const [file] = this.chooser.files;
		this.chooser.value = "";
		if (!file) return;
		try {
			await this.canvas.setMask(file);
		} catch (error) {
			toast(error.message, "error");
		}
	}

	/** Only some models are told how near everything is. */
	async askForDepth() {
		const model = await chosenModel().catch(() => null);
		this.depthButton.hidden = model?.reads !== "depth";
	}

	async keepDepth() {
		const [file] = this.depthChooser.files;
		this.depthChooser.value = "";
		if (!file) return;
		try {
			this.setDepth((await keepFile("api/v1/extras/pictures", file)).upload, file.name);
		} catch (error) {
			toast(error.message, "error", error.hint);
		}
	}

	/** The map for the next pictures; without one the model's own estimate counts. */
	setDepth(depth, name = "") {
		this.depth = depth;
		this.depthButton.setAttribute("aria-pressed", String(Boolean(depth)));
		this.depthButton.title = depth ? "Take the depth map away" : "Depth map";
		this.depthButton.lastChild.textContent = name || "Depth map";
	}

	sizeText() {
		const size = this.canvas.size();
		return size ? `${size.width}×${size.height}` : "";
	}

	/** A picture of another size came: draw at its shape, not much larger than the model is used to. */
	async changed() {
		showSizes(this.canvas);
		const text = this.sizeText();
		if (this.seen === undefined || text === this.seen) return;
		this.seen = text;
		const size = this.canvas.size();
		if (!size) return;
		const [width, height] = (await chosenModel().catch(() => null))?.native_size ?? [512, 512];
		const most = MOST_AREA * width * height;
		const area = size.width * size.height;
		setSize(size, area > most ? Math.sqrt(most / area) : 1);
	}

	/** What Gradio sends in place of its hidden controls: how it is meant, the picture, the mask. */
	async handOver() {
		const mode = this.mode.id;
		if (mode === "batch") {
			if (this.batch.folder) return [JSON.stringify({ mode, folder: this.batch.folder, scale: scaleWished() }), null, null];
			if (!this.waiting.length) this.waiting = [...this.batch.files];
			const file = this.waiting.shift();
			return [JSON.stringify({ mode: "img2img", scale: scaleWished() }), ...(await upload([file, null]))];
		}
		if (!this.canvas.size()) return [JSON.stringify({ mode }), null, null];
		const frame = this.canvas.hasFrame() ? this.canvas.frame() : null;
		const files = await Promise.all([
			this.canvas.exportInit({ region: frame ? "frame" : "picture" }),
			this.masks(frame) ? this.canvas.exportMask({ region: frame ? "frame" : "picture", from: this.mode.masked ?? "mask" }) : null,
		]);
		const size = frame && [frame.width, frame.height];
		const depth = this.depthButton.hidden ? null : this.depth;
		return [JSON.stringify({ mode, frame: size, scale: scaleWished(), depth }), ...(await upload(files))];
	}

	/** Whether there is anything to say about what is repainted. */
	masks(frame) {
		const { masked } = this.mode;
		const drawn = masked === "mask" ? this.canvas.hasMask() : masked === "paint" && this.canvas.hasPaint();
		return drawn || (frame && reachesOut(frame, this.canvas.size()));
	}

	/** The server took a job; the next file of a batch follows. */
	handedIn() {
		if (this.waiting.length) document.getElementById("img2img_enqueue")?.click();
	}
}

const reachesOut = (frame, size) =>
	frame.x < 0 || frame.y < 0 || frame.x + frame.width > size.width || frame.y + frame.height > size.height;

/** Files to the server, one by one; the answer is how Gradio names uploaded files. */
const upload = (files) => Promise.all(files.map((file) => file && uploadOne(file)));

async function uploadOne(file) {
	const megabytes = (bytes) => `${Math.ceil(bytes / 2 ** 20)} MB`;
	if (file.size > LARGEST) throw new Error(`The picture takes ${megabytes(file.size)}, but at most ${megabytes(LARGEST)} can be sent. Make it smaller first.`);
	const form = new FormData();
	form.append("files", file, file.name ?? "canvas.png");
	const answer = await fetch("gradio_api/upload", { method: "POST", body: form });
	if (!answer.ok) throw new Error(`The picture could not be sent (${answer.status}).`);
	const [path] = await answer.json();
	return { path, orig_name: file.name ?? "canvas.png", mime_type: file.type, meta: { _type: "gradio.FileData" } };
}

/** The canvas's part of a request, for Gradio; trouble is told, and the server says what is missing. */
export async function handOver() {
	try {
		return await source.handOver();
	} catch (error) {
		toast(error.message, "error");
		return [JSON.stringify({ mode: source.mode.id }), null, null];
	}
}

/** The picture on the canvas as it is seen, without what is masked; null if there is none. */
export const canvasPicture = async () => (source && source.mode.id !== "batch" && source.canvas.size() ? source.canvas.exportInit() : null);

/** A job was taken. */
export const handedIn = () => source?.handedIn();

/** Choose a mode for masks, unless one is chosen. */
export async function useMode(id) {
	const part = await there;
	if (!part.mode.masked) part.choose(id);
}

/** Begin to work on a finished picture. @param {string} mode one of MODES */
export async function sendTo(url, mode) {
	showTab("img2img");
	const part = await there;
	part.choose(mode);
	part.canvas.stage.focus({ preventScroll: true }); // the button that was pressed is out of sight
	try {
		await part.canvas.setBase(url);
	} catch (error) {
		toast(error.message, "error");
	}
}

customElements.define("easel-source", Source);
