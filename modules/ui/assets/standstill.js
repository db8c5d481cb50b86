// A banner that says why nothing is drawn: a paused queue, or a disk that takes no pictures.

import { post } from "./api.js";
import { h, toast } from "./dom.js";
import { look, onJobs, state } from "./jobs.js";

const banner = h("div.easel-standstill", { role: "alert", hidden: true });

async function resume() {
	await post("api/v1/queue/resume").catch((error) => toast(error.message, "error", error.hint));
	look();
}

function update() {
	const { trouble = "", paused = "" } = state.queue ?? {};
	const mark = `${trouble}|${paused}`;
	if (banner.dataset.mark === mark) return;
	banner.dataset.mark = mark;
	banner.hidden = !trouble && !paused;
	banner.replaceChildren(
		h("span", {}, trouble ? `Drawing waits. ${trouble}` : `The queue is paused. ${paused}`),
		!trouble && h("button.easel-button", { type: "button", onclick: resume }, "Resume") || "",
	);
}

document.body.prepend(banner);
onJobs(update);
