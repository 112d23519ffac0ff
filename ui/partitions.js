// SPDX-License-Identifier: Apache-2.0
// partitions - lag of each: a summary for a thousand of them, then the worst, then a filter

import {attribute, h, show, svg, table, text} from "./dom.js";
import {count, rate, short, span} from "./format.js";

const FEW = 10;
const SIZES = [["10", 10], ["50", 50], ["all", Infinity]];

// Lag in powers of a thousand: where the crowd is, and how far the stragglers are.
const CLASSES = [
    ["none", (lag) => lag === 0],
    ["under 1,000", (lag) => lag > 0 && lag < 1e3],
    ["under 1 M", (lag) => lag >= 1e3 && lag < 1e6],
    ["1 M and more", (lag) => lag >= 1e6],
    ["unknown", (lag) => typeof lag !== "number"],
];

const ORDERS = {
    partition: (a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition),
    lag: (a, b) => number(b.lag) - number(a.lag),
    lagSeconds: (a, b) => number(b.lagSeconds) - number(a.lagSeconds),
    rate: (a, b) => number(b.recordsPerSecond) - number(a.recordsPerSecond),
};
// Unknown counts as worse than everything known: it is what one looks for.
const number = (n) => (typeof n === "number" ? n : Number.MAX_VALUE);

export class Partitions {
    constructor() {
        this.all = [];
        this.order = "lag";
        this.most = FEW;
        this.table = table({
            caption: "Partitions by lag",
            className: "partitions",
            key: (p) => `${p.stream}\n${p.topic}\n${p.partition}`,
            empty: "No partition is known yet.",
            columns: [
                {name: "Partition", head: this.sorter("partition", "Partition"), row: true,
                    class: "name"},
                {name: "Lag", head: this.sorter("lag", "Lag"), number: true},
                {name: "", class: "barcell", head: h("span", {class: "unseen"}, "Lag as a bar")},
                {name: "Behind", head: this.sorter("lagSeconds", "Behind"), number: true},
                {name: "Records/s", head: this.sorter("rate", "Records/s"), number: true},
                {name: "Next offset", number: true},
                {name: "Log end", number: true},
            ],
            update: (p, cells, row) => this.row(p, cells, row),
        });
        this.summary = h("p", {class: "summary"});
        this.classes = h("ul", {class: "classes", "aria-label": "Partitions by size of their lag"});
        this.filter = h("input", {
            type: "search", id: "partition-filter", autocomplete: "off", spellcheck: "false",
            placeholder: "topic, number, held", oninput: () => this.render(),
        });
        this.size = h("select", {id: "partition-size", onchange: () => this.resize()},
            SIZES.map(([name]) => h("option", {value: name}, name)));
        this.controls = h("div", {class: "controls"},
            h("label", {for: "partition-filter"}, "Filter ", this.filter),
            h("label", {for: "partition-size"}, "Show ", this.size));
        this.more = h("p", {class: "more"});
        this.element = h("section", {class: "panel", id: "partitions", "aria-labelledby":
            "partitions-title"}, h("h2", {id: "partitions-title"}, "Lag per partition"),
        this.summary, this.classes, this.controls, this.table.element, this.more);
        this.mark();
    }

    sorter(order, name) {
        const button = h("button", {type: "button", class: "sort", onclick: () => {
            this.order = order;
            this.mark();
            this.render();
        }}, name);
        this.sorters = {...this.sorters, [order]: button};
        return button;
    }

    mark() {
        for (const [order, button] of Object.entries(this.sorters)) {
            const direction = order === "partition" ? "ascending" : "descending";
            attribute(button.parentElement, "aria-sort", this.order === order ? direction : null);
        }
    }

    resize() {
        this.most = SIZES.find(([name]) => name === this.size.value)[1];
        this.render();
    }

    row(p, cells, row) {
        if (!row.bar) {
            row.topic = h("span", {class: "topic", title: `${p.stream}: ${p.topic}`}, p.topic);
            row.held = h("span", {class: "held"});
            cells[0].append(row.topic, " ", h("b", null, String(p.partition)), row.held);
            row.bar = svg("rect", {height: 8, y: 1, x: 0, width: 0});
            cells[2].append(svg("svg", {class: "lagbar", viewBox: "0 0 100 10",
                preserveAspectRatio: "none", "aria-hidden": "true"}, row.bar));
        }
        text(row.held, p.held ? `held: ${p.held}` : "");
        text(cells[1], count(p.lag));
        const share = p.lag > 0 && this.longest > 0 ? Math.max(0.6, 100 * p.lag / this.longest) : 0;
        attribute(row.bar, "width", share.toFixed(1));
        text(cells[3], span(p.lagSeconds));
        text(cells[4], rate(p.recordsPerSecond));
        text(cells[5], count(p.nextOffset));
        text(cells[6], count(p.logEnd));
    }

    update(partitions) {
        this.all = partitions;
        this.render();
    }

    render() {
        const all = this.all;
        const lags = all.map((p) => p.lag).filter((lag) => typeof lag === "number");
        const total = lags.reduce((a, b) => a + b, 0);
        this.longest = lags.reduce((a, b) => Math.max(a, b), 0);
        const wanted = this.filter.value.trim().toLowerCase();
        const matches = (p) => `${p.stream} ${p.topic} ${p.partition}${p.held ? ` held ${p.held}` : ""}`
            .toLowerCase().includes(wanted);
        const chosen = (wanted ? all.filter(matches) : [...all]).sort((a, b) =>
            ORDERS[this.order](a, b) || ORDERS.partition(a, b));
        const held = all.filter((p) => p.held).length;
        const behind = lags.filter((lag) => lag > 0).length;
        const unknown = all.length - lags.length;
        text(this.summary, all.length === 0 ? "" : [
            `${count(all.length)} in all`,
            ...(lags.length === 0 ? [] : [`${count(behind)} with a lag`,
                `${short(total)} records together`, `longest ${short(this.longest)}`]),
            unknown > 0 ? `lag of ${lags.length === 0 ? "all" : count(unknown)} unknown` : null,
            held > 0 ? `${count(held)} held` : null].filter(Boolean).join(" · "));
        this.renderClasses(all);
        const many = all.length > FEW;
        show(this.classes, many);
        show(this.controls, many || wanted !== "");
        text(this.table.none, all.length === 0 ? "No partition is known yet."
            : "No partition matches the filter.");
        const shown = chosen.slice(0, this.most);
        this.table.update(shown);
        text(this.more, chosen.length > shown.length
            ? `${count(chosen.length - shown.length)} more are not shown.` : "");
        show(this.more, chosen.length > shown.length);
    }

    renderClasses(all) {
        if (!this.classRows) {
            this.classRows = CLASSES.map(([name]) => {
                const number = h("b", null, "0");
                const bar = svg("rect", {height: 10, y: 0, x: 0, width: 0});
                const item = h("li", null, h("span", {class: "what"}, name),
                    svg("svg", {class: "lagbar", viewBox: "0 0 100 10",
                        preserveAspectRatio: "none", "aria-hidden": "true"}, bar), number);
                this.classes.append(item);
                return {item, number, bar};
            });
        }
        CLASSES.forEach(([name, is], i) => {
            const n = all.filter((p) => is(p.lag)).length;
            text(this.classRows[i].number, count(n));
            attribute(this.classRows[i].bar, "width", (all.length ? 100 * n / all.length : 0).toFixed(1));
            show(this.classRows[i].item, n > 0 || name !== "unknown");
        });
    }
}
