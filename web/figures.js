// SPDX-License-Identifier: MIT
// Figures as words.

const grouped = new Intl.NumberFormat("en-US");

export function integer(value) {
	return grouped.format(BigInt(value));
}

export function bytes(value) {
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

export function duration(seconds) {
	const s = Math.max(0, Math.floor(seconds));

	if (s < 60)
		return `${s} s`;
	if (s < 3600)
		return `${Math.floor(s / 60)} min ${s % 60} s`;
	if (s < 86400)
		return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
	return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}

export function ago(time) {
	const exact = duration((Date.now() - Date.parse(time)) / 1000);

	// The larger unit is enough.
	return `${exact.split(" ").slice(0, 2).join(" ")} ago`;
}

// What goes in and comes out is counted of these.
export const isFlow = (kind) => kind === "queue" || kind === "ring" ||
	kind === "channel" || kind === "stream";

export function occupancy(structure) {
	// An array is always full: it has a length, and no occupancy.
	if (structure.kind === "array")
		return { label: integer(structure.capacity) };
	// A channel without a buffer has senders that wait, of no number.
	if (structure.kind === "channel" && Number(structure.capacity) === 0)
		return { label: `${integer(structure.size)} waiting` };
	return {
		part: Number(structure.size), whole: Number(structure.capacity),
		label: `${integer(structure.size)} of ${integer(structure.capacity)}`,
		// A stream keeps as many as it can: that is no warning.
		calm: structure.kind === "stream",
	};
}

// Elements per second between two looks at a counter, by the structure's name.
export class Rates {
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

export function rateText(rate) {
	if (rate === null)
		return "\u2013";
	if (rate >= 1e6)
		return `${(rate / 1e6).toFixed(1)} M/s`;
	if (rate >= 1e4)
		return `${(rate / 1e3).toFixed(1)} k/s`;
	return `${rate < 10 && rate > 0 ? rate.toFixed(1) : Math.round(rate)} /s`;
}

export function sleepers(structure) {
	const who = [];

	if (structure.readers_asleep)
		who.push("readers");
	if (structure.writers_asleep)
		who.push("writers");
	return who.join(", ") || "\u2013";
}

// Our address of what an answer's href addresses.
export function hashOf(item) {
	return `#${item.href.slice("/segments".length)}`;
}
