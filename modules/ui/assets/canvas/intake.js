// How pictures come in: a file dropped, pasted or chosen.

import { make } from "./elements.js";

export class Intake {
	/** @param {import("./canvas.js").Canvas} canvas */
	constructor(canvas) {
		this.canvas = canvas;
		this.over = false; // the pointer is above the canvas, so a paste is meant for it
		this.wanted = "base";
		this.input = make("input", { type: "file", accept: "image/*", hidden: true, tabindex: -1, onchange: () => this.chosen() });
		const { root } = canvas;
		root.append(this.input);
		root.addEventListener("pointerenter", () => (this.over = true));
		root.addEventListener("pointerleave", () => (this.over = false));
		root.addEventListener("dragover", (event) => this.dragOver(event));
		root.addEventListener("dragleave", (event) => {
			if (!root.contains(event.relatedTarget)) root.classList.remove("dropping");
		});
		root.addEventListener("drop", (event) => this.drop(event));
		this.onPaste = (event) => this.paste(event);
		document.addEventListener("paste", this.onPaste);
	}

	destroy() {
		document.removeEventListener("paste", this.onPaste);
	}

	/** Ask for a file. @param {"base" | "reference"} wanted what it will be */
	choose(wanted) {
		this.wanted = wanted;
		this.input.value = "";
		this.input.click();
	}

	chosen() {
		const [file] = this.input.files;
		if (file) this.take(file, this.wanted);
	}

	dragOver(event) {
		event.preventDefault();
		event.stopPropagation(); // the page around reads dropped pictures in its own way
		event.dataTransfer.dropEffect = "copy";
		this.canvas.root.classList.add("dropping");
	}

	drop(event) {
		event.preventDefault();
		event.stopPropagation();
		this.canvas.root.classList.remove("dropping");
		const file = imageIn(event.dataTransfer.files);
		const address = event.dataTransfer.getData("text/uri-list").split("\n")[0];
		if (file) this.take(file, event.shiftKey ? "reference" : "base");
		else if (sameOrigin(address)) this.take(address, "base");
		else this.canvas.say("This is not a picture.", true);
	}

	paste(event) {
		if (!this.over && !this.canvas.root.contains(document.activeElement)) return;
		const file = imageIn(event.clipboardData?.files ?? []);
		if (!file) return;
		event.preventDefault();
		event.stopPropagation();
		this.take(file, "base");
	}

	/** Show a picture; say why when it cannot be shown. */
	async take(source, wanted) {
		try {
			if (wanted === "reference") await this.canvas.setReference(source);
			else await this.canvas.setBase(source);
		} catch (error) {
			this.canvas.say(error.message, true);
		}
	}
}

const imageIn = (files) => [...files].find(({ type }) => type.startsWith("image/"));

/** A picture dragged from this very page, not from another site. */
function sameOrigin(address) {
	return URL.canParse(address) && new URL(address).origin === location.origin;
}
