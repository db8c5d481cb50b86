// Right click on Generate: go on for ever, with a new seed each time, until told otherwise.

import { get, send } from "./api.js";
import { h, toast } from "./dom.js";
import { look } from "./jobs.js";

let wanted = false;

/** A job was taken; it goes on for ever if that was asked for. */
export async function makeForever(job) {
	if (!wanted) return;
	wanted = false;
	await change(job, true);
	toast("Goes on until you cancel it: right click on Generate, or the queue at the top.");
}

async function change(id, forever) {
	try {
		await send("PATCH", `api/v1/jobs/${id}`, { forever });
	} catch (error) {
		toast(error.message, "error", error.hint);
	}
	look();
}

const ROUNDS = 5;

/** Whatever goes on for ever is the last of its kind; one may end, and the next begin, while we look. */
async function cancel() {
	wanted = false;
	let found = 0;
	for (let round = 0; round < ROUNDS; round++) {
		const jobs = await get("api/v1/jobs?limit=200").catch(() => []);
		const endless = jobs.filter((job) => job.forever && ["running", "waiting"].includes(job.status));
		if (!endless.length) break;
		found += endless.length;
		await Promise.allSettled(endless.map(({ id }) => send("PATCH", `api/v1/jobs/${id}`, { forever: false })));
	}
	look();
	toast(found ? "The running job is the last." : "Nothing goes on for ever.");
}

let menu = null;

function show(event, tab) {
	menu ??= document.body.appendChild(h("div.easel-menu", { role: "menu", popover: "auto" }));
	const item = (name, act) => h("button", { type: "button", role: "menuitem", onclick: () => {
		menu.hidePopover();
		act();
	} }, name);
	const start = () => {
		wanted = true;
		const running = document.body.classList.contains("easel-running");
		document.getElementById(`${tab}_${running ? "enqueue" : "generate"}`)?.click();
	};
	menu.replaceChildren(item("Generate forever", start), item("Cancel generate forever", cancel));
	menu.style.left = `${Math.min(event.clientX, window.innerWidth - 220)}px`;
	menu.style.top = `${event.clientY}px`;
	menu.showPopover();
	menu.firstChild.focus();
}

document.addEventListener("contextmenu", (event) => {
	const box = event.target.closest?.("#txt2img_generate_box, #img2img_generate_box");
	if (!box || !event.target.closest("button:not(.tool)")) return;
	event.preventDefault();
	show(event, box.id.split("_")[0]);
});
