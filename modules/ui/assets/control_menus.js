// Preprocessors, models and kinds of control, as the server lists them.

import { get } from "./api.js";

let listed = null;

/** What there is to choose from; asked for once, or `again`. */
export function controlMenus(again = false) {
	if (again || !listed) listed = get(`api/v1/control${again ? "?refresh=true" : ""}`);
	listed.catch(() => (listed = null));
	return listed;
}
