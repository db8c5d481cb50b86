// Everything that brings a recipe into the controls: a dropped or pasted file, a picture's buttons.

import { get } from "./api.js";
import { ask, pictureControls, restore, seenControls, showTab } from "./bridge.js";
import { h, toast } from "./dom.js";
import { offerFile } from "./dropped.js";
import { sendTo, useMode } from "./img2img.js";
import { resizeTo } from "./picture_size.js";
import { sending } from "./jobs.js";
import { preference } from "./preferences.js";

const PICTURE = /^image\/|^text\/plain$/;

/** Which tab drew a picture, by its recipe: "txt2img", or "img2img" if it began with a picture. */
export function tabOf(infotext) {
	const facts = infotext.slice(infotext.lastIndexOf("\nSteps: ") + 1);
	const again = /(^|, )Hires (upscale|upscaler|resize): /.test(facts);
	return /(^|, )Denoising strength: /.test(facts) && !again ? "img2img" : "txt2img";
}

/** Bring a recipe into the controls of the tab it is of. `picture` is the gallery's id, if it has one. */
export function restoreRecipe(infotext, picture = "") {
	const tab = tabOf(infotext);
	if (tab === "img2img") {
		if (/, Mask blur: /.test(infotext)) useMode("inpaint");
		resizeTo();
		pictureControls.restore({ infotext, picture });
	} else {
		restore({ infotext, picture });
	}
	showTab(tab);
}

/** Set all controls as they were for a picture. */
export function reuse(image) {
	if (!image.infotext) return toast("This picture carries no recipe.", "error");
	restoreRecipe(image.infotext, image.id);
	toast("Settings restored.");
}

/** Draw the second pass over a finished picture, with the hires settings of txt2img. */
export function enlarge(image) {
	sending(true);
	ask("enlarge", { picture: image.id });
}

/** What a recipe says first: both prompts and the steps. */
export function promptsOf(infotext) {
	const found = /^([^]*?)(?:\n?Negative prompt: ([^]*?))?\n?Steps: (\d+), /.exec(infotext);
	return found && { prompt: found[1], negative_prompt: found[2] ?? "", "sampling.steps": Number(found[3]) };
}

/** Go on with a finished picture in img2img; one drawn from text brings its prompts and its seed along. */
export function goOn(image, mode) {
	const said = tabOf(image.infotext ?? "") === "txt2img" && promptsOf(image.infotext ?? "");
	if (said) pictureControls.setValues(preference("send_seed", true) ? { ...said, "seeds.seed": String(image.seed) } : said);
	return sendTo(image.url, mode);
}

/** Lay a finished picture into Extras. */
export function toExtras(image) {
	window.dispatchEvent(new CustomEvent("easel:extras", { detail: image }));
	showTab("Extras");
}

/** Set only the seed, in the tab that is seen. */
export function reuseSeed(image) {
	seenControls().setValues({ "seeds.seed": String(image.seed) });
	toast(`Seed ${image.seed} is used again.`);
}

/** The arrow button: the text in the prompt, or the newest picture's recipe if there is none. */
export async function applyText(controls) {
	const text = String(controls.valueOf("prompt") ?? "");
	if (text.trim()) return controls.restore({ infotext: text });
	const [newest] = await get("api/v1/images?limit=1");
	if (newest) reuse(newest);
	else toast("Paste a recipe into the prompt first.");
}

/** Take files dropped anywhere and pictures pasted anywhere, unless a part has its own place for them. */
export function takeFiles() {
	const veil = document.body.appendChild(
		h("div.easel-veil", { hidden: true }, h("p", {}, "Drop a picture to use it or its settings")),
	);
	const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
	const own = (event) => event.target.closest?.("easel-pnginfo, easel-source, easel-extras, .control-pictures");
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
		offerFile(event.dataTransfer.files[0]);
	};
	window.addEventListener("drop", drop, true);
	window.addEventListener("paste", (event) => {
		const file = [...(event.clipboardData?.files ?? [])].find((item) => PICTURE.test(item.type));
		if (file && !own(event)) offerFile(file);
	});
}
