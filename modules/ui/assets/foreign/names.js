// What page scripts written for A1111's webui call. A classic script: its names are everybody's.
// Loaded only where an extension that works has page scripts.

"use strict";

var uiUpdateCallbacks = [];
var uiAfterUpdateCallbacks = [];
var uiLoadedCallbacks = [];
var uiTabChangeCallbacks = [];
var optionsChangedCallbacks = [];
var optionsAvailableCallbacks = [];
var uiCurrentTab = null;
var localization = {};
var opts = {};

function gradioApp() {
	var root = document.getElementsByTagName("gradio-app")[0] || document;
	if (root !== document && !root.getElementById) root.getElementById = function (id) { return document.getElementById(id); };
	return root.shadowRoot || root;
}

function get_uiCurrentTab() {
	return document.querySelector("#tabs > .tab-wrapper button.selected, #tabs > .tab-nav > button.selected");
}

function get_uiCurrentTabContent() {
	return [...document.querySelectorAll('#tabs > [id^="tab_"]')].find((pane) => pane.offsetParent !== null) || null;
}

function runCallbacks(list, argument) {
	for (var callback of list) {
		try {
			callback(argument);
		} catch (error) {
			console.error("A page script of an extension failed:", callback, error);
		}
	}
}

function onUiUpdate(callback) { uiUpdateCallbacks.push(callback); }
function onAfterUiUpdate(callback) { uiAfterUpdateCallbacks.push(callback); }
function onUiTabChange(callback) { uiTabChangeCallbacks.push(callback); }
function onOptionsChanged(callback) { optionsChangedCallbacks.push(callback); }

function onUiLoaded(callback) {
	if (easelForeign.loaded) runCallbacks([callback]);
	else uiLoadedCallbacks.push(callback);
}

function onOptionsAvailable(callback) {
	if (Object.keys(opts).length) runCallbacks([callback]);
	else optionsAvailableCallbacks.push(callback);
}

/** Let the page know that a script changed what a field holds. */
function updateInput(target) {
	target.dispatchEvent(new Event("input", { bubbles: true }));
}

function onEdit(id, element, pause, callback) {
	var timer = null;
	element.addEventListener("input", function () {
		clearTimeout(timer);
		timer = setTimeout(callback, pause);
	});
	return function () { clearTimeout(timer); };
}

function requestGet(url, data, ok, failed) {
	fetch(url + "?" + new URLSearchParams(data)).then((answer) => answer.json()).then(ok, failed || (() => {}));
}

function getTranslation(text) { return localization[text]; }
function randomId() { return "task(" + Math.random().toString(36).slice(2) + ")"; }

function localSet(key, value) {
	try { localStorage.setItem(key, value); } catch (error) { console.warn(error); }
}
function localGet(key, usual) {
	try { return localStorage.getItem(key) ?? usual; } catch { return usual; }
}
function localRemove(key) {
	try { localStorage.removeItem(key); } catch (error) { console.warn(error); }
}

function args_to_array(args) { return [...args]; }

function get_tab_index(id) {
	var buttons = [...document.querySelectorAll("#" + id + " > .tab-wrapper [role=tab]")];
	return Math.max(0, buttons.findIndex((button) => button.classList.contains("selected")));
}

function easelShowTab(title) {
	var all = '#tabs > .tab-wrapper :is([role="tab"], .overflow-dropdown button)';
	[...document.querySelectorAll(all)].find((button) => button.textContent.trim() === title)?.click();
}
function switch_to_txt2img() { easelShowTab("txt2img"); }
function switch_to_img2img() { easelShowTab("img2img"); }
function switch_to_inpaint() { easelShowTab("img2img"); }
function switch_to_extras() { easelShowTab("Extras"); }

function all_gallery_buttons() {
	return [...document.querySelectorAll("easel-results .thumbs button")];
}
function selected_gallery_button() {
	return all_gallery_buttons().find((button) => button.getAttribute("aria-current") || button.classList.contains("selected")) || null;
}
function selected_gallery_index() { return all_gallery_buttons().indexOf(selected_gallery_button()); }

function submit() { document.getElementById("txt2img_generate")?.click(); }
function submit_img2img() { document.getElementById("img2img_generate")?.click(); }

function popup(content) {
	closePopup();
	var dialog = document.createElement("dialog");
	dialog.className = "global-popup";
	dialog.append(content);
	dialog.addEventListener("close", function () { dialog.remove(); });
	document.body.append(dialog);
	dialog.showModal();
}
function closePopup() { document.querySelector("dialog.global-popup")?.close(); }

function setRandomSeed(id) {
	var input = document.querySelector("#" + id + " input, #" + id + " textarea");
	if (input) {
		input.value = "-1";
		updateInput(input);
	}
	return [];
}

var easelForeign = {
	loaded: false,
	records: [],
	scheduled: false,
	after: null,

	async readOptions() {
		try {
			var answer = await fetch("sdapi/v1/options");
			opts = await answer.json();
		} catch (error) {
			console.warn("Options could not be read for page scripts of extensions:", error);
			return;
		}
		runCallbacks(optionsAvailableCallbacks.splice(0));
		runCallbacks(optionsChangedCallbacks);
	},

	changed(records) {
		this.records.push(...records);
		if (this.scheduled) return;
		this.scheduled = true;
		setTimeout(() => this.tell(), 50);
	},

	tell() {
		this.scheduled = false;
		var records = this.records.splice(0);
		if (!this.loaded && document.querySelector("#txt2img_prompt textarea")) {
			this.loaded = true;
			runCallbacks(uiLoadedCallbacks.splice(0));
		}
		runCallbacks(uiUpdateCallbacks, records);
		clearTimeout(this.after);
		this.after = setTimeout(() => runCallbacks(uiAfterUpdateCallbacks), 200);
		var tab = get_uiCurrentTab();
		if (tab && tab !== uiCurrentTab) {
			uiCurrentTab = tab;
			runCallbacks(uiTabChangeCallbacks);
		}
	},

	begin() {
		new MutationObserver((records) => this.changed(records)).observe(document.body, { childList: true, subtree: true });
		this.changed([]);
		this.readOptions();
		window.addEventListener("easel:options", () => this.readOptions());
	},
};

if (document.body) easelForeign.begin();
else document.addEventListener("DOMContentLoaded", () => easelForeign.begin());
