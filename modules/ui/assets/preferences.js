// What the owner's settings say about the page itself, as last read from the server.

import { get } from "./api.js";

let known = {};

/** A setting by its name; `usual` until the server has answered. */
export const preference = (name, usual) => known[name] ?? usual;

/** Read all settings again: when the page opens, and after some were changed. */
export async function readPreferences() {
	known = await get("sdapi/v1/options").catch(() => known);
	window.dispatchEvent(new Event("easel:preferences"));
}
