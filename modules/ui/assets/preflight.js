// What the job will cost, below Generate: asked for again when the controls or the line change.

import { post } from "./api.js";
import { pictureControls, textControls } from "./bridge.js";
import { debounced, h, say, sizeText } from "./dom.js";
import { onJobs, state } from "./jobs.js";

const PAUSE = 400; // ms without a change before the server is asked
const PLAIN = [
	"sampling.sampler", "sampling.schedule", "sampling.steps", "sampling.cfg_scale", "size.width", "size.height",
	"batch.batch_size", "batch.n_iter", "refiner.checkpoint",
];
const SECOND = [
	"hires.upscaler", "hires.scale", "hires.resize_x", "hires.resize_y", "hires.steps", "hires.sampler", "hires.schedule",
	"hires.checkpoint", "hires.cfg_scale",
];
const FEW = 3; // jobs from which an error says something
const ADVANCED = /^(options|faces|afterwards|pictures)\./;
const RESTS_ON = {
	measured: "Learned from jobs like this on this machine.",
	similar: "Guessed from jobs somewhat like this.",
	guess: "A guess: nothing like it was drawn here yet.",
};

const given = (value) => value !== undefined && value !== null && value !== "";

/** What a hidden control holds as JSON; `empty` for anything else. */
function parsed(text, empty) {
	try {
		return JSON.parse(text) ?? empty;
	} catch {
		return empty;
	}
}

/** The part of a form that decides what a job costs. Of the prompt only how many prompts it is. */
export function costly(values, checkpoint, fromPicture) {
	const request = { prompt: Array((values.prompt ?? "").split(/\bAND\b/).length).fill("a").join(" AND ") };
	const put = (path, value) => {
		if (!given(value)) return;
		const names = path.split(".");
		const last = names.pop();
		let part = request;
		for (const name of names) part = part[name] ??= {};
		part[last] = value;
	};
	put("models.checkpoint", checkpoint);
	for (const path of PLAIN) put(path, values[path]);
	if (values.hires) for (const path of SECOND) put(path, values[path]);
	if (fromPicture) put("img2img.denoising_strength", values["img2img.denoising_strength"] ?? 0.75);
	const sheet = parsed(values.advanced, {}).values ?? {};
	for (const [path, value] of Object.entries(sheet)) if (ADVANCED.test(path)) put(path, value);
	const script = parsed(values.script, null);
	if (script?.name) request.script = script;
	const units = parsed(values.control, []);
	return { request, units: Array.isArray(units) ? units.filter((unit) => unit.enabled).length : 0 };
}

/** Seconds as people speak of what is to come: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min. */
export function timeText(seconds) {
	if (seconds < 9.95) return `${Math.max(0.1, seconds).toFixed(1)} s`;
	const whole = Math.round(seconds);
	if (whole < 60) return `${whole} s`;
	const minutes = Math.floor(whole / 60);
	if (minutes < 60) return `${minutes} min ${whole % 60} s`;
	const hours = Math.floor(minutes / 60);
	return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} days`;
}

const percent = (share) => `${Math.round(share * 100)}%`;

/** What stands below the button, one text for each number. */
function said(told) {
	const word = told.basis === "guess" ? "Roughly" : "About";
	return [
		`${word} ${timeText(told.seconds)}`,
		told.wait_s > 0.5 && `after ${timeText(told.wait_s)} of waiting`,
		`${sizeText((told.device_memory ?? told.memory).bytes)} of memory`,
		told.disk.bytes > 0 && `${sizeText(told.disk.bytes)} on disk`,
	].filter(Boolean);
}

function details(told) {
	const { accuracy, load_s, low, high } = told;
	return [
		`Between ${timeText(low)} and ${timeText(high)}.`,
		load_s > 0 && `Reading the model takes ${timeText(load_s)} of it.`,
		RESTS_ON[told.basis],
		accuracy.jobs >= FEW && `Estimates of time were off by ${percent(accuracy.seconds)}, the median of ${accuracy.jobs} jobs.`,
		`${sizeText(told.memory.free)} of memory are free, and ${sizeText(told.disk.free)} on the disk.`,
	].filter(Boolean).join("\n");
}

function warnings(told) {
	const needs = ({ bytes, free }) => `about ${sizeText(bytes)} are needed, ${sizeText(free)} are free.`;
	return [
		told.memory.lacks && `Memory may not do: ${needs(told.memory)}`,
		told.device_memory?.lacks && `The graphics card's memory may not do: ${needs(told.device_memory)}`,
		told.disk.lacks && `The disk may not do: ${needs(told.disk)}`,
	].filter(Boolean);
}

class Preflight extends HTMLElement {
	connectedCallback() {
		if (this.cost) return;
		this.tab = this.getAttribute("tab");
		this.controls = this.tab === "img2img" ? pictureControls : textControls;
		this.cost = h("span.cost", { id: `${this.tab}_cost` });
		this.warning = h("span.warning", { role: "status" });
		this.replaceChildren(this.cost, this.warning);
		const ask = debounced(() => this.ask(), PAUSE);
		for (const controls of new Set([this.controls, textControls])) controls.onChange(ask);
		onJobs(() => this.lineChanged() && ask());
		document.addEventListener("visibilitychange", ask);
		new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && ask()).observe(this);
	}

	/** Whether something happened in the line or in the engine that makes a difference. */
	lineChanged() {
		const { job, waitingCount, engine, queue } = state;
		const now = JSON.stringify([job?.id, job?.status, waitingCount, engine?.loaded, engine?.state === "cold", queue?.paused]);
		const changed = now !== this.line;
		this.line = now;
		if (changed) this.asked = null;
		return changed;
	}

	async ask() {
		if (document.hidden || !this.offsetParent || !state.online) return;
		const checkpoint = textControls.valueOf("models.checkpoint");
		const body = costly(this.controls.values, checkpoint, this.tab === "img2img");
		const asked = JSON.stringify(body);
		if (asked === this.asked) return;
		this.asked = asked;
		const told = await post("api/v1/preflight", body).catch(() => null); // the form will say what is wrong
		if (asked === this.asked) this.show(told);
	}

	show(told) {
		document.getElementById(`${this.tab}_generate`)?.setAttribute("aria-describedby", this.cost.id);
		const parts = told ? said(told) : [];
		while (this.cost.children.length < parts.length) this.cost.append(h("span"));
		while (this.cost.children.length > parts.length) this.cost.lastChild.remove();
		parts.forEach((part, at) => say(this.cost.children[at], part));
		this.cost.title = told ? details(told) : "";
		this.dataset.basis = told?.basis ?? "";
		say(this.warning, told ? warnings(told).join(" ") : "");
	}
}

customElements.define("easel-preflight", Preflight);
