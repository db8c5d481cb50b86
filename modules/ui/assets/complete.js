// Words of prompts are completed while they are written. Off, nothing here listens to anything but the keys.

import { get } from "./api.js";
import { placeIn, replacePiece } from "./caret.js";
import { h } from "./dom.js";
import { preference } from "./preferences.js";

const KINDS = { tag: "tag", lora: "LoRA", hypernetwork: "hypernetwork", embedding: "embedding", wildcard: "wildcard", style: "style" };
const [LEAST_ROOM, MOST_ROOM] = [96, 320]; // pixels, three rows and ten
const LEAST = 2;

let open = null;
let asked = 0;
let said = null;
let taking = false;

/** The piece of a prompt before the cursor that may be completed: { from, text }, or null. */
export function pieceAt(text, caret) {
	const before = text.slice(0, caret);
	const mark = /<[^<>\n]*$/.exec(before);
	if (mark) return { from: mark.index, text: mark[0] };
	const wildcard = /__[\w./-]*$/.exec(before);
	if (wildcard && !/__[\w./-]+__$/.test(before)) return { from: wildcard.index, text: wildcard[0] };
	const word = /[^,\n()[\]{}|:<>]*$/.exec(before)[0].replace(/^\s+/, "");
	return word.length < LEAST ? null : { from: caret - word.length, text: word };
}

/** What is written for an offer: tags get what separates them, words of a sentence a space. */
export function written(offer, piece, after, separator) {
	const tag = offer.kind === "tag" || offer.kind === "embedding" || offer.kind === "style";
	if (!tag || /^\s*[,)\]}|:\n]/.test(after)) return offer.insert;
	return offer.insert + (offer.typed.length < piece.text.length ? " " : separator);
}

function close() {
	if (!open) return;
	open.area.removeAttribute("aria-activedescendant");
	open.area.removeAttribute("aria-controls");
	open.list.remove();
	open = null;
}

function choose(at) {
	const rows = [...open.list.children];
	open.at = (at + rows.length) % rows.length;
	rows.forEach((row, number) => row.setAttribute("aria-selected", String(number === open.at)));
	rows[open.at].scrollIntoView({ block: "nearest" });
	open.area.setAttribute("aria-activedescendant", rows[open.at].id);
}

function take(at) {
	const { area, piece, offers } = open;
	const end = piece.from + piece.text.length;
	const offer = offers[Math.max(0, at)];
	const caret = Math.max(end, area.selectionStart); // more may have been typed since they were asked for
	const text = written(offer, piece, area.value.slice(caret), preference("tac_separator", ", "));
	const stands = area.value.slice(piece.from, end) === piece.text; // what the offers were for
	close();
	asked++;
	if (!stands) return;
	taking = true; // what is written here asks for nothing
	replacePiece(area, end - offer.typed.length, caret, text);
	taking = false;
	close();
}

function row(offer, number) {
	const detail = offer.detail ? h("span.count", {}, offer.detail) : null;
	return h("li", { id: `easel-offer-${number}`, role: "option", "aria-selected": "false", "data-group": offer.group || undefined,
		onmousedown: (event) => { event.preventDefault(); take(number); } },
	h("b", {}, offer.name), h("small", {}, KINDS[offer.kind]), detail);
}

function show(area, piece, offers) {
	close();
	if (!offers.length || document.activeElement !== area) return;
	const list = h("ul.easel-offers.options", { id: "easel-offers", role: "listbox", "aria-label": "Completions" }, offers.map(row));
	const box = area.getBoundingClientRect();
	const place = placeIn(area, piece.from);
	document.body.append(list);
	const left = Math.min(box.left + place.left, innerWidth - list.offsetWidth - 8);
	const below = box.top + Math.min(place.top + place.height, area.clientHeight) + 4;
	list.style.maxHeight = `${roomAbove(area, below)}px`;
	const above = below + list.offsetHeight > innerHeight ? box.top + place.top - list.offsetHeight - 4 : below;
	Object.assign(list.style, { left: `${Math.max(8, left)}px`, top: `${Math.max(8, above)}px` });
	area.setAttribute("aria-controls", "easel-offers");
	area.setAttribute("aria-autocomplete", "list");
	open = { area, piece, offers, list, at: -1 };
	said ??= document.body.appendChild(h("div.unseen", { role: "status", "aria-live": "polite" }));
	said.textContent = "Completions are offered. Arrow down chooses, Tab takes, Escape closes.";
}

/** Pixels from `below` down to the Generate button, which a list must not cover. */
function roomAbove(area, below) {
	const top = area.closest(".work-page")?.querySelector(".generate-box")?.getBoundingClientRect().top ?? 0;
	return top > below ? Math.min(MOST_ROOM, Math.max(LEAST_ROOM, top - below - 6)) : MOST_ROOM;
}

async function ask(area) {
	const piece = pieceAt(area.value, area.selectionStart);
	const number = ++asked;
	const same = open && piece?.from === open.piece.from && piece.text.startsWith(open.piece.text);
	if (!same) close(); // what is offered belongs to another word
	if (!piece || area.selectionStart !== area.selectionEnd) return close();
	const limit = preference("tac_maxResults", 8);
	const offers = await get(`api/v1/completions?limit=${limit}&text=${encodeURIComponent(piece.text.slice(0, 200))}`).catch(() => []);
	if (number === asked) show(area, piece, offers);
}

/** Arrows choose, Tab or Enter take, Escape closes; true if the key was for the list. */
function byKey(event) {
	if (!open || event.target !== open.area || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return false;
	const moves = { ArrowDown: 1, ArrowUp: -1 }[event.key];
	if (moves) choose(open.at < 0 && moves < 0 ? open.offers.length - 1 : open.at + moves);
	else if (event.key === "Tab" && !event.shiftKey) take(open.at);
	else if (event.key === "Enter" && open.at >= 0) take(open.at);
	else if (event.key === "Escape") close();
	else return false;
	return true;
}

/** Offer completions in every prompt, as long as the settings ask for it. */
export function completePrompts() {
	const areaOf = (event) => event.target.closest?.(".prompt textarea");
	document.addEventListener("input", (event) => {
		const area = areaOf(event);
		if (area && !taking && event.inputType !== "insertFromPaste" && event.isTrusted && preference("tac_active", true)) ask(area);
	});
	let warm = false;
	document.addEventListener("focusin", (event) => { // long lists are read before the first word is written
		if (warm || !areaOf(event) || !preference("tac_active", true)) return;
		warm = true;
		get("api/v1/completions?limit=1&text=a").catch(() => (warm = false));
	});
	document.addEventListener("keydown", (event) => {
		if (byKey(event)) {
			event.preventDefault();
			event.stopImmediatePropagation();
		} else if (open && ["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) close();
	}, true);
	document.addEventListener("focusout", (event) => areaOf(event) && setTimeout(() => document.activeElement !== open?.area && close(), 150));
	document.addEventListener("scroll", (event) => event.target !== open?.list && close(), true);
}
