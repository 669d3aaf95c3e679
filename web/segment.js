// SPDX-License-Identifier: MIT
// The view of a segment: its structures and participants.

import {
	bar, facts, h, meter, section, setClass, setText, sync, table, text,
} from "./dom.js";
import {
	Rates, ago, bytes, hashOf, isFlow, occupancy, rateText, sleepers,
} from "./figures.js";
import { graph } from "./graph.js";

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

export function oneSegment(path) {
	const title = h("h1");
	const gauge = meter();
	const list = facts(["In memory", "Owner", "Group", "Mode", "Created", "Id"]);
	const structures = table("Structures", structureColumns(new Rates()));
	const processes = table("Processes", participantColumns());
	const sentences = h("ul.waits");
	const waiting = section("Waiting", sentences);
	const flows = graph(new Rates());
	const operators = section("Operators", flows);
	const first = section("Structures", structures);
	const second = section("Processes", processes);
	const none = h("p.soft", null, "No structure has been created in it yet.");
	const root = h("div", null, title, h("div.wide", null, gauge), list,
		waiting, operators, first, second);

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
			const derived = data.structures.filter((it) => it.derivation);
			operators.hidden = !derived.length;
			operators.count(derived.length);
			flows.show(derived);
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
