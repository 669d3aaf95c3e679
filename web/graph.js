// SPDX-License-Identifier: MIT
// The graph of operators: streams from left to right, each derived one with
// what it does to the elements, who drives it, and how far it is behind.

import { h, setClass, setText, sync } from "./dom.js";
import { hashOf, integer, rateText } from "./figures.js";

const SVG = "http://www.w3.org/2000/svg";

// Streams that others are derived from, and those; columns by the longest way.
function columnsOf(operators) {
	const nodes = new Map();
	const at = (name, href) => {
		if (!nodes.has(name))
			nodes.set(name, { name, href, sources: [], depth: 0 });
		return nodes.get(name);
	};

	for (const it of operators)
		Object.assign(at(it.name, it.href), { operator: it,
			sources: it.derivation.sources });
	for (const it of operators)
		for (const source of it.derivation.sources)
			at(source.name, source.href);
	// What is derived was there later than its sources: no circles. A
	// damaged segment may claim one; so there are rounds enough, and no more.
	for (let round = 0, moved = true; moved && round < 64; round++) {
		moved = false;
		for (const node of nodes.values())
			for (const source of node.sources) {
				const depth = Math.min(64, at(source.name).depth + 1);
				moved ||= depth > node.depth;
				node.depth = Math.max(node.depth, depth);
			}
	}
	const columns = [];
	for (const node of nodes.values())
		(columns[node.depth] ??= []).push(node);
	return columns.filter((column) => column);
}

// Who drives it, and whether anybody has to be told that nobody does.
export function driverText({ derivation: { by_daemon: byDaemon, driver, ended }, drive }) {
	if (ended)
		return { words: "it has ended" };
	if (drive?.state === "failed")
		return { words: drive.message, bad: true };
	if (driver?.alive)
		return { words: `driven by ${driver.name} (${driver.pid})` };
	return byDaemon
		? { words: "no zeroipcd drives it", bad: true }
		: { words: "nobody drives it just now" };
}

// How far it is behind a source.
export function sourceText({ name, removed, lag, lost }) {
	const words = BigInt(lost) ? `, ${integer(lost)} lost` : "";

	return removed ? `${name} was removed`
		: `${integer(lag)} of ${name} behind${words}`;
}

function line(name) {
	return h("p", { class: name });
}

function say(element, words, bad) {
	element.hidden = !words;
	setText(element, words || "");
	setClass(element, "bad", bad);
}

function stageRow() {
	return h("li", null, h("code"), h("span.num"), h("span.bad"));
}

function showStage(row, stage, rates, key) {
	const [words, rate, failed] = row.children;

	if (setText(words, stage.text))
		words.title = stage.text;
	setText(rate, rateText(rates.of(key, stage.out)));
	failed.hidden = BigInt(stage.failed) === 0n;
	setText(failed, `${integer(stage.failed)} failed`);
}

function makeNode() {
	return h("article.node", null, h("h3", null, h("a")), h("ol.stages"),
		line("rate num"), line("driver"), line("lag"), line("failure"));
}

function showNode(node, it, rates) {
	const [head, stages, rate, driver, lag, failure] = node.children;
	const anchor = head.firstChild;
	const derivation = it.operator?.derivation;

	setText(anchor, it.name);
	if (it.href)
		anchor.setAttribute("href", hashOf(it));
	setClass(node, "derived", derivation);
	sync(stages, derivation?.stages || [], (stage) => stage.number,
		stageRow, (row, stage) => showStage(row, stage, rates,
			`${it.name} ${stage.number}`));
	say(rate, derivation && `${integer(derivation.results)} results, ` +
		rateText(rates.of(it.name, derivation.results)));
	const who = derivation ? driverText(it.operator) : {};
	say(driver, who.words, who.bad);
	const behind = (derivation?.sources || []).map(sourceText);
	say(lag, behind.join("; "), derivation?.sources.some(
		(source) => source.removed || BigInt(source.lost)));
	say(failure, derivation?.failure, true);
}

// The edges lie behind the boxes, whose places the browser has chosen.
function draw(root, picture, places, columns) {
	const paths = [];

	picture.setAttribute("width", root.scrollWidth);
	picture.setAttribute("height", root.scrollHeight);
	for (const node of columns.flat())
		for (const source of node.sources) {
			const from = places.get(source.name);
			const to = places.get(node.name);
			if (!from || !to)
				continue;
			const x = from.offsetLeft + from.offsetWidth;
			const y = from.offsetTop + from.offsetHeight / 2;
			const u = to.offsetLeft;
			const v = to.offsetTop + to.offsetHeight / 2;
			const bend = Math.max(16, (u - x) / 2);
			const path = document.createElementNS(SVG, "path");

			path.setAttribute("d", `M${x} ${y} C${x + bend} ${y} ` +
				`${u - bend} ${v} ${u} ${v}`);
			paths.push(path);
		}
	picture.replaceChildren(...paths);
}

export function graph(rates) {
	const picture = document.createElementNS(SVG, "svg");
	const body = h("div.columns");
	const root = h("div.graph", {
		tabindex: 0, role: "region", "aria-label": "Operators",
	}, picture, body);
	const places = new Map();
	let columns = [];

	picture.setAttribute("aria-hidden", "true");
	new ResizeObserver(() => draw(root, picture, places, columns))
		.observe(body);
	root.show = (operators) => {
		columns = columnsOf(operators);
		places.clear();
		sync(body, columns.map((nodes, i) => ({ nodes, i })),
			(column) => column.i, () => h("div.column"),
			(element, column) => sync(element, column.nodes,
				(node) => node.name, makeNode, (box, node) => {
					places.set(node.name, box);
					showNode(box, node, rates);
				}));
		draw(root, picture, places, columns);
	};
	return root;
}
