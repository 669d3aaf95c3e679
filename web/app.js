// SPDX-License-Identifier: MIT
//
// The page: one view at a time, chosen by the part of the address after #.
//
//   #/                  all segments              segments.js
//   #/NAME              a segment                 segment.js
//   #/NAME/STRUCTURE    a structure               structure.js
//                       ?from=100 to page
//
// Once a second the view's document is fetched and shown.

import { h, setText } from "./dom.js";
import { allSegments } from "./segments.js";
import { oneSegment } from "./segment.js";
import { oneStructure } from "./structure.js";

const PERIOD_MS = 1000;
const PATIENCE_MS = 5000;

const main = document.getElementById("main");
const statusLine = document.getElementById("status");
let view = null;
let turn = 0;
let timer = 0;

function route() {
	const [path, query] = (location.hash.slice(1) || "/").split("?");
	const parts = path.split("/").slice(1).filter((part) => part);
	const asked = new URLSearchParams(query || "").get("from") || "";
	const from = /^[0-9]{1,20}$/.test(asked) ? BigInt(asked) : 0n;

	crumbs(parts);
	if (parts.length === 0)
		return allSegments();
	if (parts.length === 1)
		return oneSegment(`/${parts[0]}`);
	return oneStructure(`/${parts[0]}/${parts[1]}`, from);
}

function readable(part) {
	try {
		return decodeURIComponent(part);
	} catch {
		return part;
	}
}

function crumbs(parts) {
	const items = [h("li", null, h("a", { href: "#/" }, "Segments"))];
	let path = "#";

	for (const part of parts.slice(0, 2)) {
		path += `/${part}`;
		items.push(h("li", null, h("a", { href: path }, readable(part))));
	}
	items[items.length - 1].firstChild.setAttribute("aria-current", "page");
	document.getElementById("crumbs").replaceChildren(h("ol", null, ...items));
	document.title = [...parts.slice(0, 2).map(readable).reverse(), "ZeroIPC"]
		.join(" \u2013 ");
}

function setStatus(state, words) {
	statusLine.dataset.state = state;
	setText(statusLine, words);
}

// What stands in the place of a view that cannot be shown.
function trouble(title, message) {
	const root = h("div.notice", { role: "alert" }, h("h1", null, title),
		h("p", null, message),
		h("p", null, h("a", { href: "#/" }, "All segments")));

	if (main.firstChild?.textContent !== root.textContent)
		main.replaceChildren(root);
}

const titles = {
	403: "Not readable", 404: "Not here", 413: "Too large to show",
	422: "Cannot be shown",
};

function display(mine, ok, status, data, beside) {
	setStatus("live", "Live");
	main.classList.remove("stale");
	if (!ok) {
		trouble(titles[status] || "That went wrong", data.message);
		return;
	}
	mine.update(data, beside);
	if (main.firstChild !== mine.root)
		main.replaceChildren(mine.root);
}

// What a view shows beside its document; null if there is nothing just now.
async function beside(mine) {
	try {
		const answer = await fetch(mine.beside(), {
			cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS),
		});

		return answer.ok ? await answer.json() : null;
	} catch {
		return null;
	}
}

async function look(mine) {
	let answer, data;

	try {
		answer = await fetch(mine.url(), {
			cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS),
		});
		data = await answer.json();
	} catch {
		if (mine === view && !document.hidden) {
			setStatus("gone", "zeroipcd does not answer; trying again");
			main.classList.add("stale");
		}
		return;
	}
	const waits = answer.ok && mine.beside ? await beside(mine) : null;
	if (mine === view)
		display(mine, answer.ok, answer.status, data, waits);
}

async function tick(started) {
	try {
		await look(view);
	} finally {
		if (started === turn && !document.hidden)
			timer = setTimeout(tick, PERIOD_MS, started);
	}
}

// Look now, and from now on; whatever clock ran before has ended.
function restart() {
	clearTimeout(timer);
	turn++;
	if (document.hidden)
		setStatus("paused", "Paused");
	else
		tick(turn);
}

function navigate() {
	view = route();
	document.getElementById("json").href = view.url().replace(/[?&]int64=string&?/, "?")
		.replace(/\?$/, "");
	restart();
}

window.addEventListener("hashchange", () => {
	if (location.hash === "#main") {
		main.focus();
		return;
	}
	navigate();
	window.scrollTo(0, 0);
});
document.addEventListener("visibilitychange", restart);
navigate();
