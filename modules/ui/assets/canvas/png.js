// Grey PNG files with one byte a pixel (W3C PNG, third edition), which a canvas cannot write itself.

const SIGNATURE = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]);
const ROWS_AT_ONCE = 256;

/**
 * Encode a grey picture.
 * @param {number} width
 * @param {number} height
 * @param {Uint8Array} grey width × height bytes, row by row
 * @returns {Promise<Blob>}
 */
export async function encodeGrey(width, height, grey) {
	const header = new DataView(new ArrayBuffer(13));
	header.setUint32(0, width);
	header.setUint32(4, height);
	header.setUint8(8, 8); // bits a sample; the rest stays 0: grey, deflate, no filter, not interlaced
	const pixels = await deflate(rows(width, height, grey));
	const parts = [SIGNATURE, ...chunk("IHDR", new Uint8Array(header.buffer)), ...chunk("IDAT", pixels), ...chunk("IEND", new Uint8Array(0))];
	return new Blob(parts, { type: "image/png" });
}

/** The rows, each after its filter byte 0, some at a time. */
function* rows(width, height, grey) {
	for (let top = 0; top < height; top += ROWS_AT_ONCE) {
		const count = Math.min(ROWS_AT_ONCE, height - top);
		const bytes = new Uint8Array(count * (width + 1));
		for (let row = 0; row < count; row++) {
			bytes.set(grey.subarray((top + row) * width, (top + row + 1) * width), row * (width + 1) + 1);
		}
		yield bytes;
	}
}

async function deflate(pieces) {
	const squeeze = new CompressionStream("deflate"); // the zlib format, as PNG wants it
	const result = new Response(squeeze.readable).arrayBuffer();
	const writer = squeeze.writable.getWriter();
	for (const piece of pieces) await writer.write(piece);
	await writer.close();
	return new Uint8Array(await result);
}

function chunk(name, data) {
	const head = new DataView(new ArrayBuffer(8));
	head.setUint32(0, data.length);
	[...name].forEach((letter, index) => head.setUint8(4 + index, letter.charCodeAt(0)));
	const letters = new Uint8Array(head.buffer, 4, 4);
	const check = new DataView(new ArrayBuffer(4));
	check.setUint32(0, (crc(data, crc(letters, 0xffffffff)) ^ 0xffffffff) >>> 0);
	return [head.buffer, data, check.buffer];
}

const TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
	for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
	return value;
});

function crc(bytes, start) {
	let value = start;
	for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
	return value;
}
