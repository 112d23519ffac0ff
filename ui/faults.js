// SPDX-License-Identifier: Apache-2.0
// faults - bad records and dead letters by reason, and the last errors

import {h, show, svg, attribute, keyed, table, text} from "./dom.js";
import {ago, count, plural, time} from "./format.js";

// Reasons with their counts, the most frequent first.
function reasons(label) {
    const list = h("ul", {class: "classes", "aria-label": label});
    return {
        element: list,
        update(map) {
            const entries = Object.entries(map ?? {}).filter(([, n]) => n > 0)
                .sort((a, b) => b[1] - a[1]);
            const most = entries[0]?.[1] ?? 1;
            keyed(list, entries, ([name]) => name, () => {
                const name = h("span", {class: "what"});
                const number = h("b");
                const bar = svg("rect", {height: 10, y: 0, x: 0, width: 0});
                return {
                    element: h("li", null, name, svg("svg", {class: "lagbar", viewBox: "0 0 100 10",
                        preserveAspectRatio: "none", "aria-hidden": "true"}, bar), number),
                    update([reason, n]) {
                        text(name, reason);
                        text(number, count(n));
                        attribute(bar, "width", Math.max(1, 100 * n / most).toFixed(1));
                    },
                };
            });
            show(list, entries.length > 0);
        },
    };
}

export class Faults {
    constructor() {
        this.summary = h("p", {class: "summary"});
        this.letters = reasons("Dead letters by reason");
        this.records = reasons("Bad records by reason");
        this.lettersHead = h("h3", null, "Dead letters");
        this.recordsHead = h("h3", null, "Bad records");
        this.where = h("p", {class: "more"}, "They lie in ", this.place = h("code"), "; ",
            h("code", null, "sluice deadletters show"), " lists them.");
        this.element = h("section", {class: "panel", id: "faults", "aria-labelledby":
            "faults-title"}, h("h2", {id: "faults-title"}, "Bad records and dead letters"),
        this.summary, this.lettersHead, this.letters.element, this.where,
        this.recordsHead, this.records.element);
    }

    update(query) {
        const t = query.totals ?? {};
        const some = (t.badRecords ?? 0) + (t.badFields ?? 0) + (t.deadLetters ?? 0) > 0;
        text(this.summary, some ? [
            plural(t.badRecords ?? 0, "bad record"), plural(t.badFields ?? 0, "bad field"),
            `${count(t.dropped ?? 0)} dropped`, plural(t.deadLetters ?? 0, "dead letter"),
        ].join(" · ") : "None since this start.");
        this.letters.update(query.deadLetterReasons);
        this.records.update(query.badReasons);
        show(this.lettersHead, !this.letters.element.hidden);
        show(this.recordsHead, !this.records.element.hidden);
        show(this.where, t.deadLetters > 0 && Boolean(query.table?.location));
        text(this.place, `${query.table?.location ?? ""}_deadletters`);
    }
}

export class Errors {
    constructor() {
        this.table = table({
            caption: "The last errors, newest first",
            className: "errors",
            empty: "None since this start.",
            key: (e) => `${e.timestamp} ${e.kind} ${e.code} ${e.message}`,
            columns: [
                {name: "When"}, {name: "Kind"},
                {name: "What happened", class: "message"}, {name: "Code"}, {name: "Then"},
            ],
            update: (e, cells) => {
                text(cells[0], time(e.timestamp, this.nowS));
                cells[0].title = ago(e.timestamp, this.nowS);
                text(cells[1], e.kind ?? "");
                text(cells[2], e.message ?? "");
                text(cells[3], String(e.code ?? ""));
                text(cells[4], e.retry === true ? "tried again" : e.retry === false ? "ended" : "");
            },
        });
        this.element = h("section", {class: "panel", id: "errors", "aria-labelledby":
            "errors-title"}, h("h2", {id: "errors-title"}, "Last errors"), this.table.element);
    }

    update(errors, nowS) {
        this.nowS = nowS;
        this.table.update(errors);
    }
}
