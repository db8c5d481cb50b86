// Brackets of a prompt that have no partner are marked where they stand, with the reason.

import { placeIn } from "./caret.js";
import { h, say } from "./dom.js";

const PAIRS = { ")": "(", "]": "[", "}": "{" };

/** The first bracket without a partner: { at, reason }, or null. */
export function lonely(text) {
	const open = [];
	for (const found of text.matchAll(/\\.|[()[\]{}]/gs)) {
		const [mark] = found;
		if (mark.length > 1) continue;
		if (!(mark in PAIRS)) open.push({ mark, at: found.index });
		else if (!open.length) return { at: found.index, reason: REASONS.closes(mark) };
		else if (open.at(-1).mark !== PAIRS[mark]) return { at: found.index, reason: REASONS.crosses(mark, open.at(-1).mark) };
		else open.pop();
	}
	const last = open.at(-1);
	return last ? { at: last.at, reason: REASONS.open(last.mark) } : null;
}

const REASONS = {
	closes: (mark) => `A "${mark}" closes nothing.`,
	crosses: (mark, open) => `A "${mark}" stands where the "${open}" before it should be closed.`,
	open: (mark) => `A "${mark}" is never closed.`,
};

/** Mark what is wrong in a text box, and say it below; nothing where all is well. */
export function markBrackets(area) {
	const holder = area.parentElement;
	const box = area.closest(".block[id]");
	const wrong = lonely(area.value);
	let mark = box.querySelector(".bracket-mark");
	let note = box.querySelector(".bracket-note");
	if (!wrong) {
		mark?.remove();
		note?.remove();
		area.removeAttribute("aria-describedby");
		return null;
	}
	if (!mark) {
		mark = h("span.bracket-mark", { "aria-hidden": "true" });
		note = h("button.bracket-note", { type: "button", id: `${box.id}_brackets`, onclick: (event) => {
			event.preventDefault();
			const at = lonely(area.value)?.at ?? 0;
			area.focus();
			area.setSelectionRange(at, at + 1);
		} });
		holder.style.position = "relative";
		holder.append(mark);
		box.append(note);
		area.addEventListener("scroll", () => markBrackets(area));
	}
	const place = placeIn(area, wrong.at);
	const [top, height] = [area.offsetTop + place.top, place.height];
	const seen = place.top >= 0 && place.top + height <= area.clientHeight + 2;
	Object.assign(mark.style, { left: `${area.offsetLeft + place.left}px`, top: `${top}px`, width: `${place.width}px`, height: `${height}px`, display: seen ? "" : "none" });
	say(note, wrong.reason);
	area.setAttribute("aria-describedby", note.id);
	return wrong;
}
