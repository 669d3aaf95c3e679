// SPDX-License-Identifier: MIT
//
// The page: one view at a time, chosen by the part of the address after #.
//
//   #/                  all segments
//   #/NAME              a segment: its structures and participants
//   #/NAME/STRUCTURE    a structure: its elements; ?from=100 to page
//
// Once a second the view's document is fetched and shown. What is on the page
// is changed in place, so that focus, selection and scrolling stay. All text
// from segments is hostile: it only ever becomes text nodes.
"use strict";

const PERIOD_MS = 1000;
const PATIENCE_MS = 5000;

// ---------------------------------------------------------------- elements

// h("td.num", {title: "x"}, child...): an element; strings become text.
function h(tag, props, ...children) {
	const [name, ...classes] = tag.split(".");
	const element = document.createElement(name);

	if (classes.length)
		element.className = classes.join(" ");
	for (const [key, value] of Object.entries(props || {})) {
		if (value === undefined || value === null || value === false)
			continue;
		if (key === "onclick")
			element.addEventListener("click", value);
		else
			element.setAttribute(key, value === true ? "" : value);
	}
	element.append(...children.filter((child) => child != null));
	return element;
}

// Change text only if it differs: a selection in it survives.
function setText(element, text) {
	const next = String(text);

	if (element.textContent === next)
		return false;
	element.textContent = next;
	return true;
}

function setClass(element, name, on) {
	if (element.classList.contains(name) !== Boolean(on))
		element.classList.toggle(name, Boolean(on));
}

// Make parent's children those of items, by key: make() new ones, update() all.
const known = new WeakMap();

function sync(parent, items, keyOf, make, update) {
	const old = known.get(parent) || new Map();
	const rows = new Map();
	let place = null;

	for (const item of items) {
		let key = keyOf(item);
		while (rows.has(key))
			key += "\0";
		const row = old.get(key) || make(item);
		rows.set(key, row);
		old.delete(key);
		const expected = place ? place.nextSibling : parent.firstChild;
		if (expected !== row)
			parent.insertBefore(row, expected);
		place = row;
		update(row, item);
	}
	for (const row of old.values())
		row.remove();
	known.set(parent, rows);
}

// A table from its columns: {title, className, hint, cell(), update(cell, item)}.
function table(caption, columns) {
	const body = h("tbody");
	const head = columns.map((column) => h("th", {
		scope: "col", class: column.className,
	}, column.title, column.hint ? h("small", null, column.hint) : null));
	const element = h("div.scroll", {
		tabindex: 0, role: "region", "aria-label": caption,
	}, h("table", null, h("caption.unseen", null, caption),
		h("thead", null, h("tr", null, ...head)), body));

	element.show = (items, keyOf) => sync(body, items, keyOf, () => {
		const row = h("tr");
		columns.forEach((column, i) => {
			row.append(h(i ? "td" : "th", {
				class: column.className,
				scope: i ? null : "row",
			}));
		});
		return row;
	}, (row, item) => columns.forEach((column, i) => {
		column.update(row.children[i], item);
	}));
	return element;
}

function text(title, valueOf, className, hint) {
	return {
		title, className, hint,
		update: (cell, item) => setText(cell, valueOf(item)),
	};
}

function link(title, hrefOf) {
	return {
		title, className: "name",
		update(cell, item) {
			if (!cell.firstChild)
				cell.append(h("a"));
			const a = cell.firstChild;
			setText(a, item.name);
			const href = hrefOf(item);
			if (a.getAttribute("href") !== href)
				a.setAttribute("href", href);
		},
	};
}

// A bar with figures beside it; ofItem gives {part, whole, label}.
function bar(title, ofItem) {
	return {
		title, className: "gauge",
		update(cell, item) {
			if (!cell.firstChild)
				cell.append(meter());
			cell.firstChild.show(ofItem(item));
		},
	};
}

function meter() {
	const fill = h("span.fill");
	const label = h("span.label");
	const track = h("span.track", { role: "meter", "aria-valuemin": 0 }, fill);
	const element = h("span.meter", null, track, label);

	// Without a whole there is nothing to compare with, and no track.
	element.show = ({ part, whole, label: words }) => {
		const share = whole ? Math.min(1, part / whole) : 0;

		track.hidden = !whole;
		fill.style.width = `${(share * 100).toFixed(2)}%`;
		setClass(fill, "high", share >= 0.9);
		track.setAttribute("aria-valuemax", whole);
		track.setAttribute("aria-valuenow", part);
		track.setAttribute("aria-label", words);
		setText(label, words);
	};
	return element;
}

function facts(names) {
	const values = new Map();
	const list = h("dl.facts", null, ...names.map((name) => {
		const value = h("dd");
		values.set(name, value);
		return h("div", null, h("dt", null, name), value);
	}));

	list.show = (figures) => {
		for (const [name, figure] of Object.entries(figures))
			setText(values.get(name), figure);
	};
	return list;
}

function section(title, ...children) {
	const count = h("span.count");
	const element = h("section", null,
		h("h2", null, title, count), ...children);

	element.count = (n) => setText(count, n);
	return element;
}

// ----------------------------------------------------------------- figures

const grouped = new Intl.NumberFormat("en-US");

function integer(value) {
	return grouped.format(BigInt(value));
}

function bytes(value) {
	let size = Number(value);
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	let unit = 0;

	while (size >= 1024 && unit < units.length - 1) {
		size /= 1024;
		unit++;
	}
	const digits = unit && size < 100 ? 1 : 0;
	return `${size.toFixed(digits).replace(/\.0$/, "")} ${units[unit]}`;
}

function duration(seconds) {
	const s = Math.max(0, Math.floor(seconds));

	if (s < 60)
		return `${s} s`;
	if (s < 3600)
		return `${Math.floor(s / 60)} min ${s % 60} s`;
	if (s < 86400)
		return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
	return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}

function ago(time) {
	const exact = duration((Date.now() - Date.parse(time)) / 1000);

	// The larger unit is enough.
	return `${exact.split(" ").slice(0, 2).join(" ")} ago`;
}

// Elements that have an index and stay there, and do not flow through.
// What goes in and comes out is counted of these.
const isFlow = (kind) => kind === "queue" || kind === "ring" ||
	kind === "channel" || kind === "stream";

function occupancy(structure) {
	// An array is always full: it has a length, and no occupancy.
	if (structure.kind === "array")
		return { label: integer(structure.capacity) };
	// A channel without a buffer has senders that wait, of no number.
	if (structure.kind === "channel" && Number(structure.capacity) === 0)
		return { label: `${integer(structure.size)} waiting` };
	return {
		part: Number(structure.size), whole: Number(structure.capacity),
		label: `${integer(structure.size)} of ${integer(structure.capacity)}`,
	};
}

// Elements per second between two looks at a counter, by the structure's name.
class Rates {
	constructor() {
		this.seen = new Map();
	}

	of(key, count) {
		const now = performance.now();
		const before = this.seen.get(key);
		const value = BigInt(count);
		let rate = before ? before.rate : null;

		if (before && now - before.now < 200)
			return rate;
		if (before && value >= before.value)
			rate = Number(value - before.value) * 1000 /
				(now - before.now);
		this.seen.set(key, { now, value, rate });
		return rate;
	}
}

function rateText(rate) {
	if (rate === null)
		return "\u2013";
	if (rate >= 1e6)
		return `${(rate / 1e6).toFixed(1)} M/s`;
	if (rate >= 1e4)
		return `${(rate / 1e3).toFixed(1)} k/s`;
	return `${rate < 10 && rate > 0 ? rate.toFixed(1) : Math.round(rate)} /s`;
}

function sleepers(structure) {
	const who = [];

	if (structure.readers_asleep)
		who.push("readers");
	if (structure.writers_asleep)
		who.push("writers");
	return who.join(", ") || "\u2013";
}

// What is waited for, and who holds it; it has no elements.
function stateText({ kind, state }) {
	const who = (state.holders || []).map((it) => {
		const name = `${it.name || "?"} (${it.pid})`;
		const alive = it.alive ? "" : ", dead";

		if (it.party === undefined)
			return `permit ${it.permit}: ${name}${alive}`;
		return `party ${it.party}: ${name}${alive}` +
			(it.arrived ? ", has arrived" : ", missing");
	});

	if (kind === "semaphore")
		who.unshift(state.owned ? "owned" : "plain");
	if (kind === "barrier")
		who.unshift(`${integer(state.rounds)} rounds complete`,
			`${integer(state.broken)} broken`);
	if (kind === "event")
		who.unshift(state.value === "1" ? "set" : "not set",
			state.automatic ? "reset by who waits" : "reset by hand");
	return who.join("; ");
}

// Our address of what an answer's href addresses.
function hashOf(item) {
	return `#${item.href.slice("/segments".length)}`;
}

// ------------------------------------------------------------------- views

function allSegments() {
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

function structureColumns(rates) {
	const flow = (what) => (it) => !isFlow(it.kind) || it.error
		? "\u2013" : rateText(rates.of(what + it.href, it[what]));
	const whole = (show) => (it) => it.error ? "" : show(it);

	return [
		{
			title: "Name", className: "name",
			update(cell, it) {
				if (!cell.firstChild)
					cell.append(it.error ? h("span") : h("a"));
				setText(cell.firstChild,
					it.error ? `entry ${it.entry}` : it.name);
				if (!it.error)
					cell.firstChild.setAttribute("href", hashOf(it));
			},
		},
		text("Kind", (it) => it.error ? "damaged" : it.kind),
		{
			title: "Type", className: "type",
			update(cell, it) {
				const words = it.error ? it.message : it.type;

				if (!cell.firstChild)
					cell.append(h("span"));
				if (setText(cell.firstChild, words))
					cell.firstChild.title = words;
			},
		},
		bar("Elements", (it) => it.error
			? { label: "" } : occupancy(it)),
		text("In", flow("added"), "num"),
		text("Out", flow("removed"), "num"),
		text("Asleep", whole(sleepers), "soft"),
		text("Memory", whole((it) => bytes(it.size_bytes)), "num"),
	];
}

function participantColumns() {
	return [
		text("Process", (it) => it.name || "?", "name"),
		text("Pid", (it) => it.pid, "num"),
		text("User", (it) => it.user),
		{
			title: "Life",
			update(cell, it) {
				if (!cell.firstChild)
					cell.append(h("span.life"));
				setText(cell.firstChild, it.alive ? "alive" : "gone");
				setClass(cell.firstChild, "dead", !it.alive);
			},
		},
		text("Since", (it) => ago(it.since), "soft"),
	];
}

// Who waits for whom: a sentence each, the deadlocks first.
function showWaits(element, list, waits) {
	const all = [...waits?.deadlocks || [], ...waits?.blocked || []];

	element.hidden = !all.length;
	element.count(all.length);
	sync(list, all, (it) => it.href || it.steps.map((step) =>
		`${step.index} ${step.href}`).join(" "), () => h("li"),
	(item, it) => {
		setText(item, it.sentence);
		setClass(item, "deadlock", Boolean(it.certain));
	});
}

function oneSegment(path) {
	const title = h("h1");
	const gauge = meter();
	const list = facts(["In memory", "Owner", "Group", "Mode", "Created", "Id"]);
	const structures = table("Structures", structureColumns(new Rates()));
	const processes = table("Processes", participantColumns());
	const sentences = h("ul.waits");
	const waiting = section("Waiting", sentences);
	const first = section("Structures", structures);
	const second = section("Processes", processes);
	const none = h("p.soft", null, "No structure has been created in it yet.");
	const root = h("div", null, title, h("div.wide", null, gauge), list,
		waiting, first, second);

	first.append(none);
	return {
		root,
		url: () => `/segments${path}?int64=string`,
		beside: () => `/segments${path}/waits?int64=string`,
		update(data, waits) {
			showWaits(waiting, sentences, waits);
			setText(title, data.name);
			gauge.show({
				part: Number(data.used_bytes),
				whole: Number(data.size_bytes),
				label: `${bytes(data.used_bytes)} of ` +
					`${bytes(data.size_bytes)} used`,
			});
			list.show({
				"In memory": bytes(data.resident_bytes),
				"Owner": data.owner, "Group": data.group,
				"Mode": data.mode, "Created": ago(data.created),
				"Id": data.id,
			});
			first.count(data.structures.length);
			second.count(data.participants_alive);
			none.hidden = Boolean(data.structures.length);
			structures.hidden = !data.structures.length;
			second.hidden = !data.participants.length;
			structures.show(data.structures,
				(it) => it.href || `entry ${it.entry}`);
			processes.show(data.participants, (it) => `${it.index}`);
		},
	};
}

function valueText(value) {
	return typeof value === "string" ? value : JSON.stringify(value);
}

// What elements are called by: their index, or how many came before.
function hasIndices(kind) {
	return kind === "array" || kind === "stack" || kind === "pool";
}

function isNumeric(type) {
	return /^[iuf](8|16|32|64)$/.test(type);
}

// The columns of a table of elements: a record's fields, or just the value.
function elementColumns(data) {
	const cell = (valueOf) => (element, item) => {
		const value = valueOf(item);
		const first = !element.hasAttribute("data-seen");

		setClass(element, "none", value === undefined);
		if (setText(element, value === undefined ? "" : valueText(value)) &&
		    !first)
			flash(element);
		element.setAttribute("data-seen", "");
	};
	const align = (type) => isNumeric(type) ? "num" : "text";
	const columns = [{
		title: data.ring ? "Number"
			: hasIndices(data.kind) ? "Index" : "Position",
		className: "num soft index",
		update: (element, item) => setText(element, integer(item.index)),
	}];

	if (!data.fields)
		columns.push({
			title: "Value", hint: data.type, className: align(data.type),
			update: cell((item) => item.value),
		});
	for (const field of data.fields || [])
		columns.push({
			title: field.name, hint: field.type,
			className: align(field.type),
			update: cell((item) => item.value[field.name]),
		});
	return columns;
}

function flash(element) {
	element.classList.remove("changed");
	void element.offsetWidth;
	element.classList.add("changed");
}

function pager(hash, from) {
	const range = h("span.range");
	const back = h("a.button", null, "Earlier");
	const on = h("a.button", null, "Later");
	const element = h("nav.pager", { "aria-label": "Pages" }, range, back, on);
	const aim = (button, target) => {
		if (target === null) {
			button.removeAttribute("href");
			button.setAttribute("aria-disabled", "true");
		} else {
			button.removeAttribute("aria-disabled");
			button.setAttribute("href",
				`${hash}${target ? `?from=${target}` : ""}`);
		}
	};

	element.show = ({ kind, elements, size, count }) => {
		const shown = BigInt(elements.length);
		const page = BigInt(count);
		// Of a pool there are those that are taken, at any index.
		const end = kind === "pool" && shown
			? BigInt(elements.at(-1).index) + 1n : from + shown;
		const more = kind === "pool" ? shown === page
			: end < BigInt(size);
		// An array's elements are called by their index, from 0 on.
		const first = hasIndices(kind) ? from : from + 1n;
		const words = kind === "pool"
			? `up to ${integer(end - 1n)}; ${integer(size)} are taken`
			: `${integer(first)} to ${integer(first + shown - 1n)}` +
				` of ${integer(size)}`;

		setText(range, shown
			? `${hasIndices(kind) ? "index " : ""}${words}`
			: `none of ${integer(size)} from here`);
		aim(back, from ? (from > page ? from - page : 0n) : null);
		aim(on, more && shown ? end : null);
		element.hidden = !from && !more;
	};
	return element;
}

function ringWriter({ has_writer, writer_alive, writer_pid }) {
	if (!has_writer)
		return "none";
	return writer_alive ? `process ${writer_pid}` : "has died";
}

function ringReaders({ readers, back_pressure }) {
	const words = readers.filter((it) => it.alive).map((it) =>
		`${it.pid} (${bytes(it.lag_bytes)} behind, ` +
		`${integer(it.lost)} lost)`);

	return (words.join(", ") || "none") +
		(back_pressure ? "; the writer waits for them" : "");
}

function streamPolicy({ policy, dropped, ended }) {
	const words = {
		"block": "producers wait for named subscriptions",
		"drop-new": `new elements are dropped, ${integer(dropped)} so far`,
		"drop-old": "the oldest are overwritten",
		"error": "producers are refused",
	};

	return words[policy] + (ended ? "; it has ended" : "");
}

function streamSubscriptions({ subscriptions }) {
	const words = subscriptions.map((it) => `${it.name} (` +
		(it.alive ? `process ${it.pid}, `
			: it.has_reader ? "its reader has died, " : "") +
		`${integer(it.lag)} behind, ${integer(it.lost)} lost)`);

	return words.join(", ") || "nobody by name";
}

function lockState({ kind, lock }) {
	const once = { free: "not done", held: "being run", closed: "done" };
	const others = { free: lock.readers ? "held for reading" : "free",
		held: kind === "rwlock" ? "held for writing" : "held",
		closed: "not recoverable" };

	return (kind === "once" ? once : others)[lock.state] +
		(lock.inconsistent && kind !== "once" ? ", inconsistent" : "");
}

function lockHolder({ holder, readers }) {
	if (!holder)
		return readers ? `${readers} readers` : "nobody";
	return `${holder.pid} (${holder.name})` +
		(holder.alive ? "" : ", who is dead");
}

function futureFailure({ state, code, message }) {
	return state === "failed" ? `code ${code}: ${message}` : "none";
}

function futureWho({ promiser, settler }) {
	const who = promiser || settler;

	if (!who)
		return "nobody that is known";
	return `${settler ? "settled" : "promised"} by ${who.name} (${who.pid})` +
		(who.alive ? "" : ", who is dead");
}

function lazyWho({ state, computer }) {
	const how = state === "running" ? "being computed" : "computed";

	return computer ? `${how} by ${computer.name} (${computer.pid})` +
		(computer.alive ? "" : ", who is dead") : "nobody that is known";
}

function lazyState({ state, computed, resets }) {
	return `${state}, computed ${integer(computed)} times, ` +
		`reset ${integer(resets)} times`;
}

function oneStructure(path, from) {
	const rates = new Rates();
	const title = h("h1");
	const kind = h("span.badge");
	const type = h("code.typetext");
	const gauge = meter();
	const list = facts(["Added", "Removed", "In", "Out", "Asleep",
		"Element", "Memory", "Records", "Writer", "Readers", "State",
		"Held by", "Deaths", "Who", "Failure", "When full",
		"Subscribed", "Expression"]);
	const pages = pager(`#${path}`, from);
	const holder = h("div.elements");
	const elements = section("Elements", pages, holder);
	const empty = h("p.soft", null, "It is empty now.");
	const root = h("div", null, h("div.titled", null, title, kind), type,
		h("div.wide", null, gauge), list, elements);
	let shape = null;

	elements.append(empty);
	return {
		root,
		url: () => `/segments${path}?int64=string&from=${from}`,
		update(data) {
			setText(title, data.name);
			setText(kind, data.kind);
			setText(type, data.type);
			const filled = occupancy(data);
			const ring = data.ring;
			const unit = ring ? " bytes" : data.state ? "" : " elements";
			gauge.show({ ...filled, label: filled.label + unit });
			const flows = isFlow(data.kind);
			list.children[0].hidden = list.children[1].hidden =
				list.children[2].hidden = list.children[3].hidden =
				list.children[4].hidden = !flows;
			list.children[7].hidden = list.children[8].hidden =
				list.children[9].hidden = !ring;
			const { lock, future, lazy } = data;
			list.children[11].hidden = !lock;
			list.children[10].hidden = list.children[12].hidden =
				!lock && !future && !lazy;
			list.children[13].hidden = list.children[14].hidden =
				!future && !lazy;
			list.children[17].hidden = !lazy;
			list.children[15].hidden = list.children[16].hidden =
				!data.stream;
			list.show({
				"State": lock ? lockState(data)
					: future ? future.state
					: lazy ? lazyState(lazy) : "",
				"Held by": lock ? lockHolder(lock) : "",
				"Deaths": lock || future || lazy
					? integer((lock || future || lazy).deaths)
					: "",
				"Who": future ? futureWho(future)
					: lazy ? lazyWho(lazy) : "",
				"Failure": future || lazy
					? futureFailure(future || lazy) : "",
				"Expression": !lazy ? "" : lazy.external
					? "none: it is served" : lazy.expression,
				"Added": integer(data.added),
				"Removed": integer(data.removed),
				"In": rateText(rates.of("added", data.added)),
				"Out": rateText(rates.of("removed", data.removed)),
				"Asleep": sleepers(data),
				"Element": bytes(data.elem_size),
				"Memory": bytes(data.size_bytes),
				"Records": ring ? `${integer(ring.records)} of ` +
					`${integer(ring.written)} written` : "",
				"Writer": ring ? ringWriter(ring) : "",
				"Readers": ring ? ringReaders(ring) : "",
				"When full": data.stream ? streamPolicy(data.stream) : "",
				"Subscribed": data.stream
					? streamSubscriptions(data.stream) : "",
			});
			const next = `${data.kind} ${data.type}`;
			if (next !== shape) {
				shape = next;
				holder.replaceChildren(
					table("Elements", elementColumns(data)));
			}
			holder.firstChild.show(data.elements, (it) => it.index);
			holder.hidden = !data.elements.length;
			empty.hidden = Boolean(data.elements.length);
			setText(empty, data.state ? stateText(data)
				: "It is empty now.");
			pages.show(ring ? { ...data, size: ring.records } : data);
		},
	};
}

// ---------------------------------------------------------- page and clock

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

function about(data) {
	setText(document.getElementById("about"),
		`zeroipcd ${data.daemon.version}, running for ` +
		`${duration(data.daemon.uptime_s)} as ${data.daemon.user}; you are ` +
		`${data.client.user ?? "not known to it"}.`);
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
