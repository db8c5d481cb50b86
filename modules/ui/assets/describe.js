// The buttons that write a prompt for the picture on img2img's canvas.

import { examine } from "./api.js";
import { pictureControls } from "./bridge.js";
import { toast } from "./dom.js";
import { canvasPicture } from "./img2img.js";

const DESCRIBERS = { interrogate: "describe?by=clip", deepbooru: "describe?by=deepdanbooru" };

async function describe(button) {
	const picture = await canvasPicture();
	if (!picture) {
		toast("There is no picture to describe.", "error", "Put one on the canvas. For many pictures, Extras writes captions.");
		return;
	}
	const { text } = await examine(DESCRIBERS[button.id], picture);
	if (text) pictureControls.setValues({ prompt: text });
	else toast("Nothing was recognised.", "info", "A lower score for tags may help: see Settings.");
}

document.addEventListener("click", async (event) => {
	const button = event.target.closest?.("#interrogate, #deepbooru");
	if (!button) return;
	const both = Object.keys(DESCRIBERS).map((id) => document.getElementById(id));
	for (const one of both) one.disabled = true;
	button.setAttribute("aria-busy", "true");
	try {
		await describe(button);
	} catch (error) {
		toast(error.message, "error", error.hint);
	}
	button.removeAttribute("aria-busy");
	for (const one of both) one.disabled = false;
});
