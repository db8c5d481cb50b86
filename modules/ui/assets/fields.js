// Controls for fields that the server describes: of scripts, and of the advanced part of a request.

import { h } from "./dom.js";

const LONG = 60; // characters from which a text deserves the whole width

/**
 * One control: its element, its name, how to read and to set it.
 * @param {{name: string, label: string, help: string, value: any, minimum: ?number, maximum: ?number, step: ?number, choices: ?Array}} field
 * @param {string} id of the element around it
 */
export function fieldOf(field, value, id) {
	const kind = typeof field.value === "boolean" ? tick : Array.isArray(field.value) ? many
		: /^#[0-9a-f]{6}$/i.test(field.value) ? colour : field.choices ? select : typeof field.value === "number" ? number : text;
	const made = kind(field, value, `${id}_input`);
	const label = h("label", { for: `${id}_input` }, field.label);
	const style = made.style ?? "";
	const parts = style === ".tick" ? [made.input, label] : [label, made.input];
	const element = h(`div.field${style}${field.help ? ".helped" : ""}`, { id, title: field.help }, parts);
	return { name: field.name, read: made.read, set: made.set, element };
}

function tick(field, value, id) {
	const input = h("input", { type: "checkbox", id, checked: Boolean(value) });
	return { input, read: () => input.checked, set: (now) => (input.checked = Boolean(now)), style: ".tick" };
}

/** A choice is a word, or a pair of the value and the word for it. */
const optionOf = (choice) => {
	const [value, word] = Array.isArray(choice) ? choice : [choice, choice];
	return h("option", { value }, word || "(automatic)");
};

function select(field, value, id) {
	const input = h("select", { id }, field.choices.map(optionOf));
	const set = (now, choices) => {
		if (choices) input.replaceChildren(...choices.map(optionOf));
		const wanted = now ?? "";
		if (![...input.options].some((option) => option.value === wanted)) input.append(optionOf(wanted));
		input.value = wanted;
	};
	set(value);
	return { input, read: () => input.value, set };
}

function number(field, value, id) {
	const input = h("input", { type: "number", id, min: field.minimum, max: field.maximum, step: field.step ?? "any" });
	const set = (now) => (input.value = now ?? "");
	set(value);
	return { input, read: () => (input.value === "" ? field.value : Number(input.value)), set };
}

function colour(field, value, id) {
	const input = h("input", { type: "color", id });
	const set = (now) => (input.value = /^#[0-9a-f]{6}$/i.test(now) ? now : field.value);
	set(value);
	return { input, read: () => input.value, set };
}

function text(field, value, id) {
	const input = h("textarea", { id, rows: "1", spellcheck: "false" });
	const set = (now) => (input.value = now ?? "");
	set(value);
	const wide = /prompt|values|list|text/i.test(field.label) || String(value).length > LONG;
	return { input, read: () => input.value, set, style: wide ? ".wide" : "" };
}

/** Several of a list, or a text with commas where there is no list. */
function many(field, value, id) {
	if (!field.choices) {
		const { input } = text(field, value.join(", "), id);
		const read = () => input.value.split(",").map((word) => word.trim()).filter(Boolean);
		return { input, read, set: (now) => (input.value = now.join(", ")), style: ".wide" };
	}
	const boxes = field.choices.map((choice) => h("input", { type: "checkbox", value: choice, checked: value.includes(choice) }));
	const input = h("div.many", { id, role: "group", "aria-label": field.label }, boxes.map((box) => h("label", {}, box, box.value)));
	const set = (now) => boxes.forEach((box) => (box.checked = now.includes(box.value)));
	return { input, read: () => boxes.filter((box) => box.checked).map((box) => box.value), set, style: ".wide" };
}
