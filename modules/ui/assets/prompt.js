// The prompt boxes: token counters, weights by key, width and height from one pasted text.

import { post } from "./api.js";
import { markBrackets } from "./brackets.js";
import { pictureControls, textControls } from "./bridge.js";
import { debounced, h } from "./dom.js";
import { preference } from "./preferences.js";

const TABS = [[textControls, "txt2img"], [pictureControls, "img2img"]];
const PROMPTS = [["prompt", "prompt", "token_counter"], ["negative_prompt", "neg_prompt", "negative_token_counter"]];

/** The counter in the corner of a prompt; it comes with its box, when the tab is first seen. */
function counterOf(box, id) {
	const known = document.getElementById(id);
	const corner = document.getElementById(box);
	if (known || !corner) return known;
	const counter = h("span.token-counter", { id, title: "Tokens used of those that fit" }, "0/75");
	corner.append(counter);
	return counter;
}

async function count(counter, area, text, about) {
	const wrong = area ? markBrackets(area) : null;
	counter.classList.toggle("wrong", Boolean(wrong));
	counter.title = wrong?.reason ?? "Tokens used of those that fit";
	try {
		const answer = text ? await post("api/v1/tokens", { text, ...about }) : { count: 0, limit: 75 };
		counter.textContent = `${answer.count}/${answer.limit}`;
	} catch {
		counter.textContent = "";
	}
}

/** Keep the counters in step with all prompts. */
export function countTokens() {
	for (const [controls, tab] of TABS) {
		for (const [path, box, name] of PROMPTS) {
			const now = () => {
				const counter = counterOf(`${tab}_${box}`, `${tab}_${name}`);
				const steps = Number(controls.valueOf("sampling.steps")) || 20;
				const area = document.querySelector(`#${tab}_${box} textarea`);
				if (counter) count(counter, area, String(controls.valueOf(path) ?? ""), { steps, negative: path !== "prompt" });
			};
			const later = debounced(now, 500);
			controls.onChange((_, changed) => changed.has(path) && later());
			window.addEventListener("easel:tab", now);
		}
	}
}

const WORD_ENDS = /[\s,.:;()[\]<>|"'\\]/;

const PAIRS = { "<": ">", "(": ")", "[": "]" };
const stepOfWeights = () => preference("keyedit_precision_attention", 0.1);
const stepOfNetworks = () => preference("keyedit_precision_extra", 0.05);

/** The part a weight key works on: the selection, what the innermost brackets hold, or the word. */
export function partAround(text, start, end) {
	if (start !== end) return [start, end];
	for (const [opening, closing] of Object.entries(PAIRS)) {
		const from = text.lastIndexOf(opening, start - 1);
		const to = text.indexOf(closing, start);
		const between = text.slice(from + 1, to);
		if (from < 0 || to < 0 || between.includes(closing) || between.includes(opening)) continue;
		if (opening === "[" && /[:|]/.test(between)) continue; // prompt editing, not attention
		const number = /:[\d.]+$/.exec(between);
		return [from + 1, to - (number ? number[0].length : 0)];
	}
	let [from, to] = [start, start];
	while (from > 0 && !WORD_ENDS.test(text[from - 1])) from--;
	while (to < text.length && !WORD_ENDS.test(text[to])) to++;
	return [from, to];
}

/** What surrounds a part: [weight now, where the brackets open, where they end]. */
function weightAround(text, from, to) {
	const opening = text[from - 1];
	const written = /^:([\d.]+)([)>])/.exec(text.slice(to));
	if (written && PAIRS[opening] === written[2]) return [Number(written[1]), from - 1, to + written[0].length];
	let depth = 0;
	while ("([".includes(opening ?? " ") && text[from - 1 - depth] === opening && text[to + depth] === PAIRS[opening]) depth++;
	const weight = (opening === "(" ? 1.1 : 1 / 1.1) ** depth;
	return [Math.round(weight / stepOfWeights()) * stepOfWeights(), from - depth, to + depth];
}

/** Return [text, start, end] with the weight of the part moved by one press; null if there is none. */
export function weigh(text, start, end, direction) {
	let [from, to] = partAround(text, start, end);
	while (to > from && text[to - 1] === " ") to--;
	if (from === to) return null;
	const network = text[from - 1] === "<";
	const [before, opens, closes] = weightAround(text, from, to);
	if (network && opens === from) return null;
	const weight = Number((before + direction * (network ? stepOfNetworks() : stepOfWeights())).toPrecision(12));
	const part = text.slice(from, to);
	const put = (written, inset) => [text.slice(0, opens) + written + text.slice(closes), opens + inset, opens + inset + part.length];
	if (weight === 1 && !network) return put(part, 0);
	const shown = Number.isInteger(weight) ? `${weight}.0` : String(weight);
	return put(network ? `<${part}:${shown}>` : `(${part}:${shown})`, 1);
}

/** Return [text, start, end] with the parts between commas that are selected one place further; null at the end. */
export function shift(text, start, end, direction) {
	const parts = text.split(",");
	const ends = parts.map(((at) => (part) => (at += part.length + 1) - 1)(0));
	const first = ends.findIndex((at) => start <= at);
	const last = ends.findIndex((at) => Math.max(start, end) <= at);
	const [from, to] = direction < 0 ? [first - 1, last] : [first, last + 1];
	if (from < 0 || to >= parts.length) return null;
	const words = parts.map((part) => part.trim());
	const some = words.slice(from, to + 1);
	if (direction < 0) some.push(some.shift());
	else some.unshift(some.pop());
	words.splice(from, to - from + 1, ...some);
	const put = parts.map((part, at) => /^\s*/.exec(part)[0] + words[at] + (part.trim() ? /\s*$/.exec(part)[0] : ""));
	const begin = (at) => put.slice(0, at).reduce((sum, part) => sum + part.length + 1, 0) + /^\s*/.exec(put[at])[0].length;
	const stop = last + direction;
	return [put.join(","), begin(first + direction), begin(stop) + words[stop].length];
}

/** Ctrl+Up and Ctrl+Down in a prompt weigh, Alt+Left and Alt+Right move. */
export function promptByKey(event) {
	const area = event.target.closest?.(".prompt textarea");
	const weighs = (event.ctrlKey || event.metaKey) && { ArrowUp: 1, ArrowDown: -1 }[event.key];
	const moves = event.altKey && { ArrowLeft: -1, ArrowRight: 1 }[event.key];
	if (!area || !(weighs || moves)) return false;
	event.preventDefault();
	const change = weighs ? weigh : shift;
	const changed = change(area.value, area.selectionStart, area.selectionEnd, weighs || moves);
	if (changed) {
		area.value = changed[0];
		area.setSelectionRange(changed[1], changed[2]);
		area.dispatchEvent(new Event("input", { bubbles: true }));
	}
	return true;
}

/** "768x1024" pasted into width or height fills both. */
export function sizesByPaste(event) {
	const tab = TABS.find(([, name]) => event.target.closest?.(`#${name}_width, #${name}_height`));
	const sides = tab && /^\s*(\d{2,5})\s*[x×*, ]\s*(\d{2,5})\s*$/.exec(event.clipboardData?.getData("text") ?? "");
	if (!sides) return;
	event.preventDefault();
	tab[0].setValues({ "size.width": Number(sides[1]), "size.height": Number(sides[2]) });
}

/** In compact rows there is no room for help, in small buttons none for names: they show on hovering. */
export function helpOnHover() {
	document.addEventListener("mouseover", (event) => {
		const tool = event.target.closest?.('button.tool[class*="glyph-"]');
		if (tool && !tool.title) tool.title = tool.textContent.trim();
		const block = event.target.closest?.(".compact-grid .block");
		const help = block?.querySelector(".info-text")?.textContent;
		if (help && !block.title) block.title = help.trim();
	});
}
