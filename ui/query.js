// SPDX-License-Identifier: Apache-2.0
// query - all about one query: what is wrong, figures, charts, partitions, batches, faults
//
//  (1) The event of each second carries the figures; the longer lists are asked for when something
//      says that they have changed, one request of a kind at a time.
//  (2) Nothing moves while the view is frozen, but the charts' ring goes on being filled.

import {Batches} from "./batches.js";
import {BINARY, Chart, HOUR_S, Ring, WHOLE} from "./charts.js";
import {askToken, confirmStop} from "./dialogs.js";
import {attribute, h, icon, keyed, pill, show, svg, text} from "./dom.js";
import {Errors, Faults} from "./faults.js";
import {findings} from "./findings.js";
import {ago, bytes, clockTime, count, epoch, limit, millis, percent, plural, rate, short, span,
    time, UNKNOWN} from "./format.js";
import {ApiError, ask, command, token} from "./live.js";
import {Partitions} from "./partitions.js";
import {Reference} from "./reference.js";

const SERIES = ["inputRowsPerSecond", "outputRowsPerSecond", "latencyMs", "lagRecords",
    "memoryBytes"];
const OFFSETS_MS = 2_000;
const ERRORS_MS = 10_000;
const SCHEMA_MS = 30_000;
const PROGRESS_LIMIT = 50;
const RANGES = [["5 min", 300, "5 minutes"], ["15 min", 900, "15 minutes"], ["1 h", HOUR_S, "hour"]];
const PLACES = {
    partitions: "the partitions", errors: "the errors", faults: "the reasons", memory: "the chart",
};
const ALIVE = ["starting", "running", "idle", "waiting"];
const GONE = ["ended", "failed", "stopping"];

export class QueryView {
    constructor(name) {
        this.name = name;
        this.title = name;
        this.ring = new Ring(SERIES);
        this.progress = [];
        this.partitions = [];
        this.asked = {}; // kind → {key, at, busy}
        this.troubles = new Map();
        this.build();
    }

    build() {
        this.pill = pill();
        this.reason = h("p", {class: "because"});
        this.buttons = {
            pause: this.button("pause", "Pause"), resume: this.button("resume", "Resume"),
            stop: this.button("stop", "Stop …"),
        };
        this.note = h("p", {class: "commandnote", role: "status"});
        this.problems = h("ul", {class: "problems"});
        this.fine = h("p", {class: "fine"}, icon("good"), "Nothing is wrong.");
        this.trouble = h("p", {class: "trouble"});
        this.figures = this.buildFigures();
        this.buildCharts();
        this.lags = new Partitions();
        this.batches = new Batches();
        this.faults = new Faults();
        this.errors = new Errors();
        this.reference = new Reference();
        this.missing = h("p", {class: "empty"}, "This process runs no query of that name. ",
            h("a", {href: "#/all"}, "All queries"));
        this.content = h("div", {class: "content"},
            h("section", {"aria-label": "What is wrong", class: "wrong"}, this.problems, this.fine,
                this.trouble),
            this.figures, this.chartSection,
            h("div", {class: "columns"},
                h("div", {class: "column"}, this.lags.element, this.faults.element,
                    this.errors.element),
                h("div", {class: "column"}, this.batches.timelinePanel, this.batches.commitPanel)),
            this.reference.element);
        this.back = h("a", {class: "back", href: "#/all"}, "All queries");
        this.element = h("div", {class: "view"},
            h("div", {class: "head"}, this.back,
                h("div", {class: "headline"}, h("h1", null, this.name), this.pill.element,
                    this.reason,
                    h("div", {class: "buttons", role: "group", "aria-label": "Commands"},
                        Object.values(this.buttons))),
                this.note),
            this.missing, this.content);
    }

    button(verb, label) {
        return h("button", {type: "button", class: verb === "stop" ? "stop" : "",
            onclick: () => this.command(verb)}, label);
    }

    buildFigures() {
        const cell = (key, label, target) => {
            const value = h("dd", {class: "big"}, UNKNOWN);
            const sub = h("dd", {class: "sub"});
            this[key] = {value, sub};
            const name = target ? h("a", {href: `#${target}`, onclick: (event) => {
                event.preventDefault();
                this.jump(target);
            }}, label) : label;
            return h("div", {class: "figure"}, h("dt", null, name), value, sub);
        };
        const list = h("dl", {class: "figures"},
            cell("rowsIn", "Rows/s in"), cell("rowsOut", "Rows/s out"),
            cell("latency", "Record to commit"), cell("lag", "Lag", "partitions"),
            cell("last", "Last commit", "commits"), cell("memory", "Memory"),
            cell("bad", "Bad records", "faults"), cell("letters", "Dead letters", "faults"));
        this.meter = svg("rect", {x: 0, y: 0, height: 4, width: 0});
        this.memory.value.after(h("dd", {class: "meterline"}, svg("svg", {class: "meter",
            viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true"}, this.meter)));
        return h("section", {"aria-label": "Figures"}, list);
    }

    buildCharts() {
        this.pointed = h("span", {class: "at", "aria-hidden": "true"});
        const onPoint = (at) => text(this.pointed, at === null ? "" : `at ${clockTime(at)}`);
        this.charts = [
            new Chart(this.ring, {title: "Rows/s", format: rate, steps: WHOLE, onPoint, series: [
                {name: "inputRowsPerSecond", label: "in", color: "--series-1"},
                {name: "outputRowsPerSecond", label: "out", color: "--series-2", dash: true}]}),
            new Chart(this.ring, {title: "Record to commit", format: millis, onPoint, series: [
                {name: "latencyMs", color: "--series-1"}]}),
            new Chart(this.ring, {title: "Lag, records", format: short, steps: WHOLE, onPoint, series: [
                {name: "lagRecords", color: "--series-1", fill: "--series-fill"}]}),
            new Chart(this.ring, {title: "Memory of the process", id: "memory", format: limit,
                steps: BINARY, onPoint, series: [
                    {name: "memoryBytes", color: "--series-1", fill: "--series-fill"}]}),
        ];
        const heading = h("h2", {id: "charts-title"}, "The last hour");
        const ranges = RANGES.map(([label, seconds, words]) => h("button", {type: "button",
            "aria-pressed": String(seconds === HOUR_S), onclick: (event) => {
                ranges.forEach((one) => attribute(one, "aria-pressed",
                    String(one === event.currentTarget)));
                text(heading, `The last ${words}`);
                this.charts.forEach((chart) => chart.setRange(seconds));
            }}, label));
        this.chartSection = h("section", {class: "panel", "aria-labelledby": "charts-title"},
            h("div", {class: "titleline"}, heading, this.pointed,
                h("div", {class: "ranges", role: "group", "aria-label": "Time shown"}, ranges)),
            h("div", {class: "charts"}, this.charts.map((chart) => chart.element)));
    }

    jump(id) {
        const target = document.getElementById(id);
        if (target) {
            target.setAttribute("tabindex", "-1");
            target.scrollIntoView({block: "start"});
            target.focus({preventScroll: true});
        }
    }

    destroy() {
        this.destroyed = true;
        this.charts.forEach((chart) => chart.destroy());
    }

    // --- what comes in ---------------------------------------------------------

    // Called for every event, frozen or not.
    sample(body) {
        const query = body.queries.find((one) => one.name === this.name);
        if (!query) {
            return;
        }
        if (query.runId !== this.runId) {
            this.runId = query.runId;
            this.fetch("history", query.runId, (history) => {
                this.ring.load(history);
                if (!this.frozen) {
                    this.charts.forEach((chart) => chart.redraw());
                }
            });
        }
        // A latency belongs to the second of its commit.
        const committed = query.totals?.batches !== this.batchesSeen;
        this.batchesSeen = query.totals?.batches;
        const values = {
            ...query, memoryBytes: body.process?.memoryBytes ?? null,
            latencyMs: committed ? query.latencyMs : null,
        };
        this.ring.push(Math.floor(body.nowS), (name) => values[name]);
    }

    // After a gap: what was missed comes from /history.
    refill() {
        this.asked = {};
        this.ring.clear();
        this.runId = null;
    }

    onProgress({name, progress}) {
        if (name === this.name && progress) {
            this.take([progress]);
        }
    }

    take(list) {
        const key = (p) => `${p.runId} ${p.batchId}`;
        const have = new Set(list.map(key));
        this.progress = [...list, ...this.progress.filter((p) => !have.has(key(p)))]
            .sort((a, b) => epoch(b.timestamp) - epoch(a.timestamp)).slice(0, PROGRESS_LIMIT);
    }

    // One request of a kind at a time, and only when `key` is new.
    async fetch(kind, key, use, part = kind) {
        const asked = this.asked[kind] ??= {};
        if (asked.busy || asked.key === key) {
            return;
        }
        asked.busy = true;
        try {
            const answer = await ask(this.name, part);
            asked.key = key;
            this.troubles.delete(kind);
            if (!this.destroyed) {
                use(answer);
            }
        } catch (error) {
            this.troubles.set(kind, error instanceof ApiError ? error.message : "no answer");
        } finally {
            asked.busy = false;
            if (!this.destroyed && this.query) {
                this.renderLists();
            }
        }
    }

    async fetchAll(query) {
        const tick = (ms) => Math.floor(Date.now() / ms);
        this.fetch("progress", `${query.lastCommit?.version} ${query.totals?.batches}`,
            (list) => this.take(list), `progress?limit=${PROGRESS_LIMIT}`);
        this.fetch("offsets", tick(OFFSETS_MS), (answer) => {
            this.partitions = answer.partitions ?? [];
        });
        this.fetch("errors", `${tick(ERRORS_MS)} ${query.state} ${query.lastError?.timestamp}`,
            (list) => {
                this.errorList = list;
            });
        this.fetch("plan", query.runId, (plan) => this.reference.setPlan(plan));
        this.fetch("schema", `${query.runId} ${this.reference.open ? tick(SCHEMA_MS) : ""}`,
            (schema) => this.reference.setSchema(schema));
    }

    // --- showing it --------------------------------------------------------------

    update(body, connected) {
        const query = body.queries.find((one) => one.name === this.name);
        show(this.missing, !query);
        show(this.content, Boolean(query));
        show(this.back, body.queries.length !== 1 || !query);
        show(this.pill.element, Boolean(query));
        Object.values(this.buttons).forEach((button) => show(button, Boolean(query)));
        if (!query) {
            text(this.reason, "");
            return;
        }
        this.query = query;
        this.connected = connected;
        this.process = body.process;
        this.nowS = body.nowS;
        this.pill.update(query.state);
        text(this.reason, this.headReason(query));
        this.renderButtons(query, connected);
        this.renderFigures(query, body.process);
        this.charts.forEach((chart) => chart.draw());
        if (connected) {
            this.fetchAll(query);
        }
        this.renderLists();
    }

    headReason(query) {
        const since = epoch(query.stateSince);
        const long = since === null ? "" : `for ${span(Math.max(0, Math.floor(this.nowS - since)))}`;
        const below = ["failed", "waiting", "paused"].includes(query.state); // the first problem
        return [long, below ? "" : query.reason].filter(Boolean).join(" · ");
    }

    renderButtons(query, connected) {
        const {pause, resume, stop} = this.buttons;
        show(resume, query.state === "paused");
        show(pause, query.state !== "paused");
        attribute(pause, "disabled", connected && ALIVE.includes(query.state) ? null : "");
        attribute(resume, "disabled", connected ? null : "");
        attribute(stop, "disabled", connected && !GONE.includes(query.state) ? null : "");
    }

    renderFigures(query, process) {
        const t = query.totals ?? {};
        const set = (cell, value, sub) => {
            text(cell.value, value);
            text(cell.sub, sub);
        };
        set(this.rowsIn, rate(query.inputRowsPerSecond), `${short(t.inputRows)} since the start`);
        set(this.rowsOut, rate(query.outputRowsPerSecond), `${short(t.outputRows)} since the start`);
        set(this.latency, millis(query.latencyMs), "oldest record of the last batch");
        set(this.lag, short(query.lagRecords), this.lagWords(query));
        const last = query.lastCommit;
        set(this.last, last ? ago(last.timestamp, this.nowS) : UNKNOWN, last
            ? `version ${count(last.version)} · ${plural(last.outputRows, "row")} · ` +
              `${plural(last.files, "file")} · ${bytes(last.bytes)}` : "none since the start");
        const {memoryBytes: used, memoryBudgetBytes: budget} = process ?? {};
        const m = query.memory ?? {};
        set(this.memory, bytes(used), [budget ? `${percent(used, budget)} of ${limit(budget)}` : "",
            `DuckDB ${limit(m.duckdbBytes)} of ${limit(m.duckdbLimitBytes)}`,
            `queue ${limit(m.queueBytes)}`].filter(Boolean).join(" · "));
        attribute(this.meter, "width", budget ? Math.min(100, 100 * used / budget).toFixed(1) : 0);
        attribute(this.meter, "class", budget && used > 0.9 * budget ? "full" : "");
        set(this.bad, count(t.badRecords), `${plural(t.badFields ?? null, "bad field")} · ` +
            `${count(t.dropped)} dropped`);
        set(this.letters, count(t.deadLetters), t.deadLetters > 0
            ? `${percent(t.deadLetters, t.inputRows)} of the records` : "");
    }

    lagWords(query) {
        const behind = query.lagSeconds > 0 ? `${span(query.lagSeconds)} behind` : "";
        const slope = this.ring.slope("lagRecords");
        let trend = "";
        if (query.lagRecords > 0 && slope !== null && Math.abs(slope) * 60 > query.lagRecords * 0.02) {
            trend = slope > 0 ? `growing by ${rate(slope)}/s`
                : `shrinking, gone in ${span(Math.ceil(query.lagRecords / -slope))}`;
        }
        return [behind, trend].filter(Boolean).join(" · ") || (query.lagRecords === 0
            ? "all that there is is in the table" : "");
    }

    renderLists() {
        if (this.frozen) {
            return;
        }
        const held = this.partitions.filter((p) => p.held);
        const found = findings(this.query, this.process, this.nowS, held);
        keyed(this.problems, found, (one) => `${one.tone} ${one.title.replace(/[\d,.]+/g, "#")}`,
            (one) => this.problem(one));
        show(this.problems, found.length > 0);
        show(this.fine, found.length === 0 && this.connected);
        const troubles = [...this.troubles].map(([kind, message]) => `${kind}: ${message}`);
        text(this.trouble, troubles.length > 0 ? `Could not be read: ${troubles.join("; ")}` : "");
        show(this.trouble, troubles.length > 0);
        this.lags.update(this.partitions);
        this.batches.update(this.progress, this.nowS);
        this.faults.update(this.query);
        this.errors.update(this.errorList ?? [], this.nowS);
        this.reference.update(this.query, (iso) => time(iso, this.nowS));
    }

    problem(one) {
        const title = h("strong");
        const detail = h("span", {class: "detail"});
        const link = one.target ? h("a", {href: `#${one.target}`, onclick: (event) => {
            event.preventDefault();
            this.jump(one.target);
        }}, `see ${PLACES[one.target]}`) : null;
        return {
            element: h("li", {"data-tone": one.tone}, icon(one.tone), h("span", {class: "unseen"},
                `${one.tone}: `), h("span", {class: "words"}, title, " ", detail, " ", link)),
            update(now) {
                text(title, now.title);
                text(detail, now.detail);
            },
        };
    }

    // --- commands ------------------------------------------------------------------

    async command(verb) {
        if (verb === "stop" && !await confirmStop(this.name)) {
            return;
        }
        let secret = token.get();
        for (;;) {
            try {
                text(this.note, `Asking to ${verb} …`);
                const answer = await command(this.name, verb, secret);
                text(this.note, `Asked to ${verb}; the query is ${answer.state}.`);
                return;
            } catch (error) {
                if (error.status !== 401) {
                    text(this.note, `Could not ${verb}: ${error instanceof ApiError ? error.message
                        : "no answer from the server"}`);
                    return;
                }
                token.set(null);
                secret = await askToken(Boolean(secret));
                if (secret === null) {
                    text(this.note, `Not asked to ${verb}.`);
                    return;
                }
                token.set(secret);
            }
        }
    }
}
