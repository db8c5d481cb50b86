// What a picture dropped or pasted anywhere is used for: its prompt, all of its recipe, or itself.

import { readRecipe } from "./api.js";
import { seenControls } from "./bridge.js";
import { h, iconButton, toast } from "./dom.js";
import { sendTo } from "./img2img.js";
import { promptsOf, restoreRecipe } from "./recipes.js";

/** Take both prompts into the tab that is seen, and nothing else. */
function usePrompt(recipe) {
	const { prompt, negative_prompt } = promptsOf(recipe.infotext) ?? { prompt: recipe.request.prompt, negative_prompt: recipe.request.negative_prompt };
	seenControls().setValues({ prompt, negative_prompt });
	toast("The prompt is taken.");
}

function useAll(recipe, file) {
	restoreRecipe(recipe.infotext);
	const left = recipe.unmapped?.length ? `Has no place here: ${recipe.unmapped.join("; ")}.` : "";
	toast(`Settings restored from ${file.name || "the clipboard"}.`, "info", left);
}

async function asImage(file) {
	const url = URL.createObjectURL(file);
	await sendTo(url, "img2img");
	URL.revokeObjectURL(url);
}

/** Ask what a file is for, as far as there is a choice. */
export async function offerFile(file) {
	try {
		const recipe = await readRecipe(file);
		if (!file.type.startsWith("image/")) {
			if (!recipe.infotext) return toast("No recipe was found in this file.", "error");
			return useAll(recipe, file);
		}
		ask(recipe, file);
	} catch (error) {
		toast(error.message, "error", error.hint);
	}
}

function ask(recipe, file) {
	const way = (id, name, work, kind = "") => h(`button.easel-button${kind}`, {
		id: `dropped_${id}`, type: "button",
		onclick: () => {
			dialog.close();
			work();
		},
	}, name);
	const says = recipe.infotext
		? `${recipe.program ? `Drawn by ${recipe.program}. ` : ""}${recipe.infotext.slice(0, 200)}`
		: "This picture carries no recipe.";
	const dialog = h("dialog.easel-edit.dropped", { "aria-label": "What to do with this picture", onclose: () => dialog.remove() },
		h("header.row", {}, h("h2", {}, "Use this picture"), iconButton("close", "Close", () => dialog.close(), true)),
		h("p.hint", {}, says),
		h("div.buttons", {},
			way("image", "As image", () => asImage(file)),
			recipe.infotext !== "" && way("prompt", "Use prompt", () => usePrompt(recipe)),
			recipe.infotext !== "" && way("all", "Use all", () => useAll(recipe, file), ".primary")));
	dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
	document.body.append(dialog);
	dialog.showModal();
	dialog.querySelector(".buttons button:last-child").focus();
}
