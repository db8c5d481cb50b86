// The Extensions tab: what is installed, what is wrong with it, switches, and how to get more.

import { get, post, upload } from "./api.js";
import { h, toast } from "./dom.js";

const STATES = { on: "On", off: "Off", broken: "Switched off because it broke" };
const KINDS = { easel: "For Easel", a1111: "For A1111's webui" };

class Extensions extends HTMLElement {
	connectedCallback() {
		if (this.built) return;
		this.built = true;
		this.apply = h("button.easel-button.primary", { type: "button", id: "extensions_apply", onclick: () => this.reload() }, "Apply and load anew");
		this.said = h("p.extension-said", { role: "status" });
		this.list = h("ul.extension-list", { "aria-label": "Installed extensions" });
		this.source = h("input", { type: "text", id: "extensions_source", placeholder: "/home/me/extension.zip" });
		this.commit = h("input", { type: "text", id: "extensions_commit", placeholder: "newest" });
		this.file = h("input", { type: "file", id: "extensions_zip", accept: ".zip" });
		const install = h("button.easel-button", { type: "submit", id: "extensions_install" }, "Install");
		this.form = h("form.extension-install", { onsubmit: (event) => this.install(event) },
			h("h2", {}, "Install"),
			h("p", {}, "An extension is a program: whoever wrote it can do with this computer what you can. Nothing of it runs until you switch it on."),
			h("label", { for: "extensions_source" }, "Folder, zip or Git address"), this.source,
			h("label", { for: "extensions_commit" }, "Commit, for a Git address"), this.commit,
			h("label", { for: "extensions_zip" }, "Or a zip from this computer"), this.file, install);
		this.append(h("header", {}, h("h2", {}, "Installed"), this.apply), this.said, this.list, this.form);
		new IntersectionObserver((entries) => entries.some((one) => one.isIntersecting) && this.load()).observe(this);
	}

	async load() {
		await this.doing(async () => this.draw(await get("api/v1/extensions")));
	}

	async doing(work) {
		try {
			return await work();
		} catch (error) {
			toast(error.message, "error", error.hint);
		}
	}

	draw(rows) {
		this.rows = rows;
		const waiting = rows.some((row) => row.wanted !== (row.state !== "off"));
		this.said.textContent = waiting ? "Changes count once extensions are loaded anew." : "";
		this.list.replaceChildren(...rows.map((row) => this.row(row)));
		if (!rows.length) this.list.append(h("li", {}, "There are none yet."));
	}

	row(row) {
		const id = `extension_${row.name.replace(/\W/g, "_")}`;
		const box = h("input", { type: "checkbox", id, checked: row.wanted, onchange: () => this.switched(row, box.checked) });
		const facts = [row.version && `Version ${row.version}`, KINDS[row.kind], row.license, row.shipped && "Comes with Easel", row.commit && `Commit ${row.commit.slice(0, 8)}`];
		return h(`li.extension.${row.state}`, { id: `${id}_row` },
			h("div.extension-head", {}, box, h("label", { for: id, translate: "no" }, row.name), h("span.extension-state", {}, STATES[row.state])),
			row.description && h("p", {}, row.description),
			h("p.extension-facts", {}, facts.filter(Boolean).join(" · ")),
			row.hooks.length > 0 && h("p.extension-facts", {}, h("span", {}, "May use"), " ", row.hooks.join(", ")),
			row.problem && h("p.extension-problem", {}, row.problem),
			row.details && h("details", {}, h("summary", {}, "Details"), h("pre", {}, row.details)),
			row.missing.length > 0 && h("p.extension-problem", {}, h("span", {}, "Not in Easel, and asked for:"), " ", row.missing.join(", ")),
			row.notes.map((note) => h("p.extension-facts", {}, note)),
			h("p.extension-facts", {}, row.path),
			this.buttons(row));
	}

	buttons(row) {
		return h("div.extension-buttons", {},
			row.commit && h("button.easel-button", { type: "button", onclick: () => this.check(row) }, "Check for an update"),
			!row.shipped && h("button.easel-button", { type: "button", onclick: () => this.remove(row) }, "Remove"));
	}

	async switched(row, on) {
		await this.doing(async () => this.draw(await post("api/v1/extensions/switch", { name: row.name, on })));
	}

	async check(row) {
		await this.doing(async () => {
			const { commit } = await post("api/v1/extensions/check", { name: row.name });
			if (commit === row.commit) return toast("This is the newest commit.");
			if (!confirm(`Update ${row.name} from ${row.commit.slice(0, 8)} to ${commit.slice(0, 8)}?`)) return;
			await post("api/v1/extensions/update", { name: row.name, commit });
			toast("Updated. It counts once extensions are loaded anew.");
			await this.load();
		});
	}

	async remove(row) {
		if (!confirm(`Move ${row.name} to the trash of the extensions folder?`)) return;
		await this.doing(async () => {
			const { trash } = await post("api/v1/extensions/remove", { name: row.name });
			toast("Moved to the trash.", "info", trash);
			await this.load();
		});
	}

	async install(event) {
		event.preventDefault();
		await this.doing(async () => {
			const [file] = this.file.files;
			const source = this.source.value.trim();
			const { name } = file
				? await upload("api/v1/extensions/upload", file)
				: await post("api/v1/extensions/install", { source, commit: this.commit.value.trim() });
			toast("Installed, and switched off until you want it.", "info", name);
			this.form.reset();
			await this.load();
		});
	}

	async reload() {
		this.apply.disabled = true;
		this.said.textContent = "Loading…";
		const done = await this.doing(() => post("api/v1/extensions/reload", {}));
		if (done) location.reload();
		else this.apply.disabled = false;
	}
}

customElements.define("easel-extensions", Extensions);
