// A picture that is looked at but not drawn on: the base, or a reference.

const HALVINGS = 4;
/** Longest side a browser's canvas can be trusted with. */
export const LONGEST_SIDE = 16384;

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
		const full = await decode(blob);
		if (Math.max(full.width, full.height) > LONGEST_SIDE) {
			throw new Error(`This picture is ${full.width} × ${full.height}; the canvas takes up to ${LONGEST_SIDE} a side.`);
		}
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

async function decode(blob) {
	try {
		return await createImageBitmap(blob, { colorSpaceConversion: "none" });
	} catch (cause) {
		const name = blob instanceof File ? `“${blob.name}”` : "This";
		throw new Error(`${name} is not a picture this browser can read.`, { cause });
	}
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
