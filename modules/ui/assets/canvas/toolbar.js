// The bars around the stage: tools at the left, what the tool can be told above, the view below.

import { icon, iconButton, make } from "./elements.js";
import { STEP } from "./frame.js";
import { TOOLS } from "./tools.js";

const SIZES = { least: 1, most: 1024 };

export class Toolbar {
	/** @param {import("./canvas.js").Canvas} canvas */
	constructor(canvas) {
		this.canvas = canvas;
		this.tools = TOOLS.map((tool) => this.toolButton(tool));
		this.rail = make("div", { class: "ec-rail", role: "toolbar", "aria-label": "Tools", "aria-orientation": "vertical", onkeydown: (event) => this.walk(event) }, this.tools);
		this.top = make("div", { class: "ec-top", role: "toolbar", "aria-label": "Brush and layer" },
			make("span", { class: "ec-options" }, this.layerSwitch(), this.brushOptions(), this.shapeOptions(), this.frameOptions()), this.actions());
		this.bottom = make("div", { class: "ec-bottom" }, this.viewButtons());
	}

	toolButton({ id, label, key }) {
		const name = `${label} (${key.toUpperCase()})`;
		return iconButton(id, name, () => this.canvas.store.set({ tool: id }), { "data-tool": id, "aria-pressed": "false" });
	}

	/** Up and down walk the tools. */
	walk(event) {
		const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
		if (!step) return;
		event.preventDefault();
		event.stopPropagation();
		const seen = this.tools.filter((button) => !button.hidden);
		const at = seen.indexOf(event.target.closest("button"));
		seen[(at + step + seen.length) % seen.length].focus();
	}

	layerSwitch() {
		const { store } = this.canvas;
		const button = (layer, label, says) => make("button", { type: "button", class: "ec-choice", "data-layer": layer, title: `${says} (X)`, onclick: () => store.set({ layer }) }, label);
		this.layerButtons = [button("mask", "Mask", "Draw on the mask"), button("paint", "Colour", "Draw with colour")];
		this.color = make("input", { type: "color", class: "ec-color", title: "Colour", "aria-label": "Colour", oninput: () => store.set({ color: this.color.value }) });
		this.layers = make("span", { class: "ec-choices", role: "group", "aria-label": "Draw on" }, this.layerButtons);
		return make("span", { class: "ec-group" }, this.layers, this.color);
	}

	brushOptions() {
		const { store } = this.canvas;
		this.size = slider("Size", { min: 0, max: 100 }, (place) => store.set({ size: sizeAt(place) }));
		this.hardness = slider("Hardness", { min: 0, max: 100 }, (percent) => store.set({ hardness: percent / 100 }));
		this.opacity = slider("Opacity", { min: 1, max: 100 }, (percent) => store.set({ opacity: percent / 100 }));
		this.pressure = iconButton("pressure", "A pen's pressure changes the size", () => store.set({ pressure: !store.values.pressure }));
		this.brush = make("span", { class: "ec-group" }, this.size.element, this.hardness.element, this.opacity.element, this.pressure);
		return this.brush;
	}

	shapeOptions() {
		const { store } = this.canvas;
		const button = (subtract, label) => make("button", { type: "button", class: "ec-choice", "data-subtract": String(subtract), title: "Alt does the other", onclick: () => store.set({ subtract }) }, label);
		this.shapeButtons = [button(false, "Add"), button(true, "Take away")];
		this.shape = make("span", { class: "ec-choices", role: "group", "aria-label": "What the shape does" }, this.shapeButtons);
		return this.shape;
	}

	frameOptions() {
		const { canvas } = this;
		const field = (side, label) => make("input", {
			type: "number", class: "ec-number", min: 64, max: 8192, step: STEP, "aria-label": `Frame ${label}`, title: `Frame ${label}`,
			onchange: (event) => canvas.setFrame({ ...canvas.frame(), [side]: Math.max(64, Math.round(event.target.valueAsNumber / STEP) * STEP || 64) }),
		});
		this.frameFields = { width: field("width", "width"), height: field("height", "height") };
		const match = make("button", { type: "button", class: "ec-button wide", title: "Make the frame the picture again", onclick: () => canvas.setFrame(null) }, "Match picture");
		this.frame = make("span", { class: "ec-group" }, make("span", { class: "ec-label" }, "Frame"), this.frameFields.width, "×", this.frameFields.height, match);
		return this.frame;
	}

	actions() {
		const { canvas } = this;
		this.maskButtons = [
			iconButton("invert", "Invert the mask (Shift+I)", () => canvas.document.invertMask()),
			iconButton("fill", "Mask everything (Shift+F)", () => canvas.document.fillMask()),
		];
		this.clear = iconButton("clear", "Clear the layer drawn on (Del)", () => canvas.document.clearLayer(canvas.store.values.layer));
		this.undo = iconButton("undo", "Undo (Ctrl+Z)", () => canvas.undo());
		this.redo = iconButton("redo", "Redo (Ctrl+Shift+Z)", () => canvas.redo());
		this.layersButton = iconButton("layers", "Layers", () => canvas.panel.toggle(), { "aria-expanded": "false" });
		return make("span", { class: "ec-group ec-actions" }, this.maskButtons, this.clear, make("span", { class: "ec-rule" }), this.undo, this.redo,
			make("span", { class: "ec-rule" }), this.layersButton,
			iconButton("open", "Choose a picture", () => canvas.intake.choose("base")),
			iconButton("help", "Keys and gestures (?)", () => canvas.help.open()));
	}

	viewButtons() {
		const { canvas } = this;
		this.place = make("span", { class: "ec-place" });
		this.zoom = make("button", { type: "button", class: "ec-button wide ec-zoom", title: "One picture pixel to a screen pixel (1)", onclick: () => canvas.view.zoomAt(1 / canvas.view.scale / canvas.view.ratio) });
		return [
			this.place, make("span", { class: "ec-space" }),
			iconButton("minus", "Zoom out (-)", () => canvas.view.zoomAt(0.8)), this.zoom,
			iconButton("plus", "Zoom in (+)", () => canvas.view.zoomAt(1.25)),
			iconButton("fit", "Show everything (0)", () => canvas.view.fit()),
		];
	}

	/** Show what is so: settings, layers on offer, what can be undone. */
	update() {
		const { store: { values }, document, layers } = this.canvas;
		const draws = layers.length > 0;
		for (const button of this.tools) {
			const { tool } = button.dataset;
			button.setAttribute("aria-pressed", String(tool === values.tool));
			button.tabIndex = tool === values.tool ? 0 : -1;
			button.hidden = (!draws && tool !== "hand" && tool !== "frame") || (tool === "pick" && !layers.includes("paint"));
		}
		for (const button of this.layerButtons) button.setAttribute("aria-pressed", String(button.dataset.layer === values.layer));
		const brush = values.tool === "brush" || values.tool === "eraser";
		this.layers.hidden = layers.length < 2;
		this.color.hidden = values.layer !== "paint" || !draws;
		this.brush.hidden = !brush || !draws;
		this.opacity.element.hidden = values.layer !== "paint";
		this.shape.hidden = !draws || (values.tool !== "lasso" && values.tool !== "rectangle");
		for (const button of this.shapeButtons) button.setAttribute("aria-pressed", String(button.dataset.subtract === String(values.subtract)));
		this.frame.hidden = values.tool !== "frame";
		for (const button of this.maskButtons) button.hidden = !layers.includes("mask");
		this.clear.hidden = !draws;
		this.clear.disabled = !document.layer(values.layer).tiles.size;
		this.undo.disabled = !document.history.canUndo;
		this.redo.disabled = !document.history.canRedo;
		this.showValues(values);
	}

	showValues(values) {
		const { frame } = this.canvas.document;
		this.color.value = values.color;
		this.size.show(placeOf(values.size), `${Math.round(values.size)} px`);
		this.hardness.show(values.hardness * 100, `${Math.round(values.hardness * 100)} %`);
		this.opacity.show(values.opacity * 100, `${Math.round(values.opacity * 100)} %`);
		this.pressure.setAttribute("aria-pressed", String(values.pressure));
		this.frameFields.width.value = String(frame.width);
		this.frameFields.height.value = String(frame.height);
	}

	/** The scale of the view. */
	showZoom({ scale, ratio }) {
		this.zoom.textContent = `${Math.round(scale * ratio * 100)} %`;
	}
}

/** A named slider with its value beside it. */
function slider(label, limits, onInput) {
	const value = make("output", { class: "ec-value" });
	const input = make("input", { type: "range", class: "ec-range", "aria-label": label, ...limits, oninput: () => onInput(Number(input.value)) });
	const element = make("label", { class: "ec-slider" }, make("span", { class: "ec-label" }, label), input, value);
	return {
		element,
		show(place, text) {
			input.value = String(place);
			input.setAttribute("aria-valuetext", text);
			value.textContent = text;
		},
	};
}

/** Brush sizes grow by the same factor along the slider. */
const sizeAt = (place) => Math.round(SIZES.least * (SIZES.most / SIZES.least) ** (place / 100));
const placeOf = (size) => (100 * Math.log(size / SIZES.least)) / Math.log(SIZES.most / SIZES.least);

/** What is shown before there is a picture. */
export function emptyState(canvas) {
	const { width, height } = canvas.blankSize;
	return make("div", { class: "ec-empty" },
		icon("open"),
		make("p", {}, "Drop a picture here or paste one"),
		make("span", { class: "ec-group" },
			make("button", { type: "button", class: "ec-button wide main", onclick: () => canvas.intake.choose("base") }, "Choose a picture"),
			make("button", { type: "button", class: "ec-button wide", onclick: () => canvas.setBlank(canvas.blankSize.width, canvas.blankSize.height) }, `Blank, ${width} × ${height}`)));
}
