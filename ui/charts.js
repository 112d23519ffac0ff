// SPDX-License-Identifier: Apache-2.0
// charts - an hour of seconds in a ring, drawn by uPlot
//
//  (1) The series begin with /history and are carried on from events. Over BRIDGE_S a line goes on,
//      as latency has a value for the seconds with a commit only; a longer silence is a gap.
//  (2) A chart says in words what it shows (aria-label); series differ by dash, not only by colour.

import {h, text} from "./dom.js";
import {clockTime, hourTime, UNKNOWN} from "./format.js";

export const HOUR_S = 3600;
const BRIDGE_S = 45;
const LEAST_S = 300;
const HEIGHT = 132;
const LABEL_EVERY_MS = 10_000;
const CALM_DRAW_MS = 10_000;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

// Columns of equal length on a grid of one second, the newest HOUR_S of them.
export class Ring {
    constructor(names) {
        this.names = names;
        this.clear();
    }

    clear() {
        this.times = [];
        this.columns = Object.fromEntries(this.names.map((name) => [name, []]));
    }

    get last() {
        return this.times[this.times.length - 1] ?? null;
    }

    // The whole of /history; samples that events brought after its end are kept.
    load(history) {
        const step = history.stepSeconds || 1;
        const series = history.series ?? {};
        const length = Math.max(0, ...this.names.map((name) => series[name]?.length ?? 0));
        const [times, columns] = [this.times, this.columns];
        this.clear();
        for (let i = 0; i < length; i++) {
            this.push(Math.floor(history.start + i * step), (name) => series[name]?.[i] ?? null);
        }
        times.forEach((at, i) => {
            if (this.last === null || at > this.last) {
                this.push(at, (name) => columns[name][i]);
            }
        });
    }

    push(at, valueOf) {
        if (this.last !== null && at < this.last - HOUR_S) {
            this.clear(); // the clock was set back
        }
        if (this.last !== null && at <= this.last) {
            return;
        }
        const from = this.last === null ? at : Math.max(this.last + 1, at - HOUR_S);
        for (let t = from; t < at; t++) {
            this.put(t, () => null);
        }
        this.put(at, valueOf);
        const over = this.times.length - HOUR_S;
        if (over > 0) {
            this.times.splice(0, over);
            this.names.forEach((name) => this.columns[name].splice(0, over));
        }
    }

    put(at, valueOf) {
        this.times.push(at);
        this.names.forEach((name) => this.columns[name].push(valueOf(name) ?? null));
    }

    // The value at a place, or the last one before it that a line would be drawn from.
    at(name, index) {
        const column = this.columns[name];
        let i = index ?? column.length - 1;
        const first = Math.max(0, i - BRIDGE_S);
        while (i > first && column[i] === null) {
            i--;
        }
        return column[i] ?? null;
    }

    // Change a second over the last `span` seconds, or null when too little is known.
    slope(name, spanS = 60) {
        const column = this.columns[name];
        const end = column.length - 1;
        const start = Math.max(0, end - spanS);
        if (end - start < spanS / 4 || column[end] === null || column[start] === null) {
            return null;
        }
        return (column[end] - column[start]) / (end - start);
    }
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Distances of the grid's lines: whole numbers, and sizes in powers of two.
export const WHOLE = Array.from({length: 13}, (_, i) => [1, 2, 5].map((n) => n * 10 ** i)).flat();
export const BINARY = Array.from({length: 50}, (_, i) => 2 ** i);

// options: title, id, series: [{name, label, color: "--…", dash, fill}], format(value), steps,
// onPoint(time or null)
export class Chart {
    constructor(ring, options) {
        this.ring = ring;
        this.options = options;
        this.rangeS = HOUR_S;
        this.values = options.series.map(() => h("output", {class: "value"}, UNKNOWN));
        this.plot = h("div", {class: "plot", role: "img"});
        const legend = options.series.map((series, i) => h("span", {class: "key"},
            h("span", {class: `swatch ${series.dash ? "dashed" : ""}`, "data-color": series.color}),
            series.label ? `${series.label} ` : null, this.values[i]));
        this.element = h("figure", {class: "chart", id: options.id},
            h("figcaption", null, h("h3", null, options.title),
                h("span", {class: "legend", "aria-hidden": "true"}, legend)),
            this.plot);
        this.labelledAt = 0;
        this.drawnAt = 0;
        this.resize = new ResizeObserver(() => this.fit());
        this.resize.observe(this.plot);
        this.onTheme = () => this.build();
        document.addEventListener("theme", this.onTheme);
    }

    destroy() {
        this.resize.disconnect();
        document.removeEventListener("theme", this.onTheme);
        this.uplot?.destroy();
    }

    fit() {
        const width = Math.floor(this.plot.clientWidth);
        if (!this.uplot) {
            this.build();
        } else if (width > 0 && width !== this.uplot.width) {
            this.uplot.setSize({width, height: HEIGHT});
        }
    }

    build() {
        const width = Math.floor(this.plot.clientWidth);
        if (width <= 0) {
            return;
        }
        this.uplot?.destroy();
        const {series, format} = this.options;
        const font = `11px ${getComputedStyle(document.body).fontFamily}`;
        const axis = {
            stroke: css("--muted"), font, ticks: {show: false},
            grid: {stroke: css("--line"), width: 1},
        };
        this.uplot = new uPlot({
            width, height: HEIGHT, padding: [8, 4, 0, 0], legend: {show: false},
            cursor: {
                y: false, drag: {x: false, y: false}, sync: {key: "time"},
                points: {size: 6},
            },
            scales: {
                x: {time: true, range: () => this.span()},
                y: {range: (u, low, high) => [0, high > 0 ? high * 1.08 : 1]},
            },
            axes: [
                {...axis, size: 22, gap: 4, space: 64,
                    values: (u, splits) => splits.map((t) => (this.shownS > 900
                        ? hourTime(t) : clockTime(t)))},
                {...axis, size: 56, gap: 6, space: 32, incrs: this.options.steps,
                    values: (u, splits) => splits.map((v) => (this.known() ? format(v) : ""))},
            ],
            series: [{}, ...series.map((one) => ({
                stroke: css(one.color), width: 1.5, dash: one.dash ? [5, 3] : undefined,
                fill: one.fill ? css(one.fill) : undefined,
                gaps: (u, s, from, to, gaps) => gaps.filter(([start, end]) =>
                    end - start > BRIDGE_S / this.shownS * u.bbox.width),
                points: {show: false, size: 4, fill: css(one.color), filter: () => this.lone(one)},
            }))],
            hooks: {setCursor: [(u) => this.point(u.cursor.left < 0 ? null : u.cursor.idx)]},
        }, this.data(), this.plot);
        this.label(true);
    }

    // The seconds chosen; a query that is younger fills the width, but for its first minutes.
    span() {
        const end = this.ring.last ?? Math.floor(Date.now() / 1000);
        const first = Math.min(this.ring.times[0] ?? end, end - LEAST_S);
        return [Math.max(end - this.rangeS, first), end];
    }

    get shownS() {
        const [start, end] = this.span();
        return end - start;
    }

    data() {
        return [this.ring.times, ...this.options.series.map((s) => this.ring.columns[s.name])];
    }

    // Values with no neighbour near enough for a line, as of batches minutes apart.
    lone({name}) {
        const column = this.ring.columns[name];
        const places = [];
        let before = -Infinity;
        let last = -Infinity;
        for (let i = 0; i <= column.length; i++) {
            if (i < column.length && column[i] === null) {
                continue;
            }
            const at = i < column.length ? i : Infinity;
            if (last >= 0 && last - before > BRIDGE_S && at - last > BRIDGE_S) {
                places.push(last);
            }
            [before, last] = [last, at];
        }
        return places.length > 0 ? places : null;
    }

    known() {
        return this.options.series.some((s) => this.ring.columns[s.name].some((v) => v !== null));
    }

    setRange(rangeS) {
        this.rangeS = rangeS;
        this.redraw();
    }

    redraw() {
        this.draw(true);
        this.label(true);
    }

    draw(force = false) {
        if (!this.uplot) {
            this.fit();
        }
        const now = Date.now();
        if (this.uplot && (force || !calm.matches || now - this.drawnAt >= CALM_DRAW_MS)) {
            this.drawnAt = now;
            this.uplot.setData(this.data());
        }
        if (this.index === null || this.index === undefined) {
            this.point(null);
        }
        this.label();
    }

    // The figures beside the title: under the pointer, else the newest.
    point(index) {
        this.index = index;
        const {series, format} = this.options;
        series.forEach((one, n) => text(this.values[n], format(this.ring.at(one.name, index))));
        const at = index === null || index === undefined ? null : this.ring.times[index];
        this.options.onPoint?.(at ?? null);
    }

    label(force = false) {
        if (!force && Date.now() - this.labelledAt < LABEL_EVERY_MS) {
            return;
        }
        this.labelledAt = Date.now();
        const {title, series, format} = this.options;
        const words = series.map((one) => {
            const known = this.ring.columns[one.name].slice(-this.rangeS)
                .filter((v) => v !== null);
            const bounds = known.length === 0 ? "nothing known"
                : `now ${format(this.ring.at(one.name))}, lowest ` +
                  `${format(known.reduce((a, b) => Math.min(a, b)))}, ` +
                  `highest ${format(known.reduce((a, b) => Math.max(a, b)))}`;
            return one.label ? `${one.label}: ${bounds}` : bounds;
        });
        const label = `${title}, last ${Math.round(this.rangeS / 60)} minutes. ${words.join("; ")}`;
        this.plot.setAttribute("aria-label", label);
    }
}
