// Easel's canvas: a picture to draw masks and colour on, and a frame that may reach beyond it.
//
//     import { Canvas } from "./canvas/canvas.js";
//     const canvas = new Canvas(element, { storageKey: "img2img", onChange });
//     await canvas.setBase(blob);
//     const mask = await canvas.exportMask();
//
// Plain modules, nothing from elsewhere, nothing sent anywhere: files leave through the export functions.

import { boxOf, clamp } from "./geometry.js";
import { Document } from "./document.js";
import { View } from "./view.js";
import { Picture } from "./picture.js";
import { Tile } from "./tiles.js";
import { DEFAULTS, Store, bytesOf } from "./store.js";
import { TOOLS } from "./tools.js";
import { PointerInput } from "./pointer.js";
import { KeyboardInput } from "./keyboard.js";
import { Overlay } from "./overlay.js";
import { FrameBox } from "./frame.js";
import { Toolbar, emptyState } from "./toolbar.js";
import { LayersPanel } from "./layers_panel.js";
import { Intake } from "./intake.js";
import { Help } from "./help.js";
import { Draft } from "./draft.js";
import { maskFrom } from "./shapes.js";
import { coverageOf, flattened, paintAlone } from "./exports.js";
import { make } from "./elements.js";

const STYLE = new URL("./canvas.css", import.meta.url).href;
const PICTURES = ["base", "reference"];

/**
 * @typedef {object} Options
 * @property {string} [storageKey] under which the draft survives a reload; without one nothing is kept
 * @property {(canvas: Canvas) => void} [onChange] something was drawn, undone, loaded or framed
 * @property {("mask" | "paint")[]} [layers] what may be drawn on; both unless told
 * @property {{width: number, height: number}} [blankSize] of the blank picture offered while there is none
 * @property {string} [maskColor] "#rrggbb", how the mask is tinted
 * @property {string} [label] what screen readers call the canvas
 */

/** @typedef {Blob | string | HTMLImageElement | HTMLCanvasElement | ImageBitmap} PictureSource a string is an address */

let built = 0; // canvases so far: each has ids of its own

export class Canvas {
	/** @param {HTMLElement} element gets the canvas as its only child @param {Options} options */
	constructor(element, { storageKey = "", onChange, layers = ["mask", "paint"], blankSize, maskColor, label = "Drawing canvas" } = {}) {
		this.onChange = onChange ?? (() => {});
		this.blankSize = blankSize ?? { width: 512, height: 512 };
		this.layers = [...layers];
		this.lastPoint = null; // where the last stroke ended
		this.store = new Store(DEFAULTS);
		this.document = new Document({ drawn: (box) => this.drawn(box), changed: () => this.changed() });
		if (maskColor) this.document.mask.setTint(bytesOf(maskColor));
		loadStyle();
		this.build(element, label);
		this.draft = storageKey ? new Draft(storageKey, (message) => this.say(message, true)) : null;
		this.store.subscribe((values, names) => this.settingsChanged(names));
		this.setLayers(layers);
		this.toolbar.showZoom(this.view);
		/** Resolves once the draft, if there was one, is back. @type {Promise<void>} */
		this.ready = this.restoreDraft();
	}

	build(element, label) {
		const how = `ec_how_${++built}`;
		this.stage = make("div", { class: "ec-stage", tabindex: 0, role: "application", "aria-label": label, "aria-describedby": how });
		this.how = make("span", { id: how, hidden: true }, ["Arrow keys move the drawing cursor, Space puts the brush down and up, question mark lists all keys."]);
		this.live = make("div", { class: "ec-live", role: "status", "aria-live": "polite" });
		this.body = make("div", { class: "ec-body" });
		this.root = make("div", { class: "easel-canvas" });
		this.view = new View(this.stage, () => this.moved());
		this.view.document = this.document;
		this.overlay = new Overlay(this);
		this.frameBox = new FrameBox(this);
		this.toolbar = new Toolbar(this);
		this.empty = emptyState(this);
		this.stage.append(this.empty, make("div", { class: "ec-drop" }, "Drop to begin with this picture"));
		this.body.append(this.toolbar.rail, this.stage);
		this.toolbar.bottom.prepend(this.live);
		this.root.append(this.how, this.toolbar.top, this.body, this.toolbar.bottom);
		this.panel = new LayersPanel(this);
		this.help = new Help(this);
		this.intake = new Intake(this);
		this.pointers = new PointerInput(this);
		this.keyboard = new KeyboardInput(this);
		this.onHide = () => document.visibilityState === "hidden" && this.draft?.now();
		document.addEventListener("visibilitychange", this.onHide);
		element.replaceChildren(this.root);
	}

	// ---- pictures

	/** Begin with a picture: drawings are cleared, the frame is the picture's. Can be undone. @param {PictureSource | null} source */
	async setBase(source) {
		await this.ready;
		const picture = source ? await Picture.from(source) : null;
		const first = !this.document.base;
		this.document.setBase(picture);
		if (picture && first) this.store.set({ size: clamp(Math.round(Math.max(picture.width, picture.height) / 14), 4, 512) });
		this.view.fit();
		if (picture) this.say(`Picture, ${picture.width} × ${picture.height}`);
	}

	/** Begin with an empty picture of one colour. */
	async setBlank(width, height, color = "#ffffff") {
		await this.ready;
		this.document.setBase(await Picture.blank(width, height, color), "blank picture");
		this.view.fit();
	}

	/** Show a picture for orientation above the drawing; it is never exported. @param {PictureSource | null} source */
	async setReference(source) {
		await this.ready;
		this.document.setReference(source ? await Picture.from(source) : null);
	}

	/**
	 * Take the mask from a picture file, stretched over the picture: white is masked.
	 * @param {PictureSource} source
	 * @throws {Error} while there is no picture to mask
	 */
	async setMask(source) {
		await this.ready;
		if (!this.document.base) throw new Error("Choose a picture first, then its mask.");
		const { bitmap } = await Picture.from(source);
		const box = this.document.pictureBox;
		this.document.change("mask", "mask from a file", (edit) => maskFrom(edit, bitmap, box));
	}

	/** The picture's size, or null while there is none. */
	size() {
		const { base } = this.document;
		return base && { width: base.width, height: base.height };
	}

	/** Take everything away: picture, drawings, reference. Can be undone. */
	clear() {
		this.document.reference = null;
		this.document.setBase(null, "clear");
	}

	// ---- what leaves

	/**
	 * Picture and paint as one PNG with alpha.
	 * @param {{region?: "picture" | "frame"}} options "frame": as large as the frame, transparent beyond the picture
	 * @returns {Promise<Blob>}
	 * @throws {Error} while there is no picture
	 */
	exportInit({ region = "picture" } = {}) {
		return this.exported((box) => flattened(this.document, box), region);
	}

	/**
	 * The mask as a grey PNG, white where the picture is drawn anew.
	 * @param {{region?: "picture" | "frame", from?: "mask" | "paint"}} options "frame": white beyond the picture; from "paint": white where painted
	 * @returns {Promise<Blob>}
	 */
	exportMask({ region = "picture", from = "mask" } = {}) {
		return this.exported((box) => coverageOf(this.document, box, from), region);
	}

	/** The paint alone as a PNG with alpha. @returns {Promise<Blob>} */
	exportPaint({ region = "picture" } = {}) {
		return this.exported((box) => paintAlone(this.document, box), region);
	}

	async exported(write, region) {
		await this.ready;
		if (!this.document.base) throw new Error("There is no picture on the canvas yet.");
		return write(region === "frame" ? boxOf(this.document.frame) : this.document.pictureBox);
	}

	// ---- frame and layers

	/** Where the frame is, in picture pixels; beyond the picture it asks for outpainting. @returns {import("./geometry.js").Rect} */
	frame() {
		return { ...this.document.frame };
	}

	/** Put the frame somewhere, or with null around the picture. @param {import("./geometry.js").Rect | null} frame */
	setFrame(frame) {
		this.document.setFrame(frame ?? this.document.pictureFrame());
	}

	/** Whether the frame reaches beyond the picture or leaves some of it out. */
	hasFrame() {
		return Boolean(this.document.base) && !this.document.framesPicture;
	}

	hasMask() {
		return this.document.mask.tiles.size > 0;
	}

	hasPaint() {
		return this.document.paint.tiles.size > 0;
	}

	/** Say what may be drawn on; a layer that is not on offer is hidden but kept. @param {("mask" | "paint")[]} names */
	setLayers(names) {
		const looked = this.layers.length === 0;
		this.layers = [...names];
		for (const name of ["mask", "paint"]) this.show(name, { visible: names.includes(name) });
		const { layer, tool } = this.store.values;
		if (names.length && !names.includes(layer)) this.store.set({ layer: names[0] });
		if (!names.length && tool !== "frame") this.store.set({ tool: "hand" });
		if (names.length && looked && tool === "hand") this.store.set({ tool: "brush" });
		this.toolbar.update();
	}

	/** Change how a layer is shown. @param {{visible?: boolean, opacity?: number}} look */
	show(name, look) {
		Object.assign(this.document.look(name), look);
		this.view.invalidate(null);
		this.panel.update();
		this.keepDraft();
	}

	/** Draw on the other layer. */
	switchLayer() {
		const other = this.store.values.layer === "mask" ? "paint" : "mask";
		if (this.layers.includes(other)) this.store.set({ layer: other });
	}

	resizeBrush(factor) {
		const { size } = this.store.values;
		const next = Math.round(size * factor);
		this.store.set({ size: clamp(next === size ? size + Math.sign(factor - 1) : next, 1, 1024) });
		this.say(`Brush ${this.store.values.size} px`);
	}

	// ---- back and forth

	undo() {
		const label = this.document.undo();
		if (label) this.say(`Undone: ${label}`);
	}

	redo() {
		const label = this.document.redo();
		if (label) this.say(`Redone: ${label}`);
	}

	/** Leave the page; the draft stays. */
	destroy() {
		this.draft?.now();
		document.removeEventListener("visibilitychange", this.onHide);
		this.intake.destroy();
		this.view.destroy();
		this.root.remove();
	}

	// ---- what the parts tell

	/** Say something in the status line, also to screen readers. */
	say(message, wrong = false) {
		this.live.textContent = message;
		this.live.classList.toggle("wrong", wrong);
	}

	/** Whether the tool shows the brush's ring. */
	rings = () => this.layers.length > 0 && Boolean(TOOLS.find(({ id }) => id === this.store.values.tool)?.ring);

	hover(clientX, clientY) {
		const at = this.view.toPicture(clientX, clientY);
		this.overlay.ringAt(at);
		this.hovered = at;
		this.hovering ||= requestAnimationFrame(() => {
			this.hovering = 0;
			const { x, y } = this.hovered;
			this.toolbar.place.textContent = this.document.base ? `${Math.floor(x)}, ${Math.floor(y)}` : "";
		});
	}

	drawn(box) {
		this.view.invalidate(box);
		this.frameBox.place();
	}

	moved() {
		this.overlay.place();
		this.frameBox.place();
		this.toolbar.showZoom(this.view);
		this.keepDraft();
	}

	changed() {
		this.empty.hidden = Boolean(this.document.base);
		this.frameBox.place();
		this.overlay.place();
		this.toolbar.update();
		this.keepDraft();
		this.onChange(this);
	}

	settingsChanged(names) {
		this.stage.dataset.tool = this.store.values.tool;
		this.overlay.place();
		this.toolbar.update();
		this.panel.update();
		if (names.includes("tool")) this.frameBox.place();
		this.keepDraft();
	}

	// ---- the draft

	keepDraft() {
		if (this.restored) this.draft?.later(() => this.collect());
	}

	/** Everything worth keeping, or null while a stroke is being drawn. */
	collect() {
		const { document: { base, reference, paint, mask, frame, looks, edit }, view, store } = this;
		if (edit) return null;
		const look = ({ visible, opacity }) => ({ visible, opacity });
		return {
			pictures: { base: base?.blob, reference: reference?.blob },
			layers: [paint, mask].map((layer) => ({ name: layer.name, solid: layer.solid, tiles: new Map(layer.tiles) })),
			rest: {
				frame: { ...frame },
				view: { x: view.x, y: view.y, scale: view.scale, fitted: view.fitted },
				settings: { ...store.values },
				looks: { base: look(looks.base), reference: look(looks.reference), paint: look(paint), mask: look(mask) },
			},
		};
	}

	async restoreDraft() {
		try {
			const draft = await this.draft?.read(PICTURES);
			if (draft) await this.restore(draft);
		} catch (error) {
			this.say(`The last draft could not be read: ${error.message}`, true);
		}
		this.restored = true;
	}

	async restore({ rest, pictures, tiles }) {
		const { document, view } = this;
		for (const name of PICTURES) document[name] = pictures[name] ? await Picture.from(pictures[name]) : null;
		for (const [name, key, data] of tiles) {
			const layer = document.layer(name);
			layer.tiles.set(key, data ? new Tile(data) : layer.solid);
		}
		document.frame = rest.frame;
		for (const [name, look] of Object.entries(rest.looks)) Object.assign(document.look(name), look);
		this.store.set(rest.settings);
		this.setLayers(this.layers);
		document.history.reset(document.snapshot());
		this.draft.settled(this.collect());
		if (rest.view.fitted) view.fit();
		else view.place(rest.view.x, rest.view.y, rest.view.scale);
		this.changed();
	}
}

/** The style sheet beside this file, once a page. */
function loadStyle() {
	if (document.querySelector(`link[href="${STYLE}"]`)) return;
	document.head.append(make("link", { rel: "stylesheet", href: STYLE }));
}
