// SPDX-License-Identifier: Apache-2.0
// batches - the last batches with where their time went, and what they committed
//
//  (1) Reading and encoding run side by side: the bar shows reading in its upper half and encoding
//      in its lower, then uploading and committing at full height.
//  (2) All bars share one scale, and every phase stands beside its bar as a number.

import {attribute, h, svg, table, text} from "./dom.js";
import {bytes, clockTime, count, epoch, millis, time, UNKNOWN} from "./format.js";

const SHOWN = 12;
const COMMITS = 8;
const PHASES = ["read", "encode", "upload", "commit"];

const sum = (list, of) => list?.reduce((n, one) => n + (of(one) ?? 0), 0) ?? null;

// A progress object's times, in ms from the batch's opening.
export function phases(progress) {
    const d = progress.durationMs ?? {};
    const read = d.read ?? d.latestOffset ?? 0;
    const encode = d.encode ?? d.addBatch ?? 0;
    const upload = d.upload ?? 0;
    const commit = d.commitOffsets ?? 0;
    const total = Math.max(progress.batchDuration ?? 0, read + upload + commit, encode + upload + commit);
    const sealed = total - commit - upload;
    return {
        total,
        read: [0, read], encode: [Math.max(0, sealed - encode), encode],
        upload: [sealed, upload], commit: [sealed + upload, commit],
    };
}

export class Batches {
    constructor() {
        const legend = h("ul", {class: "legend", "aria-label": "Phases"}, PHASES.map((phase) =>
            h("li", {class: "key"}, h("span", {class: "swatch", "data-color": `--${phase}`}), phase)));
        this.timeline = table({
            caption: "The last batches and their phases, newest first",
            className: "batches",
            empty: "No batch yet.",
            key: (p) => `${p.runId} ${p.batchId}`,
            columns: [
                {name: "Batch", row: true, class: "number"}, {name: "Began"},
                {name: "", class: "barcell", head: h("span", {class: "unseen"}, "Phases as a bar")},
                {name: "All", number: true},
                {name: "Read", number: true}, {name: "Encode", number: true},
                {name: "Upload", number: true}, {name: "Commit", number: true},
                {name: "Records", number: true},
            ],
            update: (p, cells, row) => this.batch(p, cells, row),
        });
        this.commits = table({
            caption: "The last commits, newest first",
            className: "commits",
            empty: "No commit yet.",
            key: (p) => `${p.runId} ${p.batchId}`,
            columns: [
                {name: "Version", row: true, class: "number"}, {name: "Committed"},
                {name: "Rows", number: true}, {name: "Size", number: true},
                {name: "Files", number: true}, {name: "Batch", number: true},
                {name: "Bad", number: true, title: "bad records of the batch"},
            ],
            update: (p, cells) => this.commit(p, cells),
        });
        this.timelinePanel = h("section", {class: "panel", id: "batches", "aria-labelledby":
            "batches-title"}, h("div", {class: "titleline"},
            h("h2", {id: "batches-title"}, "Batches"), legend), this.timeline.element);
        this.commitPanel = h("section", {class: "panel", id: "commits", "aria-labelledby":
            "commits-title"}, h("h2", {id: "commits-title"}, "Last commits"), this.commits.element);
    }

    batch(p, cells, row) {
        if (!row.bars) {
            const rect = (phase, y, height) => svg("rect", {class: phase, y, height, x: 0, width: 0});
            row.bars = {
                read: rect("read", 0, 5), encode: rect("encode", 5, 5),
                upload: rect("upload", 0, 10), commit: rect("commit", 0, 10),
            };
            cells[2].append(svg("svg", {class: "phases", viewBox: "0 0 1000 10",
                preserveAspectRatio: "none", "aria-hidden": "true"}, Object.values(row.bars)));
        }
        const at = phases(p);
        for (const phase of PHASES) {
            const [start, length] = at[phase];
            attribute(row.bars[phase], "x", (1000 * start / this.scaleMs).toFixed(1));
            // What took any time at all can be seen.
            const width = length > 0 ? Math.max(3, 1000 * length / this.scaleMs) : 0;
            attribute(row.bars[phase], "width", width.toFixed(1));
        }
        text(cells[0], count(p.batchId));
        text(cells[1], time(p.timestamp, this.nowS));
        text(cells[3], millis(at.total));
        PHASES.forEach((phase, i) => text(cells[4 + i], millis(at[phase][1])));
        text(cells[8], count(p.numInputRows));
    }

    commit(p, cells) {
        const sink = p.sink ?? {};
        text(cells[0], count(sink.version));
        const began = epoch(p.timestamp);
        text(cells[1], began === null ? UNKNOWN
            : clockTime(began + (p.batchDuration ?? 0) / 1000));
        text(cells[2], count(sink.numOutputRows));
        text(cells[3], bytes(sink.bytes));
        text(cells[4], count(sink.files));
        text(cells[5], count(p.batchId));
        const bad = sum(p.sources, (source) => Number(source.metrics?.badRecords ?? 0));
        text(cells[6], bad === null ? UNKNOWN : count(bad));
    }

    update(progress, nowS) {
        this.nowS = nowS;
        const shown = progress.slice(0, SHOWN);
        this.scaleMs = shown.reduce((ms, p) => Math.max(ms, phases(p).total), 1);
        this.timeline.update(shown);
        this.commits.update(progress.slice(0, COMMITS));
    }
}
