// What a click on a model's card does to a prompt. Pure functions on texts.

/** The mark of a network in a text, whatever its weight: `<lora:name:0.8>`; null for other texts. */
function markIn(insert) {
	const found = /^<(\w+):([^:>]+)/.exec(insert);
	if (!found) return null;
	const name = found[2].replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
	return new RegExp(`<${found[1]}:${name}(?::[^>]*)?>`);
}

/** Where an insertion stands in a text as words of its own: its index, or -1. */
function placeOf(text, insert) {
	for (let at = text.indexOf(insert); at >= 0; at = text.indexOf(insert, at + 1)) {
		const around = (text[at - 1] ?? " ") + (text[at + insert.length] ?? " ");
		if (!/[\w-]/.test(around)) return at;
	}
	return -1;
}

/** Whether a prompt has what a card would insert. */
export function isIn(text, insert) {
	const mark = markIn(insert);
	return Boolean(insert) && (mark ? mark.test(text) : placeOf(text, insert) >= 0);
}

/** The prompt with a card's text at its end. */
export function added(text, insert, separator = " ") {
	if (!insert) return text;
	return text.trim() ? text.replace(/\s+$/, "") + separator + insert : insert;
}

function cut(text, from, to, separator) {
	const head = text.slice(0, from);
	const before = separator && head.endsWith(separator) ? head.slice(0, -separator.length) : head;
	const after = text.slice(to);
	return before ? before + after : after.replace(/^[\s,]+/, "");
}

/** The prompt without it: the mark with any weight, and the words that came along. */
export function removed(text, insert, separator = " ") {
	const mark = markIn(insert);
	const found = mark?.exec(text);
	if (found) {
		const words = insert.slice(insert.indexOf(">") + 1);
		const end = found.index + found[0].length;
		const along = words && text.startsWith(words, end) ? words.length : 0;
		return cut(text, found.index, end + along, separator);
	}
	const at = insert ? placeOf(text, insert) : -1;
	return at < 0 ? text : cut(text, at, at + insert.length, separator);
}

/** Both prompts after a click: what was not in is added, what was in is taken out. */
export function toggled(prompts, insert, separator = " ") {
	const change = isIn(prompts.prompt, insert.prompt) ? removed : added;
	return {
		prompt: change(prompts.prompt, insert.prompt, separator),
		negative_prompt: change(prompts.negative_prompt, insert.negative_prompt ?? "", separator),
	};
}
