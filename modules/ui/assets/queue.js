// The queue at the side of the page: what runs, what waits in which order, what has ended.

import { get, post, send } from "./api.js";
import { h, icon, iconButton, toast } from "./dom.js";
import { isActive, look, onJobs, skip, state, stop } from "./jobs.js";
import { editJob } from "./queue_edit.js";

const KNOWN = 200; // newest jobs asked for
const ENDED = 12; // shown

/** The button in the header, with how many jobs there are to do. */
class QueueButton extends HTMLElement {
	connectedCallback() {
		this.count = h("span.count", {});
		this.replaceChildren(h("button.easel-button.quiet", {
			type: "button", id: "easel_queue_button", title: "Queue", "aria-label": "Queue", onclick: () => panel().toggle(),
		}, icon("queue"), this.count));
		this.off = onJobs(() => {
			const running = isActive(state.job) ? 1 : 0;
			this.count.textContent = running + state.waitingCount || "";
		});
	}

	disconnectedCallback() {
		this.off?.();
	}
}

let made = null;
const panel = () => (made ??= new Panel());

class Panel {
	constructor() {
		this.pause = iconButton("pause", "Pause the queue", () => this.ask(state.queue?.paused ? "queue/resume" : "queue/pause"), true);
		this.stopAll = iconButton("stop", "Stop all jobs", () => this.ask("jobs/stop"), true);
		this.why = h("p.why", { role: "status" });
		this.lists = h("div.lists", {});
		this.root = h("aside.easel-sheet", { id: "easel_queue", hidden: true, "aria-label": "Queue", onkeydown: (event) => this.onKey(event) },
			h("header", {}, h("h2", {}, "Queue"), this.pause, this.stopAll, iconButton("close", "Close", () => this.toggle(), true)), this.why, this.lists);
		document.body.append(this.root);
		onJobs(() => this.update());
	}

	toggle() {
		this.root.hidden = !this.root.hidden;
		document.getElementById("easel_queue_button")?.setAttribute("aria-expanded", String(!this.root.hidden));
		if (this.root.hidden) return document.getElementById("easel_queue_button")?.focus();
		this.update();
		this.root.querySelector("button").focus();
	}

	onKey(event) {
		if (event.key !== "Escape") return;
		event.stopPropagation();
		this.toggle();
	}

	/** Do something to the queue or a job, and look what became of it. */
	async ask(path, body = {}, method = "POST") {
		try {
			await send(method, `api/v1/${path}`, body);
		} catch (error) {
			toast(error.message, "error", error.hint);
		}
		look();
	}

	async update() {
		if (this.root.hidden) return;
		const [queue, jobs] = await Promise.all([get("api/v1/queue"), get(`api/v1/jobs?limit=${KNOWN}`)]).catch(() => []);
		if (!jobs) return;
		const byId = new Map(jobs.filter((job) => !job.parent).map((job) => [job.id, job]));
		const running = queue.running.map((id) => byId.get(id)).filter(Boolean);
		const waiting = queue.waiting.map((id) => byId.get(id)).filter(Boolean);
		const ended = jobs.filter((job) => !job.parent && !isActive(job)).slice(0, ENDED);
		this.paused(queue);
		const parts = [
			this.section("Drawing", running.map((job) => this.running(job)), "Nothing is being drawn."),
			this.section(waiting.length ? `Waiting (${waiting.length})` : "Waiting", waiting.map((job, at) => this.waiting(job, at, waiting)), "Nothing waits."),
			this.section("Done", ended.map((job) => this.ended(job)), ""),
		];
		this.replace(parts);
	}

	paused({ paused, trouble }) {
		this.why.textContent = trouble || (paused ? `No job is begun. ${paused}` : "");
		const name = paused ? "Resume the queue" : "Pause the queue";
		if (this.pause.title === name) return;
		this.pause.replaceChildren(icon(paused ? "play" : "pause"));
		this.pause.title = name;
		this.pause.setAttribute("aria-label", name);
	}

	/** Draw the lists anew; the button that had the focus has it again. */
	replace(parts) {
		const focused = this.lists.contains(document.activeElement) ? document.activeElement : null;
		const mark = focused && [focused.closest("[data-id]")?.dataset.id, focused.title];
		this.lists.replaceChildren(...parts);
		if (mark) this.lists.querySelector(`[data-id="${mark[0]}"] [title="${CSS.escape(mark[1])}"]`)?.focus();
	}

	section(title, rows, nothing) {
		return h("section", {}, h("h3", {}, title), rows.length ? h("ol", {}, rows) : nothing && h("p.nothing-here", {}, nothing));
	}

	row(job, facts, buttons, more = []) {
		const first = h("div.what", {}, h("b", { translate: job.prompt ? "no" : undefined }, job.prompt || "(no prompt)"), h("span", {}, facts.filter(Boolean).join(" · ")));
		return h("li", { "data-id": job.id }, first, h("div.tools", {}, buttons), more);
	}

	button(job, glyph, name, act, pressed) {
		const made = iconButton(glyph, name, act, true);
		if (pressed !== undefined) made.setAttribute("aria-pressed", String(pressed));
		return made;
	}

	forever(job) {
		return this.button(job, "forever", "Again and again, with new seeds", () => this.ask(`jobs/${job.id}`, { forever: !job.forever }, "PATCH"), job.forever);
	}

	running(job) {
		const bar = h("div.easel-bar", { style: "display:block" }, h("div.fill", { style: `width:${job.fraction * 100}%` }));
		const facts = [`${job.images.length} of ${job.total}`, job.loading && `loading ${job.loading}`, job.step && `step ${job.step} of ${job.steps}`];
		return this.row(job, facts, [
			this.forever(job), this.button(job, "skip", "Skip this batch", () => skip(job.id)), this.button(job, "stop", "Stop", () => stop(job.id)),
		], bar);
	}

	waiting(job, at, all) {
		const before = all[at - 1]?.id;
		const after = all[at + 2]?.id;
		const move = (place) => this.ask(`jobs/${job.id}/move`, place);
		const buttons = [
			before && this.button(job, "up", "Earlier", () => move({ before })),
			at < all.length - 1 && this.button(job, "down", "Later", () => move(after ? { before: after } : { to: "back" })),
			this.button(job, "edit", "Edit", () => editJob(job.id)),
			this.button(job, job.held ? "play" : "pause", job.held ? "Let it go on" : "Hold back", () => this.ask(`jobs/${job.id}`, { held: !job.held }, "PATCH"), job.held),
			this.forever(job),
			this.button(job, "copy", "Duplicate", () => this.ask(`jobs/${job.id}/duplicate`, { new_seed: true })),
			this.button(job, "close", "Take out", () => stop(job.id)),
		];
		const row = this.row(job, [pictures(job), job.held && "held back", job.person], buttons.filter(Boolean));
		row.classList.toggle("held", job.held);
		return this.draggable(row, job, all, move);
	}

	/** Rows are dragged to their place. */
	draggable(row, job, all, move) {
		row.draggable = true;
		row.addEventListener("dragstart", (event) => event.dataTransfer.setData("application/x-easel-job", job.id));
		row.addEventListener("dragover", (event) => event.dataTransfer.types.includes("application/x-easel-job") && event.preventDefault());
		row.addEventListener("drop", (event) => {
			event.preventDefault();
			const dragged = event.dataTransfer.getData("application/x-easel-job");
			const [from, to] = [dragged, job.id].map((id) => all.findIndex((one) => one.id === id));
			const next = all[to + 1]?.id;
			if (from < 0 || from === to) return;
			const place = from > to ? { before: job.id } : next ? { before: next } : { to: "back" };
			this.ask(`jobs/${dragged}/move`, place);
		});
		return row;
	}

	ended(job) {
		const said = { finished: "finished", stopped: "stopped", failed: job.error?.message ?? "failed" }[job.status];
		const row = this.row(job, [pictures(job), said], [
			this.button(job, "reuse", "Draw it again", () => this.ask(`jobs/${job.id}/duplicate`, { new_seed: true })),
		]);
		row.classList.toggle("failed", job.status === "failed");
		return row;
	}
}

const pictures = (job) => (job.total === 1 ? "1 picture" : `${job.total} pictures`);

customElements.define("easel-queue-button", QueueButton);
