// What runs and what was drawn, the same in every tab: a view of the server's journal.

import { get, post, Hints } from "./api.js";
import { toast, throttled } from "./dom.js";

const RECENT = 48;
const ACTIVE = new Set(["running", "waiting"]);

/** `job`: the one shown (running, else newest); `waiting`: how many wait; `images`: newest first. */
export const state = { job: null, waiting: [], images: [], online: true, sending: false };

const changes = new EventTarget();
let wanted = null;
let endings = new Set();

export const onJobs = (listener) => {
	changes.addEventListener("change", listener);
	return () => changes.removeEventListener("change", listener);
};

const tell = () => changes.dispatchEvent(new Event("change"));

export const isActive = (job) => Boolean(job) && ACTIVE.has(job.status);

/** Follow the job that this page has just handed in. */
export function follow(id) {
	state.sending = false;
	if (!id) return tell();
	wanted = id;
	look();
}

/** Say at once that something is on its way, before the server has answered. */
export function sending(is) {
	state.sending = is;
	tell();
}

export const stop = (id = state.job?.id) => id && press(id, "stop");
export const skip = (id = state.job?.id) => id && press(id, "skip");

async function press(id, what) {
	try {
		await post(`api/v1/jobs/${id}/${what}`);
	} catch (error) {
		toast(error.message, "error", error.hint);
	}
	look();
}

async function refresh() {
	try {
		const jobs = list(await get("api/v1/jobs?limit=20"), "jobs");
		const running = jobs.find((job) => job.status === "running");
		const waiting = jobs.filter((job) => job.status === "waiting");
		const newest = jobs.find((job) => job.id === wanted) ?? jobs[0];
		const shown = running ?? waiting.at(-1) ?? newest;
		state.waiting = waiting.filter((job) => job.id !== shown?.id);
		const job = shown ? await get(`api/v1/jobs/${shown.id}`) : null;
		await noteImages(job);
		state.job = job;
		state.online = true;
		hints.listen(isActive(job) ? `api/v1/jobs/${job.id}/events` : "api/v1/events");
	} catch (error) {
		state.online = error.status !== 0;
		if (state.online) console.error(error);
	}
	tell();
}

/** Keep the strip of recent pictures in step; ask for it only when a picture was added. */
async function noteImages(job) {
	const mark = `${job?.id}:${job?.images?.length ?? 0}:${isActive(job)}`;
	if (endings.has(mark) && state.images.length) return;
	state.images = list(await get(`api/v1/images?limit=${RECENT}`), "images");
	endings = new Set([mark]);
}

/** Leave a picture out of the strip (it was deleted). */
export function dropImage(id) {
	state.images = state.images.filter((image) => image.id !== id);
	tell();
}

const list = (answer, name) => (Array.isArray(answer) ? answer : (answer[name] ?? []));

let busy = false;
let again = false;

async function oneAtATime() {
	if (busy) {
		again = true;
		return;
	}
	busy = true;
	await refresh();
	busy = false;
	if (again) {
		again = false;
		look();
	}
}

const look = throttled(oneAtATime, 200);
const hints = new Hints(look);

/** Begin to watch the server. */
export function watch() {
	hints.listen("api/v1/events");
	look();
}
