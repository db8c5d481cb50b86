// What leaves the canvas: files for the program behind the page.

import { intersection, isEmpty } from "./geometry.js";
import { TILE, eachTile, tileBox } from "./tiles.js";
import { encodeGrey } from "./png.js";

/** Pixels along a crossed edge that are drawn anew with what lies beyond; an eighth of a small picture. */
const SEAM = 16;

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
 * A grey PNG of a layer's coverage: white is to be drawn anew. Beyond the picture everything is, and a
 * strip along the edge that is crossed, so that the new joins the old without a seam.
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
	const seen = withoutSeam(intersection(box, document.pictureBox), box);
	if (isEmpty(seen)) return encodeGrey(width, height, grey.fill(255));
	eachTile(seen, (key, shared) => {
		const tile = layer.tiles.get(key);
		if (tile) copyCoverage(layer, tile, tileBox(key), shared, grey, box);
	});
	whitenOutside(grey, box, seen);
	return encodeGrey(width, height, grey);
}

/** The seen part of a picture, less a strip along the edges that `box` crosses. */
function withoutSeam(seen, box) {
	const across = Math.min(SEAM, Math.floor((seen.x1 - seen.x0) / 8));
	const down = Math.min(SEAM, Math.floor((seen.y1 - seen.y0) / 8));
	return {
		x0: seen.x0 + (box.x0 < seen.x0 ? across : 0),
		y0: seen.y0 + (box.y0 < seen.y0 ? down : 0),
		x1: seen.x1 - (box.x1 > seen.x1 ? across : 0),
		y1: seen.y1 - (box.y1 > seen.y1 ? down : 0),
	};
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

function whitenOutside(grey, box, seen) {
	const width = box.x1 - box.x0;
	for (let y = box.y0; y < box.y1; y++) {
		const row = grey.subarray((y - box.y0) * width, (y - box.y0 + 1) * width);
		if (y < seen.y0 || y >= seen.y1) row.fill(255);
		else row.fill(255, 0, seen.x0 - box.x0).fill(255, seen.x1 - box.x0);
	}
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
