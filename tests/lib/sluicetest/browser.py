# SPDX-License-Identifier: Apache-2.0
"""Chromium, headless, driven by playwright.

The browser is Debian's (`chromium-headless-shell`, which tools/deps brings) or the
one that SLUICE_CHROMIUM names; playwright downloads none.
"""

import contextlib
import os
import pathlib
import shutil
import tempfile

from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
WIDE = {"width": 1360, "height": 900}
PHONE = {"width": 360, "height": 740}


def binary() -> str:
    chosen = os.environ.get("SLUICE_CHROMIUM")
    if chosen:
        return chosen
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    raise FileNotFoundError(f"none of {', '.join(NAMES)} is installed: run tools/deps test, or "
                            "name a Chromium with SLUICE_CHROMIUM")


# The same fonts everywhere, whatever else is installed.
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
<dir>/usr/share/fonts</dir><cachedir prefix="xdg">fontconfig</cachedir>
<alias binding="strong"><family>system-ui</family><prefer><family>Inter</family></prefer></alias>
<alias binding="strong"><family>sans-serif</family><prefer><family>Inter</family></prefer></alias>
<alias binding="strong"><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""


@contextlib.contextmanager
def chromium():
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as scratch:
        fonts = pathlib.Path(scratch) / "fonts.conf"
        fonts.write_text(FONTS)
        # The pages are ours, and the sandbox does not start for root.
        browser = playwright.chromium.launch(
            executable_path=binary(), args=["--no-sandbox"],
            env={**os.environ, "FONTCONFIG_FILE": str(fonts)})
        try:
            yield browser
        finally:
            browser.close()


def new_page(browser: Browser, *, dark: bool = False, viewport: dict | None = None,
             **options) -> Page:
    context = browser.new_context(viewport=viewport or WIDE, locale="en-GB", timezone_id="UTC",
                                  color_scheme="dark" if dark else "light", **options)
    return context.new_page()


def picture(page: Page, path: pathlib.Path, full: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=full, animations="disabled")
