// A number with a line to pull it along, for fields that the server describes.

import { h } from "./dom.js";

/**
 * One control, with the same face to the outside as those of `fields.js`.
 * @param {{name: string, label: string, help: string, value: number, minimum: number, maximum: number, step: ?number}} field
 * @param {string} id of the element around it
 */
export function sliderOf(field, value, id) {
	const limits = { min: field.minimum, max: field.maximum, step: field.step ?? "any" };
	const number = h("input", { type: "number", id: `${id}_input`, ...limits });
	const line = h("input", { type: "range", ...limits, "aria-label": field.label, tabIndex: -1 });
	const set = (now) => {
		number.value = now ?? field.value;
		line.value = number.value;
	};
	line.addEventListener("input", () => (number.value = line.value));
	number.addEventListener("input", () => (line.value = number.value));
	set(value);
	const read = () => (number.value === "" || Number.isNaN(Number(number.value)) ? field.value : Number(number.value));
	const head = h("div.slide-head", {}, h("label", { for: `${id}_input` }, field.label), number);
	const element = h(`div.field.slide${field.help ? ".helped" : ""}`, { id, title: field.help }, head, line);
	return { name: field.name, read, set, element };
}
