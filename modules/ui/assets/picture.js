// What can be done with one finished picture.

import { iconButton } from "./dom.js";
import { sendTo } from "./img2img.js";
import { reuse, reuseSeed } from "./recipes.js";

/** The name a picture is downloaded under. */
export const fileName = (image) => image.name ?? `${image.id}-${image.seed}.png`;

export function download(image) {
	const link = document.createElement("a");
	link.href = image.url;
	link.download = fileName(image);
	link.click();
}

/** Buttons for a picture, most used first. */
export function pictureButtons(image) {
	return [
		iconButton("download", "Download", () => download(image)),
		iconButton("reuse", "Reuse settings", () => reuse(image)),
		iconButton("seed", "Reuse seed", () => reuseSeed(image)),
		iconButton("picture", "To img2img", () => sendTo(image.url, "img2img")),
		iconButton("brush", "Inpaint", () => sendTo(image.url, "inpaint")),
		iconButton("open", "Open in a new tab", () => window.open(image.url, "_blank", "noopener"), true),
	];
}
