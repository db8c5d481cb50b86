// Light or dark: by the address (?__theme=dark), by --theme, by the settings, or as the system has it.

import { preference } from "./preferences.js";

const KEY = "easel.theme"; // what the settings said last, so that the page need not blink
const system = matchMedia("(prefers-color-scheme: dark)");

function wished() {
	const said = new URLSearchParams(location.search).get("__theme");
	if (said === "light" || said === "dark") return said;
	const started = document.querySelector('meta[name="easel-theme"]')?.content;
	if (started) return started;
	try {
		const wish = preference("theme", localStorage.getItem(KEY) ?? "Automatic");
		localStorage.setItem(KEY, wish);
		return wish;
	} catch {
		return preference("theme", "Automatic");
	}
}

function paint() {
	const wish = wished();
	const dark = wish === "dark" || (wish !== "light" && system.matches);
	document.body.classList.toggle("dark", dark);
	document.documentElement.style.colorScheme = dark ? "dark" : "light";
}

paint();
system.addEventListener("change", paint);
window.addEventListener("easel:preferences", paint);
