// Filled shapes: a lasso's outline or a rectangle, laid over the layer tile by tile.

import { intersection, isEmpty, union, wholePixels } from "./geometry.js";
import { TILE, TileLayer, eachTile, tileBox } from "./tiles.js";
import { blend } from "./blend.js";

/** @typedef {{x: number, y: number}} Point */

/**
 * Fill a closed outline (even-odd where it crosses itself).
 * @param {import("./document.js").Edit} edit
 * @param {Point[]} outline at least three points, in picture pixels
 * @param {import("./blend.js").Ink} ink
 * @param {import("./geometry.js").Box} clip
 * @returns {import("./geometry.js").Box | null} what changed
 */
export function fillOutline(edit, outline, ink, clip) {
	const around = outline.reduce((box, { x, y }) => union(box, { x0: x, y0: y, x1: x, y1: y }), null);
	const box = intersection(wholePixels(around), clip);
	if (isEmpty(box)) return null;
	const path = new Path2D();
	for (const { x, y } of outline) path.lineTo(x, y);
	path.closePath();
	const canvas = new OffscreenCanvas(TILE, TILE);
	const pen = canvas.getContext("2d", { willReadFrequently: true });
	const coverage = new Uint8Array(TILE * TILE);
	eachTile(box, (key, shared) => {
		const at = tileBox(key);
		pen.setTransform(1, 0, 0, 1, 0, 0);
		pen.clearRect(0, 0, TILE, TILE);
		pen.setTransform(1, 0, 0, 1, -at.x0, -at.y0);
		pen.fill(path, "evenodd");
		const { data } = pen.getImageData(0, 0, TILE, TILE);
		for (let index = 0; index < coverage.length; index++) coverage[index] = data[index * 4 + 3];
		lay(edit, key, shared, coverage, ink);
	});
	return box;
}

/**
 * Fill a rectangle of whole pixels.
 * @param {import("./document.js").Edit} edit
 * @param {import("./geometry.js").Box} rectangle
 * @param {import("./blend.js").Ink} ink
 * @param {import("./geometry.js").Box} clip
 * @returns {import("./geometry.js").Box | null} what changed
 */
export function fillBox(edit, rectangle, ink, clip) {
	const box = intersection(rectangle, clip);
	if (isEmpty(box)) return null;
	const coverage = new Uint8Array(TILE * TILE).fill(255);
	const { layer } = edit;
	eachTile(box, (key, shared) => {
		const whole = shared.x1 - shared.x0 === TILE && shared.y1 - shared.y0 === TILE && ink.opacity === 1;
		if (whole && ink.erase) edit.put(key, undefined);
		else if (whole && layer.solid) edit.put(key, layer.solid);
		else lay(edit, key, shared, coverage, ink);
	});
	return box;
}

/**
 * Make the mask what a picture shows, stretched over the box: white is masked, transparent is not.
 * @param {import("./document.js").Edit} edit
 * @param {ImageBitmap} image
 * @param {import("./geometry.js").Box} box
 */
export function maskFrom(edit, image, box) {
	const canvas = new OffscreenCanvas(TILE, TILE);
	const pen = canvas.getContext("2d", { willReadFrequently: true });
	eachTile(box, (key, shared) => {
		const corner = tileBox(key);
		pen.clearRect(0, 0, TILE, TILE);
		pen.drawImage(image, box.x0 - corner.x0, box.y0 - corner.y0, box.x1 - box.x0, box.y1 - box.y0);
		const { data } = pen.getImageData(0, 0, TILE, TILE);
		const { tile } = edit.touch(key);
		for (let index = 0; index < tile.data.length; index++) {
			const at = index * 4;
			const light = (data[at] * 299 + data[at + 1] * 587 + data[at + 2] * 114) / 1000; // BT.601, as Pillow's "L"
			tile.data[index] = Math.round((light * data[at + 3]) / 255);
		}
		TileLayer.spoil(tile, withinTile(key, shared));
	});
	return box;
}

/** Swap masked and unmasked inside a box. */
export function invertBox(edit, box) {
	const { layer } = edit;
	eachTile(box, (key, shared) => {
		const whole = shared.x1 - shared.x0 === TILE && shared.y1 - shared.y0 === TILE;
		const old = layer.tiles.get(key);
		if (whole && !old) edit.put(key, layer.solid);
		else if (whole && old === layer.solid) edit.put(key, undefined);
		else invertPart(edit, key, shared);
	});
	return box;
}

function invertPart(edit, key, shared) {
	const { tile } = edit.touch(key);
	const part = withinTile(key, shared);
	for (let y = part.y0; y < part.y1; y++) {
		for (let at = y * TILE + part.x0; at < y * TILE + part.x1; at++) tile.data[at] = 255 - tile.data[at];
	}
	TileLayer.spoil(tile, part);
}

function lay(edit, key, shared, coverage, ink) {
	const { tile, before } = edit.touch(key);
	const part = withinTile(key, shared);
	blend(edit.layer.channels, before?.data ?? null, tile.data, coverage, part, ink);
	TileLayer.spoil(tile, part);
}

function withinTile(key, box) {
	const at = tileBox(key);
	return { x0: box.x0 - at.x0, y0: box.y0 - at.y0, x1: box.x1 - at.x0, y1: box.y1 - at.y0 };
}
