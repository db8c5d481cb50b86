// Making elements, and the icons (drawn for this canvas, on a grid of 24).

/** Make an element: make("button", { class: "x", onclick }, "Text", child). Nullish and false are left out. */
export function make(tag, props = {}, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(props)) {
		if (value === undefined || value === null || value === false) continue;
		if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
		else element.setAttribute(name, value === true ? "" : value);
	}
	element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
	return element;
}

const SHAPES = {
	brush: "M20 4c-5 2-9 6-11 10l2 2c4-2 7-6 9-12ZM8 15c-2 0-3 1-3 3 0 1-1 2-2 2 2 1 7 1 7-3l-2-2Z",
	eraser: "M14 5l6 6-8 8H8l-4-4L14 5ZM9 10l6 6M12 19h8",
	lasso: "M12 5c5 0 9 2 9 5.5S17 16 12 16s-9-2-9-5.5S7 5 12 5ZM7 15.500c-2 .5-2 3 0 3s2 2 0 3",
	rectangle: "M4 6h16v12H4z",
	pick: "M14 6l4 4M12 8l4 4-8 8H4v-4l8-8Zm3-3 1-1c1-1 3-1 4 0s1 3 0 4l-1 1-4-4Z",
	frame: "M7 3v14h14M3 7h14v14",
	hand: "M8 12V6.500a1.500 1.500 0 0 1 3 0V11m0-6a1.500 1.500 0 0 1 3 0v6m0-4.500a1.500 1.500 0 0 1 3 0V12m0-2.500a1.500 1.500 0 0 1 3 0V14c0 4-2 7-6 7-3 0-4-1-6-4l-3-4.500c-.6-1.500 1-2.500 2-1.500l2 2",
	undo: "M9 5 4 10l5 5M4 10h10a6 6 0 0 1 0 12h-3",
	redo: "M15 5l5 5-5 5M20 10H10a6 6 0 0 0 0 12h3",
	layers: "M12 4l9 5-9 5-9-5 9-5ZM3 14l9 5 9-5",
	open: "M4 5h16v14H4zm0 11 5-5 4 4 3-3 4 4M15 9h.01",
	help: "M9 9a3 3 0 1 1 4 3c-1 .4-1 1-1 2m0 3h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z",
	plus: "M12 5v14M5 12h14",
	minus: "M5 12h14",
	fit: "M9 4H4v5m11-5h5v5M9 20H4v-5m16 0v5h-5",
	invert: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Zm0 0v18m0-15h4m-4 4h8m-8 4h8m-8 4h4",
	fill: "M5 13l7-8 7 7-7 7-7-6Zm0 0h13M12 5 9 2m11 14c1 2 2 3 2 4a2 2 0 0 1-4 0c0-1 1-2 2-4Z",
	clear: "M5 7h14M10 7V4h4v3m3 0-1 13H8L7 7",
	eye: "M2 12c3-5 6-7 10-7s7 2 10 7c-3 5-6 7-10 7s-7-2-10-7Zm10-3a3 3 0 1 0 0 6 3 3 0 0 0 0-6Z",
	shut: "M3 10c3 4 6 5 9 5s6-1 9-5M6 14l-2 3m8-2v4m6-5 2 3",
	close: "M6 6l12 12M18 6 6 18",
	pressure: "M14 3l4 4-9 9-5 1 1-5 9-9ZM4 21c4-2 8 1 16-1",
};

/** An outlined icon. @param {keyof typeof SHAPES} name */
export function icon(name) {
	const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
	const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
	path.setAttribute("d", SHAPES[name]);
	svg.setAttribute("viewBox", "0 0 24 24");
	svg.setAttribute("class", "ec-icon");
	svg.setAttribute("aria-hidden", "true");
	svg.append(path);
	return svg;
}

/** A button that is an icon; its name is the tooltip and what screen readers say. */
export function iconButton(name, label, onclick, props = {}) {
	return make("button", { type: "button", class: "ec-button", title: label, "aria-label": label, onclick, ...props }, icon(name));
}
