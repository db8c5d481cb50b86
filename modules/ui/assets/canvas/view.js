// The window onto the document: where it is, how large, and what has to be drawn again.
//
// One visible canvas of the window's size. A change says which part of the picture looks different, and
// the next animation frame draws only that part, layer over layer.

import { boxOf, clamp, intersection, isEmpty, rectOf, union } from "./geometry.js";
import { eachTile, tileBox } from "./tiles.js";

const SCALES = { least: 0.02, most: 32 };
const SQUARE = 8; // of the pattern that means transparent, in screen pixels

export class View {
	/**
	 * @param {HTMLElement} stage the element to fill
	 * @param {() => void} onMove called after the picture moved or was scaled
	 */
	constructor(stage, onMove) {
		this.stage = stage;
		this.onMove = onMove;
		this.document = null; // given once it exists
		this.canvas = document.createElement("canvas");
		this.canvas.className = "ec-view";
		this.pen = this.canvas.getContext("2d", { alpha: true });
		stage.append(this.canvas);
		Object.assign(this, { x: 0, y: 0, scale: 1, width: 0, height: 0, ratio: 1, fitted: true });
		this.dirty = null; // on the canvas, in device pixels
		this.pending = 0;
		this.watcher = new ResizeObserver(() => this.resize());
		this.watcher.observe(stage);
	}

	destroy() {
		this.watcher.disconnect();
		cancelAnimationFrame(this.pending);
	}

	resize() {
		const { clientWidth: width, clientHeight: height } = this.stage;
		const ratio = window.devicePixelRatio || 1;
		if (!width || !height || (width === this.width && height === this.height && ratio === this.ratio)) return;
		const shift = [(width - this.width) / 2, (height - this.height) / 2];
		Object.assign(this, { width, height, ratio, pattern: null });
		this.canvas.width = Math.round(width * ratio);
		this.canvas.height = Math.round(height * ratio);
		if (this.fitted) this.fit();
		else this.place(this.x + shift[0], this.y + shift[1], this.scale);
		this.render(); // at once: a resized canvas is blank
	}

	/** Put the picture's corner at (x, y) in the window, at this many screen pixels to a picture pixel. */
	place(x, y, scale) {
		Object.assign(this, { x, y, scale, fitted: false });
		this.invalidate(null);
		this.onMove();
	}

	pan(dx, dy) {
		this.place(this.x + dx, this.y + dy, this.scale);
	}

	/** Scale so that the point (x, y) of the window stays where it is. */
	zoomAt(factor, x = this.width / 2, y = this.height / 2) {
		const scale = clamp(this.scale * factor, SCALES.least, SCALES.most);
		const grown = scale / this.scale;
		this.place(x - (x - this.x) * grown, y - (y - this.y) * grown, scale);
	}

	/** Show all of the picture and the frame, with a little air. */
	fit() {
		this.fitted = true; // and stay so when the window changes or appears
		const box = this.document?.area;
		if (isEmpty(box) || !this.width) return;
		const area = rectOf(box);
		const air = Math.min(56, this.width * 0.06);
		const wide = (this.width - 2 * air) / area.width;
		const high = (this.height - 2 * air) / area.height;
		const scale = clamp(Math.min(wide, high, 8), SCALES.least, SCALES.most);
		this.place(
			(this.width - area.width * scale) / 2 - area.x * scale,
			(this.height - area.height * scale) / 2 - area.y * scale,
			scale,
		);
		this.fitted = true;
	}

	/** A point of the browser's window on the picture. */
	toPicture(clientX, clientY) {
		const box = this.corner ?? this.stage.getBoundingClientRect();
		return { x: (clientX - box.left - this.x) / this.scale, y: (clientY - box.top - this.y) / this.scale };
	}

	/** A point of the picture in the stage. */
	toStage(x, y) {
		return { x: this.x + x * this.scale, y: this.y + y * this.scale };
	}

	/** Remember where the stage is while a gesture lasts, so that no move has to measure the page. */
	holdStill(still) {
		this.corner = still ? this.stage.getBoundingClientRect() : null;
	}

	/** Draw a part of the picture (all of the window with null) in the next animation frame. */
	invalidate(box) {
		this.dirty = union(this.dirty, box ? this.toDevice(box) : this.wholeCanvas());
		this.pending ||= requestAnimationFrame(() => this.render());
	}

	wholeCanvas() {
		return { x0: 0, y0: 0, x1: this.canvas.width, y1: this.canvas.height };
	}

	/** Whole device pixels around a box of the picture, one more on each side for smoothing. */
	toDevice(box) {
		const { x, y, scale } = this.device();
		return {
			x0: Math.floor(x + box.x0 * scale) - 1,
			y0: Math.floor(y + box.y0 * scale) - 1,
			x1: Math.ceil(x + box.x1 * scale) + 1,
			y1: Math.ceil(y + box.y1 * scale) + 1,
		};
	}

	device() {
		return { x: Math.round(this.x * this.ratio), y: Math.round(this.y * this.ratio), scale: this.scale * this.ratio };
	}

	render() {
		cancelAnimationFrame(this.pending);
		this.pending = 0;
		const dirty = intersection(this.dirty ?? this.wholeCanvas(), this.wholeCanvas());
		this.dirty = null;
		if (isEmpty(dirty) || !this.document) return;
		const { pen } = this;
		const { x0, y0, x1, y1 } = dirty;
		pen.save();
		pen.beginPath();
		pen.rect(x0, y0, x1 - x0, y1 - y0);
		pen.clip();
		pen.clearRect(x0, y0, x1 - x0, y1 - y0);
		this.drawDocument(dirty);
		pen.restore();
	}

	drawDocument(dirty) {
		const { document: { area, looks, base, reference, paint, mask, frame } } = this;
		if (isEmpty(area)) return;
		const { x, y, scale } = this.device();
		const seen = intersection(this.onScreen(area), dirty);
		if (isEmpty(seen)) return;
		this.pen.beginPath();
		this.pen.rect(seen.x0, seen.y0, seen.x1 - seen.x0, seen.y1 - seen.y0);
		this.pen.clip();
		this.drawPattern(seen);
		this.pen.imageSmoothingEnabled = scale < 3;
		const part = { x0: (seen.x0 - x) / scale, y0: (seen.y0 - y) / scale, x1: (seen.x1 - x) / scale, y1: (seen.y1 - y) / scale };
		if (base) this.drawPicture(base, { x: 0, y: 0, width: base.width, height: base.height }, looks.base);
		this.drawTiles(paint, part);
		if (reference) this.drawPicture(reference, placeWithin(reference, frame), looks.reference);
		this.drawTiles(mask, part);
	}

	/** A box of the picture with its edges on the nearest device pixels. */
	onScreen(box) {
		const { x, y, scale } = this.device();
		return {
			x0: Math.round(x + box.x0 * scale),
			y0: Math.round(y + box.y0 * scale),
			x1: Math.round(x + box.x1 * scale),
			y1: Math.round(y + box.y1 * scale),
		};
	}

	drawPicture(picture, rect, { visible, opacity }) {
		if (!visible || !opacity) return;
		const { x0, y0, x1, y1 } = this.onScreen(boxOf(rect));
		const image = picture.levelFor((x1 - x0) / picture.width);
		this.pen.globalAlpha = opacity;
		this.pen.drawImage(image, x0, y0, x1 - x0, y1 - y0);
		this.pen.globalAlpha = 1;
	}

	/** Tiles end on whole device pixels, so no seam shows between them. */
	drawTiles(layer, part) {
		if (!layer.visible || !layer.opacity || !layer.tiles.size) return;
		this.pen.globalAlpha = layer.opacity;
		eachTile(part, (key) => {
			const tile = layer.tiles.get(key);
			if (!tile) return;
			const { x0, y0, x1, y1 } = this.onScreen(tileBox(key));
			this.pen.drawImage(layer.faceOf(tile), x0, y0, x1 - x0, y1 - y0);
		});
		this.pen.globalAlpha = 1;
	}

	drawPattern(box) {
		this.pattern ??= this.pen.createPattern(checkers(SQUARE * this.ratio), "repeat");
		const { x, y } = this.device();
		this.pattern.setTransform(new DOMMatrix([1, 0, 0, 1, x, y]));
		this.pen.fillStyle = this.pattern;
		this.pen.fillRect(box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0);
	}
}

/** As large as fits in the frame, in its middle. */
function placeWithin({ width, height }, frame) {
	const scale = Math.min(frame.width / width, frame.height / height);
	const [wide, high] = [width * scale, height * scale];
	return { x: frame.x + (frame.width - wide) / 2, y: frame.y + (frame.height - high) / 2, width: wide, height: high };
}

function checkers(side) {
	const square = Math.round(side);
	const canvas = new OffscreenCanvas(2 * square, 2 * square);
	const pen = canvas.getContext("2d");
	pen.fillStyle = "#8e95a1";
	pen.fillRect(0, 0, 2 * square, 2 * square);
	pen.fillStyle = "#a2a8b3";
	pen.fillRect(0, 0, square, square);
	pen.fillRect(square, square, square, square);
	return canvas;
}
