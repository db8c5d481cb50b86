// A layer people draw on: a sparse set of 256 × 256 tiles, so a 4096 × 4096 picture costs what is drawn.
//
// The pixels live in plain arrays, not in canvases: reading them back never waits for a graphics card,
// nothing is rounded by premultiplied alpha, and a browser that blurs canvas reads cannot spoil a mask.
// A tile is never changed once the edit that made it has ended, so undo just keeps the old ones.

import { intersection, isEmpty, union } from "./geometry.js";

/** Side of a tile in pixels. */
export const TILE = 256;

const scratch = () => new OffscreenCanvas(TILE, TILE);
const tinted = new ImageData(TILE, TILE);

/** One square of a layer: `data` has 1 (mask) or 4 (paint, straight RGBA) bytes a pixel. */
export class Tile {
	constructor(data) {
		this.data = data;
		this.face = null; // the canvas that shows it, made when first seen
		this.stale = null; // the part of `face` that is older than `data`, in tile pixels
	}
}

/** @param {number} tx @param {number} ty the tile's column and row; may be negative */
export const keyOf = (tx, ty) => `${tx},${ty}`;

/** @returns {[number, number]} */
export const placeOf = (key) => /** @type {any} */ (key.split(",").map(Number));

/** The tile's box on the picture. */
export function tileBox(key) {
	const [tx, ty] = placeOf(key);
	return { x0: tx * TILE, y0: ty * TILE, x1: (tx + 1) * TILE, y1: (ty + 1) * TILE };
}

/** Every tile place a box touches: calls visit(key, box shared with the tile). */
export function eachTile(box, visit) {
	if (isEmpty(box)) return;
	for (let ty = Math.floor(box.y0 / TILE); ty * TILE < box.y1; ty++) {
		for (let tx = Math.floor(box.x0 / TILE); tx * TILE < box.x1; tx++) {
			const key = keyOf(tx, ty);
			visit(key, intersection(box, tileBox(key)));
		}
	}
}

/** Mask or paint: its tiles and how it is shown. */
export class TileLayer {
	/** @param {"mask" | "paint"} name @param {1 | 4} channels bytes per pixel */
	constructor(name, channels) {
		this.name = name;
		this.channels = channels;
		/** @type {Map<string, Tile>} */
		this.tiles = new Map();
		this.visible = true;
		this.opacity = channels === 1 ? 0.5 : 1;
		this.tint = [255, 64, 129];
		// One tile stands for every fully masked square, so filling a huge mask costs nothing.
		this.solid = channels === 1 ? new Tile(new Uint8Array(TILE * TILE).fill(255)) : null;
	}

	get bytesPerTile() {
		return TILE * TILE * this.channels;
	}

	/** A new array for one tile, copied from `tile` when there is one. */
	copyOf(tile) {
		if (tile) return tile.data.slice();
		const Bytes = this.channels === 1 ? Uint8Array : Uint8ClampedArray;
		return new Bytes(this.bytesPerTile);
	}

	/** The canvas that shows a tile, brought up to date. @param {Tile} tile */
	faceOf(tile) {
		if (!tile.face) {
			tile.face = scratch();
			tile.stale = { x0: 0, y0: 0, x1: TILE, y1: TILE };
		}
		if (tile.stale) {
			const { x0, y0, x1, y1 } = tile.stale;
			const image = this.channels === 4 ? new ImageData(tile.data, TILE, TILE) : this.tintedPixels(tile);
			tile.face.getContext("2d").putImageData(image, 0, 0, x0, y0, x1 - x0, y1 - y0);
			tile.stale = null;
		}
		return tile.face;
	}

	/** The mask as a colour with the mask for its alpha; only the stale part is right. */
	tintedPixels({ data, stale }) {
		const pixels = new Uint32Array(tinted.data.buffer); // little-endian: bytes are R, G, B, A
		const colour = this.tint[0] | (this.tint[1] << 8) | (this.tint[2] << 16);
		for (let y = stale.y0; y < stale.y1; y++) {
			for (let at = y * TILE + stale.x0; at < y * TILE + stale.x1; at++) {
				pixels[at] = colour | (data[at] << 24);
			}
		}
		return tinted;
	}

	/** Note that a part of a tile (box in tile pixels) has new pixels. */
	static spoil(tile, box) {
		tile.stale = union(tile.stale, box);
	}

	/** Show the mask in another colour. @param {[number, number, number]} tint */
	setTint(tint) {
		this.tint = tint;
		for (const tile of [...this.tiles.values(), this.solid]) if (tile) tile.face = null;
	}

	/** Let go of the canvases of tiles that are no longer part of the layer. */
	forget(tiles) {
		for (const [key, tile] of tiles) {
			if (this.tiles.get(key) !== tile && tile !== this.solid) tile.face = null;
		}
	}
}

/** Whether nothing is drawn on a tile. @param {Tile} tile */
export function isBlank(tile) {
	const words = new Uint32Array(tile.data.buffer, tile.data.byteOffset, tile.data.byteLength / 4);
	return words.every((word) => word === 0);
}
