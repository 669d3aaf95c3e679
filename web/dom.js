// SPDX-License-Identifier: MIT
//
// What the page is made of. What is on it is changed in place, so that focus,
// selection and scrolling stay. All text from segments is hostile: it only ever
// becomes text nodes.

// h("td.num", {title: "x"}, child...): an element; strings become text.
export function h(tag, props, ...children) {
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
export function setText(element, text) {
	const next = String(text);

	if (element.textContent === next)
		return false;
	element.textContent = next;
	return true;
}

export function setClass(element, name, on) {
	if (element.classList.contains(name) !== Boolean(on))
		element.classList.toggle(name, Boolean(on));
}

// Make parent's children those of items, by key: make() new ones, update() all.
const known = new WeakMap();

export function sync(parent, items, keyOf, make, update) {
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
export function table(caption, columns) {
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

export function text(title, valueOf, className, hint) {
	return {
		title, className, hint,
		update: (cell, item) => setText(cell, valueOf(item)),
	};
}

export function link(title, hrefOf) {
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
export function bar(title, ofItem) {
	return {
		title, className: "gauge",
		update(cell, item) {
			if (!cell.firstChild)
				cell.append(meter());
			cell.firstChild.show(ofItem(item));
		},
	};
}

export function meter() {
	const fill = h("span.fill");
	const label = h("span.label");
	const track = h("span.track", { role: "meter", "aria-valuemin": 0 }, fill);
	const element = h("span.meter", null, track, label);

	// Without a whole there is nothing to compare with, and no track.
	element.show = ({ part, whole, label: words, calm }) => {
		const share = whole ? Math.min(1, part / whole) : 0;

		track.hidden = !whole;
		fill.style.width = `${(share * 100).toFixed(2)}%`;
		setClass(fill, "high", share >= 0.9 && !calm);
		track.setAttribute("aria-valuemax", whole);
		track.setAttribute("aria-valuenow", part);
		track.setAttribute("aria-label", words);
		setText(label, words);
	};
	return element;
}

// Names with their figures; of those that show() is not given nothing is seen.
export function facts(names) {
	const values = new Map();
	const list = h("dl.facts", null, ...names.map((name) => {
		const value = h("dd");
		values.set(name, value);
		return h("div", null, h("dt", null, name), value);
	}));

	list.show = (figures) => {
		for (const [name, value] of values) {
			value.parentNode.hidden = figures[name] === undefined;
			setText(value, figures[name] ?? "");
		}
	};
	return list;
}

export function section(title, ...children) {
	const count = h("span.count");
	const element = h("section", null,
		h("h2", null, title, count), ...children);

	element.count = (n) => setText(count, n);
	return element;
}
