// What leaves the canvas: files for the program behind the page.

import { intersection, isEmpty } from "./geometry.js";
import { TILE, eachTile, tileBox } from "./tiles.js";
import { encodeGrey } from "./png.js";

/** Pixels along a crossed edge over which the old becomes the new; a quarter of a small picture. */
const SEAM = 32;

/** @typedef {import("./document.js").Document} Document */
/** @typedef {import("./geometry.js").Box} Box */

/**
 * Base and paint, unless it is hidden, as one PNG with alpha. An untouched PNG goes out byte for byte.
 * @param {Document} document
 * @param {Box} box what part; outside the picture and the paint it is transparent
 * @returns {Promise<Blob>}
 */
export async function flattened(document, box) {
	const { base, paint } = document;
	const painted = paint.visible && paint.tiles.size > 0;
	const whole = box.x0 === 0 && box.y0 === 0 && box.x1 === base.width && box.y1 === base.height;
	if (whole && !painted && base.blob.type === "image/png") return base.blob;
	const canvas = canvasFor(box);
	canvas.getContext("2d").drawImage(base.bitmap, -box.x0, -box.y0);
	if (painted) drawPaint(document, canvas, box);
	return canvas.convertToBlob({ type: "image/png" });
}

/** The paint alone, transparent where there is none. @returns {Promise<Blob>} */
export function paintAlone(document, box) {
	const canvas = canvasFor(box);
	drawPaint(document, canvas, box);
	return canvas.convertToBlob({ type: "image/png" });
}

/**
 * A grey PNG of a layer's coverage: white is to be drawn anew. Beyond the picture everything is; along an
 * edge that is crossed the mask rises to white by degrees, so that the new joins the old without a seam.
 * @param {Document} document
 * @param {Box} box
 * @param {"mask" | "paint"} from with "paint", whatever has been painted is white
 * @returns {Promise<Blob>}
 */
export function coverageOf(document, box, from) {
	const width = box.x1 - box.x0;
	const height = box.y1 - box.y0;
	const grey = new Uint8Array(width * height);
	const layer = document.layer(from);
	const seen = intersection(box, document.pictureBox);
	if (isEmpty(seen)) return encodeGrey(width, height, grey.fill(255));
	eachTile(seen, (key, shared) => {
		const tile = layer.tiles.get(key);
		if (tile) copyCoverage(layer, tile, tileBox(key), shared, grey, box);
	});
	whitenBeyond(grey, box, seen);
	return encodeGrey(width, height, grey);
}

function copyCoverage(layer, tile, at, shared, grey, box) {
	const width = box.x1 - box.x0;
	for (let y = shared.y0; y < shared.y1; y++) {
		const source = (y - at.y0) * TILE - at.x0;
		const target = (y - box.y0) * width - box.x0;
		for (let x = shared.x0; x < shared.x1; x++) {
			const here = source + x;
			grey[target + x] = layer.channels === 1 ? tile.data[here] : tile.data[here * 4 + 3] && 255;
		}
	}
}

/** Make white what `box` holds beyond `seen`, and what is near an edge that it crosses the whiter the nearer. */
function whitenBeyond(grey, box, seen) {
	const across = rises(box.x0, box.x1, seen.x0, seen.x1);
	const down = rises(box.y0, box.y1, seen.y0, seen.y1);
	const width = across.length;
	const columns = [...across.keys()].filter((x) => across[x]);
	for (let y = 0; y < down.length; y++) {
		const row = grey.subarray(y * width, (y + 1) * width);
		if (down[y]) for (let x = 0; x < width; x++) row[x] = Math.max(row[x], down[y], across[x]);
		else for (const x of columns) row[x] = Math.max(row[x], across[x]);
	}
}

/** How white each place from `low` to `high` becomes for lying near an end of what is seen, or beyond. */
function rises(low, high, first, last) {
	const strip = Math.min(SEAM, Math.floor((last - first) / 4));
	const before = low < first ? first + strip : -Infinity;
	const after = high > last ? last - strip : Infinity;
	return Uint8Array.from({ length: high - low }, (_, place) => {
		const beyond = Math.max(before - low - place, low + place + 1 - after, 0);
		return Math.min(1, beyond / (strip + 1)) * 255;
	});
}

function canvasFor(box) {
	return new OffscreenCanvas(box.x1 - box.x0, box.y1 - box.y0);
}

function drawPaint(document, canvas, box) {
	const pen = canvas.getContext("2d");
	eachTile(box, (key) => {
		const tile = document.paint.tiles.get(key);
		if (!tile) return;
		const at = tileBox(key);
		pen.drawImage(document.paint.faceOf(tile), at.x0 - box.x0, at.y0 - box.y0);
	});
}
