// What floats above the picture and is not part of it: the brush's ring, the lasso's line.

const SVG = "http://www.w3.org/2000/svg";

export class Overlay {
	/** @param {import("./canvas.js").Canvas} canvas */
	constructor(canvas) {
		this.canvas = canvas;
		this.ring = document.createElement("div");
		this.ring.className = "ec-ring";
		this.ring.hidden = true;
		this.svg = document.createElementNS(SVG, "svg");
		this.svg.setAttribute("class", "ec-lines");
		this.svg.setAttribute("aria-hidden", "true");
		this.paths = ["ec-line-under", "ec-line-over"].map((name) => {
			const path = document.createElementNS(SVG, "path");
			path.setAttribute("class", name);
			this.svg.append(path);
			return path;
		});
		this.at = null; // on the picture
		canvas.stage.append(this.svg, this.ring);
	}

	/** Show the brush's outline around a point of the picture. `keys` marks the keyboard's cursor. */
	ringAt(point, keys = false) {
		this.at = point;
		this.keys = keys;
		this.place();
	}

	hideRing() {
		if (this.keys) return;
		this.at = null;
		this.ring.hidden = true;
	}

	/** Put the ring where it belongs after the view, the tool or the size changed. */
	place() {
		const { view, rings, store, document } = this.canvas;
		const round = rings();
		this.ring.hidden = !this.at || !document.base || (!round && !this.keys);
		if (this.ring.hidden) return;
		const { x, y } = view.toStage(this.at.x, this.at.y);
		const side = round ? Math.max(4, store.values.size * view.scale) : 14;
		this.ring.classList.toggle("keys", this.keys);
		this.ring.style.width = this.ring.style.height = `${side}px`;
		this.ring.style.transform = `translate(${x - side / 2}px, ${y - side / 2}px)`;
	}

	/** Show a closed line through points of the picture, or none. @param {{x: number, y: number}[] | null} points */
	outline(points) {
		const steps = (points ?? []).map(({ x, y }) => {
			const at = this.canvas.view.toStage(x, y);
			return `${at.x.toFixed(1)} ${at.y.toFixed(1)}`;
		});
		for (const path of this.paths) path.setAttribute("d", steps.length ? `M${steps.join("L")}Z` : "");
	}
}
