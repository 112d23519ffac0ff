// SPDX-License-Identifier: Apache-2.0
// live - what comes from the server and goes to it
//
//  (1) Events first; where they are refused, asking every two seconds. Either way a silence of
//      SILENCE_MS is a lost connection, and says so: an old figure must never look like a new one.
//  (2) A browser has six connections to a server, for all its tabs: a tab that nobody looks at lets
//      its stream go and asks now and then instead.
//  (3) Attempts follow each other more and more slowly, up to MAX_RETRY_MS.
//  (4) The token lives in sessionStorage and goes into one header of commands, nowhere else.

const SILENCE_MS = 10_000;
const POLL_MS = 2_000;
const EVENTS_EVERY = 5;
const UNSEEN_MS = 15_000;
const UNSEEN_POLL_MS = 10_000;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 15_000;
const REQUEST_MS = 20_000;
const TOKEN = "sluice-token";

export class ApiError extends Error {
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}

const path = (name, part) =>
    `api/v1/queries/${encodeURIComponent(name)}${part ? `/${part}` : ""}`;

async function answer(response) {
    let body = null;
    try {
        body = await response.json();
    } catch {
        // an answer that is not ours, as of a proxy: its status says enough
    }
    if (!response.ok) {
        throw new ApiError(response.status, body?.error?.message ??
            `the server answered ${response.status} ${response.statusText}`);
    }
    if (body === null) {
        throw new ApiError(response.status, "the server's answer is no JSON");
    }
    return body;
}

async function request(url, options) {
    const response = await fetch(url, {
        cache: "no-store", signal: AbortSignal.timeout(REQUEST_MS), ...options,
    });
    return answer(response);
}

export const ask = (name, part) => request(path(name, part));

export const token = {
    get() {
        try {
            return sessionStorage.getItem(TOKEN);
        } catch {
            return null;
        }
    },
    set(value) {
        try {
            if (value === null) {
                sessionStorage.removeItem(TOKEN);
            } else {
                sessionStorage.setItem(TOKEN, value);
            }
        } catch {
            // storage is switched off: asked for each time
        }
    },
};

// stop, pause or resume; an ApiError of status 401 wants a token (another one)
export function command(name, verb, secret = token.get()) {
    const headers = {"X-Sluice": "1"};
    if (secret) {
        headers.Authorization = `Bearer ${secret}`;
    }
    return request(path(name, verb), {method: "POST", headers});
}

// on.queries(body), on.progress({name, progress}), on.link({state, since, retryAt})
// state: connecting live polling lost
export class Live {
    constructor(on) {
        this.on = on;
        this.link = {state: "connecting", since: Date.now(), retryAt: null};
        this.retryMs = FIRST_RETRY_MS;
        this.heardAt = 0;
        this.polls = 0; // answers since the last event
        this.watch = setInterval(() => this.check(), 1000);
        // A laptop that wakes up, or a network that is back, need not wait.
        addEventListener("online", () => this.hurry());
        document.addEventListener("visibilitychange", () => this.seen(!document.hidden));
        this.connect();
    }

    set(state, retryAt = null) {
        const since = state === this.link.state ? this.link.since : Date.now();
        this.link = {state, since, retryAt};
        this.on.link(this.link);
    }

    connect() {
        clearTimeout(this.timer);
        this.close();
        const source = new EventSource("api/v1/events");
        this.source = source;
        this.openedAt = Date.now();
        source.addEventListener("queries", (event) => {
            if (source === this.source) {
                this.heard(event.data, "live");
            }
        });
        source.addEventListener("progress", (event) => {
            if (source === this.source) {
                const data = parse(event.data);
                if (data) {
                    this.on.progress(data);
                }
            }
        });
        source.addEventListener("error", () => {
            if (source === this.source) {
                this.failed();
            }
        });
    }

    close() {
        this.source?.close();
        this.source = null;
    }

    heard(data, state) {
        const body = parse(data);
        if (!body) {
            return;
        }
        this.heardAt = Date.now();
        this.retryMs = FIRST_RETRY_MS;
        if (state === "live") {
            this.polls = 0;
        }
        if (this.link.state !== state) {
            this.set(state);
        }
        this.on.queries(body);
    }

    // Is it the events that are refused, or everything?
    async failed() {
        this.close();
        clearTimeout(this.timer);
        try {
            const response = await fetch("api/v1/queries", {
                cache: "no-store", signal: AbortSignal.timeout(SILENCE_MS),
            });
            if (!response.ok) {
                throw new ApiError(response.status, "");
            }
            this.heard(await response.text(), "polling");
            this.polls++;
            // The events are tried again at once, then now and then.
            const again = !document.hidden && this.polls % EVENTS_EVERY === 1;
            const pause = document.hidden ? UNSEEN_POLL_MS : again ? FIRST_RETRY_MS : POLL_MS;
            this.timer = setTimeout(() => (again ? this.connect() : this.failed()), pause);
        } catch {
            this.lose();
        }
    }

    lose() {
        this.close();
        clearTimeout(this.timer);
        this.set("lost", Date.now() + this.retryMs);
        this.timer = setTimeout(() => this.connect(), this.retryMs);
        this.retryMs = Math.min(this.retryMs * 1.6, MAX_RETRY_MS);
    }

    check() {
        const quiet = Date.now() - Math.max(this.heardAt, this.openedAt);
        if (this.source && quiet > SILENCE_MS) {
            this.failed();
        } else if (this.link.state === "lost") {
            this.on.link(this.link); // its seconds count
        }
    }

    seen(visible) {
        clearTimeout(this.unseen);
        if (!visible) {
            this.unseen = setTimeout(() => this.source && this.failed(), UNSEEN_MS);
        } else if (!this.source) {
            this.retryMs = FIRST_RETRY_MS;
            this.connect();
        }
    }

    hurry() {
        if (this.link.state === "lost") {
            this.retryMs = FIRST_RETRY_MS;
            this.connect();
        }
    }
}

function parse(data) {
    try {
        const value = JSON.parse(data);
        return value !== null && typeof value === "object" ? value : null;
    } catch {
        return null;
    }
}
