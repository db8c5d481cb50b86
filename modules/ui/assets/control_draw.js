// Drawing a control picture, or the mask of one, on a canvas of its own.

import { Canvas } from "./canvas/canvas.js";
import { h, iconButton } from "./dom.js";

/**
 * Let people draw on a picture, or on an empty one of `size`.
 * @param {string} address of the picture; empty for none
 * @param {string} mask address of the mask it has; empty for none
 * @param {{width: number, height: number}} size of an empty one
 * @returns {Promise<{picture: ?Blob, mask: ?Blob} | null>} what changed; null if they gave up
 */
export function drawOn(address, mask, size) {
	return new Promise((resolve) => {
		let answer = null;
		const place = h("div.control-canvas", {});
		const done = h("button.easel-button.primary", { type: "button", onclick: () => finish() }, "Use the drawing");
		const dialog = h("dialog.easel-edit.control-draw", { "aria-label": "Draw a control picture", onclose: () => leave() },
			h("header.row", {}, h("h2", {}, "Draw a control picture"), iconButton("close", "Close", () => dialog.close(), true)),
			place,
			h("div.buttons", {}, h("button.easel-button", { type: "button", onclick: () => canvas.setBlank(size.width, size.height, "#ffffff") }, "Empty picture"), done));
		document.body.append(dialog);
		dialog.showModal();
		const canvas = new Canvas(place, { layers: ["paint", "mask"], blankSize: size, label: "Control picture" });
		let base = null; // the picture it began with
		const begin = async () => {
			await canvas.setBase(address);
			base = canvas.document.base;
			if (mask) await canvas.setMask(mask);
		};
		if (address) begin();
		else canvas.setBlank(size.width, size.height, "#ffffff").then(() => canvas.store.set({ layer: "paint", color: "#000000", size: 6 }));

		async function finish() {
			if (canvas.size()) {
				const changed = !address || canvas.hasPaint() || canvas.document.base !== base;
				answer = {
					picture: changed ? await canvas.exportInit() : null,
					mask: canvas.hasMask() ? await canvas.exportMask() : null,
				};
			}
			dialog.close();
		}

		function leave() {
			canvas.destroy();
			dialog.remove();
			resolve(answer);
		}
	});
}
