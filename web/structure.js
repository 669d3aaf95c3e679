// SPDX-License-Identifier: MIT
// The view of a structure: what is particular to its kind, and its elements.

import {
	facts, h, meter, section, setClass, setText, table, text,
} from "./dom.js";
import {
	Rates, bytes, integer, isFlow, occupancy, rateText, sleepers,
} from "./figures.js";
import { driverText, sourceText } from "./graph.js";

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
		(it.of_derived ? "derived from this, "
			: it.alive ? `process ${it.pid}, `
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

// What is told of a structure above its elements, by its kind.
function flowFacts(data, rates) {
	if (!isFlow(data.kind))
		return {};
	return {
		"Added": integer(data.added),
		"Removed": integer(data.removed),
		"In": rateText(rates.of("added", data.added)),
		"Out": rateText(rates.of("removed", data.removed)),
		"Asleep": sleepers(data),
	};
}

function ringFacts({ ring }) {
	return ring && {
		"Records": `${integer(ring.records)} of ` +
			`${integer(ring.written)} written`,
		"Writer": ringWriter(ring),
		"Readers": ringReaders(ring),
	};
}

function lockFacts(data) {
	return data.lock && {
		"State": lockState(data),
		"Held by": lockHolder(data.lock),
		"Deaths": integer(data.lock.deaths),
	};
}

function futureFacts({ future }) {
	return future && {
		"State": future.state,
		"Deaths": integer(future.deaths),
		"Who": futureWho(future),
		"Failure": futureFailure(future),
	};
}

function lazyWho({ state, computer }) {
	const how = state === "running" ? "being computed" : "computed";

	return computer ? `${how} by ${computer.name} (${computer.pid})` +
		(computer.alive ? "" : ", who is dead") : "nobody that is known";
}

function lazyFacts({ lazy }) {
	return lazy && {
		"State": `${lazy.state}, computed ${integer(lazy.computed)} ` +
			`times, reset ${integer(lazy.resets)} times`,
		"Deaths": integer(lazy.deaths),
		"Who": lazyWho(lazy),
		"Failure": futureFailure(lazy),
		"Expression": lazy.external ? "none: it is served"
			: lazy.expression,
	};
}

function derivationFacts(data) {
	return data.derivation && {
		"Derived by": data.derivation.text,
		"From": data.derivation.sources.map(sourceText).join("; ") ||
			"nothing: it makes its elements",
		"Driver": driverText(data).words,
		"Last failure": data.derivation.failure ?? "none",
	};
}

function streamFacts({ stream }) {
	return stream && {
		"When full": streamPolicy(stream),
		"Subscribed": streamSubscriptions(stream),
	};
}

export function oneStructure(path, from) {
	const rates = new Rates();
	const title = h("h1");
	const kind = h("span.badge");
	const type = h("code.typetext");
	const gauge = meter();
	const list = facts(["Added", "Removed", "In", "Out", "Asleep",
		"Element", "Memory", "Records", "Writer", "Readers", "State",
		"Held by", "Deaths", "Who", "Failure", "When full",
		"Subscribed", "Expression", "Derived by", "From", "Driver",
		"Last failure"]);
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
			list.show({
				...flowFacts(data, rates),
				"Element": bytes(data.elem_size),
				"Memory": bytes(data.size_bytes),
				...ringFacts(data), ...lockFacts(data),
				...futureFacts(data), ...lazyFacts(data),
				...streamFacts(data), ...derivationFacts(data),
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
