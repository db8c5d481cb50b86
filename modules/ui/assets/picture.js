// What can be done with one finished picture.

import { post } from "./api.js";
import { toControl } from "./control.js";
import { iconButton, toast } from "./dom.js";
import { enlarge, goOn, reuse, reuseSeed, toExtras } from "./recipes.js";
import { share } from "./share.js";

/** The name a picture is downloaded under. */
export const fileName = (image) => image.name ?? `${image.id}-${image.seed}.png`;

export function download(image) {
	const link = document.createElement("a");
	link.href = image.url;
	link.download = fileName(image);
	link.click();
}

/** Copy a picture into the folder of those that are kept. */
async function keep(image) {
	try {
		const { names } = await post("api/v1/images/save", { ids: [image.id] });
		toast(`Saved: ${names.join(", ")}`);
	} catch (error) {
		toast(error.message, "error", error.hint);
	}
}

/** Draw a picture again and say whether it comes out the same, and if not, why. */
async function verify(image) {
	toast("Drawing it again…");
	try {
		const { outcome, sentence, causes } = await post(`api/v1/images/verify?id=${image.id}`);
		toast(sentence, outcome === "identical" || outcome === "same composition" ? "info" : "error", causes.map(({ text }) => text).join(" "));
	} catch (error) {
		toast(error.message, "error", error.hint);
	}
}

/** What can be done, most used first: icon, name, work, and the id the button has below the result. */
const ACTIONS = [
	["download", "Download", download, "txt2img_download"],
	["reuse", "Reuse settings", reuse, "txt2img_reuse"],
	["seed", "Reuse seed", reuseSeed, "txt2img_reuse_result_seed"],
	["sparkles", "Upscale", enlarge, "txt2img_upscale"],
	["picture", "To img2img", (image) => goOn(image, "img2img"), "txt2img_send_to_img2img"],
	["brush", "Inpaint", (image) => goOn(image, "inpaint"), "txt2img_send_to_inpaint"],
	["larger", "Extras", toExtras, "txt2img_send_to_extras"],
];
const QUIET = [
	["control", "To ControlNet", toControl, "txt2img_send_to_controlnet"],
	["keep", "Save a copy", keep, "save_txt2img"],
	["check", "Verify: draw it again and compare", verify, "verify_txt2img"],
	["open", "Open in a new tab", (image) => window.open(image.url, "_blank", "noopener"), "txt2img_open"],
];

const PLOT = ["larger", "Open the plot", (image) => window.open(`api/v1/images/${image.id}/plot.html`, "_blank", "noopener"), "txt2img_open_plot"];

/** Whether a picture is a plot, with a page beside it to zoom through. */
const isPlot = (image) => image.kind === "grid" && /, Script: X\/Y\/Z plot\b/.test(image.infotext ?? "");
const SHARE = ["share", "Share a copy", share];

/** Buttons for a picture; only those below the result have the ids that scripts look for. `few` is for narrow places. */
export function pictureButtons(image, { ids = false, few = false } = {}) {
	const make = (quiet) => ([glyph, name, act, id]) => {
		const button = iconButton(glyph, name, () => act(image), quiet);
		if (ids) button.id = id;
		return button;
	};
	const plot = isPlot(image) ? [make(false)(PLOT)] : [];
	const usual = few && plot.length ? ACTIONS.filter(([, name]) => name !== "Extras") : ACTIONS; // as many as others have
	return [...plot, ...usual.map(make(false)), ...(few ? [] : [...QUIET, ...(ids ? [] : [SHARE])].map(make(true)))];
}

/** Leave only the icon of a button, and its name for screen readers. */
export function onlyIcon(button) {
	const name = button.querySelector("span:not(.icon-glyph)");
	if (name) {
		button.setAttribute("aria-label", name.textContent);
		button.classList.add("quiet");
		name.remove();
	}
	return button;
}
