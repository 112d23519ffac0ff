// SPDX-License-Identifier: Apache-2.0
// reference - what the query is: its text, plan, schema and table; folded until asked for

import {h, show, table, text} from "./dom.js";
import {bytes, count, span, UNKNOWN} from "./format.js";

function fold(title, ...content) {
    const hint = h("span", {class: "hint"});
    const element = h("details", {class: "panel fold"},
        h("summary", null, h("h2", null, title), hint), content);
    return {element, hint};
}

function code(label) {
    const pre = h("pre", {tabindex: "0", role: "region", "aria-label": label});
    return pre;
}

export class Reference {
    constructor() {
        this.sql = code("Pipeline text");
        this.plan = code("Plan");
        this.facts = h("dl", {class: "facts"});
        this.schema = table({
            caption: "Columns of the table",
            className: "schema",
            empty: "Not known yet.",
            key: (c) => c.name,
            columns: [
                {name: "Column", row: true, class: "name"}, {name: "Type", class: "type"},
                {name: "NULL"}, {name: "Partition"},
            ],
            update: (c, cells) => {
                text(cells[0], c.name);
                text(cells[1], c.type ?? "");
                text(cells[2], c.nullable === false ? "no" : "yes");
                text(cells[3], c.partition ? "yes" : "");
            },
        });
        const [tableFold, sqlFold, planFold, schemaFold] = [fold("Table and run", this.facts),
            fold("Pipeline", this.sql), fold("Plan", this.plan), fold("Schema", this.schema.element)];
        this.hints = {sql: sqlFold.hint, schema: schemaFold.hint, table: tableFold.hint};
        this.folds = [tableFold, schemaFold, sqlFold, planFold].map((one) => one.element);
        this.element = h("div", {class: "folds"}, this.folds);
    }

    get open() {
        return this.folds.some((one) => one.open);
    }

    update(query, nowText) {
        const t = query.table ?? {};
        const rows = [
            ["Location", t.location], ["Version", count(t.version)],
            ["Files", count(t.files)], ["Size", bytes(t.bytes)],
            ["Log checkpoint", t.checkpointVersion === null || t.checkpointVersion === undefined
                ? UNKNOWN : `version ${count(t.checkpointVersion)}, ${span(t.checkpointAgeSeconds)} old`],
            ["Topics", (query.topics ?? []).join(", ")],
            ["Started", nowText(query.startedAt)], ["Attempts", count(query.attempts)],
            ["Query id", query.id], ["Run id", query.runId],
            ["Rows in", count(query.totals?.inputRows)], ["Bytes in", bytes(query.totals?.inputBytes)],
            ["Rows out", count(query.totals?.outputRows)], ["Batches", count(query.totals?.batches)],
            ["Files written", count(query.totals?.files)], ["Bytes written", bytes(query.totals?.bytes)],
        ];
        if (this.facts.childElementCount === 0) {
            this.values = rows.map(([name]) => {
                const value = h("dd");
                this.facts.append(h("div", null, h("dt", null, name), value));
                return value;
            });
        }
        rows.forEach(([, value], i) => text(this.values[i], value || UNKNOWN));
        text(this.hints.table, t.location ?? "");
    }

    setPlan(plan) {
        text(this.sql, plan.sql ?? UNKNOWN);
        text(this.plan, plan.plan ?? UNKNOWN);
        text(this.hints.sql, plan.file ?? "");
    }

    setSchema(schema) {
        const columns = schema.columns ?? [];
        this.schema.update(columns);
        text(this.hints.schema, `${count(columns.length)} ${columns.length === 1 ? "column" : "columns"}`);
        show(this.hints.schema, columns.length > 0);
    }
}
