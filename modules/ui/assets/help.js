// The Help tab in the reader's language, where there is one; a text is not put together of words.

import { language } from "./translate.js";

const OURS = ["zh-Hans", "ja"];

class Help extends HTMLElement {
	async connectedCallback() {
		if (this.done || !OURS.includes(language)) return;
		this.done = true;
		const answer = await fetch(new URL(`help.${language}.html`, import.meta.url)).catch(() => null);
		if (!answer?.ok) return; // the English text stays
		this.querySelector("article").innerHTML = await answer.text();
	}
}

customElements.define("easel-help", Help);
