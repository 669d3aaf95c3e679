// SPDX-License-Identifier: MIT
// The view of all segments.

import { bar, h, link, section, setText, table, text } from "./dom.js";
import { ago, bytes, duration, hashOf, integer } from "./figures.js";

// Whose page it is, below all views.
function about(data) {
	setText(document.getElementById("about"),
		`zeroipcd ${data.daemon.version}, running for ` +
		`${duration(data.daemon.uptime_s)} as ${data.daemon.user}; you are ` +
		`${data.client.user ?? "not known to it"}.`);
}

export function allSegments() {
	const open = table("Segments", [
		link("Name", hashOf),
		bar("Used", (it) => ({
			part: Number(it.used_bytes), whole: Number(it.size_bytes),
			label: `${bytes(it.used_bytes)} of ${bytes(it.size_bytes)}`,
		})),
		text("In memory", (it) => bytes(it.resident_bytes), "num"),
		text("Structures", (it) => integer(it.entries), "num"),
		text("Processes", (it) => integer(it.participants_alive), "num"),
		text("Owner", (it) => it.owner),
		text("Mode", (it) => it.mode, "mono"),
		text("Created", (it) => ago(it.created), "soft"),
	]);
	const closed = table("Not readable", [
		text("Name", (it) => it.name, "name"),
		text("Size", (it) => bytes(it.size_bytes), "num"),
		text("Owner", (it) => it.owner),
		text("Mode", (it) => it.mode, "mono"),
		text("Why, and what to do", (it) => it.message, "prose"),
	]);
	const empty = h("div.empty", null,
		h("h2", null, "No segments yet"),
		h("p", null, "A segment appears here as soon as a process " +
			"creates one. From a shell:"),
		h("pre", { tabindex: 0 },
			"zeroipc create hello --size 1M\n" +
			"zeroipc create hello/greetings --kind queue " +
			"--type bytes:32 --capacity 16\n" +
			"zeroipc push hello/greetings '\"good morning\"'"));
	const first = section("Segments", open);
	const second = section("Not readable", closed);
	const root = h("div", null, first, empty, second);

	return {
		root,
		url: () => "/segments?int64=string",
		update(data) {
			first.count(data.segments.length);
			second.count(data.unreadable.length);
			first.hidden = !data.segments.length;
			second.hidden = !data.unreadable.length;
			empty.hidden = Boolean(data.segments.length);
			open.show(data.segments, (it) => it.href);
			closed.show(data.unreadable, (it) => it.href);
			about(data);
		},
	};
}
