# SPDX-License-Identifier: Apache-2.0
"""The status page in a real browser: on the stand-in server of sluicetest.status,
which has states that are hard to bring about, and on running queries."""

import json
import os
import re
import urllib.parse

import pytest
from playwright.sync_api import expect
from sluicetest import browser, deps, status
from sluicetest.process import PATIENCE_S, free_port, wait_until
from sluicetest.ui import Ui

PATIENCE_MS = float(os.environ.get("UI_PATIENCE_MS", PATIENCE_S * 1000))
expect.set_options(timeout=PATIENCE_MS)

SOURCES = sorted((deps.TREE / "ui").glob("*.js"))


@pytest.fixture(scope="session")
def chromium():
    with browser.chromium() as running:
        yield running


@pytest.fixture
def server():
    """server(state, token=…) starts a stand-in."""
    started = []

    def start(*args, **options) -> status.StatusServer:
        started.append(status.StatusServer(*args, **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def open_page(chromium, tmp_path):
    """open_page(url, dark=…, viewport=…) loads the page and waits for its first data. A picture of
    each lies in the test's folder when it fails; what the browser complains of fails it, unless the
    test says `page.forgive = True`."""
    pages = []

    def load(url: str, *, wait: bool = True, **options):
        page = browser.new_page(chromium, **options)
        page.set_default_timeout(PATIENCE_MS)
        page.forgive = False
        page.complaints = []
        page.asked = []
        page.on("console", lambda m: m.type in ("error", "warning") and
                page.complaints.append(m.text))
        page.on("pageerror", lambda e: page.complaints.append(str(e)))
        page.on("request", lambda r: page.asked.append(r.url))
        pages.append(page)
        page.goto(url)
        if wait:
            page.locator(".view").wait_for()
        return page

    yield load
    for number, page in enumerate(pages):
        browser.picture(page, tmp_path / f"page-{number}.png")
        page.context.close()
    for page in pages:
        assert page.forgive or not page.complaints


def figure(page, label: str):
    """The big number under a label."""
    return page.locator(".figure", has=page.get_by_text(label, exact=True)).locator(".big")


def cells(table, column: int) -> list[str]:
    return table.locator(f"tbody tr > :nth-child({column})").all_inner_texts()


def rows(page, name: str):
    return page.locator(f"table.{name} tbody tr")


# --- the stand-in -----------------------------------------------------------


PARTS = ("", "/history", "/progress?limit=3", "/offsets", "/errors", "/plan", "/schema")


@pytest.mark.parametrize("state", status.STATES)
def test_the_stand_in_answers_as_the_api_is_documented(server, state):
    api = Ui(server(state).url)
    for query in api.get("/api/v1/queries")["queries"][:4]:
        for part in PARTS:
            api.get(f"/api/v1/queries/{urllib.parse.quote(query['name'], safe='')}{part}")


def test_the_stand_in_takes_and_refuses_commands_as_the_api_is_documented(server):
    api = Ui(server("live").url)
    assert api.command("vehicle_positions", "pause").status == 202
    assert api.command("vehicle_positions", "resume").status == 202
    assert api.command("vehicle_positions", "resume").status == 409
    assert api.command("nobody", "stop").status == 404
    assert api.command("vehicle_positions", "stop", headers={}).status == 403
    with_token = Ui(server("live", token="open-sesame").url)
    assert with_token.command("vehicle_positions", "stop").status == 401


# --- the states -------------------------------------------------------------


def test_a_query_that_starts_says_so_and_invents_no_figures(server, open_page):
    page = open_page(server("starting").url)
    expect(page.locator("h1")).to_have_text("vehicle_positions")
    expect(page.locator(".pill")).to_have_text("starting")
    assert figure(page, "Rows/s in").inner_text() == "–"
    assert figure(page, "Lag").inner_text() == "–"
    assert figure(page, "Last commit").inner_text() == "–"
    expect(page.get_by_text("No batch yet.")).to_be_visible()
    expect(page.get_by_text("No partition is known yet.")).to_be_visible()
    expect(page).to_have_title("starting · vehicle_positions · Sluice")


def test_figures_charts_and_batches_go_on_by_themselves(server, open_page):
    page = open_page(server("live").url)
    expect(page.locator("#link")).to_have_text("Live")
    expect(page.get_by_text("Nothing is wrong.")).to_be_visible()
    first_rate = figure(page, "Rows/s in").inner_text()
    expect(figure(page, "Rows/s in")).not_to_have_text(first_rate)
    newest = rows(page, "batches").first.locator("th")
    expect(rows(page, "batches")).to_have_count(12)
    first_batch = newest.inner_text()
    expect(newest).not_to_have_text(first_batch)
    expect(rows(page, "commits")).to_have_count(8)
    expect(page.locator(".plot canvas")).to_have_count(4)
    # An hour came with /history.
    label = page.locator(".plot").first.get_attribute("aria-label")
    assert re.match(r"Rows/s, last 60 minutes\. in: now [\d,]+, lowest [\d,]+, highest", label)


def test_a_failed_query_shows_why_before_everything_else(server, open_page):
    page = open_page(server("failing").url)
    expect(page.locator(".pill")).to_have_text("failed")
    problem = page.locator(".problems li").first
    expect(problem).to_contain_text("Failed")
    expect(problem).to_contain_text("offsets 18,204,411 to 18,311,002 are gone")
    assert problem.bounding_box()["y"] < page.locator(".figures").bounding_box()["y"]
    expect(page.get_by_text("Nothing is wrong.")).to_be_hidden()
    expect(rows(page, "errors")).to_have_count(4)
    expect(page.get_by_role("button", name="Stop")).to_be_disabled()
    expect(page).to_have_title("failed · vehicle_positions · Sluice")
    problem.get_by_role("link", name="see the errors").click()
    expect(page.locator("#errors")).to_be_focused()


def test_an_idle_query_is_calm(server, open_page):
    page = open_page(server("idle").url)
    expect(page.locator(".pill")).to_have_text("idle")
    expect(page.get_by_text("Nothing is wrong.")).to_be_visible()
    assert figure(page, "Rows/s in").inner_text() == "0"
    expect(page.get_by_text("all that there is is in the table")).to_be_visible()
    assert figure(page, "Last commit").inner_text() == "4 min ago"


def test_a_thousand_partitions_are_summed_up_sorted_and_found(server, open_page):
    page = open_page(server("thousand").url)
    table = page.locator("table.partitions")
    panel = page.locator("#partitions")
    expect(rows(page, "partitions")).to_have_count(10)
    expect(panel.locator(".summary")).to_contain_text("1,000 in all · 250 with a lag")
    expect(panel.locator(".summary")).to_contain_text("3 held")
    expect(panel.get_by_text("990 more are not shown.")).to_be_visible()
    lags = [int(text.replace(",", "")) for text in cells(table, 2)]
    assert lags == sorted(lags, reverse=True) and lags[0] > 1_000_000
    panel.get_by_label("Filter").fill("held")
    expect(rows(page, "partitions")).to_have_count(3)
    expect(rows(page, "partitions").first).to_contain_text("held: topic authorization failed")
    panel.get_by_label("Filter").fill("no such thing")
    expect(panel.get_by_text("No partition matches the filter.")).to_be_visible()
    panel.get_by_label("Filter").fill("")
    panel.get_by_label("Show").select_option("all")
    expect(rows(page, "partitions")).to_have_count(1000)
    panel.get_by_role("button", name="Partition").click()
    expect(rows(page, "partitions").nth(999).locator("b")).to_have_text("999")
    expect(table.locator("th[aria-sort=ascending]")).to_have_text("Partition")


def test_a_killed_broker_is_a_query_that_waits(server, open_page):
    stand_in = server("live")
    page = open_page(stand_in.url)
    expect(page.locator(".pill")).to_have_text("running")
    stand_in.show("broker")
    expect(page.locator(".pill")).to_have_text("waiting")
    expect(page.locator(".problems li").first).to_contain_text("no broker answers: localhost:9092")
    expect(page.locator("#announce")).to_contain_text("vehicle_positions is waiting: no broker")
    expect(page.locator("#partitions .summary")).to_have_text("6 in all · lag of all unknown")
    stand_in.show("live")
    expect(page.locator(".pill")).to_have_text("running")
    expect(page.locator("#announce")).to_have_text("vehicle_positions is running")


def test_many_queries_stand_worst_first_and_lead_to_each(server, open_page):
    page = open_page(server("many").url)
    expect(page.locator("h1")).to_have_text("Queries")
    expect(rows(page, "queries")).to_have_count(40)
    states = page.locator("table.queries .pill").all_inner_texts()
    assert states[:4] == ["failed", "waiting", "waiting", "paused"]
    assert states[4:] == sorted(states[4:], reverse=True)  # running, then idle
    expect(page.locator(".summary")).to_contain_text("1 failed, 2 waiting, 1 paused")
    page.get_by_label("Filter").fill("payments")
    expect(rows(page, "queries")).to_have_count(8)
    page.get_by_role("link", name="payments_07").click()
    expect(page.locator("h1")).to_have_text("payments_07")
    expect(page.locator("main")).to_be_focused()
    page.get_by_role("link", name="All queries").click()
    expect(rows(page, "queries")).to_have_count(40)


def test_a_name_of_no_query_says_so(server, open_page):
    stand_in = server("many")
    page = open_page(f"{stand_in.url}#/query/gone")
    expect(page.get_by_text("This process runs no query of that name.")).to_be_visible()
    page.get_by_role("link", name="All queries").first.click()
    expect(rows(page, "queries")).to_have_count(40)


def test_a_process_without_queries_says_so(server, open_page):
    page = open_page(server("none").url)
    expect(page.get_by_text("This process runs no query.")).to_be_visible()


def test_dead_letters_stand_with_their_reasons_and_where_they_lie(server, open_page):
    page = open_page(server("faults").url)
    panel = page.locator("#faults")
    expect(panel.get_by_label("Dead letters by reason").locator("li")).to_have_count(3)
    expect(panel.get_by_label("Dead letters by reason").locator("li").first) \
        .to_have_text("bad_json1,204")
    expect(panel.get_by_text("s3a://lake/vehicle_positions_deadletters")).to_be_visible()
    expect(page.locator(".problems")).to_contain_text("1,524 dead letters")
    expect(page.locator(".problems")).to_contain_text("44 other bad records 44 dropped; too_deep 44")


def test_text_plan_schema_and_table_are_there_to_unfold(server, open_page):
    page = open_page(server("live").url)
    for title in ("Pipeline", "Plan", "Schema", "Table and run"):
        page.locator("summary", has_text=title).first.click()
    expect(page.get_by_label("Pipeline text")).to_contain_text("CREATE STREAMING TABLE")
    expect(page.get_by_label("Plan", exact=True)).to_contain_text("SRC() feed")
    expect(rows(page, "schema")).to_have_count(4)
    assert cells(page.locator("table.schema"), 1)[0] == "gtfs_realtime_version"
    assert cells(page.locator("table.schema"), 4) == ["", "", "", "yes"]
    expect(page.locator(".facts")).to_contain_text("s3a://lake/vehicle_positions")


# --- what comes from outside is text ------------------------------------------


def test_hostile_names_stay_text(server, open_page):
    page = open_page(server("hostile").url)
    expect(page.get_by_role("link", name=status.HOSTILE)).to_be_visible()
    page.get_by_role("link", name=status.HOSTILE).click()
    expect(page.locator("h1")).to_have_text(status.HOSTILE)
    expect(page.locator(".problems")).to_contain_text(status.HOSTILE)
    for summary in page.locator("summary").all():
        summary.click()
    expect(page.get_by_label("Pipeline text")).to_have_text(status.HOSTILE)
    for name in ("errors", "schema", "partitions"):
        expect(page.locator(f"table.{name}")).to_contain_text(status.HOSTILE)
    expect(page.locator("#faults")).to_contain_text(status.HOSTILE)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("dialog")).to_contain_text(status.HOSTILE)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("window.pwned") is None
    assert page.locator("main img, main script, main b b").count() == 0


@pytest.mark.parametrize("name", [query.name for query in status.STATES["hostile"]()[1:]])
def test_a_name_with_any_character_is_found_and_commanded(server, open_page, name):
    stand_in = server("hostile")
    page = open_page(stand_in.url)
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.locator("h1")).to_have_text(name)
    expect(rows(page, "batches")).to_have_count(12)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".pill")).to_have_text("paused")
    assert stand_in.commands == [(name, "pause")]


def test_no_source_makes_markup_of_text():
    assert SOURCES
    for path in SOURCES:
        source = path.read_text()
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                     "DOMParser", 'setAttribute("style"'):
            assert word not in source, f"{path.name}: {word}"


def test_the_frame_has_nothing_inline_and_nothing_from_elsewhere(server, open_page):
    html = (deps.TREE / "ui/index.html").read_text()
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", html)
    assert "//" not in re.sub(r"<!--.*?-->", "", html, flags=re.S)
    stand_in = server("live")
    page = open_page(stand_in.url)
    expect(rows(page, "batches")).to_have_count(12)
    assert page.asked and all(url.startswith(stand_in.url) for url in page.asked)


def test_every_file_of_the_page_is_in_the_build():
    listed = re.findall(r"^  '([^']+)',$", (deps.TREE / "ui/meson.build").read_text(), re.M)
    there = {path.name for path in (deps.TREE / "ui").iterdir()} - {"README.md", "meson.build"}
    assert set(listed) == there


# --- the connection -----------------------------------------------------------


def test_a_lost_connection_is_seen_and_comes_back_with_what_was_missed(server, open_page):
    stand_in = server("live")
    page = open_page(stand_in.url)
    page.forgive = True  # the browser complains of the refusals
    expect(page.locator("#link")).to_have_text("Live")
    stand_in.lose()
    expect(page.locator("#lost")).to_be_visible()
    expect(page.locator("#lost")).to_contain_text("Connection lost. What you see is as of ")
    expect(page.locator("#link")).to_have_text("Connection lost")
    expect(page.locator("#announce")).to_have_text("Connection lost")
    expect(page.get_by_role("button", name="Pause")).to_be_disabled()
    expect(page.get_by_text("Nothing is wrong.")).to_be_hidden()
    expect(page).to_have_title("connection lost · vehicle_positions · Sluice")
    stand_in.show("paused")
    asked = len(page.asked)
    stand_in.come_back()
    expect(page.locator("#lost")).to_be_hidden()
    expect(page.locator("#link")).to_have_text("Live")
    expect(page.locator(".pill")).to_have_text("paused")
    wait_until(lambda: page.wait_for_timeout(50) or any(
        url.endswith("/history") for url in page.asked[asked:]), "the missed part of the charts")


def test_where_events_are_refused_the_page_asks_instead(server, open_page):
    stand_in = server("live")
    stand_in.events = False
    page = open_page(stand_in.url)
    page.forgive = True
    expect(page.locator("#link")).to_have_text("Live, by asking")
    stand_in.show("broker")
    expect(page.locator(".pill")).to_have_text("waiting")
    stand_in.events = True
    expect(page.locator("#link")).to_have_text("Live")


def test_a_server_that_is_away_at_first_is_found_when_it_comes(server, open_page):
    stand_in = server("live")
    page = open_page(stand_in.url)
    page.forgive = True
    page.route("**/api/**", lambda route: route.abort())
    page.reload()
    expect(page.get_by_text("Sluice does not answer.")).to_be_visible()
    page.unroute("**/api/**")
    expect(page.locator(".pill")).to_have_text("running")


def test_a_tab_that_nobody_looks_at_lets_its_stream_go(server, open_page):
    stand_in = server("live")
    page = open_page(stand_in.url)
    expect(page.locator("#link")).to_have_text("Live")
    look = """(hidden) => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(look, True)
    wait_until(lambda: page.wait_for_timeout(50) or stand_in.listeners == 0, "the stream let go")
    stand_in.show("broker")
    expect(page).to_have_title("waiting · vehicle_positions · Sluice")  # asked for meanwhile
    page.evaluate(look, False)
    expect(page.locator("#link")).to_have_text("Live")
    assert stand_in.listeners == 1


def test_only_states_and_the_connection_are_said_aloud(server, open_page):
    stand_in = server("live")
    page = open_page(stand_in.url)
    first = figure(page, "Rows/s in").inner_text()
    expect(figure(page, "Rows/s in")).not_to_have_text(first)
    assert page.locator("#announce").inner_text() == ""
    live = page.locator("[aria-live]:not([aria-live=off]), [role=status], [role=alert]")
    assert {one.get_attribute("id") or one.get_attribute("class") for one in live.all()} == \
        {"announce", "commandnote"}
    stand_in.show("idle")  # running and idle take turns: no news
    expect(page.locator(".pill")).to_have_text("idle")
    assert page.locator("#announce").inner_text() == ""


def test_a_frozen_view_stands_still_until_it_is_told_to_go_on(server, open_page):
    stand_in = server("live")
    page = open_page(stand_in.url)
    page.get_by_role("button", name="Freeze view").click()
    frozen = page.locator("#clock").inner_text()
    rate = figure(page, "Rows/s in").inner_text()
    stand_in.show("broker")
    expect(page.locator("#announce")).to_contain_text("waiting")  # the event has come
    assert page.locator("#clock").inner_text() == frozen
    assert figure(page, "Rows/s in").inner_text() == rate
    assert page.locator(".pill").inner_text() == "running"
    page.get_by_role("button", name="Frozen: go on").click()
    expect(page.locator(".pill")).to_have_text("waiting")


# --- commands -------------------------------------------------------------------


def test_pause_and_resume_need_no_question_and_show_what_became_of_them(server, open_page):
    stand_in = server("live")
    page = open_page(stand_in.url)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".pill")).to_have_text("paused")
    expect(page.locator(".commandnote")).to_have_text("Asked to pause; the query is paused.")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".pill")).to_have_text("running")
    assert stand_in.commands == [("vehicle_positions", "pause"), ("vehicle_positions", "resume")]


def test_a_stop_is_asked_about_first(server, open_page):
    stand_in = server("live")
    page = open_page(stand_in.url)
    stop = page.get_by_role("button", name="Stop …")
    for leave in (lambda: page.keyboard.press("Escape"),
                  lambda: page.get_by_role("button", name="Cancel").click()):
        stop.click()
        expect(page.get_by_role("dialog", name="Stop this query?")).to_be_visible()
        leave()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(stop).to_be_focused()
    assert stand_in.commands == []
    stop.click()
    page.get_by_role("button", name="Stop the query").click()
    expect(page.locator(".pill")).to_have_text("stopping")
    assert stand_in.commands == [("vehicle_positions", "stop")]


def test_a_token_is_asked_for_and_kept_for_the_tab_alone(server, open_page):
    stand_in = server("live", token="open-sesame")
    page = open_page(stand_in.url)
    page.forgive = True  # the browser tells of each 401
    page.get_by_role("button", name="Pause").click()
    dialog = page.get_by_role("dialog", name="This needs the server’s token")
    dialog.get_by_label("Token").fill("wrong")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("The server does not take this token.")
    assert stand_in.commands == []
    dialog.get_by_label("Token").fill("open-sesame")
    page.keyboard.press("Enter")
    expect(page.locator(".pill")).to_have_text("paused")
    page.get_by_role("button", name="Resume").click()  # not asked for again
    expect(page.locator(".pill")).to_have_text("running")
    assert page.evaluate("Object.values(sessionStorage)") == ["open-sesame"]
    assert "open-sesame" not in page.evaluate("JSON.stringify(localStorage) + document.cookie")
    assert "sesame" not in page.content() and not any("sesame" in url for url in page.asked)


def test_what_the_server_says_against_a_command_is_shown(server, open_page):
    stand_in = server("paused")
    page = open_page(stand_in.url)
    page.forgive = True
    page.route("**/resume", lambda route: (
        setattr(stand_in.find("vehicle_positions"), "state", "failed"), route.continue_()))
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".commandnote")).to_have_text(
        'Could not resume: query "vehicle_positions" is failed, not paused')


# --- for everybody ----------------------------------------------------------------


LOOKS = {"light": {}, "dark": {"dark": True}, "phone": {"viewport": browser.PHONE}}


@pytest.fixture(scope="session")
def axe() -> str:
    return deps.need("share/axe/axe.min.js").read_text()


def accessible(page, axe: str) -> None:
    page.evaluate(axe)
    answer = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert answer["passes"]  # it has looked
    bad = [(v["id"], [n["html"] for n in v["nodes"]][:3]) for v in answer["violations"]
           if v["impact"] in ("serious", "critical")]
    assert bad == []


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("state", status.STATES)
def test_each_state_is_accessible_and_fits(server, open_page, axe, state, look):
    page = open_page(server(state).url, **LOOKS[look])
    if state not in ("many", "hostile", "none"):
        expect(page.locator(".plot canvas")).to_have_count(4)
        expect(page.locator("#partitions .summary")).to_have_text(
            re.compile("in all") if state != "starting" else "")
        for summary in page.locator("summary").all():
            summary.click()
        expect(page.get_by_label("Pipeline text")).to_contain_text("CREATE")
    accessible(page, axe)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("look", LOOKS)
def test_a_lost_connection_and_a_question_are_accessible(server, open_page, axe, look):
    stand_in = server("live")
    page = open_page(stand_in.url, **LOOKS[look])
    page.forgive = True
    page.get_by_role("button", name="Stop …").click()
    accessible(page, axe)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    stand_in.lose()
    expect(page.locator("#lost")).to_be_visible()
    accessible(page, axe)


def test_the_accessibility_check_sees_what_is_wrong(server, open_page, axe):
    page = open_page(server("idle").url)
    page.evaluate("document.querySelector('.buttons').prepend(document.createElement('button'))")
    with pytest.raises(AssertionError, match="button-name"):
        accessible(page, axe)


def test_all_can_be_reached_and_done_by_keyboard(server, open_page):
    stand_in = server("many")
    page = open_page(stand_in.url)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Filter")).to_be_focused()
    page.keyboard.type("orders_35")
    expect(rows(page, "queries")).to_have_count(1)
    page.keyboard.press("Tab")  # the table's box, which scrolls
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="orders_35")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("orders_35")
    expect(page.locator(".plot canvas")).to_have_count(4)
    expect(rows(page, "batches")).to_have_count(12)
    names, seen = [], set()
    for _ in range(60):
        page.keyboard.press("Tab")
        now = page.evaluate("""() => {
            const e = document.activeElement;
            const style = getComputedStyle(e);
            return {tag: e.tagName, words: (e.getAttribute('aria-label') || e.innerText ||
                    e.labels?.[0]?.innerText || '').trim(),
                ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
                where: [...document.querySelectorAll('*')].indexOf(e)};
        }""")
        if now["tag"] == "BODY" or now["where"] in seen:
            break
        seen.add(now["where"])
        assert now["words"], f"a {now['tag']} without a name"
        assert now["ring"], f"{now['words']}: the focus cannot be seen"
        names.append(now["words"])
    for wanted in ("All queries", "Pause", "Stop …", "Lag", "5 min", "Partitions by lag", "Behind",
                   "The last batches and their phases, newest first", "metrics", "JSON"):
        assert wanted in names
    assert any(name.startswith("Pipeline") for name in names)
    page.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Space")
    expect(page.locator(".pill")).to_have_text("paused")
    assert stand_in.commands == [("orders_35", "pause")]


def test_landmarks_and_headings_tell_where_one_is(server, open_page):
    page = open_page(server("live").url)
    for landmark in ("banner", "main", "contentinfo", "navigation"):
        assert page.get_by_role(landmark).count() == 1
    assert page.get_by_role("heading", level=1).all_inner_texts() == ["vehicle_positions"]
    assert page.get_by_role("heading", level=2).all_inner_texts() == [
        "The last hour", "Lag per partition", "Bad records and dead letters", "Last errors",
        "Batches", "Last commits", "Table and run", "Schema", "Pipeline", "Plan"]
    tables = page.locator("table")
    assert tables.count() == page.locator("table > caption").count() > 0


def test_light_and_dark_follow_the_system_and_the_switch(server, open_page):
    page = open_page(server("idle").url, dark=True)
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    switch = page.locator("#theme")
    expect(switch).to_have_text("Theme: system")
    switch.click()
    expect(switch).to_have_text("Theme: light")
    light = page.evaluate(ground)
    assert light != dark
    page.reload()
    page.locator(".view").wait_for()
    assert page.evaluate(ground) == light
    switch.click()
    expect(switch).to_have_text("Theme: dark")
    assert page.evaluate(ground) == dark
    switch.click()
    expect(switch).to_have_text("Theme: system")
    page.emulate_media(color_scheme="light")
    expect(page.locator("body")).to_have_css("background-color", light)


def test_who_wants_no_motion_gets_none(server, open_page):
    moving = "getComputedStyle(document.querySelector('.buttons button')).transitionDuration"
    url = server("idle").url
    assert open_page(url).evaluate(moving) != "0s"
    assert open_page(url, reduced_motion="reduce").evaluate(moving) == "0s"


def test_the_time_shown_can_be_chosen(server, open_page):
    page = open_page(server("live").url)
    page.get_by_role("button", name="5 min", exact=True).click()
    expect(page.get_by_role("heading", name="The last 5 minutes")).to_be_visible()
    expect(page.get_by_role("button", name="5 min", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="1 h")).to_have_attribute("aria-pressed", "false")
    assert "last 5 minutes" in page.locator(".plot").first.get_attribute("aria-label")


# --- its parts ----------------------------------------------------------------------


@pytest.fixture
def module(server, open_page):
    """module(file, expression): the expression's value, with the file's exports as `m`."""
    page = open_page(server("none").url)
    return lambda file, expression: page.evaluate(
        f"async () => {{ const m = await import('/static/{file}'); return {expression}; }}")


def test_numbers_read_well(module):
    assert module("format.js", """[
        m.count(1234567), m.count(null), m.short(12345), m.short(1234567), m.short(5.2e9),
        m.rate(0.25), m.rate(0), m.rate(12.4), m.bytes(512), m.bytes(5347737), m.bytes(2 ** 30),
        m.limit(2 ** 30), m.limit(512 * 2 ** 20), m.limit(1.5 * 2 ** 30), m.millis(0.4),
        m.millis(87.6), m.millis(2345), m.millis(200000), m.span(0), m.span(59.6), m.span(200),
        m.span(3600), m.span(90000), m.span(undefined), m.percent(1, 3), m.percent(1, 1e6),
        m.percent(3, 1000), m.percent(0, 5), m.percent(1, 0), m.plural(1, "row"),
        m.plural(2, "query", "queries"), m.time("nonsense", 0),
        m.ago("2026-01-01T00:00:00.000Z", Date.parse("2026-01-01T01:30:00Z") / 1000)]""") == [
        "1,234,567", "–", "12,345", "1.23 M", "5.20 G",
        "0.3", "0", "12", "512 B", "5.10 MiB", "1.00 GiB",
        "1 GiB", "512 MiB", "1.50 GiB", "0.4 ms",
        "88 ms", "2.35 s", "3 min 20 s", "0 s", "1 min", "3 min 20 s",
        "1 h", "1 d 1 h", "–", "33 %", "under 0.01 %",
        "0.3 %", "0 %", "–", "1 row",
        "2 queries", "–", "1 h ago"]


def test_the_ring_keeps_an_hour_with_its_gaps(module):
    got = module("charts.js", """(() => {
        const ring = new m.Ring(["a", "b"]);
        const one = (a) => (name) => (name === "a" ? a : null);
        ring.push(100, one(1));
        ring.push(100, one(9)); // the same second: the first stays
        ring.push(103, one(2));
        ring.push(102, one(9)); // late
        const gaps = [[...ring.times], [...ring.columns.a]];
        ring.load({stepSeconds: 1, start: 99, series: {a: [7, 7, 7], b: [5, null, 5]}});
        const loaded = [[...ring.times], [...ring.columns.a], [...ring.columns.b]];
        for (let t = 104; t < 104 + 4000; t++) {
            ring.push(t, one(t));
        }
        const full = [ring.times.length, ring.times[0], ring.columns.a[0], ring.slope("a"),
            ring.slope("b")];
        ring.push(4104 + 20, () => null); // between two batches the last value holds
        full.push(ring.at("a"), ring.at("b"));
        ring.push(1e6, one(1)); // a night asleep
        const slept = [ring.times.length, ring.columns.a.filter((v) => v !== null).length];
        ring.push(100, one(3)); // the clock set back
        return [gaps, loaded, full, slept, ring.times];
    })()""")
    assert got == [
        [[100, 101, 102, 103], [1, None, None, 2]],
        [[99, 100, 101, 102, 103], [7, 7, 7, None, 2], [5, None, 5, None, None]],
        [3600, 504, 504, 1, None, 4103, None], [3600, 1], [100]]


def test_values_too_far_apart_for_a_line_are_dots(module):
    assert module("charts.js", """(() => {
        const lone = (a) => m.Chart.prototype.lone.call({ring: {columns: {a}}}, {name: "a"});
        const far = Array(60).fill(null);
        return [lone([]), lone([1, 2, 3]), lone([1, null, 2]), lone([1, ...far, 2, 3, ...far, 4])];
    })()""") == [None, None, None, [0, 123]]


def test_a_young_query_fills_its_charts(module):
    assert module("charts.js", """((ages) => ages.map((age) => {
        const ring = {times: [1e6 - age, 1e6], last: 1e6};
        return 1e6 - m.Chart.prototype.span.call({ring, rangeS: 3600})[0];
    }))([20, 1200, 3599])""") == [300, 1200, 3599]


def test_findings_are_sorted_and_nothing_is_made_of_nothing(module):
    assert module("findings.js", "m.findings({name: 'q', state: 'running'}, null, 0)") == []
    got = module("findings.js", """m.findings({
        state: "running", lagSeconds: 900, lagRecords: 5e6, memory: {},
        totals: {deadLetters: 2, badRecords: 2}, deadLetterReasons: {bad_json: 2},
        lastError: {timestamp: "1970-01-01T00:00:10.000Z", message: "boom"},
    }, {memoryBytes: 95, memoryBudgetBytes: 100}, 20,
        [{topic: "t", partition: 1, held: "gone"}]).map((one) => `${one.tone}: ${one.title}`)""")
    assert got == [
        "critical: 1 partition held back", "warning: Error 10 s ago", "warning: 15 min behind",
        "warning: 2 dead letters", "warning: Memory at 95 % of its budget"]


def test_reading_and_encoding_overlap_in_a_batch(module):
    assert module("batches.js", """m.phases({batchDuration: 1100, durationMs: {
        latestOffset: 1000, addBatch: 800, upload: 40, commitOffsets: 20}})""") == {
        "total": 1100, "read": [0, 1000], "encode": [240, 800], "upload": [1040, 40],
        "commit": [1080, 20]}


# --- running queries ------------------------------------------------------------------


PIPELINE = """
CREATE STREAM s (n INT) USING kafka OPTIONS ('kafka.bootstrap.servers' = '{broker}',
    subscribe = '{topic}', startingOffsets = 'earliest', onBadRecord = '{bad}');
CREATE STREAMING TABLE {name} LOCATION '{place}' OPTIONS (trigger = '0 seconds')
AS SELECT n, _partition, _offset FROM STREAM s;
"""


def pipeline(broker, topic: str, place, name: str = "numbers", bad: str = "null") -> str:
    return PIPELINE.format(broker=broker.bootstrap, topic=topic, place=place, name=name, bad=bad)


def numbers(first: int, count: int) -> list[str]:
    return [json.dumps({"n": n}) for n in range(first, first + count)]


def test_a_running_query_is_shown_as_it_starts_and_as_it_goes_on(
        kafka, topic, table, sluice, open_page, axe):
    name = topic(3)
    run = sluice(pipeline(kafka, name, table()))
    page = open_page(run.ui_url() + "/")
    expect(page.locator("h1")).to_have_text("numbers")
    expect(page.locator("#link")).to_have_text("Live")
    expect(page.locator(".pill")).to_have_text("idle")
    kafka.produce(name, numbers(0, 300))
    facts = page.locator(".facts")
    page.locator("summary", has_text="Table and run").click()
    expect(facts.locator("div", has=page.get_by_text("Rows in", exact=True)).locator("dd")) \
        .to_have_text("300")
    expect(page.locator("#partitions .summary")).to_have_text(
        "3 in all · 0 with a lag · 0 records together · longest 0")
    expect(rows(page, "commits").first).to_be_visible()
    newest = cells(page.locator("table.commits"), 1)[0]
    kafka.produce(name, numbers(300, 5))
    expect(rows(page, "commits").first.locator("th")).not_to_have_text(newest)
    expect(facts.locator("div", has=page.get_by_text("Rows out", exact=True)).locator("dd")) \
        .to_have_text("305")
    for title in ("Pipeline", "Plan", "Schema"):
        page.locator("summary", has_text=title).click()
    expect(page.get_by_label("Pipeline text")).to_contain_text("CREATE STREAMING TABLE numbers")
    expect(page.get_by_label("Plan", exact=True)).not_to_be_empty()
    expect(rows(page, "schema")).to_have_count(3)
    assert cells(page.locator("table.schema"), 1) == ["n", "_partition", "_offset"]
    expect(page.locator(".trouble")).to_be_hidden()
    accessible(page, axe)


def test_a_query_that_fails_stands_first_with_its_reason_while_another_goes_on(
        kafka, topic, table, sluice, open_page):
    good, bad = topic(), topic()
    kafka.produce(good, numbers(0, 10))
    kafka.produce(bad, ["{broken"])
    text = pipeline(kafka, good, table(), "fine") + \
        pipeline(kafka, bad, table(), "broken", "fail").replace(" s (", " u (") \
        .replace("STREAM s;", "STREAM u;")
    page = open_page(sluice(text).ui_url() + "/")
    expect(rows(page, "queries").first.locator(".pill")).to_have_text("failed")
    expect(rows(page, "queries").first).to_contain_text("broken")
    page.get_by_role("link", name="broken").click()
    problem = page.locator(".problems li").first
    expect(problem).to_contain_text("Failed")
    expect(problem).to_contain_text(bad)
    expect(rows(page, "errors").first).to_contain_text(bad)


def test_a_broker_that_dies_is_waited_for_and_seen(own_kafka, table, sluice, open_page):
    broker = own_kafka()
    name = broker.create_topic("numbers", 2)
    broker.produce(name, numbers(0, 10))
    place = table()
    run = sluice(pipeline(broker, name, place))
    run.wait_rows(place, 10)
    page = open_page(run.ui_url() + "/")
    expect(page.locator(".pill")).to_have_text("idle")
    broker.stop()
    expect(page.locator(".pill")).to_have_text("waiting")
    expect(page.locator(".problems li").first).to_contain_text("Waiting for")
    expect(page.locator("#announce")).to_contain_text("numbers is waiting")
    broker.start()
    broker.produce(name, numbers(10, 10))
    run.wait_rows(place, 20)
    expect(page.locator(".pill")).to_have_text(re.compile("idle|running"))


def test_a_query_is_paused_resumed_and_stopped_with_the_token(
        kafka, topic, table, sluice, open_page):
    name, place = topic(), table()
    run = sluice(pipeline(kafka, name, place), env={"SLUICE_UI_TOKEN": "open-sesame"})
    page = open_page(run.ui_url() + "/")
    page.forgive = True  # the browser tells of the 401, and of the end
    expect(page.locator(".pill")).to_have_text("idle")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("textbox", name="Token").fill("open-sesame")
    page.keyboard.press("Enter")
    expect(page.locator(".pill")).to_have_text("paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".pill")).to_have_text(re.compile("idle|running"))
    kafka.produce(name, numbers(0, 10))
    run.wait_rows(place, 10)
    page.get_by_role("button", name="Stop …").click()
    page.get_by_role("button", name="Stop the query").click()
    assert run.wait_exit() == 0
    expect(page.locator("#lost")).to_be_visible()


def test_the_page_outlives_the_process(kafka, topic, table, sluice, open_page):
    name, place = topic(), table()
    kafka.produce(name, numbers(0, 10))
    address = f"--ui-address=127.0.0.1:{free_port()}"
    run = sluice(pipeline(kafka, name, place), address)
    run.wait_rows(place, 10)
    page = open_page(run.ui_url() + "/")
    page.forgive = True
    expect(page.locator(".pill")).to_have_text("idle")
    run.kill()
    expect(page.locator("#lost")).to_be_visible()
    again = sluice(pipeline(kafka, name, place), address)
    again.ui_url()
    expect(page.locator("#lost")).to_be_hidden()
    expect(page.locator("#process")).to_contain_text(f"pid {again.process.pid}")
    kafka.produce(name, numbers(10, 10))
    again.wait_rows(place, 20)
    expect(rows(page, "commits").first).to_contain_text("10")
