// SPDX-License-Identifier: Apache-2.0
// theme - light, dark or as the system is; runs before the first paint, so it is no module
"use strict";
(() => {
    const KEY = "sluice-theme";
    const THEMES = ["system", "light", "dark"];
    const root = document.documentElement;

    function stored() {
        try {
            const theme = localStorage.getItem(KEY);
            return THEMES.includes(theme) ? theme : "system";
        } catch {
            return "system"; // storage is switched off
        }
    }

    function apply(theme) {
        if (theme === "system") {
            delete root.dataset.theme;
        } else {
            root.dataset.theme = theme;
        }
        const button = document.getElementById("theme");
        if (button) {
            button.textContent = `Theme: ${theme}`;
        }
        document.dispatchEvent(new Event("theme"));
    }

    apply(stored());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => apply(stored()));
    document.addEventListener("DOMContentLoaded", () => {
        apply(stored());
        document.getElementById("theme").addEventListener("click", () => {
            const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "system") + 1) % THEMES.length];
            try {
                localStorage.setItem(KEY, next);
            } catch {
                // it holds for this page only
            }
            root.dataset.theme = next;
            apply(next);
        });
    });
})();
