// The draft: everything on the canvas, kept in the browser's own database and found again after a reload.

const NAME = "easel-canvas";
const PAUSE_MS = 350;

/** What stands for a tile that is masked all over. */
const SOLID = "solid";

export class Draft {
	/**
	 * @param {string} key one draft is kept for each key
	 * @param {(message: string) => void} complain told when the browser will not keep the draft
	 */
	constructor(key, complain) {
		this.key = key;
		this.complain = complain;
		this.timer = 0;
		this.kept = { pictures: {}, tiles: new Map() }; // what the database has already
		this.writing = Promise.resolve();
	}

	/** Keep `collect()` soon; several calls in a row write once. */
	later(collect) {
		clearTimeout(this.timer);
		this.collect = collect;
		this.timer = setTimeout(() => this.now(), PAUSE_MS);
	}

	/** Keep it at once, if something waits to be kept. */
	now() {
		if (!this.collect) return this.writing;
		clearTimeout(this.timer);
		const state = this.collect();
		if (!state) { // in the middle of a stroke
			this.later(this.collect);
			return this.writing;
		}
		this.collect = null;
		this.writing = this.writing.then(() => this.write(state)).catch((error) => {
			this.complain(`The draft could not be kept: ${error.message}`);
		});
		return this.writing;
	}

	async write({ pictures, layers, rest }) {
		const database = await open();
		const deal = database.transaction(["drafts", "pictures", "tiles"], "readwrite");
		const names = Object.keys(pictures);
		for (const name of names) {
			if (this.kept.pictures[name] === pictures[name]) continue;
			const place = `${this.key}|${name}`;
			if (pictures[name]) deal.objectStore("pictures").put(pictures[name], place);
			else deal.objectStore("pictures").delete(place);
		}
		const tiles = this.writeTiles(deal.objectStore("tiles"), layers);
		deal.objectStore("drafts").put({ rest, tiles: [...tiles.keys()] }, this.key);
		await finished(deal);
		this.kept = { pictures, tiles };
		database.close();
	}

	/** Write the tiles that are new and drop those that are gone. @returns all there are */
	writeTiles(store, layers) {
		const tiles = this.placesOf(layers);
		for (const [place, { tile, solid }] of tiles) {
			if (this.kept.tiles.get(place)?.tile !== tile) store.put(solid ? SOLID : tile.data, place);
		}
		for (const place of this.kept.tiles.keys()) if (!tiles.has(place)) store.delete(place);
		return tiles;
	}

	/**
	 * What was kept, or null.
	 * @param {string[]} names of the pictures
	 * @returns {Promise<{rest: any, pictures: Record<string, Blob>, tiles: [string, string, any][]} | null>}
	 */
	async read(names) {
		const database = await open();
		const deal = database.transaction(["drafts", "pictures", "tiles"]);
		const draft = await answer(deal.objectStore("drafts").get(this.key));
		if (!draft) {
			database.close();
			return null;
		}
		const pictures = {};
		for (const name of names) pictures[name] = await answer(deal.objectStore("pictures").get(`${this.key}|${name}`));
		const found = draft.tiles.map(async (place) => {
			const [layer, key] = place.slice(this.key.length + 1).split("|");
			const data = await answer(deal.objectStore("tiles").get(place));
			return /** @type {[string, string, any]} */ ([layer, key, data === SOLID ? null : data]);
		});
		const tiles = await Promise.all(found);
		database.close();
		return { rest: draft.rest, pictures, tiles };
	}

	/** Note that the canvas now shows what the database has. */
	settled({ pictures, layers }) {
		this.kept = { pictures, tiles: this.placesOf(layers) };
	}

	/** Where in the database each tile belongs. */
	placesOf(layers) {
		const tiles = new Map();
		for (const layer of layers) {
			for (const [key, tile] of layer.tiles) {
				tiles.set(`${this.key}|${layer.name}|${key}`, { tile, solid: tile === layer.solid });
			}
		}
		return tiles;
	}
}

function open() {
	const request = indexedDB.open(NAME, 1);
	request.onupgradeneeded = () => {
		for (const store of ["drafts", "pictures", "tiles"]) request.result.createObjectStore(store);
	};
	return answer(request);
}

function answer(request) {
	return new Promise((resolve, reject) => {
		request.onsuccess = () => resolve(request.result);
		request.onerror = () => reject(request.error);
	});
}

function finished(deal) {
	return new Promise((resolve, reject) => {
		deal.oncomplete = () => resolve();
		deal.onerror = () => reject(deal.error);
		deal.onabort = () => reject(deal.error ?? new Error("the browser stopped writing"));
	});
}
