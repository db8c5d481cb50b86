// How coverage becomes pixels. Coverage is one byte a pixel: how much of it a stroke or shape takes.

import { TILE } from "./tiles.js";

/**
 * @typedef {object} Ink
 * @property {boolean} erase take away instead of adding
 * @property {number} opacity 0 to 1
 * @property {[number, number, number]} color ignored by masks
 */

/**
 * Write before + coverage into `after`, inside `box` (tile pixels). Always from the pixels before the
 * stroke, so a stroke that crosses itself does not get darker.
 * @param {1 | 4} channels
 * @param {Uint8Array | Uint8ClampedArray | null} before null where the layer was empty
 * @param {Uint8Array | Uint8ClampedArray} after
 * @param {Uint8Array} coverage
 * @param {import("./geometry.js").Box} box
 * @param {Ink} ink
 */
export function blend(channels, before, after, coverage, box, ink) {
	const rows = channels === 1 ? maskRow : paintRow;
	for (let y = box.y0; y < box.y1; y++) {
		rows(before, after, coverage, y * TILE + box.x0, y * TILE + box.x1, ink);
	}
}

function maskRow(before, after, coverage, from, to, { erase, opacity }) {
	for (let at = from; at < to; at++) {
		const old = before ? before[at] : 0;
		const taken = coverage[at] * opacity;
		const room = erase ? old : 255 - old;
		const change = Math.round((room * taken) / 255);
		after[at] = erase ? old - change : old + change;
	}
}

function paintRow(before, after, coverage, from, to, { erase, opacity, color }) {
	for (let at = from; at < to; at++) {
		const over = (coverage[at] * opacity) / 255;
		const byte = at * 4;
		if (over === 0) {
			for (let channel = 0; channel < 4; channel++) {
				after[byte + channel] = before ? before[byte + channel] : 0;
			}
		} else if (erase) {
			erasePixel(before, after, byte, over);
		} else {
			paintPixel(before, after, byte, over, color);
		}
	}
}

function erasePixel(before, after, byte, over) {
	const alpha = before ? Math.round(before[byte + 3] * (1 - over)) : 0;
	for (let channel = 0; channel < 3; channel++) after[byte + channel] = alpha ? before[byte + channel] : 0;
	after[byte + 3] = alpha;
}

/** "Over" (Porter and Duff 1984) on straight alpha. */
function paintPixel(before, after, byte, over, color) {
	const under = before ? (before[byte + 3] / 255) * (1 - over) : 0;
	const alpha = over + under;
	for (let channel = 0; channel < 3; channel++) {
		const old = before ? before[byte + channel] : 0;
		after[byte + channel] = Math.round((color[channel] * over + old * under) / alpha);
	}
	after[byte + 3] = Math.round(alpha * 255);
}
