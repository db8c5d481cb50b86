// As an app: the page can be installed, and its scripts and styles are at hand before the server answers.

/** Let the worker keep static files; browsers allow one on https and on this computer alone. */
export function beInstallable() {
	if (!("serviceWorker" in navigator) || !window.isSecureContext) return;
	navigator.serviceWorker.register("easel-worker.js").catch((error) => console.info("No worker:", error.message));
}
