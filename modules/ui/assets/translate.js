// The page in another language: every text that comes into the page passes through here once.
//
// The server sends a table of English texts. Texts are replaced where they stand, so whoever writes
// one, a part of this page, Gradio or an extension, needs to know nothing about it. What people
// wrote themselves is left alone: whatever is marked translate="no", and what is typed into.

const APART = '[translate="no"], textarea, script, style, code, pre, kbd, [contenteditable="true"], ul.options, .cm-editor';
const SAID = ["title", "placeholder", "aria-label", "alt", "aria-valuetext", "aria-roledescription"];
const HOLE = /\{(\d)\}/g;
const WORD = /\p{L}/u;
const REMEMBERED = 4000;

export const { language, words } = await fetch("easel/words", { cache: "no-store" })
	.then((answer) => (answer.ok ? answer.json() : { language: "", words: {} }))
	.catch(() => ({ language: "", words: {} }));

const whole = new Map();
const patterns = [];
for (const [english, other] of Object.entries(words)) {
	HOLE.lastIndex = 0;
	if (HOLE.test(english)) patterns.push(patternOf(english, other));
	else whole.set(english.trim(), other);
}
patterns.sort((one, two) => two.length - one.length);

/** Every English text that was asked for; what a template for translators is made of. */
export const seen = new Set();
const known = new Map();

/** "{0} of {1} tensors" as something that recognises "3 of 20 tensors". */
function patternOf(english, other) {
	const holes = [];
	const source = english.trim().replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(HOLE, (_, number) => {
		holes.push(number);
		return "([^]+?)";
	});
	return { length: english.length, recognise: new RegExp(`^${source}$`), holes, other };
}

/** A text in the page's language; as it is where nobody has translated it. */
export function t(text) {
	const plain = text.trim();
	if (!plain || !WORD.test(plain)) return text;
	if (seen.size < REMEMBERED) seen.add(plain);
	const found = known.get(plain) ?? look(plain);
	return found === plain ? text : text.replace(plain, () => found);
}

function look(plain) {
	let found = whole.get(plain);
	if (found === undefined && plain.includes("\n")) { // lines one by one, where each is known
		const lines = plain.split("\n");
		const others = lines.map(t);
		if (others.every((line, at) => line !== lines[at])) return others.join("\n");
	}
	for (const { recognise, holes, other } of found === undefined ? patterns : []) {
		const match = recognise.exec(plain);
		if (!match) continue;
		found = other.replace(HOLE, (_, number) => {
			const part = match[holes.indexOf(number) + 1] ?? "";
			return part === plain ? part : t(part);
		});
		break;
	}
	if (found === undefined && plain.includes("\n")) found = plain.split("\n").map(t).join("\n");
	found ??= plain;
	if (known.size > REMEMBERED) known.clear();
	known.set(plain, found);
	return found;
}

const written = new WeakMap(); // what was put in place, so that it is not taken for English

function replaceText(node) {
	const said = node.data;
	if (written.get(node) === said || node.parentElement?.closest(APART)) return;
	const other = t(said);
	if (other === said) return;
	written.set(node, other);
	node.data = other;
}

function replaceAttributes(element) {
	if (element.closest('[translate="no"]')) return;
	for (const name of SAID) {
		const said = element.getAttribute(name);
		if (!said || written.get(element)?.[name] === said) continue;
		const other = t(said);
		if (other === said) continue;
		written.set(element, { ...written.get(element), [name]: other });
		element.setAttribute(name, other);
	}
}

function replaceBelow(root) {
	if (root.nodeType === Node.TEXT_NODE) return replaceText(root);
	if (root.nodeType !== Node.ELEMENT_NODE) return;
	const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
	for (let node = root; node; node = walker.nextNode()) {
		if (node.nodeType === Node.TEXT_NODE) replaceText(node);
		else replaceAttributes(node);
	}
}

function replaceChanged(changes) {
	for (const { type, target, addedNodes } of changes) {
		if (type === "childList") for (const node of addedNodes) replaceBelow(node);
		else if (type === "attributes") replaceAttributes(target);
		else replaceText(target);
	}
}

/** Begin; where the page stays English, nothing is watched. */
function begin() {
	if (!language) return;
	const tag = language.replace("_", "-");
	document.documentElement.lang = /^[a-z]{2,3}(-[A-Za-z0-9]+)*$/.test(tag) ? tag : "und";
	replaceBelow(document.body);
	new MutationObserver(replaceChanged).observe(document.body, {
		subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: SAID,
	});
}

begin();

/** A file to translate from: every text seen so far, as A1111's localizations are. */
export function template() {
	return JSON.stringify(Object.fromEntries([...seen].sort().map((text) => [text, whole.get(text) ?? ""])), null, 2);
}
