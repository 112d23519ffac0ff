// SPDX-License-Identifier: Apache-2.0
// format - numbers, sizes and times as a person reads them; null is "–"

export const UNKNOWN = "–";

const whole = new Intl.NumberFormat("en", {maximumFractionDigits: 0});
const tenths = new Intl.NumberFormat("en", {minimumFractionDigits: 1, maximumFractionDigits: 1});
const known = (n) => typeof n === "number" && Number.isFinite(n);

// In full: 1,234,567
export const count = (n) => (known(n) ? whole.format(n) : UNKNOWN);

// Three to four digits: 987, 12,345, 1.23 M
export function short(n) {
    if (!known(n)) {
        return UNKNOWN;
    }
    for (const [size, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"]]) {
        if (Math.abs(n) >= size) {
            return `${digits(n / size)} ${unit}`;
        }
    }
    return whole.format(n);
}

// Rates below ten keep a decimal, or a trickle would read as nothing.
export const rate = (n) => (known(n) && n > 0 && n < 10 ? tenths.format(n) : short(n));

const digits = (n) => n.toFixed(Math.abs(n) < 10 ? 2 : Math.abs(n) < 100 ? 1 : 0);

export function bytes(n) {
    if (!known(n)) {
        return UNKNOWN;
    }
    for (const [size, unit] of [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"],
        [2 ** 10, "KiB"]]) {
        if (Math.abs(n) >= size) {
            return `${digits(n / size)} ${unit}`;
        }
    }
    return `${whole.format(n)} B`;
}

// A limit, which is a round number most of the time: 1 GiB, 512 MiB
export const limit = (n) => bytes(n).replace(/\.0+ /, " ");

export function millis(ms) {
    if (!known(ms)) {
        return UNKNOWN;
    }
    if (ms < 1000) {
        return `${ms < 10 && ms % 1 !== 0 ? ms.toFixed(1) : Math.round(ms)} ms`;
    }
    return ms < 60_000 ? `${digits(ms / 1000)} s` : span(ms / 1000);
}

// At most `most` units: 42 s, 3 min 20 s, 5 h 12 min, 12 d 3 h
export function span(seconds, most = 2) {
    if (!known(seconds)) {
        return UNKNOWN;
    }
    if (seconds < 10 && seconds % 1 !== 0) {
        return `${seconds.toFixed(1)} s`;
    }
    let rest = Math.max(0, Math.round(seconds));
    const parts = [];
    for (const [size, unit] of [[86_400, "d"], [3600, "h"], [60, "min"], [1, "s"]]) {
        const n = Math.floor(rest / size);
        rest -= n * size;
        if (n > 0 || (unit === "s" && parts.length === 0)) {
            parts.push(`${n} ${unit}`);
        } else if (parts.length > 0) {
            break;
        }
        if (parts.length === most) {
            break;
        }
    }
    return parts.join(" ");
}

// What is more than nothing never reads as nothing: 42 %, 0.3 %, under 0.01 %
export function percent(part, all) {
    if (!known(part) || !known(all) || all <= 0) {
        return UNKNOWN;
    }
    const share = 100 * part / all;
    if (share <= 0 || share >= 1) {
        return `${whole.format(share)} %`;
    }
    return share < 0.01 ? "under 0.01 %" : `${share.toPrecision(1)} %`;
}

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

const clock = new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const hours = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit"});
const day = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short"});

// Seconds of the epoch, or null for what is no time.
export function epoch(iso) {
    const ms = typeof iso === "string" ? Date.parse(iso) : NaN;
    return Number.isNaN(ms) ? null : ms / 1000;
}

// Local time, with the day when it is not today's.
export function time(iso, nowS) {
    const at = epoch(iso);
    if (at === null) {
        return UNKNOWN;
    }
    const far = Math.abs(nowS - at) > 18 * 3600;
    return (far ? `${day.format(at * 1000)} ` : "") + clock.format(at * 1000);
}

export const clockTime = (epochS) => clock.format(epochS * 1000);
export const hourTime = (epochS) => hours.format(epochS * 1000);

export function ago(iso, nowS) {
    const at = epoch(iso);
    return at === null ? UNKNOWN : `${span(Math.max(0, Math.floor(nowS - at)), 1)} ago`;
}

// "UTC+02:00"
export function zone() {
    const offset = -new Date().getTimezoneOffset();
    if (offset === 0) {
        return "UTC";
    }
    const two = (n) => String(n).padStart(2, "0");
    const size = Math.abs(offset);
    return `UTC${offset < 0 ? "−" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}
