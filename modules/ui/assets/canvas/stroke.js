// A brush stroke: a chain of capsules with round ends, each pixel covered by how near it is to the chain.
//
// No stamps: a distance has no spacing to see, costs the same for soft and hard brushes, and taking the
// largest coverage keeps the edge as soft as the brush however slowly the hand moves.

import { intersection, isEmpty, union, wholePixels } from "./geometry.js";
import { TILE, TileLayer, eachTile, tileBox } from "./tiles.js";
import { blend } from "./blend.js";

/** @typedef {{x: number, y: number, pressure: number}} StrokePoint in picture pixels; pressure 0 to 1 */

/**
 * @typedef {object} Brush
 * @property {number} size diameter in picture pixels
 * @property {number} hardness 0 (soft to the middle) to 1 (one pixel of edge)
 * @property {boolean} pressure whether a pen's pressure changes the size
 */

export class Stroke {
	/**
	 * @param {import("./document.js").Edit} edit
	 * @param {Brush} brush
	 * @param {import("./blend.js").Ink} ink
	 * @param {import("./geometry.js").Box} clip nothing is drawn outside
	 */
	constructor(edit, brush, ink, clip) {
		Object.assign(this, { edit, brush, ink, clip });
		/** @type {Map<string, {coverage: Uint8Array, fresh: import("./geometry.js").Box | null}>} */
		this.parts = new Map();
		this.last = null; // the newest point of the hand
		this.drawn = null; // how far the chain reaches: half-way to `last`
	}

	/** Put the brush down. @param {StrokePoint} point */
	start(point) {
		this.last = this.drawn = point;
		this.capsule(point, point);
	}

	/** Move on. Corners are rounded: the chain follows the curve through the middles of the hand's steps. */
	to(point) {
		const step = Math.hypot(point.x - this.last.x, point.y - this.last.y);
		if (step < Math.max(0.4, this.radiusAt(point) / 16)) return;
		const middle = between(this.last, point, 0.5);
		this.curve(this.drawn, this.last, middle);
		this.drawn = middle;
		this.last = point;
	}

	/** Lift the brush: the chain catches up with the hand. */
	end() {
		this.capsule(this.drawn, this.last);
		this.drawn = this.last;
	}

	/** Draw what is new into the layer. @returns {import("./geometry.js").Box | null} what changed */
	flush() {
		let changed = null;
		for (const [key, part] of this.parts) {
			if (!part.fresh) continue;
			const { tile, before } = this.edit.touch(key);
			blend(this.edit.layer.channels, before?.data ?? null, tile.data, part.coverage, part.fresh, this.ink);
			TileLayer.spoil(tile, part.fresh);
			const at = tileBox(key);
			changed = union(changed, {
				x0: at.x0 + part.fresh.x0,
				y0: at.y0 + part.fresh.y0,
				x1: at.x0 + part.fresh.x1,
				y1: at.y0 + part.fresh.y1,
			});
			part.fresh = null;
		}
		return changed;
	}

	radiusAt({ pressure }) {
		const radius = this.brush.size / 2;
		return this.brush.pressure ? radius * (0.12 + 0.88 * pressure) : radius;
	}

	/** A quadratic curve as short straight pieces. */
	curve(from, corner, to) {
		const length = Math.hypot(corner.x - from.x, corner.y - from.y) + Math.hypot(to.x - corner.x, to.y - corner.y);
		const piece = Math.max(2, this.radiusAt(to) / 4);
		const bend = bendOf(from, corner, to);
		const count = bend < 0.25 ? 1 : Math.min(32, Math.ceil(length / piece));
		let here = from;
		for (let index = 1; index <= count; index++) {
			const t = index / count;
			const next = between(between(from, corner, t), between(corner, to, t), t);
			this.capsule(here, next);
			here = next;
		}
	}

	capsule(a, b) {
		const shape = { a, b, ra: this.radiusAt(a), rb: this.radiusAt(b), hardness: this.brush.hardness };
		const reach = Math.max(shape.ra, shape.rb) + 1;
		const box = wholePixels({
			x0: Math.min(a.x, b.x) - reach,
			y0: Math.min(a.y, b.y) - reach,
			x1: Math.max(a.x, b.x) + reach,
			y1: Math.max(a.y, b.y) + reach,
		});
		eachTile(intersection(box, this.clip), (key, shared) => {
			let part = this.parts.get(key);
			if (!part) this.parts.set(key, (part = { coverage: new Uint8Array(TILE * TILE), fresh: null }));
			const at = tileBox(key);
			const inside = cover(part.coverage, shape, shared, at.x0, at.y0);
			if (!isEmpty(inside)) part.fresh = union(part.fresh, inside);
		});
	}
}

const between = (a, b, t) => ({
	x: a.x + (b.x - a.x) * t,
	y: a.y + (b.y - a.y) * t,
	pressure: a.pressure + (b.pressure - a.pressure) * t,
});

/** How far a curve's corner is from the straight line, in pixels. */
function bendOf(from, corner, to) {
	const length = Math.hypot(to.x - from.x, to.y - from.y);
	if (length < 1e-6) return Math.hypot(corner.x - from.x, corner.y - from.y);
	return Math.abs((to.x - from.x) * (from.y - corner.y) - (from.x - corner.x) * (to.y - from.y)) / length;
}

/**
 * Raise the coverage of one tile to that of a capsule. `box` is on the picture, (ox, oy) the tile's corner.
 * @returns {import("./geometry.js").Box} the changed part, in tile pixels
 */
function cover(coverage, shape, box, ox, oy) {
	const reach = Math.max(shape.ra, shape.rb) + 0.5;
	const changed = { x0: TILE, y0: TILE, x1: 0, y1: 0 };
	for (let y = box.y0; y < box.y1; y++) {
		const span = rowSpan(shape, y + 0.5, reach);
		if (!span) continue;
		const x0 = Math.max(box.x0, Math.floor(span[0] - 0.5));
		const x1 = Math.min(box.x1, Math.ceil(span[1] + 0.5));
		if (x1 <= x0) continue;
		coverRow(coverage, (y - oy) * TILE - ox, x0, x1, y + 0.5, shape);
		changed.x0 = Math.min(changed.x0, x0 - ox);
		changed.x1 = Math.max(changed.x1, x1 - ox);
		changed.y0 = Math.min(changed.y0, y - oy);
		changed.y1 = y - oy + 1;
	}
	return changed;
}

/** From where to where a row can be nearer than `reach` to the capsule's line; null when it cannot. */
function rowSpan({ a, b }, y, reach) {
	const dy = b.y - a.y;
	let [t0, t1] = [0, 1];
	if (Math.abs(dy) > 1e-9) {
		const [low, high] = [(y - reach - a.y) / dy, (y + reach - a.y) / dy];
		t0 = Math.max(0, Math.min(low, high));
		t1 = Math.min(1, Math.max(low, high));
		if (t0 > t1) return null;
	} else if (Math.abs(y - a.y) > reach) {
		return null;
	}
	const dx = b.x - a.x;
	const [x0, x1] = [a.x + t0 * dx, a.x + t1 * dx];
	return [Math.min(x0, x1) - reach, Math.max(x0, x1) + reach];
}

function coverRow(coverage, row, x0, x1, y, { a, b, ra, rb, hardness }) {
	const dx = b.x - a.x;
	const dy = b.y - a.y;
	const square = dx * dx + dy * dy;
	const slope = square > 0 ? 1 / square : 0;
	const py = y - a.y;
	for (let x = x0; x < x1; x++) {
		const at = row + x;
		if (coverage[at] === 255) continue;
		const px = x + 0.5 - a.x;
		const t = Math.min(1, Math.max(0, (px * dx + py * dy) * slope));
		const nx = px - t * dx;
		const ny = py - t * dy;
		const outer = ra + (rb - ra) * t + 0.5;
		const away = nx * nx + ny * ny;
		if (away >= outer * outer) continue;
		const edge = Math.max(1, outer * (1 - hardness));
		const rise = Math.min(1, (outer - Math.sqrt(away)) / edge);
		const value = (edge > 1 ? rise * rise * (3 - 2 * rise) : rise) * 255 + 0.5;
		if (value > coverage[at]) coverage[at] = value;
	}
}
