// A picture that is looked at but not drawn on: the base, or a reference.

const HALVINGS = 4;
/** Longest side a browser's canvas can be trusted with. */
export const LONGEST_SIDE = 16384;
/** More than any camera's; a small file can claim far more, and the server takes no more either. */
const MOST_PIXELS = 100e6;

export class Picture {
	/** @param {Blob} blob the file itself @param {ImageBitmap[]} levels full size, half, quarter, … */
	constructor(blob, levels) {
		this.blob = blob;
		this.levels = levels;
		this.width = levels[0].width;
		this.height = levels[0].height;
	}

	/** The full-size bitmap. */
	get bitmap() {
		return this.levels[0];
	}

	/** The smallest level that still has a pixel for each one shown. @param {number} scale shown / picture */
	levelFor(scale) {
		let level = 0;
		while (level + 1 < this.levels.length && scale * 2 ** (level + 1) <= 1) level++;
		return this.levels[level];
	}

	/**
	 * Read a picture. Its numbers are taken as they are in the file: no colour profile is applied.
	 * @param {Blob | string | HTMLImageElement | HTMLCanvasElement | OffscreenCanvas | ImageBitmap} source
	 * @throws {Error} when it is no picture, or too large
	 */
	static async from(source) {
		const blob = await blobOf(source);
		checkSize(await sizeOf(blob));
		const full = await decode(blob);
		return new Picture(blob, await levelsOf(full));
	}

	/** A picture of one colour. @param {string} color any CSS colour */
	static async blank(width, height, color = "#ffffff") {
		const canvas = new OffscreenCanvas(width, height);
		const pen = canvas.getContext("2d");
		pen.fillStyle = color;
		pen.fillRect(0, 0, width, height);
		return Picture.from(canvas);
	}
}

async function blobOf(source) {
	if (source instanceof Blob) return source;
	if (source instanceof HTMLImageElement) return blobOf(source.currentSrc || source.src);
	if (typeof source === "string") {
		const answer = await fetch(source);
		if (!answer.ok) throw new Error(`The picture could not be fetched (${answer.status}).`);
		return answer.blob();
	}
	const canvas = new OffscreenCanvas(source.width, source.height);
	canvas.getContext("2d").drawImage(source, 0, 0);
	return canvas.convertToBlob({ type: "image/png" });
}

/** What the file says of its size; nothing is decoded for it. @returns {Promise<{width: number, height: number}>} */
async function sizeOf(blob) {
	const image = new Image();
	image.src = URL.createObjectURL(blob);
	try {
		await new Promise((found, failed) => Object.assign(image, { onload: found, onerror: failed }));
		return { width: image.naturalWidth, height: image.naturalHeight };
	} catch (cause) {
		throw unreadable(blob, cause);
	} finally {
		URL.revokeObjectURL(image.src);
	}
}

function checkSize({ width, height }) {
	if (Math.max(width, height) > LONGEST_SIDE) {
		throw new Error(`This picture is ${width} × ${height}; the canvas takes up to ${LONGEST_SIDE} a side.`);
	}
	if (width * height > MOST_PIXELS) throw new Error(`This picture has more than ${MOST_PIXELS / 1e6} million pixels.`);
}

async function decode(blob) {
	try {
		return await createImageBitmap(blob, { colorSpaceConversion: "none" });
	} catch (cause) {
		throw unreadable(blob, cause);
	}
}

function unreadable(blob, cause) {
	const name = blob instanceof File ? `“${blob.name}”` : "This";
	return new Error(`${name} is not a picture this browser can read.`, { cause });
}

/** Halved again and again, so a large picture shown small is smooth and quick. */
async function levelsOf(full) {
	const levels = [full];
	while (levels.length <= HALVINGS) {
		const { width, height } = levels.at(-1);
		if (Math.max(width, height) <= 512) break;
		levels.push(await createImageBitmap(levels.at(-1), {
			resizeWidth: Math.max(1, Math.round(width / 2)),
			resizeHeight: Math.max(1, Math.round(height / 2)),
			resizeQuality: "medium",
		}));
	}
	return levels;
}
