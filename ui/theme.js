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

    const wish = matchMedia("(prefers-color-scheme: dark)");
    let chosen = stored();

    function apply(theme) {
        chosen = theme;
        root.dataset.theme = theme === "dark" || (theme === "system" && wish.matches) ? "dark" : "light";
        const button = document.getElementById("theme");
        if (button) {
            button.textContent = `Theme: ${theme}`;
        }
        document.dispatchEvent(new Event("theme"));
    }

    apply(chosen);
    wish.addEventListener("change", () => apply(chosen));
    document.addEventListener("DOMContentLoaded", () => {
        apply(chosen);
        document.getElementById("theme").addEventListener("click", () => {
            const next = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length];
            try {
                localStorage.setItem(KEY, next);
            } catch {
                // it holds for this page only
            }
            apply(next);
        });
    });
})();
