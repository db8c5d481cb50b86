// What is on the canvas: pictures, drawn layers, the frame, and the way back.

import { boxOf, isEmpty, sameRect, union } from "./geometry.js";
import { Tile, TileLayer, isBlank, placeOf, tileBox, TILE } from "./tiles.js";
import { History } from "./history.js";
import { fillBox, invertBox } from "./shapes.js";

const EVERYTHING = { x0: -Infinity, y0: -Infinity, x1: Infinity, y1: Infinity };

/** @typedef {import("./geometry.js").Box} Box */
/** @typedef {import("./geometry.js").Rect} Rect */

/** A change in the making: tiles are copied when first touched and belong to it until it ends. */
export class Edit {
	constructor(document, layer, label) {
		Object.assign(this, { document, layer, label });
		/** @type {Map<string, Tile | undefined>} */
		this.before = new Map();
		this.open = true; // until committed or cancelled, which may come from elsewhere
	}

	/** The tile to draw on, and what was there before. @returns {{tile: Tile, before: Tile | undefined}} */
	touch(key) {
		if (!this.before.has(key)) {
			const old = this.layer.tiles.get(key);
			this.before.set(key, old);
			this.layer.tiles.set(key, new Tile(this.layer.copyOf(old)));
		}
		return { tile: this.layer.tiles.get(key), before: this.before.get(key) };
	}

	/** Put a finished tile, or none, in a place. */
	put(key, tile) {
		if (!this.before.has(key)) this.before.set(key, this.layer.tiles.get(key));
		if (tile) this.layer.tiles.set(key, tile);
		else this.layer.tiles.delete(key);
	}

	/** Keep it: one step for undo. An edit that touched nothing leaves no step. */
	commit() {
		if (!this.open) return;
		this.open = false;
		let bytes = 0;
		for (const [key, old] of this.before) {
			const tile = this.layer.tiles.get(key);
			if (tile && tile !== this.layer.solid && isBlank(tile)) this.layer.tiles.delete(key);
			else if (tile && tile !== this.layer.solid) bytes += this.layer.bytesPerTile;
			if (old && old !== this.layer.solid) old.face = null;
		}
		this.document.edit = null;
		if (this.before.size) this.document.record(this.label, bytes);
	}

	/** Leave no trace. */
	cancel() {
		if (!this.open) return;
		this.open = false;
		let changed = null;
		for (const [key, old] of this.before) {
			if (old) this.layer.tiles.set(key, old);
			else this.layer.tiles.delete(key);
			changed = union(changed, tileBox(key));
		}
		this.document.edit = null;
		this.document.drawn(changed);
	}
}

export class Document {
	/**
	 * @param {object} hears
	 * @param {(box: Box | null) => void} hears.drawn pixels inside `box` look different
	 * @param {(label: string) => void} hears.changed something was done, undone or redone
	 */
	constructor({ drawn, changed }) {
		this.drawn = drawn;
		this.changed = changed;
		this.paint = new TileLayer("paint", 4);
		this.mask = new TileLayer("mask", 1);
		this.looks = { base: { visible: true, opacity: 1 }, reference: { visible: true, opacity: 0.5 } };
		/** @type {import("./picture.js").Picture | null} */
		this.base = null;
		/** @type {import("./picture.js").Picture | null} */
		this.reference = null;
		/** @type {Rect} */
		this.frame = { x: 0, y: 0, width: 0, height: 0 };
		/** @type {Edit | null} */
		this.edit = null;
		this.history = new History(this.snapshot());
	}

	/** @param {"paint" | "mask"} name */
	layer(name) {
		return name === "mask" ? this.mask : this.paint;
	}

	/** How a layer is shown: {visible, opacity}. @param {"base" | "paint" | "reference" | "mask"} name */
	look(name) {
		return this.looks[name] ?? this.layer(name);
	}

	/** The picture's own box. @returns {Box} */
	get pictureBox() {
		return { x0: 0, y0: 0, x1: this.base?.width ?? 0, y1: this.base?.height ?? 0 };
	}

	/** Where one may draw: the picture and the frame. @returns {Box} */
	get area() {
		const frame = boxOf(this.frame);
		return isEmpty(frame) ? this.pictureBox : union(this.pictureBox, frame);
	}

	/** Whether the frame is the picture, neither cut nor extended. */
	get framesPicture() {
		return sameRect(this.frame, { x: 0, y: 0, width: this.base?.width ?? 0, height: this.base?.height ?? 0 });
	}

	/** Begin a change of a layer. An unfinished one is taken back first. @returns {Edit} */
	begin(name, label) {
		this.edit?.cancel();
		this.edit = new Edit(this, this.layer(name), label);
		return this.edit;
	}

	/** Change a layer in one go with `work(edit)`, which returns the changed box. */
	change(name, label, work) {
		const edit = this.begin(name, label);
		const box = work(edit);
		edit.commit();
		this.drawn(box);
	}

	fillMask() {
		const ink = { erase: false, opacity: 1, color: [0, 0, 0] };
		this.change("mask", "fill mask", (edit) => fillBox(edit, this.area, ink, this.area));
	}

	invertMask() {
		this.change("mask", "invert mask", (edit) => invertBox(edit, this.area));
	}

	/** Empty a drawn layer. @param {"paint" | "mask"} name */
	clearLayer(name) {
		if (!this.layer(name).tiles.size) return;
		this.change(name, name === "mask" ? "clear mask" : "clear colour", (edit) => {
			for (const key of [...edit.layer.tiles.keys()]) edit.put(key, undefined);
			return EVERYTHING;
		});
	}

	/** Begin with another picture (or none): drawings go, the frame is the picture's. One step for undo. */
	setBase(picture, label = "new picture") {
		this.edit?.cancel();
		this.base = picture;
		for (const layer of [this.paint, this.mask]) {
			const old = layer.tiles;
			layer.tiles = new Map();
			layer.forget(old);
		}
		this.frame = this.pictureFrame();
		this.record(label, 0);
		this.drawn(EVERYTHING);
	}

	/** @param {import("./picture.js").Picture | null} picture shown for orientation, never exported */
	setReference(picture) {
		this.reference = picture;
		this.record("reference", 0);
		this.drawn(EVERYTHING);
	}

	/** The frame that is exactly the picture. @returns {Rect} */
	pictureFrame() {
		return { x: 0, y: 0, width: this.base?.width ?? 0, height: this.base?.height ?? 0 };
	}

	/** Move the frame. `record` makes it a step for undo; a drag does so at its end. @param {Rect} frame */
	setFrame(frame, record = true) {
		this.frame = { ...frame };
		if (record) this.record("frame", 0);
		this.drawn(EVERYTHING);
	}

	snapshot() {
		return {
			base: this.base,
			reference: this.reference,
			frame: { ...this.frame },
			paint: new Map(this.paint.tiles),
			mask: new Map(this.mask.tiles),
		};
	}

	record(label, bytes) {
		this.history.push(this.snapshot(), label, bytes);
		this.changed(label);
	}

	/** @returns {string | null} what was taken back */
	undo() {
		if (this.edit) {
			const { label } = this.edit;
			this.edit.cancel();
			return label;
		}
		return this.travel(this.history.undo());
	}

	/** @returns {string | null} what was done again */
	redo() {
		return this.edit ? null : this.travel(this.history.redo());
	}

	travel(moment) {
		if (!moment) return null;
		this.restore(moment.state);
		this.changed(moment.label);
		return moment.label;
	}

	/** Become a moment of the past. */
	restore(state) {
		const seen = { paint: this.paint.tiles, mask: this.mask.tiles };
		const redraw = state.base !== this.base || state.reference !== this.reference || !sameRect(state.frame, this.frame);
		this.base = state.base;
		this.reference = state.reference;
		this.frame = { ...state.frame };
		let changed = redraw ? EVERYTHING : null;
		for (const layer of [this.paint, this.mask]) {
			layer.tiles = new Map(state[layer.name]);
			layer.forget(seen[layer.name]);
			if (!redraw) changed = union(changed, differing(seen[layer.name], layer.tiles));
		}
		this.drawn(changed);
	}

	/** The colour seen at a pixel of base and paint. @returns {[number, number, number] | null} */
	colorAt(x, y) {
		const [column, row] = [Math.floor(x), Math.floor(y)];
		const canvas = new OffscreenCanvas(1, 1);
		const pen = canvas.getContext("2d", { willReadFrequently: true });
		if (this.base) pen.drawImage(this.base.bitmap, -column, -row);
		for (const [key, tile] of this.paint.tiles) {
			const [tx, ty] = placeOf(key);
			if (tx === Math.floor(column / TILE) && ty === Math.floor(row / TILE)) {
				pen.drawImage(this.paint.faceOf(tile), tx * TILE - column, ty * TILE - row);
			}
		}
		const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
		return alpha ? [red, green, blue] : null;
	}
}

/** The box around the tiles that two sets do not share. */
function differing(before, after) {
	let box = null;
	for (const key of new Set([...before.keys(), ...after.keys()])) {
		if (before.get(key) !== after.get(key)) box = union(box, tileBox(key));
	}
	return box;
}
