// The result panel: what is being drawn, what was drawn, and what can be done with it.

import { copyText, duration, h, icon, iconButton, say } from "./dom.js";
import { isActive, onJobs, state, stop } from "./jobs.js";
import { pictureButtons } from "./picture.js";
import { announce } from "./ending.js";
import { showLarge } from "./viewer.js";
import { preference } from "./preferences.js";

/** What the line above the picture says: [text, fraction or null, is it an error]. */
export function describe(job, sending) {
	if (sending) return ["Handing in…", null];
	if (!job) return ["", null];
	if (job.status === "waiting") return [`Waiting in the queue${job.position > 1 ? `, place ${job.position}` : ""}`, null];
	if (job.status !== "running") return ["", null];
	if (!job.step) return [waitsFor(job), null];
	const total = job.total ?? 0;
	const which = total > 1 ? `Picture ${Math.min(total, (job.images?.length ?? 0) + 1)} of ${total} · ` : "";
	const left = job.eta_s > 0.5 ? ` · ${duration(job.eta_s)} left` : "";
	return [`${which}Step ${job.step} of ${job.steps}${left}`, job.fraction ?? 0];
}

function waitsFor(job) {
	if (job.loading) return `Loading ${job.loading}…`;
	return state.engine?.state === "starting" ? "Starting the engine…" : "Preparing…";
}

const SPOKEN = { waiting: "Waiting", finished: "Finished", stopped: "Stopped", failed: "Failed" };

const BADGES = { grid: "grid", map: "map", "first pass": "before hires" };

class Results extends HTMLElement {
	connectedCallback() {
		if (!this.built) this.build();
		this.off = onJobs(() => this.update());
		this.keys = (event) => this.onKey(event);
		document.addEventListener("keydown", this.keys);
		this.update();
	}

	disconnectedCallback() {
		this.off?.();
		document.removeEventListener("keydown", this.keys);
	}

	build() {
		this.built = true;
		this.chosen = null; // id of the picture a person chose; null follows what is newest
		this.line = h("div.easel-line", {});
		this.spoken = h("div.easel-spoken", { role: "status", "aria-live": "polite" });
		this.percent = h("div.easel-percent", {});
		this.fill = h("div.fill", {});
		this.bar = h("div.easel-bar", { role: "progressbar", "aria-label": "Progress", "aria-valuemin": "0", "aria-valuemax": "100" }, this.fill);
		this.queue = h("div.easel-queue", {});
		this.note = h("div.easel-note", { role: "alert" });
		this.picture = h("img", { alt: "", draggable: "true", onclick: () => this.openLarge() });
		this.live = h("img.live", { alt: "The unfinished picture" });
		this.empty = h("div.easel-empty", {}, icon("picture"), h("p", {}, "Your pictures appear here."),
			h("p.hint", {}, "Write a prompt or click an example, then Generate."));
		this.stage = h("div.easel-stage", {}, this.picture, this.live, this.empty);
		this.actions = h("div.easel-actions", { role: "toolbar", "aria-label": "Picture" });
		this.strip = h("div.easel-strip", { id: "txt2img_gallery", role: "listbox", "aria-label": "Recent pictures" });
		this.recipe = h("div.easel-recipe", { id: "html_info_txt2img" });
		this.append(
			h("div.easel-head", {}, this.line, this.percent), this.spoken, this.bar, this.queue, this.note,
			this.stage, this.actions, this.strip, this.recipe,
		);
	}

	get shown() {
		return state.images.find((image) => image.id === this.chosen) ?? state.images.find(({ kind }) => kind !== "map") ?? state.images[0] ?? null;
	}

	update() {
		const { job, sending } = state;
		const active = isActive(job) || sending;
		document.body.classList.toggle("easel-running", active);
		if (active && this.lastJob !== job?.id) this.chosen = null;
		this.lastJob = job?.id;
		const [text, fraction] = describe(job, sending);
		this.showLine(active, text, fraction);
		this.speak(job, fraction);
		this.showQueue();
		this.showNotes(job);
		this.showStage(active && job?.preview && !this.chosen ? job.preview : null);
		this.showStrip(active);
		this.notifyEnding(job);
		document.title = fraction === null || !preference("show_progress_in_title", true) ? "Easel" : `[${Math.round(fraction * 100)}% ETA: ${duration(job.eta_s ?? 0)}] Easel`;
	}

	/** Say that a job watched from here has ended, to those who look elsewhere. */
	notifyEnding(job) {
		const watched = this.watched === job?.id;
		this.watched = isActive(job) ? job.id : null;
		if (watched && job?.status === "finished") announce();
	}

	showLine(active, text, fraction) {
		const offline = !state.online;
		this.classList.toggle("active", active || offline);
		const said = offline ? "The server does not answer; trying again…" : text;
		say(this.line, said);
		this.percent.textContent = fraction === null ? "" : `${Math.round(fraction * 100)}%`;
		this.bar.classList.toggle("unknown", active && fraction === null);
		this.fill.style.width = `${(fraction ?? 0) * 100}%`;
		if (fraction === null) this.bar.removeAttribute("aria-valuenow");
		else this.bar.setAttribute("aria-valuenow", String(Math.round(fraction * 100)));
	}

	/** For screen readers: quarters instead of every step. */
	speak(job, fraction) {
		const said = fraction !== null ? `${Math.floor(fraction * 4) * 25} percent done`
			: job && SPOKEN[job.status] ? SPOKEN[job.status] : "";
		say(this.spoken, said);
	}

	showQueue() {
		const mark = `${state.waitingCount}:${state.waiting.map((job) => job.id).join()}`;
		if (mark === this.queueMark) return;
		this.queueMark = mark;
		const rows = state.waiting.map((job) =>
			h("span.waiting", {}, h("span", {}, job.prompt || "Waiting job"),
				iconButton("close", "Take this job out of the queue", () => stop(job.id), true)));
		this.queue.replaceChildren(...(rows.length ? [h("b", {}, `${state.waitingCount} waiting`), ...rows] : []));
	}

	showNotes(job) {
		const notices = job?.notices ?? [];
		const mark = JSON.stringify([job?.id, job?.error, notices]);
		if (mark === this.noteMark) return;
		this.noteMark = mark;
		const close = () => this.note.replaceChildren();
		const cards = notices.map((text) => 
			h("div.card", {}, h("p", {}, text), iconButton("close", "Close", (event) => event.currentTarget.parentNode.remove(), true)));
		if (job?.error) {
			cards.push(h("div.card.error", {}, h("p", {}, h("b", {}, job.error.message)),
				job.error.hint && h("p", {}, job.error.hint),
				iconButton("copy", "Copy", () => copyText(`${job.error.message} ${job.error.hint ?? ""} (job ${job.id})`), true),
				iconButton("close", "Close", close, true)));
		}
		this.note.replaceChildren(...cards);
	}

	showStage(preview) {
		const image = this.shown;
		this.stage.classList.toggle("has-live", Boolean(preview));
		if (preview && this.livePath !== preview) this.swapLive(preview);
		if (!preview) this.livePath = null;
		this.empty.hidden = Boolean(image || preview || document.body.classList.contains("easel-running"));
		this.picture.hidden = !image || Boolean(preview);
		for (const part of [this.actions, this.recipe]) {
			part.hidden = !image && !preview; // its place is kept while drawing, so that nothing jumps
			part.classList.toggle("easel-ghost", Boolean(preview));
		}
		if (image?.id === this.stageId) return;
		this.stageId = image?.id;
		if (!image) return;
		this.picture.src = image.url;
		this.picture.alt = (image.infotext ?? "").split("\n")[0] || "Generated picture";
		this.actions.replaceChildren(...pictureButtons(image, { ids: true }), iconButton("expand", "Large view", () => this.openLarge(), true));
		this.recipe.replaceChildren(h("pre", {}, image.infotext ?? ""),
			iconButton("copy", "Copy recipe", () => copyText(image.infotext ?? "", "Recipe copied."), true));
	}

	/** Change the preview only when the next one is there, so that it never flickers. */
	async swapLive(path) {
		this.livePath = path;
		const next = new Image();
		next.src = path;
		try {
			await next.decode();
		} catch {
			return; // replaced by a newer one, or the job has ended
		}
		if (this.livePath !== path) return;
		this.live.src = path;
	}

	showStrip(active) {
		const tile = active ? `live:${state.job?.id}` : "";
		const mark = [tile, ...state.images.map((image) => image.id)].join();
		if (mark !== this.stripMark) {
			this.stripMark = mark;
			const tiles = state.images.map((image, at) => this.tile(image, state.images[at - 1]?.job !== image.job));
			const live = active && h("button.thumb.drawing", {
				type: "button", role: "option", "aria-label": "The picture being drawn", onclick: () => this.choose(null),
			}, h("span.pulse"));
			this.strip.replaceChildren(...[live, ...tiles].filter(Boolean));
		}
		const chosen = this.chosen ?? (active ? "" : this.shown?.id);
		for (const thumb of this.strip.children) {
			const is = (thumb.dataset.id ?? "") === chosen;
			thumb.setAttribute("aria-selected", String(is));
			thumb.tabIndex = is ? 0 : -1;
		}
	}

	tile(image, first) {
		return h(`button.thumb${first ? ".first" : ""}`, {
			type: "button", role: "option", "data-id": image.id, "aria-label": `Picture with seed ${image.seed}`,
			onclick: () => this.choose(image.id), ondblclick: () => this.openLarge(),
		}, h("img", { src: image.thumb, alt: "", loading: "lazy" }), BADGES[image.kind] && h("span.badge", {}, BADGES[image.kind]));
	}

	choose(id) {
		this.chosen = id;
		this.update();
		const thumb = this.strip.querySelector('[aria-selected="true"]');
		thumb?.scrollIntoView({ block: "nearest", inline: "nearest" });
		if (this.strip.contains(document.activeElement)) thumb?.focus();
	}

	step(by) {
		const at = state.images.findIndex((image) => image.id === this.shown?.id);
		const next = state.images[at + by];
		if (next) this.choose(next.id);
	}

	openLarge() {
		if (this.shown) showLarge(state.images, this.shown.id, (id) => this.choose(id));
	}

	onKey(event) {
		if (!this.contains(document.activeElement) || event.ctrlKey || event.altKey || event.metaKey) return;
		if (event.key === "ArrowLeft") this.step(-1);
		else if (event.key === "ArrowRight") this.step(1);
		else return;
		event.preventDefault();
	}
}

customElements.define("easel-results", Results);
