// Begins everything that is ours on the page; what Gradio calls is in `window.easel`.

import { gradio, pictureControls, setValues, valueOf } from "./bridge.js";
import { handOver, handedIn } from "./img2img.js";
import { follow, sending, skip, state, stop, watch } from "./jobs.js";
import { listenToKeys } from "./keys.js";
import { reuseSeed, applyText, takeFiles } from "./recipes.js";
import { listModels } from "./presets.js";
import { countTokens, helpOnHover, sizesByPaste } from "./prompt.js";
import { toast } from "./dom.js";
import "./hires.js";
import "./results.js";
import "./status.js";
import "./history.js";
import "./pnginfo.js";
import "./settings.js";
import "./standstill.js";

/** The seed of the picture shown in the result panel. */
function shownImage() {
	return document.querySelector("easel-results")?.shown;
}

function reuse(path) {
	const image = shownImage();
	if (!image) return toast("There is no picture yet.");
	if (path === "seeds.seed") reuseSeed(image);
	else setValues({ [path]: String(image.seed) });
}

/** Empty both prompts; pressing again within a few seconds brings them back. */
let cleared = null;
function clearPrompts() {
	const now = { prompt: valueOf("prompt") ?? "", negative_prompt: valueOf("negative_prompt") ?? "" };
	if (now.prompt || now.negative_prompt) {
		cleared = now;
		setValues({ prompt: "", negative_prompt: "" });
		toast("Prompts cleared. Press Clear again to bring them back.");
	} else if (cleared) {
		setValues(cleared);
		cleared = null;
	}
}

document.addEventListener("click", (event) => {
	if (!event.target.closest?.("#txt2img_generate, #txt2img_enqueue, #img2img_generate, #img2img_enqueue")) return;
	if (state.online) return sending(true);
	event.stopPropagation();
	unheard();
}, true);

/** What a handler on the server said: a job to follow, notices, or what went wrong. */
function heard(text) {
	const said = JSON.parse(text || "{}");
	if (said.error) {
		sending(false);
		toast(said.error, "error", said.hint);
	}
	if (said.job) {
		follow(said.job);
		handedIn();
	}
	for (const notice of said.notices ?? []) toast(notice);
	if ("models" in said) {
		listModels(true);
		toast(said.models === 1 ? "1 checkpoint found." : `${said.models} checkpoints found.`);
	}
}

function unheard() {
	sending(false);
	toast("The server did not answer.", "error", "Nothing was lost; try again in a moment.");
}

/** What the buttons of img2img do with its own controls. */
const img2img = {
	...pictureControls.gradio,
	set: (given) => pictureControls.setValues(given),
	applyText: () => pictureControls.restore({ infotext: String(pictureControls.valueOf("prompt") ?? "") }),
	reuse: (path) => {
		const image = shownImage();
		if (image) pictureControls.setValues({ [path]: String(image.seed) });
		else toast("There is no picture yet.");
	},
};

window.easel = {
	...gradio, img2img, handOver, heard, unheard, applyText, clearPrompts, reuse, set: setValues, stop: () => stop(), skip: () => skip(), state,
};

watch();
listenToKeys();
takeFiles();
countTokens();
helpOnHover();
document.addEventListener("paste", sizesByPaste, true);
window.dispatchEvent(new Event("easel:ready"));
