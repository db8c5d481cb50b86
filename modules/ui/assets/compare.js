// Two pictures, one over the other with a line to drag between them, and what their recipes differ in.

import { get } from "./api.js";
import { h, iconButton } from "./dom.js";

/** Show two pictures of the gallery, in the order given. Throws what the server says is wrong. */
export async function compare(one, other) {
	const { different } = await get(`api/v1/images/difference?one=${one.id}&other=${other.id}`);
	const dialog = h("dialog.easel-compare", { "aria-label": "Compare two pictures", onclose: () => dialog.remove() },
		h("header", {}, h("h2", {}, "Compare"), iconButton("close", "Close", () => dialog.close(), true)),
		stage(one, other), table(different));
	document.body.append(dialog);
	dialog.showModal();
	dialog.querySelector('input[type="range"]').focus();
}

/** The pictures, the second clipped at the line; the line follows the pointer and the arrow keys. */
function stage(one, other) {
	const slider = h("input", { type: "range", min: "0", max: "100", step: "0.5", "aria-label": "Where the line is", oninput: () => place() });
	slider.value = "50";
	const box = h("div.compare-stage", { style: `aspect-ratio: ${one.width} / ${one.height}` },
		h("img", { src: one.url, alt: "The first picture", draggable: "false" }),
		h("img.second", { src: other.url, alt: "The second picture", draggable: "false" }), h("div.line"), slider);
	const place = () => box.style.setProperty("--at", `${slider.value}%`);
	const follow = (event) => {
		const { left, width } = box.getBoundingClientRect();
		slider.value = String(Math.min(100, Math.max(0, ((event.clientX - left) / width) * 100)));
		place();
	};
	box.addEventListener("pointerdown", (event) => {
		event.preventDefault();
		slider.focus();
		box.setPointerCapture(event.pointerId);
		follow(event);
	});
	box.addEventListener("pointermove", (event) => box.hasPointerCapture(event.pointerId) && follow(event));
	place();
	return box;
}

function table(different) {
	if (!different.length) return h("p.same", {}, "Both have the same settings.");
	const rows = different.map((row) => h("tr", {}, h("th", { scope: "row" }, row.key), h("td", {}, row.one || "–"), h("td", {}, row.other || "–")));
	const head = h("tr", {}, h("td", {}), h("th", { scope: "col" }, "Left"), h("th", { scope: "col" }, "Right"));
	return h("div.easel-difference", {}, h("table", {}, h("thead", {}, head), h("tbody", {}, rows)));
}
