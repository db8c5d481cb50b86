// Begins everything that is ours on the page; what Gradio calls is in `window.easel`.

import { template } from "./translate.js";
import { pictureControls, textControls } from "./bridge.js";
import { completePrompts } from "./complete.js";
import { makeForever } from "./forever.js";
import { handOver, handedIn } from "./img2img.js";
import { follow, sending, skip, state, stop, watch } from "./jobs.js";
import { listenToKeys } from "./keys.js";
import { applyText, takeFiles } from "./recipes.js";
import { listModels } from "./presets.js";
import { countTokens, helpOnHover, sizesByPaste } from "./prompt.js";
import { toast } from "./dom.js";
import { readPreferences } from "./preferences.js";
import "./control.js";
import "./describe.js";
import { beInstallable } from "./pwa.js";
import "./hires.js";
import "./help.js";
import "./simple.js";
import "./theme.js";
import "./extensions.js";
import "./extras.js";
import "./merger.js";
import "./preflight.js";
import "./queue.js";
import "./quick.js";
import "./results.js";
import "./scripts.js";
import "./sheet.js";
import "./status.js";
import "./styles.js";
import "./words.js";
import "./history.js";
import "./models.js";
import "./pnginfo.js";
import "./settings.js";
import "./standstill.js";

/** The seed of the picture shown in the result panel. */
function shownImage() {
	return document.querySelector("easel-results")?.shown;
}

/** What the buttons beside one tab's controls do with them. */
function partOf(controls) {
	let cleared = null;
	return {
		...controls.gradio,
		set: (given) => controls.setValues(given),
		applyText: () => applyText(controls),
		reuse: (path) => {
			const image = shownImage();
			if (image) controls.setValues({ [path]: String(image.seed) });
			else toast("There is no picture yet.");
		},
		/** Empty both prompts; pressing again brings them back. */
		clearPrompts: () => {
			const [prompt, negative_prompt] = ["prompt", "negative_prompt"].map((path) => controls.valueOf(path) ?? "");
			if (prompt || negative_prompt) {
				cleared = { prompt, negative_prompt };
				controls.setValues({ prompt: "", negative_prompt: "" });
				toast("Prompts cleared. Press Clear again to bring them back.");
			} else if (cleared) {
				controls.setValues(cleared);
				cleared = null;
			}
		},
	};
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
		makeForever(said.job);
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

window.easel = {
	...partOf(textControls), img2img: partOf(pictureControls), handOver, heard, translationTemplate: template, unheard, stop: () => stop(), skip: () => skip(), state,
};

watch();
listenToKeys();
takeFiles();
readPreferences();
beInstallable();
countTokens();
completePrompts();
helpOnHover();
document.addEventListener("paste", sizesByPaste, true);
window.dispatchEvent(new Event("easel:ready"));
