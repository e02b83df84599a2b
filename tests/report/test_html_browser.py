"""The HTML report in a real browser, from a file, without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from planted_runs import (
    PlantedWorld,
    arms_exchanged,
    make_world,
    nobody_second,
    somebody_else,
    write_run,
)
from records import make_failure, make_latency, make_record
from support import require_browser

from posebench.html_report import write_html
from posebench.html_sources import Predicted
from posebench.record import Record
from posebench.store import load_records

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

HOSTILE = "wrong\"'><img src=x onerror=\"document.title='taken'\">"
NAMES = ("1.png", "2.png", "3.png", "4.png", "5.png", "o'<b>\"6.png")
PLANTS = {2: nobody_second, 3: arms_exchanged, 4: somebody_else, 6: nobody_second}
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--window-size=1280,900"
).split()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[PlantedWorld, Path]:
    folder = tmp_path_factory.mktemp("planted")
    world = make_world(folder / "world", NAMES)
    write_run(folder / "runs", world, "right", {}, ap=0.9, latency=make_latency(80.0))
    write_run(folder / "runs", world, HOSTILE, PLANTS, ap=0.6, latency=make_latency(9.0))
    return world, folder / "runs"


@pytest.fixture(scope="module")
def records(runs: tuple[PlantedWorld, Path]) -> list[Record]:
    found = load_records([runs[1]])
    dataset = found[0].dataset
    untimed = make_record("untimed", ap=0.7, dataset=dataset, latency=())
    return [*found, untimed, make_failure("broken", dataset=dataset)]


@pytest.fixture(scope="module")
def address(
    runs: tuple[PlantedWorld, Path],
    records: list[Record],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    require_browser()
    world, folder = runs
    predicted = Predicted(world.annotations, world.images, [folder])
    (path,) = write_html(records, tmp_path_factory.mktemp("report"), {}, predicted)
    return path.as_uri()


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    browser, driver = require_browser()
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()


@pytest.fixture
def page(chrome: Chrome, address: str) -> Iterator[Chrome]:
    """The page as it is opened; in the end there is no error and was no request."""
    from selenium.webdriver.support.wait import WebDriverWait

    chrome.get("about:blank")  # nothing of the test before can be mistaken for this page
    chrome.get_log("performance")
    chrome.get(address)
    # On a busy machine the driver may come back before the page's script ran.
    ready = "return location.href !== 'about:blank' && document.readyState === 'complete'"
    WebDriverWait(chrome, 60).until(lambda chrome: chrome.execute_script(ready))
    yield chrome
    assert chrome.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in chrome.get_log("performance")]
    asked = {
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    }
    assert asked and all(url.startswith(("file:", "data:")) for url in asked)


def find(page: Chrome, selector: str) -> list[WebElement]:
    found: list[WebElement] = page.find_elements("css selector", selector)
    return found


def shown(page: Chrome, selector: str) -> list[str]:
    return [element.text for element in find(page, selector) if element.is_displayed()]


def heading(page: Chrome, title: str) -> WebElement:
    """Of the table of models."""
    heads = find(page, ".sortable")[0].find_elements("css selector", "thead th")
    (found,) = [head for head in heads if head.text == title]
    return found


def models(page: Chrome) -> list[str]:
    return shown(page, "section:not(.gallery) > .scroll > .sortable:not(.gains) tbody th")


def press(page: Chrome, *keys: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(page).send_keys(*keys).perform()


def choose(page: Chrome, text: str) -> None:
    """One of the filters of the gallery."""
    (chip,) = [c for c in find(page, ".controls .chip") if c.text.rsplit(None, 1)[0] == text]
    chip.click()


def pictures(page: Chrome) -> list[str]:
    return shown(page, ".card .name")


def test_headings_sort_by_mouse_and_keyboard_with_what_is_missing_last(page: Chrome) -> None:
    from selenium.webdriver import Keys

    best_first = ["right", "untimed", HOSTILE, "broken"]
    assert models(page) == best_first
    assert heading(page, "AP").get_attribute("aria-sort") == "descending"
    latency = heading(page, "end-to-end p50 (ms)").find_element("tag name", "button")
    latency.click()
    assert models(page)[:2] == [HOSTILE, "right"] and set(models(page)[2:]) == {"untimed", "broken"}
    latency.send_keys(Keys.ENTER)
    assert models(page)[:2] == ["right", HOSTILE] and set(models(page)[2:]) == {"untimed", "broken"}
    sorted_by = [head.text for head in find(page, ".sortable th[aria-sort]")]
    assert sorted_by[0] == "end-to-end p50 (ms)"
    heading(page, "model").find_element("tag name", "button").click()
    assert models(page) == ["broken", "right", "untimed", HOSTILE]


def test_a_text_filters_the_models_and_says_how_many(page: Chrome) -> None:
    search = find(page, "input[type=search]")[0]
    search.send_keys("  UNTI")
    assert models(page) == ["untimed"]
    told = find(page, "[data-counts]")[0].get_attribute("textContent")
    assert told == "1 of 4 models"
    search.clear()
    search.send_keys("nothing like it")
    assert models(page) == []


def test_the_gallery_filters_by_model_and_error_with_counts(page: Chrome) -> None:
    assert set(pictures(page)) == set(NAMES)
    choose(page, "missed person")
    assert set(pictures(page)) == {NAMES[1], NAMES[5]}
    assert shown(page, ".gallery .status") == ["2 of 6 pictures"]
    choose(page, "right")
    assert pictures(page) == [] and shown(page, ".gallery .empty")
    counts = dict(c.text.rsplit(None, 1) for c in find(page, ".controls .chip"))
    assert (counts["all"], counts[HOSTILE], counts["inversion"]) == ("2", "2", "0")
    choose(page, HOSTILE)
    assert set(shown(page, ".shot .model")) == {HOSTILE}
    choose(page, "inversion")
    assert pictures(page) == [NAMES[2]]


def test_the_gallery_is_sorted_by_what_is_asked_for(page: Chrome) -> None:
    from selenium.webdriver.support.select import Select

    assert set(pictures(page)[:2]) == {NAMES[1], NAMES[5]}  # one of two people: mean OKS .5
    Select(find(page, "select")[0]).select_by_visible_text("file name")
    assert pictures(page) == sorted(NAMES)
    Select(find(page, "select")[0]).select_by_visible_text("largest difference between models")
    assert set(pictures(page)[:2]) == {NAMES[1], NAMES[5]}


def test_a_picture_opens_turns_and_closes_with_the_focus_where_it_was(page: Chrome) -> None:
    from selenium.webdriver import Keys

    opener, second = find(page, ".card:not([hidden]) .shot:first-child .open")[:2]
    order = pictures(page)
    opener.click()
    assert shown(page, "#lightbox-name") == order[:1]
    assert shown(page, "#lightbox-place") == ["1 of 6"]
    assert find(page, ".stage img")[0].get_property("naturalWidth") == 640
    press(page, Keys.ARROW_RIGHT)
    assert shown(page, "#lightbox-name") == order[1:2]
    press(page, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert shown(page, "#lightbox-name") == order[-1:]
    press(page, Keys.ARROW_RIGHT, Keys.ESCAPE)
    wait_until_closed(page, opener)
    opener.send_keys(Keys.ENTER)
    assert find(page, "#lightbox")[0].is_displayed()
    find(page, "[data-close]")[0].click()
    wait_until_closed(page, opener)
    opener.send_keys(Keys.ENTER)
    press(page, Keys.ARROW_RIGHT, Keys.ESCAPE)
    wait_until_closed(page, second)


def wait_until_closed(page: Chrome, focused: WebElement) -> None:
    """Until no picture is open and an element has the focus; a dialog tells late that it closed."""
    from selenium.webdriver.support.wait import WebDriverWait

    def closed(_: object) -> bool:
        at_rest: bool = page.switch_to.active_element == focused
        return at_rest and not find(page, "#lightbox")[0].is_displayed()

    WebDriverWait(page, 10).until(closed)


def test_of_several_drawings_one_can_be_seen_alone(page: Chrome) -> None:
    choose(page, "missed person")
    find(page, ".card:not([hidden]) .open")[0].click()
    several = shown(page, ".stage .model")
    assert len(several) > 1 and HOSTILE in several
    find(page, ".stage .open")[1].click()
    assert shown(page, ".stage .model") == several[1:2]
    find(page, ".stage figure.alone .open")[0].click()
    assert shown(page, ".stage .model") == several


def test_points_and_keypoints_tell_their_figures(page: Chrome) -> None:
    assert shown(page, "#tip") == []
    for selector, part in ((".scatter.wide .point", ".dot"), (".dotplot .line", ".track")):
        target = find(page, selector)[0]
        page.execute_script("arguments[0].scrollIntoView({block: 'center'})", target)
        assert told_by(page, target.find_element("css selector", part)) == [
            target.get_attribute("data-tip")
        ]
    first = find(page, ".dotplot .chip[data-series='0']")[0]
    assert first.get_attribute("aria-pressed") == "true"
    standing_out = ".dotplot .value.on[data-series='0']"
    assert len(find(page, standing_out)) == 17
    first.click()
    assert first.get_attribute("aria-pressed") == "false" and not find(page, standing_out)


def told_by(page: Chrome, element: WebElement) -> list[str]:
    """What is told while the pointer is there; a scroll that still goes on hides it once."""
    from selenium.webdriver import ActionChains
    from selenium.webdriver.support.wait import WebDriverWait

    def hover(_: object) -> list[str]:
        ActionChains(page).move_by_offset(1, 1).move_to_element(element).perform()
        return shown(page, "#tip")

    found: list[str] = WebDriverWait(page, 10).until(hover)
    return found


def luminance(page: Chrome, variable: str) -> float:
    """Relative luminance of a colour of the page (WCAG 2.1), 0..1."""
    style = "getComputedStyle(document.body)"
    name = {"page": f"{style}.backgroundColor", "ink": f"{style}.color"}[variable]
    text = page.execute_script(f"return {name}")
    channels = [int(part) / 255 for part in text.strip("rgb()").split(",")]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_light_and_dark_can_both_be_read(page: Chrome) -> None:
    backgrounds = []
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        paper, ink = luminance(page, "page"), luminance(page, "ink")
        assert (max(paper, ink) + 0.05) / (min(paper, ink) + 0.05) > 7  # WCAG level AAA
        backgrounds.append(paper)
    assert backgrounds[0] > 0.8 and backgrounds[1] < 0.05


def test_a_phone_sees_the_narrow_plot_and_does_not_scroll_sideways(page: Chrome) -> None:
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") == 390
        assert [plot.is_displayed() for plot in find(page, ".scatter")] == [False, True]
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_what_users_write_does_nothing(page: Chrome) -> None:
    assert page.title == "planted · posebench"
    assert HOSTILE in models(page) and NAMES[5] in pictures(page)
