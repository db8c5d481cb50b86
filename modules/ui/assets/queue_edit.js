// A waiting job is changed: the fields people correct most, in a dialog.

import { get, send } from "./api.js";
import { h, toast } from "./dom.js";
import { look } from "./jobs.js";

const FIELDS = [
	["prompt", "Prompt", "text"],
	["negative_prompt", "Negative prompt", "text"],
	["sampling.steps", "Sampling steps", "number"],
	["sampling.cfg_scale", "CFG Scale", "number"],
	["seeds.seed", "Seed", "number"],
	["size.width", "Width", "number"],
	["size.height", "Height", "number"],
	["batch.n_iter", "Batch count", "number"],
	["batch.batch_size", "Batch size", "number"],
];

const at = (record, path) => path.split(".").reduce((part, name) => part?.[name], record);

/** Put values by path into the nested form a request has. */
export function nested(values) {
	const record = {};
	for (const [path, value] of Object.entries(values)) {
		const names = path.split(".");
		const last = names.pop();
		const inner = names.reduce((part, name) => (part[name] ??= {}), record);
		inner[last] = value;
	}
	return record;
}

/** Show a waiting job's request and let it be changed. */
export async function editJob(id) {
	let job;
	try {
		job = await get(`api/v1/jobs/${id}`);
	} catch (error) {
		return toast(error.message, "error", error.hint);
	}
	const inputs = FIELDS.map(([path, label, kind]) => {
		const input = kind === "text" ? h("textarea", { rows: "2" }) : h("input", { type: "number", step: "any" });
		input.value = at(job.request, path) ?? "";
		return { path, kind, input, before: input.value, row: h(`label.field${kind === "text" ? ".wide" : ""}`, {}, h("span", {}, label), input) };
	});
	const dialog = h("dialog.easel-edit", { "aria-label": "Change the job", onclose: () => dialog.remove() },
		h("form", { onsubmit: (event) => save(event, id, inputs, dialog) },
			h("h2", {}, "Change the job"), h("div.fields", {}, inputs.map(({ row }) => row)),
			h("div.buttons", {}, h("button.easel-button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
				h("button.easel-button.primary", { type: "submit" }, "Change"))));
	document.body.append(dialog);
	dialog.showModal();
}

async function save(event, id, inputs, dialog) {
	event.preventDefault();
	const changed = inputs.filter(({ input, before }) => input.value !== before);
	const values = Object.fromEntries(changed.map(({ path, kind, input }) => [path, kind === "text" ? input.value : Number(input.value)]));
	try {
		if (changed.length) await send("PATCH", `api/v1/jobs/${id}`, { request: nested(values) });
		dialog.close();
	} catch (error) {
		toast(error.message, "error", error.hint);
	}
	look();
}
