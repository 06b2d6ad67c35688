# SPDX-License-Identifier: GPL-2.0-only
"""The HTML report in a real browser, from the disk: what a person clicks, types, sends to a colleague."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report_run import OURS, THEIRS, VANILLA

LOOP = f"{OURS}/minimal/benign/loop#1"
EVIL = f"{OURS}/minimal/malicious/evil#1"
Visit = Callable[..., Any]


def fragment(page: Any) -> str:
    found: str = page.evaluate("decodeURIComponent(location.hash)")
    return found


def becomes(look: Callable[[], Any], wanted: Any) -> None:
    """Look until what is seen is what is wanted: a click, and what a page does about it, are two things."""
    deadline = time.monotonic() + 20
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"within 20 s still {seen!r}, not {wanted!r}"
        time.sleep(0.05)


def until(page: Any, condition: str) -> None:
    """Wait for a JavaScript condition.

    Playwright's own wait_for_function() asks again from within the page, where the page's policy forbids to evaluate
    a string: it fails unless the condition holds at the first look.
    """
    becomes(lambda: page.evaluate(f"Boolean({condition})"), True)


def shown(page: Any) -> list[str]:
    """Give the cells of the matrix that are not dimmed or hidden: ``SCENARIO on KERNEL: what became of it``."""
    labels: list[str] = page.evaluate(
        """[...document.querySelectorAll('#matrix .cell:not(.off)')]
            .filter(cell => cell.checkVisibility()).map(cell => cell.getAttribute('aria-label'))"""
    )
    return labels


def named(page: Any) -> list[str]:
    """Give ``SCENARIO on KERNEL`` of the same."""
    return [label.split(":")[0] for label in shown(page)]


def open_loop(page: Any) -> None:
    page.locator("#matrix").get_by_label(f"benign/loop on {OURS}").click()
    page.wait_for_selector("#panel canvas")


def colours(page: Any, nth: int) -> set[tuple[int, ...]]:
    """Give the colours that a map holds, see-through ones left out."""
    found = (
        page.locator("#panel canvas")
        .nth(nth)
        .evaluate(
            """canvas => {
            const {width, height} = canvas;
            const read = new OffscreenCanvas(width, height).getContext('2d', {willReadFrequently: true});
            read.drawImage(canvas, 0, 0);
            const {data} = read.getImageData(0, 0, width, height);
            const seen = new Set();
            for (let at = 0; at < data.length; at += 4) {
                if (data[at + 3] === 255) seen.add(data.slice(at, at + 3).join());
            }
            return [...seen];
        }"""
        )
    )
    return {tuple(map(int, text.split(","))) for text in found}


def colour(page: Any, name: str) -> tuple[int, ...]:
    text = page.evaluate(
        """name => {
            const probe = document.body.appendChild(document.createElement('i'));
            probe.style.color = `var(--${name})`;
            const told = getComputedStyle(probe).color;
            probe.remove();
            return told.match(/\\d+/g).join();
        }""",
        name,
    )
    return tuple(map(int, text.split(",")))


def test_the_first_look_tells_what_is_not_as_expected(visit: Visit) -> None:
    page = visit()
    assert page.locator(".lead strong").first.inner_text() == "3 cells of 13 not as expected"
    assert "1 planned cell not run" in page.locator(".lead").inner_text()
    assert "1 regression" in page.locator(".lead").inner_text()
    first = page.locator(".unexpected li").first
    assert first.locator(".badge").inner_text() == "crash"
    for fact in ("20260", "tcg", "kvm: /dev/kvm opens but runs no guest", "testbed run 'quick & more'", "6.12.117-1"):
        assert fact in page.locator(".facts").inner_text().replace("20261124", "20260")


def test_a_click_opens_a_cell_and_going_back_closes_it(visit: Visit) -> None:
    page = visit()
    open_loop(page)
    becomes(lambda: fragment(page), f"#cell={LOOP}")
    panel = page.locator("#panel")
    assert "pressed.left_over.pte 3 is not <= 0" in panel.inner_text()
    assert panel.locator("table tbody tr", has_text="peak").first.is_visible()
    page.go_back()
    panel.wait_for(state="hidden")
    page.go_forward()
    panel.wait_for(state="visible")
    page.keyboard.press("Escape")
    panel.wait_for(state="hidden")


def test_the_fragment_holds_cell_filters_and_view(visit: Visit) -> None:
    page = visit()
    page.locator(".chip[data-value=fail]").click()
    page.locator(f".chip[data-value='{OURS}']").click()
    page.fill("#search", "loop")
    open_loop(page)
    until(page, "location.hash.includes('cell=')")
    again = visit(page.evaluate("location.hash"))
    again.wait_for_selector("#panel canvas")
    assert again.input_value("#search") == "loop"
    assert again.locator(".chip[aria-pressed=true]").all_inner_texts() == ["fail 4", OURS]
    assert shown(again) == [f"benign/loop on {OURS}: fail, 3 PTE tables left over"]


def test_filters_show_cells_by_verdict_kernel_and_kind(visit: Visit) -> None:
    page = visit()
    becomes(lambda: len(shown(page)), 6)
    page.locator(".chip[data-value=unexpected]").click()
    becomes(lambda: len(shown(page)), 2)
    page.locator(".chip[data-value=malicious]").click()
    becomes(lambda: named(page), [f"malicious/evil on {OURS}"])
    page.locator(f".chip[data-value='{VANILLA}']").click()
    becomes(lambda: shown(page), [])
    page.get_by_role("button", name="Show all").click()
    becomes(lambda: len(shown(page)), 6)
    page.go_back()
    until(page, "!document.querySelector('#matrix .cell:not(.off)')")


def test_a_search_finds_words_of_reasons_and_leaves_no_step_a_letter(visit: Visit) -> None:
    page = visit()
    before = page.evaluate("history.length")
    page.locator("body").press("/")
    page.keyboard.type("such KERNEL", delay=5)
    becomes(lambda: named(page), [f"malicious/evil on {THEIRS}"])
    becomes(lambda: fragment(page), "#q=such KERNEL")
    assert page.evaluate("history.length") == before


def test_what_a_guest_wrote_is_text_and_nothing_else(visit: Visit) -> None:
    page = visit(f"#cell={EVIL.replace('#', '%23')}")
    page.wait_for_selector("#panel .log")
    assert page.title() == "Run 20261124T020000Z"
    assert page.locator("img").count() == 0
    assert "<img src=x onerror=" in page.locator("#panel .reason").inner_text()
    assert "First try: hang" in page.locator("#panel .notice").inner_text()
    assert page.locator("#panel .logbox[open]").first.inner_text().startswith("Crash report")
    assert "<U+202E>evil␛[2J" in page.locator("#panel .log").last.inner_text()


def test_the_map_shows_what_is_empty_and_what_was_given_back(visit: Visit) -> None:
    page = visit()
    open_loop(page)
    until(page, "document.querySelector('#panel canvas').map")
    labels = [canvas.get_attribute("aria-label") for canvas in page.locator("#panel canvas").all()]
    assert labels[:4] == [
        f"{OURS}, start: 2 PTE tables: 2 needed",
        f"{OURS}, peak: 41 PTE tables: 41 needed",
        f"{OURS}, after: 41 PTE tables: 40 empty, 1 needed",
        f"{OURS}, pressed: 4 PTE tables: 3 empty, 1 needed, 37 given back",
    ]
    assert len(labels) == 12
    empty, gone, needed = (colour(page, f"map-{name}") for name in ("empty", "gone", "needed"))
    assert empty in colours(page, 2) and gone not in colours(page, 2)
    assert {empty, gone, needed} <= colours(page, 3)
    assert empty not in colours(page, 1)


def test_pointing_at_a_block_tells_which_table_it_is(visit: Visit) -> None:
    page = visit()
    open_loop(page)
    until(page, "document.querySelector('#panel canvas').map")
    canvas = page.locator("#panel canvas").nth(2)
    canvas.scroll_into_view_if_needed()
    place = canvas.evaluate(
        """canvas => {
            const row = canvas.map.rows.find(({strip}) => strip.plane === 'pte');
            const at = row.strip.slots.indexOf(0x7f0000000000 / 0x200000);
            return {x: 30 + (at % canvas.map.across) * canvas.map.size + 1, y: row.top + 1};
        }"""
    )
    canvas.hover(position=place)
    assert page.locator("#tip").inner_text().split("\n") == ["PTE table of 0x7f0000000000, 2 MiB", "empty: no entry"]
    canvas.focus()
    page.keyboard.press("ArrowRight")
    assert "table of 0x" in page.locator("#tip").inner_text()


def test_curves_are_drawn_over_time_or_by_phase_and_it_is_said_which(visit: Visit) -> None:
    page = visit()
    open_loop(page)
    page.wait_for_selector("#panel .js-plotly-plot .scatterlayer .trace")
    assert page.locator("#panel").get_by_text("Without times, and so not drawn: vanilla-6.12").is_visible()
    options = page.locator("#panel select option").all_inner_texts()
    assert options == ["VmPTE of the workload", "page tables of the guest", "RSS of QEMU"]
    page.select_option("#panel select", label="RSS of QEMU")
    until(page, "document.querySelector('.js-plotly-plot').data[0].y[0] === 150000")


def test_bars_stand_against_the_limit_of_the_expectation(visit: Visit) -> None:
    page = visit()
    open_loop(page)
    rows = page.locator(".bars tbody tr")
    assert rows.count() == 3
    assert "not ≤ 0" in rows.nth(0).inner_text()
    assert rows.nth(0).locator(".f-over").count() == 1
    assert "≥ 0.9 * 40 (peak.tables.pte)" in rows.nth(1).inner_text()
    wide = rows.nth(1).evaluate(
        """row => ['.fill', '.limit'].map((part) => row.querySelector(part).getBoundingClientRect().right)"""
    )
    assert wide[0] > wide[1]


def test_the_line_to_run_a_cell_again_can_be_copied(visit: Visit) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    open_loop(page)
    page.get_by_label("Copy: By hand").click()
    page.get_by_text("Copied", exact=True).first.wait_for()
    assert page.evaluate("navigator.clipboard.readText()").endswith("qemu-system-x86_64 -kernel bzImage")


def test_the_theme_follows_the_system_until_it_is_chosen(visit: Visit) -> None:
    page = visit(scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    button = page.locator("#theme")
    assert button.inner_text() == "auto"
    button.click()
    assert button.inner_text() == "light"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    page.reload()
    assert page.locator("#theme").inner_text() == "light"
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_a_map_changes_its_colours_with_the_theme(visit: Visit) -> None:
    page = visit()
    open_loop(page)
    until(page, "document.querySelector('#panel canvas').map")
    light = colours(page, 2)
    page.locator("#theme").click()
    page.locator("#theme").click()
    assert colour(page, "map-empty") in colours(page, 2)
    assert colours(page, 2) != light


def test_costs_stand_beside_each_other_with_their_budget(visit: Visit) -> None:
    page = visit()
    page.get_by_role("link", name="Overhead").click()
    row = page.locator(".costs tbody tr").first
    assert "+0.20 %" in row.inner_text()
    assert "+0.5 %" in row.inner_text()
    assert page.get_by_text("All 2 costs that have a budget are within it").is_visible()


def test_a_test_that_became_worse_is_marked(visit: Visit) -> None:
    page = visit("#view=suites")
    worse = page.locator(".suite .cell", has_text="WORSE")
    assert worse.count() == 1
    assert "not ok on ptreclaim-6.12" in page.locator("#view").inner_text()
    worse.click()
    page.wait_for_selector(".subtests")
    assert fragment(page).startswith("#view=suites&cell=ptreclaim-6.12/minimal/suites/mm:test=cow#1")
    assert "Subtests: 1 of 2 ok" in page.locator("#panel").inner_text()


def test_history_shows_what_became_worse_since_when(visit: Visit) -> None:
    page = visit()
    page.locator(".lead a").click()
    one = page.locator(".series .one")
    one.first.wait_for()
    assert one.count() == 1
    assert "failing since 2026-11-05 · last pass 20261104T020000Z" in one.inner_text()
    assert "6,259 → 6,384 (+2.0 %)" in one.inner_text()
    one.locator(".row").click()
    page.wait_for_selector(".series .js-plotly-plot .scatterlayer .trace")
    assert "series=benign/loop ptreclaim-6.12 minimal cost.fault" in fragment(page)
    page.locator("#view .chip", has_text="all").click()
    until(page, "document.querySelectorAll('.series .one').length === 2")


def test_the_matrix_is_walked_by_keys(visit: Visit) -> None:
    page = visit()
    page.locator("#matrix .cell").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel canvas")
    becomes(lambda: fragment(page), f"#cell={LOOP}")
    until(page, "document.activeElement.id === 'cellname'")
    page.keyboard.press("Escape")
    until(page, f"document.activeElement.getAttribute('aria-label')?.startsWith('benign/loop on {OURS}')")


def test_every_control_and_picture_has_a_name(visit: Visit) -> None:
    page = visit()
    open_loop(page)
    nameless = page.evaluate(
        """[...document.querySelectorAll('a, button, input, select, canvas, nav, [role=img], [role=region]')]
            .filter((node) => !node.getAttribute('aria-label') && !node.textContent.trim())
            .map((node) => node.tagName + node.className)"""
    )
    assert nameless == []


@pytest.mark.parametrize(
    "place", ["", "#view=costs", "#view=suites", "#view=history&show=all", f"#cell={LOOP.replace('#', '%23')}"]
)
def test_a_phone_needs_no_scrolling_sideways(visit: Visit, place: str) -> None:
    page = visit(place, width=390, height=844)
    if "cell" in place:
        page.wait_for_selector("#panel canvas")
        page.wait_for_selector("#panel .js-plotly-plot .scatterlayer .trace")
        assert not page.locator("#left").is_visible()
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_cell_that_the_run_does_not_have_is_said_to_be_none(visit: Visit) -> None:
    page = visit("#cell=no/such/cell%231")
    assert "no record of that cell" in page.locator("#panel").inner_text()


def test_bugs_have_a_table_of_their_grades_and_lead_to_where_they_were_seen(visit: Visit, searched: Path) -> None:
    page = visit(of=searched)
    table = page.get_by_label("Bugs")
    assert table.locator("tbody tr").count() == 2
    assert table.locator(".bad .standing").inner_text() == "NOT as expected: gone"
    assert "<img src=x onerror=" in table.locator(".bad td").last.inner_text()
    table.get_by_role("link", name="reproduced 6 of 6 (54-100 %)").click()
    page.wait_for_selector("#panel canvas")
    becomes(lambda: fragment(page), f"#cell={LOOP}")
