// SPDX-License-Identifier: Apache-2.0
// overview - every query in one table, the worst first

import {h, pill, show, table, text} from "./dom.js";
import {worstFirst} from "./findings.js";
import {ago, count, millis, rate, short, span, UNKNOWN} from "./format.js";

const FILTER_FROM = 8;
const BAD = ["failed", "waiting"];

export const href = (name) => `#/query/${encodeURIComponent(name)}`;

export class Overview {
    constructor() {
        this.title = "Queries";
        this.summary = h("p", {class: "summary"});
        this.filter = h("input", {
            type: "search", id: "query-filter", autocomplete: "off", spellcheck: "false",
            oninput: () => this.update(this.body),
        });
        this.filterLabel = h("label", {class: "filter", for: "query-filter"}, "Filter ",
            this.filter);
        this.table = table({
            caption: "Queries, the worst first",
            className: "queries",
            empty: "No query here.",
            key: (query) => query.name,
            columns: [
                {name: "Query", row: true, class: "name"},
                {name: "State", class: "reason"},
                {name: "Rows/s in", number: true}, {name: "Rows/s out", number: true},
                {name: "Latency", number: true, title: "from the record to its commit"},
                {name: "Lag", number: true, title: "records"},
                {name: "Behind", number: true},
                {name: "Last commit", number: true},
                {name: "Bad", number: true, title: "bad records, dead letters among them"},
            ],
            update: (query, cells, row) => this.row(query, cells, row),
        });
        this.element = h("div", {class: "view"},
            h("div", {class: "head"}, h("h1", null, "Queries"), this.summary, this.filterLabel),
            h("section", {class: "panel", "aria-label": "Queries"}, this.table.element));
    }

    row(query, cells, row) {
        if (!row.link) {
            row.link = h("a", {href: href(query.name)}, query.name);
            row.pill = pill();
            row.reason = h("span", {class: "because"});
            cells[0].append(row.link);
            cells[1].append(row.pill.element, row.reason);
        }
        row.pill.update(query.state);
        text(row.reason, query.reason || (BAD.includes(query.state)
            ? query.lastError?.message ?? "" : ""));
        text(cells[2], rate(query.inputRowsPerSecond));
        text(cells[3], rate(query.outputRowsPerSecond));
        text(cells[4], millis(query.latencyMs));
        text(cells[5], short(query.lagRecords));
        text(cells[6], span(query.lagSeconds));
        text(cells[7], query.lastCommit ? ago(query.lastCommit.timestamp, this.nowS) : UNKNOWN);
        text(cells[8], count(query.totals?.badRecords));
    }

    update(body) {
        if (!body) {
            return;
        }
        this.body = body;
        this.nowS = body.nowS;
        const wanted = this.filter.value.trim().toLowerCase();
        const matches = (query) => [query.name, query.state, query.reason ?? "",
            ...(query.topics ?? [])].some((word) => word.toLowerCase().includes(wanted));
        const all = body.queries;
        show(this.filterLabel, all.length >= FILTER_FROM || wanted !== "");
        const shown = wanted ? all.filter(matches) : [...all];
        text(this.table.none, all.length === 0 ? "This process runs no query."
            : "No query matches the filter.");
        this.table.update(shown.sort(worstFirst));
        text(this.summary, this.words(all));
    }

    words(all) {
        const states = new Map();
        [...all].sort(worstFirst).forEach((query) =>
            states.set(query.state, (states.get(query.state) ?? 0) + 1));
        const sum = (field) => rate(all.reduce((n, query) => n + (query[field] ?? 0), 0));
        return all.length === 0 ? "" :
            `${[...states].map(([state, n]) => `${n} ${state}`).join(", ")} · together ` +
            `${sum("inputRowsPerSecond")} rows/s in, ${sum("outputRowsPerSecond")} out`;
    }

    destroy() {}
}
