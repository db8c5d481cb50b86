// Everything that brings a recipe into the controls: a dropped or pasted file, a picture's buttons.

import { get, readRecipe } from "./api.js";
import { restore, setValues, showTab, valueOf } from "./bridge.js";
import { h, toast } from "./dom.js";

const PICTURE = /^image\/|^text\/plain$/;

/** Set all controls as they were for a picture. */
export function reuse(image) {
	if (!image.infotext) return toast("This picture carries no recipe.", "error");
	restore({ infotext: image.infotext });
	showTab("txt2img");
	toast("Settings restored.");
}

/** Set only the seed. */
export function reuseSeed(image) {
	setValues({ "seeds.seed": String(image.seed) });
	toast(`Seed ${image.seed} is used again.`);
}

/** Read a file's recipe and set the controls. */
export async function restoreFrom(file) {
	try {
		const recipe = await readRecipe(file);
		if (!recipe.infotext) return toast("No recipe was found in this file.", "error");
		restore({ infotext: recipe.infotext });
		showTab("txt2img");
		toast(`Settings restored from ${file.name || "the clipboard"}.`);
	} catch (error) {
		toast(error.message, "error", error.hint);
	}
}

/** The arrow button: the text in the prompt, or the newest picture's recipe if there is none. */
export async function applyText() {
	const text = String(valueOf("prompt") ?? "");
	if (text.trim()) return restore({ infotext: text });
	const [newest] = await get("api/v1/images?limit=1");
	if (newest) reuse(newest);
	else toast("Paste a recipe into the prompt first.");
}

/** Take files dropped anywhere and pictures pasted anywhere, unless a part has its own place for them. */
export function takeFiles() {
	const veil = document.body.appendChild(
		h("div.easel-veil", { hidden: true }, h("p", {}, "Drop a picture to restore its settings")),
	);
	const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
	const own = (event) => event.target.closest?.("easel-pnginfo, easel-source");
	let depth = 0;
	const show = (is) => (veil.hidden = !is);
	window.addEventListener("dragenter", (event) => {
		if (carriesFiles(event)) show(++depth > 0 && !own(event));
	});
	window.addEventListener("dragleave", (event) => {
		if (carriesFiles(event)) show((depth = Math.max(0, depth - 1)) > 0 && !veil.hidden);
	});
	window.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
	const drop = (event) => {
		if (!carriesFiles(event)) return;
		depth = 0;
		show(false);
		if (own(event)) return;
		event.preventDefault();
		event.stopPropagation();
		restoreFrom(event.dataTransfer.files[0]);
	};
	window.addEventListener("drop", drop, true);
	window.addEventListener("paste", (event) => {
		const file = [...(event.clipboardData?.files ?? [])].find((item) => PICTURE.test(item.type));
		if (file && !own(event)) restoreFrom(file);
	});
}
