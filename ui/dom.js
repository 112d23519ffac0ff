// SPDX-License-Identifier: Apache-2.0
// dom - building elements; whatever comes from the server becomes text, never markup

// h("td", {class: "number"}, "12") - children are nodes, text, or null for nothing
export function h(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes ?? {})) {
        if (name.startsWith("on")) {
            element.addEventListener(name.slice(2), value);
        } else if (value === true) {
            element.setAttribute(name, "");
        } else if (value !== false && value !== null && value !== undefined) {
            element.setAttribute(name, value);
        }
    }
    append(element, children);
    return element;
}

function append(element, children) {
    for (const child of children.flat()) {
        if (child !== null && child !== undefined) {
            element.append(child);
        }
    }
}

export function svg(tag, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes ?? {})) {
        element.setAttribute(name, value);
    }
    append(element, children);
    return element;
}

// Only what differs is touched: a screen reader's place and a selection stay.
export function text(element, value) {
    if (element.textContent !== value) {
        element.textContent = value;
    }
    return element;
}

export function attribute(element, name, value) {
    if (value === null || value === false || value === undefined) {
        if (element.hasAttribute(name)) {
            element.removeAttribute(name);
        }
    } else if (element.getAttribute(name) !== String(value)) {
        element.setAttribute(name, value);
    }
}

export function show(element, visible) {
    if (element.hidden === visible) {
        element.hidden = !visible;
    }
}

// One child of `parent` for each item, in order. `make(item)` gives {element, update(item)}.
const children = new WeakMap();
export function keyed(parent, items, keyOf, make) {
    const old = children.get(parent) ?? new Map();
    const now = new Map();
    let place = parent.firstChild;
    for (const item of items) {
        const key = keyOf(item);
        if (now.has(key)) {
            continue;
        }
        const row = old.get(key) ?? make(item);
        old.delete(key);
        now.set(key, row);
        row.update(item);
        if (row.element === place) {
            place = place.nextSibling;
        } else {
            parent.insertBefore(row.element, place);
        }
    }
    for (const row of old.values()) {
        row.element.remove();
    }
    children.set(parent, now);
}

// A table in a box of its own that scrolls sideways, by keyboard too.
// columns: [{name, number, title}]; the last word on its cells is update(item, cells).
export function table({caption, columns, key, update, className = "", empty = "None."}) {
    const body = h("tbody");
    const heads = columns.map((c) => h("th", {
        scope: "col", class: c.number ? "number" : c.class, title: c.title,
    }, c.head ?? c.name));
    const none = h("p", {class: "empty"}, empty);
    const grid = h("table", {class: className}, h("caption", {class: "unseen"}, caption),
        h("thead", null, h("tr", null, heads)), body);
    const box = h("div", {class: "scroll", role: "region", "aria-label": caption, tabindex: "0"},
        grid);
    const element = h("div", {class: "tablebox"}, box, none);
    return {
        element, heads, none, box,
        update(items) {
            show(box, items.length > 0);
            show(none, items.length === 0);
            keyed(body, items, key, (item) => {
                const cells = columns.map((c) => h(c.row ? "th" : "td", {
                    scope: c.row ? "row" : null, class: c.number ? "number" : c.class,
                }));
                const row = {element: h("tr", null, cells), update: (i) => update(i, cells, row)};
                return row;
            });
        },
    };
}

const ICONS = {
    starting: "M8 1.5a6.5 6.5 0 1 0 6.5 6.5H12a4 4 0 1 1-4-4z",
    running: "M4 2.5v11l9.5-5.5z",
    idle: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zm0 2.2a3.8 3.8 0 1 1 0 7.6 3.8 3.8 0 0 1 0-7.6z",
    waiting: "M8 1 .8 14.5h14.4zM7.1 6h1.8v4.5H7.1zm0 5.5h1.8v1.8H7.1z",
    paused: "M3.5 2.5h3v11h-3zm6 0h3v11h-3z",
    stopping: "M3 3h10v10H3zm2.2 2.2v5.6h5.6V5.2z",
    ended: "M3 3h10v10H3z",
    failed: "M5 1h6l4 4v6l-4 4H5l-4-4V5zm.3 3L4 5.3 6.7 8 4 10.7 5.3 12 8 9.3l2.7 2.7 1.3-1.3L9.3 8 12 5.3 10.7 4 8 6.7z",
    good: "M6.3 13.3 1.5 8.5l1.8-1.8 3 3 6.4-6.4 1.8 1.8z",
};
ICONS.critical = ICONS.failed;
ICONS.warning = ICONS.waiting;
ICONS.note = "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zm-.9 3h1.8v1.8H7.1zm0 3h1.8v5H7.1z";

export function icon(name) {
    return svg("svg", {class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true"},
        svg("path", {d: ICONS[name] ?? ICONS.note, "fill-rule": "evenodd"}));
}

// How bad a state is: a class for its colour, beside its word and its shape.
const TONES = {
    failed: "critical", waiting: "warning", paused: "note", stopping: "note", starting: "note",
    running: "good", idle: "good", ended: "still",
};
export const tone = (state) => TONES[state] ?? "note";

export function pill() {
    const element = h("span", {class: "pill"});
    return {
        element,
        update(state) {
            if (element.dataset.state !== state) {
                element.dataset.state = state;
                element.dataset.tone = tone(state);
                element.replaceChildren(icon(state), h("span", null, state));
            }
        },
    };
}
