// SPDX-License-Identifier: Apache-2.0
// findings - what is wrong with a query, worst first: the top of the page

import {bytes, count, percent, plural, short, span, epoch, ago} from "./format.js";

const LATE_S = 300; // the preset of --ready-lag
const RECENT_S = 600;
const QUIET_S = 60;
const FULL = 0.9;
const ORDER = ["critical", "warning", "note"];

export function findings(query, process, nowS, held = []) {
    const found = [];
    const add = (tone, title, detail = "", target = null) =>
        found.push({tone, title, detail, target});
    states(query, nowS, add);
    if (held.length > 0) {
        const first = held[0];
        add("critical", `${plural(held.length, "partition")} held back`,
            `${first.topic} ${first.partition}: ${first.held}`, "partitions");
    }
    lag(query, add);
    faults(query, nowS, add);
    memory(query, process, add);
    return found.sort((a, b) => ORDER.indexOf(a.tone) - ORDER.indexOf(b.tone));
}

function states(query, nowS, add) {
    const error = query.lastError;
    const reason = query.reason || error?.message || "";
    switch (query.state) {
    case "failed":
        add("critical", "Failed", reason, "errors");
        break;
    case "waiting":
        add("warning", `Waiting ${sinceText(query, nowS)}`.trim(), reason, "errors");
        break;
    case "paused":
        add("warning", `Paused ${sinceText(query, nowS)}`.trim(),
            query.reason || "nothing is read until it is resumed");
        break;
    case "starting": {
        const at = epoch(query.stateSince);
        if (query.attempts > 1 || (at !== null && nowS - at > QUIET_S)) {
            add("warning", `Starting ${sinceText(query, nowS)}`.trim(),
                reason || `attempt ${count(query.attempts)}`, "errors");
        }
        break;
    }
    default:
    }
    const at = epoch(error?.timestamp);
    if (at !== null && nowS - at < RECENT_S && !["failed", "waiting"].includes(query.state)) {
        add("warning", `Error ${ago(error.timestamp, nowS)}`, error.message, "errors");
    }
}

function sinceText(query, nowS) {
    const at = epoch(query.stateSince);
    return at === null ? "" : `for ${span(Math.max(0, Math.floor(nowS - at)))}`;
}

function lag(query, add) {
    if (query.lagSeconds > LATE_S) {
        add("warning", `${span(query.lagSeconds)} behind`,
            `${short(query.lagRecords)} records are not in the table yet`, "partitions");
    }
}

function faults(query, nowS, add) {
    const totals = query.totals ?? {};
    const reasons = (entries) => entries.filter(([, n]) => n > 0)
        .sort((a, b) => b[1] - a[1]).map(([name, n]) => `${name} ${count(n)}`).join(", ");
    if (totals.deadLetters > 0) {
        add("warning", plural(totals.deadLetters, "dead letter"),
            reasons(Object.entries(query.deadLetterReasons ?? {})), "faults");
    }
    // Dead letters are bad records too; what is said of them is not said twice.
    const rest = (totals.badRecords ?? 0) - (totals.deadLetters ?? 0);
    if (rest > 0) {
        const others = Object.entries(query.badReasons ?? {}).map(([name, n]) =>
            [name, n - (Object.hasOwn(query.deadLetterReasons ?? {}, name)
                ? query.deadLetterReasons[name] : 0)]);
        const dropped = totals.dropped > 0 ? `${count(totals.dropped)} dropped` : "";
        add("warning", plural(rest, totals.deadLetters > 0 ? "other bad record" : "bad record"),
            [dropped, reasons(others)].filter(Boolean).join("; "), "faults");
    }
}

function memory(query, process, add) {
    const {memoryBytes: used, memoryBudgetBytes: budget} = process ?? {};
    if (used > budget * FULL) {
        add("warning", `Memory at ${percent(used, budget)} of its budget`,
            `${bytes(used)} of ${bytes(budget)}`, "memory");
    }
    const {duckdbBytes, duckdbLimitBytes} = query.memory ?? {};
    if (duckdbLimitBytes > 0 && duckdbBytes > duckdbLimitBytes * FULL) {
        add("note", `DuckDB's memory at ${percent(duckdbBytes, duckdbLimitBytes)} of its limit`,
            "beyond it batches are cut smaller", "memory");
    }
}

// The overview's order: worst state, then the longest lag.
const STATES = ["failed", "waiting", "starting", "stopping", "paused", "running", "idle", "ended"];
export function worstFirst(a, b) {
    return place(a) - place(b) || (b.lagRecords ?? 0) - (a.lagRecords ?? 0) ||
        (a.name < b.name ? -1 : 1);
}
const place = (query) => {
    const at = STATES.indexOf(query.state);
    return at < 0 ? 0 : at;
};
