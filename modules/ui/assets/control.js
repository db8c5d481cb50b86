// ControlNet on a tab: units behind tabs of their own, and one text on the form that holds them all.

import { post } from "./api.js";
import { pictureControls, showTab, textControls } from "./bridge.js";
import { controlMenus } from "./control_menus.js";
import { UnitPanel, freshUnit, takesPart } from "./control_unit.js";
import { h, toast } from "./dom.js";

const NAME = "control";
const MOST = 10;

class Control extends HTMLElement {
	connectedCallback() {
		if (this.units) return;
		this.tab = this.getAttribute("tab");
		this.controls = this.tab === "img2img" ? pictureControls : textControls;
		this.fields = JSON.parse(this.getAttribute("fields"));
		this.units = Array.from({ length: Number(this.getAttribute("units")) }, () => freshUnit(this.fields));
		this.least = this.units.length;
		this.at = 0;
		this.said = "";
		this.build();
		this.controls.onChange((values, changed) => changed.has(NAME) && this.show(values[NAME]));
	}

	build() {
		this.badge = h("span.badge", { hidden: true });
		this.tabs = h("div.chips.control-units", { role: "tablist", "aria-label": "ControlNet units", onkeydown: (event) => this.walk(event) });
		this.place = h("div", { role: "tabpanel", id: `${this.tab}_controlnet_unit` });
		this.box = h("details.control-box", { ontoggle: () => this.opened() },
			h("summary", {}, h("span", {}, "ControlNet"), this.badge), this.tabs, this.place);
		this.replaceChildren(this.box);
		this.drawTabs();
	}

	/** The menus are asked for when they are first seen. */
	async opened() {
		if (!this.box.open || this.panel) return;
		this.panel = new UnitPanel(this);
		this.place.replaceChildren(this.panel.element);
		try {
			this.panel.setMenus(await controlMenus());
		} catch (error) {
			toast(error.message, "error", error.hint);
		}
		this.choose(this.at);
	}

	drawTabs() {
		const buttons = this.units.map((unit, at) => h("button.chip", {
			type: "button", role: "tab", id: `${this.tab}_controlnet_tab_${at}`, "aria-controls": this.place.id,
			"aria-selected": String(at === this.at), tabIndex: at === this.at ? 0 : -1,
			onclick: () => this.choose(at),
		}, `Unit ${at}`, takesPart(unit) && h("span.dot", { "aria-label": "on" })));
		this.tabs.replaceChildren(...buttons);
		const on = this.units.filter(takesPart).length;
		this.badge.hidden = !on;
		this.badge.textContent = on === 1 ? "1 unit" : `${on} units`;
	}

	/** Left and right walk the units. */
	walk(event) {
		const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
		if (!step) return;
		this.choose((this.at + step + this.units.length) % this.units.length);
		this.tabs.children[this.at].focus();
	}

	choose(at) {
		this.at = at;
		this.drawTabs();
		this.place.setAttribute("aria-labelledby", `${this.tab}_controlnet_tab_${at}`);
		this.panel?.show(this.units[at]);
	}

	/** The unit on view changed. */
	changed(unit) {
		this.units[this.at] = unit;
		this.drawTabs();
		this.tell();
	}

	tell() {
		const text = textOf(this.units, this.fields);
		if (text === this.said) return;
		this.said = text;
		this.controls.setValues({ [NAME]: text });
	}

	/** The form says which units are meant: a draft, or a picture's settings. */
	show(text) {
		if ((text || "") === this.said) return;
		this.said = text || "";
		const given = readUnits(text);
		const count = Math.min(MOST, Math.max(this.least, given.length));
		this.units = Array.from({ length: count }, (_, at) => ({ ...freshUnit(this.fields), ...given[at] }));
		this.at = Math.min(this.at, count - 1);
		if (this.units.some(takesPart)) this.box.open = true;
		this.choose(this.at);
	}

	/** Take a picture into the first unit that has none. */
	take(picture) {
		const free = this.units.findIndex((unit) => !unit.picture);
		this.units[free < 0 ? this.at : free] = { ...this.units[free < 0 ? this.at : free], ...picture, mask: "", enabled: true };
		this.box.open = true;
		this.choose(free < 0 ? this.at : free);
		this.tell();
		this.box.scrollIntoView({ block: "nearest" });
		this.tabs.children[this.at].focus({ preventScroll: true });
	}
}

/** What the form holds; nothing while no unit differs from a fresh one. */
function textOf(units, fields) {
	const fresh = JSON.stringify(freshUnit(fields));
	const last = units.findLastIndex((unit) => JSON.stringify(unit) !== fresh);
	return last < 0 ? "" : JSON.stringify(units.slice(0, last + 1));
}

function readUnits(text) {
	try {
		const units = JSON.parse(text || "[]");
		return Array.isArray(units) ? units : [];
	} catch {
		return [];
	}
}

/** Lay a finished picture into a unit of the tab that is seen, or of txt2img. */
export async function toControl(image) {
	const seen = document.getElementById("img2img_page")?.offsetParent ? "img2img" : "txt2img";
	try {
		const kept = await post(`api/v1/control/pictures/of-image/${image.id}`);
		showTab(seen);
		document.querySelector(`easel-control[tab="${seen}"]`)?.take(kept);
	} catch (error) {
		toast(error.message, "error", error.hint);
	}
}

customElements.define("easel-control", Control);
