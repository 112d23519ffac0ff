// SPDX-License-Identifier: Apache-2.0
// app - the frame: which view, is it live, what is said aloud
//
//  (1) The announcer (aria-live) speaks of changed states and of the connection, of nothing else.
//  (2) Ages are counted by the server's clock: a wrong clock here shows no wrong age.

import {attribute, h, icon, show, text, tone} from "./dom.js";
import {worstFirst} from "./findings.js";
import {bytes, clockTime, epoch, plural, span, zone} from "./format.js";
import {Live} from "./live.js";
import {Overview} from "./overview.js";
import {QueryView} from "./query.js";

const main = document.getElementById("main");
const announcer = document.getElementById("announce");
const linkLine = document.getElementById("link");
const lostLine = document.getElementById("lost");
const holdButton = document.getElementById("hold");

let body = null; // the newest answer
let link = {state: "connecting", since: Date.now(), retryAt: null};
let view = null;
let shownRoute = null;
let frozen = false;
let drawing = false;
const states = new Map(); // query → the state that was said last

// --- which view ---------------------------------------------------------------

function route() {
    const match = location.hash.match(/^#\/query\/(.+)$/);
    if (match) {
        try {
            return {query: decodeURIComponent(match[1])};
        } catch {
            return {query: match[1]};
        }
    }
    if (body?.queries.length === 1 && location.hash !== "#/all") {
        return {query: body.queries[0].name};
    }
    return {query: null};
}

function navigate(byPerson) {
    if (!body) {
        return;
    }
    const wanted = route();
    const key = JSON.stringify(wanted);
    if (key === shownRoute) {
        return;
    }
    shownRoute = key;
    view?.destroy();
    view = wanted.query === null ? new Overview() : new QueryView(wanted.query);
    main.replaceChildren(view.element);
    view.sample?.(body);
    if (byPerson) {
        main.focus();
        scrollTo(0, 0);
    }
    render(true);
}

addEventListener("hashchange", () => navigate(true));

// --- drawing --------------------------------------------------------------------

const connected = () => link.state === "live" || link.state === "polling";

function render(force = false) {
    if (!body || (frozen && !force)) {
        return;
    }
    navigate(false);
    if (view) {
        view.frozen = frozen && !force;
        view.update(body, connected());
        view.frozen = frozen;
    }
    renderProcess();
    renderTitle();
}

function renderProcess() {
    const p = body.process ?? {};
    text(document.getElementById("process"), [
        p.version, p.pid ? `pid ${p.pid}` : null, `up ${span(p.uptimeSeconds)}`,
        p.memoryBudgetBytes ? `${bytes(p.memoryBytes)} of ${bytes(p.memoryBudgetBytes)}`
            : bytes(p.memoryBytes),
    ].filter(Boolean).join(" · "));
    text(document.getElementById("clock"), `As of ${clockTime(body.nowS)}, ${zone()}`);
}

function renderTitle() {
    const worst = [...body.queries].sort(worstFirst)[0];
    const what = link.state === "lost" ? "connection lost"
        : view instanceof QueryView ? view.query?.state : worst?.state;
    document.title = [what, view?.title, "Sluice"].filter(Boolean).join(" · ");
}

const LINKS = {
    connecting: ["note", "Connecting"], live: ["good", "Live"],
    polling: ["good", "Live, by asking"], lost: ["critical", "Connection lost"],
};

function renderLink() {
    const [how, words] = LINKS[link.state];
    if (linkLine.dataset.state !== link.state) {
        linkLine.dataset.state = link.state;
        linkLine.dataset.tone = how;
        linkLine.replaceChildren(icon(how), h("span", null, words));
    }
    show(lostLine, link.state === "lost");
    if (link.state === "lost") {
        const asOf = body ? `What you see is as of ${clockTime(body.nowS)}.` : "";
        const wait = Math.max(0, Math.ceil((link.retryAt - Date.now()) / 1000));
        text(lostLine, ["Connection lost.", asOf,
            wait > 0 ? `Trying again in ${wait} s.` : "Trying again …"].filter(Boolean).join(" "));
        if (!body) {
            text(main.firstElementChild ?? main, "Sluice does not answer.");
        }
    }
    document.body.classList.toggle("stale", link.state === "lost");
}

// --- said aloud -------------------------------------------------------------------

function say(words) {
    text(announcer, words);
}

function announceStates() {
    const changed = [];
    for (const query of body.queries) {
        const before = states.get(query.name);
        if (before !== undefined && before !== query.state && !calmChange(before, query.state)) {
            changed.push(`${query.name} is ${query.state}${query.reason ? `: ${query.reason}` : ""}`);
        }
        states.set(query.name, query.state);
    }
    if (changed.length > 0) {
        say(changed.length > 3 ? `${plural(changed.length, "query", "queries")} changed: ` +
            changed.slice(0, 3).join("; ") : changed.join("; "));
    }
}

// Running and idle take turns all day: no news.
const calmChange = (a, b) => tone(a) === "good" && tone(b) === "good";

// --- events -----------------------------------------------------------------------

function onQueries(answer) {
    if (!Array.isArray(answer.queries)) {
        return;
    }
    const p = answer.process ?? {};
    const started = epoch(p.startedAt);
    const known = started !== null && typeof p.uptimeSeconds === "number";
    const restarted = body && body.process?.startedAt !== p.startedAt;
    body = {...answer, nowS: known ? started + p.uptimeSeconds : Date.now() / 1000};
    if (restarted) {
        view?.refill?.();
    }
    announceStates();
    view?.sample?.(body);
    if (!drawing) { // a hidden page draws once, when it is looked at again
        drawing = true;
        requestAnimationFrame(() => {
            drawing = false;
            render();
        });
    }
}

function onLink(now) {
    const before = link;
    link = now;
    if (before.state !== now.state) {
        if (now.state === "lost") {
            say("Connection lost");
        } else if (before.state === "lost" && connected()) {
            say("Connected again");
            view?.refill?.();
        }
        render();
    }
    renderLink();
    if (body) {
        renderTitle();
    }
}

holdButton.addEventListener("click", () => {
    frozen = !frozen;
    attribute(holdButton, "aria-pressed", String(frozen));
    text(holdButton, frozen ? "Frozen: go on" : "Freeze view");
    document.body.classList.toggle("frozen", frozen);
    if (view) {
        view.frozen = frozen;
    }
    render();
});

// Not by its address: the part after # names the view.
document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
});

renderLink();
new Live({queries: onQueries, progress: (event) => view?.onProgress?.(event), link: onLink});
