// SPDX-License-Identifier: Apache-2.0
// dialogs - asking before a stop, and for the token; modal, so that focus stays and Esc leaves

import {h, text} from "./dom.js";

let numbers = 0;

// Resolves with what `answer` gives when it is agreed to, or null.
function open({title, body, agree, danger = false, answer = () => true}) {
    return new Promise((resolve) => {
        const id = `dialog-${++numbers}`;
        const before = document.activeElement;
        const dialog = h("dialog", {"aria-labelledby": id});
        const form = h("form", {method: "dialog", onsubmit: (event) => {
            event.preventDefault();
            dialog.close("agreed");
        }}, h("h2", {id}, title), body,
        h("div", {class: "choices"},
            h("button", {type: "button", onclick: () => dialog.close()}, "Cancel"),
            h("button", {type: "submit", class: danger ? "danger" : "primary"}, agree)));
        dialog.append(form);
        dialog.addEventListener("close", () => {
            const given = dialog.returnValue === "agreed" ? answer() : null;
            dialog.remove();
            before?.focus?.();
            resolve(given);
        });
        document.body.append(dialog);
        dialog.showModal();
    });
}

export function confirmStop(name) {
    return open({
        title: "Stop this query?",
        body: [
            h("p", {class: "asked"}, name),
            h("p", null, "What is under way is committed or left out whole; nothing is lost, and the ",
                "table says where to go on. The page cannot start it again: ",
                h("code", null, "sluice run"), " does. To hold it for a while, pause it."),
        ],
        agree: "Stop the query",
        danger: true,
    });
}

export function askToken(wrong) {
    const input = h("input", {
        type: "password", id: "token", autocomplete: "off", spellcheck: "false", required: true,
        "aria-describedby": "token-note",
    });
    const note = h("p", {id: "token-note"});
    text(note, `${wrong ? "The server does not take this token. " : ""}It is kept until this tab is closed.`);
    return open({
        title: "This needs the server’s token",
        body: [h("label", {class: "field", for: "token"}, "Token", input), note],
        agree: "Go on",
        answer: () => input.value,
    });
}
