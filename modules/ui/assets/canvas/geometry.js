// Boxes on the picture's pixel grid: {x0, y0, x1, y1}, the far edges not included.

/** @typedef {{x0: number, y0: number, x1: number, y1: number}} Box */
/** @typedef {{x: number, y: number, width: number, height: number}} Rect */

/** @param {Rect} rect @returns {Box} */
export const boxOf = ({ x, y, width, height }) => ({ x0: x, y0: y, x1: x + width, y1: y + height });

/** @param {Box} box @returns {Rect} */
export const rectOf = ({ x0, y0, x1, y1 }) => ({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 });

/** Whether a box holds no pixel; a missing box does not. @param {Box | null} box */
export const isEmpty = (box) => !box || box.x1 <= box.x0 || box.y1 <= box.y0;

/** The smallest box around both; either may be missing. @returns {Box | null} */
export function union(a, b) {
	if (!a || !b) return a ?? b;
	return {
		x0: Math.min(a.x0, b.x0),
		y0: Math.min(a.y0, b.y0),
		x1: Math.max(a.x1, b.x1),
		y1: Math.max(a.y1, b.y1),
	};
}

/** What two boxes share; empty (see isEmpty) when they do not meet. @returns {Box} */
export const intersection = (a, b) => ({
	x0: Math.max(a.x0, b.x0),
	y0: Math.max(a.y0, b.y0),
	x1: Math.min(a.x1, b.x1),
	y1: Math.min(a.y1, b.y1),
});

/** The box of whole pixels around a box of fractions. @param {Box} box @returns {Box} */
export const wholePixels = ({ x0, y0, x1, y1 }) => ({
	x0: Math.floor(x0),
	y0: Math.floor(y0),
	x1: Math.ceil(x1),
	y1: Math.ceil(y1),
});

/** Whether two rectangles are the same. @param {Rect} a @param {Rect} b */
export const sameRect = (a, b) =>
	a.x === b.x && a.y === b.y && a.width === b.width && a.height === b.height;

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
