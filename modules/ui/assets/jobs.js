// What runs and what was drawn, the same in every tab: a view of the server's journal.

import { get, post, Hints } from "./api.js";
import { toast, throttled } from "./dom.js";

const RECENT = 48;
const NAMED = 5; // waiting jobs shown by name
const ACTIVE = new Set(["running", "waiting"]);

/** `job`: the one shown (running, else the last); `waiting`: the first few; `images`: newest first. */
export const state = {
	job: null, waiting: [], waitingCount: 0, images: [], engine: null, queue: null, online: true, sending: false,
};

const PATIENCE = 30000; // ms

const changes = new EventTarget();
let patience = null;
let wanted = null;
let awaited = null;
let noted = "";

export const onJobs = (listener) => {
	changes.addEventListener("change", listener);
	return () => changes.removeEventListener("change", listener);
};

const tell = () => changes.dispatchEvent(new Event("change"));

export const isActive = (job) => Boolean(job) && ACTIVE.has(job.status);

/** Follow the job that this page has just handed in; it is on its way until it is seen in the line. */
export function follow(id) {
	if (!id) return sending(false);
	wanted = awaited = id;
	look();
}

/** Say at once that something is on its way, before the server has answered; not for ever. */
export function sending(is) {
	state.sending = is;
	clearTimeout(patience);
	if (is) patience = setTimeout(() => sending(false), PATIENCE);
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
		const status = await get("api/v1/status");
		state.engine = status.engine;
		state.queue = { paused: status.paused, trouble: status.trouble };
		const active = [...status.running, ...status.waiting];
		wanted = status.running[0] ?? wanted;
		const shown = active[0] ?? wanted ?? (await newest());
		const job = shown ? await get(`api/v1/jobs/${shown}`) : null;
		await noteWaiting(active.slice(1));
		await noteImages(job);
		state.job = job;
		state.online = true;
		if (awaited && (job?.id === awaited || active.includes(awaited))) {
			awaited = null;
			sending(false);
		}
		hints.listen(isActive(job) ? `api/v1/jobs/${job.id}/events` : "api/v1/events");
	} catch (error) {
		if (error.status === 404) wanted = null; // the job is no longer known; look for another
		state.online = error.status !== 0;
		if (state.online) console.error(error);
		else state.sending = false;
	}
	tell();
}

async function newest() {
	const [job] = await get("api/v1/jobs?limit=1");
	return job?.id;
}

/** Learn what the first few waiting jobs are; the rest are only counted. */
async function noteWaiting(ids) {
	const known = new Map(state.waiting.map((job) => [job.id, job]));
	state.waitingCount = ids.length;
	state.waiting = await Promise.all(
		ids.slice(0, NAMED).map((id) => known.get(id) ?? get(`api/v1/jobs/${id}`)),
	);
}

/** Keep the strip of recent pictures in step; ask for it only when a picture was added. */
async function noteImages(job) {
	const mark = `${job?.id}:${job?.images?.length ?? 0}:${isActive(job)}`;
	if (mark === noted) return;
	state.images = await get(`api/v1/images?limit=${RECENT}`);
	noted = mark;
}

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

/** Ask the server again soon. */
export { look };

/** Begin to watch the server. */
export function watch() {
	hints.listen("api/v1/events");
	look();
}
