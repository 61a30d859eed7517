"""A headless browser that opens dashboards as a person would: logs in, waits for every chart, takes a picture."""

import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, Request, Response, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
# Higher than any of the dashboards: a chart that is out of sight is not drawn.
VIEWPORT = {"width": 1600, "height": 1900}
DRAWN = "[data-test-chart-id] [data-test='slice-container']"
LOADING = "[data-test='loading-indicator'], .dashboard-chart .loading"
ERRORS = ".dashboard-chart [role='alert'], .dashboard-chart .error-container"
POLL_MS = 250
PAGE_MS = 120_000


@dataclass
class Seen:
    """A dashboard as it came up: the rows that each chart's query gave, by the chart's id, and what went wrong."""

    name: str
    picture: Path
    rows: dict[int, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


@contextmanager
def signed_in(url: str, user: str, password: str) -> Iterator[BrowserContext]:
    """A browser with a session of Superset. It reaches ``url`` alone."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert program, f"none of {', '.join(PROGRAMS)} is installed"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            context = browser.new_context(viewport=VIEWPORT, locale="en-GB", timezone_id="UTC")
            context.route(lambda address: not address.startswith((url, "data:", "blob:")), lambda route: route.abort())
            context.set_default_timeout(PAGE_MS)
            sign_in(context, url, user, password)
            yield context
        finally:
            browser.close()


def sign_in(context: BrowserContext, url: str, user: str, password: str) -> None:
    """Send the login form without drawing it: a page that is left while the next one loads now and then never closes."""
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', context.request.get(f"{url}/login/").text())
    assert token, f"{url}/login/ has no form"
    form = {"username": user, "password": password, "csrf_token": token[1]}
    context.request.post(f"{url}/login/", form=form, max_redirects=0)
    assert context.request.get(f"{url}/api/v1/me/").ok, f"{user} cannot sign in at {url}"


def look(context: BrowserContext, url: str, slug: str, charts: int, folder: Path, seconds: float = 120) -> Seen:
    """Open a dashboard, wait until each of its ``charts`` has come up, save a picture as ``folder/<slug>.png``."""
    seen, answered = Seen(slug, folder / f"{slug}.png"), list[Request]()

    def keep(request: Request) -> None:
        answered.append(request)

    page = context.new_page()
    page.on("pageerror", lambda error: seen.errors.append(f"script: {error}"))
    # Not once a response begins: a dashboard that asks again drops the question before, whose answer then never comes whole.
    page.on("requestfinished", keep)
    page.goto(f"{url}/superset/dashboard/{slug}/", wait_until="commit")
    _wait(page, seen, answered, charts, seconds)
    page.remove_listener("requestfinished", keep)
    seen.errors += [text.strip() for text in page.locator(ERRORS).all_inner_texts() if text.strip()]
    folder.mkdir(parents=True, exist_ok=True)
    box = page.locator(".grid-content").bounding_box() or {"y": 0, "height": VIEWPORT["height"]}
    page.screenshot(path=seen.picture, clip={"x": 0, "y": 0, "width": VIEWPORT["width"], "height": box["y"] + box["height"]})
    page.close()
    return seen


@dataclass
class Narrowed:
    """What each chart's queries answered before a filter was set to ``choice`` and after, by the chart's name."""

    choice: str
    before: dict[str, list] = field(default_factory=dict)
    after: dict[str, list] = field(default_factory=dict)


def narrow(context: BrowserContext, url: str, slug: str, name: str, charts: int, seconds: float = 120) -> Narrowed:
    """Open a dashboard, choose the first value that its filter offers, apply it."""
    page, answered = context.new_page(), list[Request]()
    page.on("requestfinished", lambda request: answered.append(request) if "/api/v1/chart/data" in request.url else None)
    page.goto(f"{url}/superset/dashboard/{slug}/", wait_until="commit")
    before = _answered(page, answered, charts, seconds)
    page.locator(f"[data-test='NATIVE_FILTER-{name}'] input").click()
    option = page.locator(".ant-select-item-option").first
    found = Narrowed(option.inner_text(), before)
    option.click()
    page.keyboard.press("Escape")
    page.locator("[data-test='filter-bar__apply-button']").click()
    found.after = _answered(page, answered, 1, seconds)
    page.close()
    return found


def _responses(answered: list[Request]) -> Iterator[Response]:
    """Of the requests that have been answered so far, which leave the list."""
    while answered:
        if response := answered.pop(0).response():
            yield response


def _answered(page: Page, answered: list[Request], charts: int, seconds: float) -> dict[str, list]:
    """Data by the chart's name, once so many charts have had theirs and none is loading."""
    found: dict[str, list] = {}
    deadline = time.monotonic() + seconds
    while len(found) < charts or page.locator(LOADING).count():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s {len(found)} of {charts} charts have data"
        page.wait_for_timeout(4 * POLL_MS)
        for response in _responses(answered):
            if _chart(response):
                found[_title(response)] = [result.get("data") for result in response.json()["result"]]
    return found


def _title(response: Response) -> str:
    return json.loads(response.request.post_data or "{}")["form_data"].get("slice_name") or str(_chart(response))


def _wait(page: Page, seen: Seen, answered: list[Request], charts: int, seconds: float) -> None:
    """Until every chart has had its answer and is drawn."""
    deadline = time.monotonic() + seconds
    while True:
        for response in _responses(answered):
            _note(response, seen)
        drawn, loading = page.locator(DRAWN).count(), page.locator(LOADING).count()
        told = len(seen.rows) + len(seen.errors)
        if told >= charts and drawn + len(seen.errors) >= charts and not loading:
            return
        if time.monotonic() > deadline:
            seen.errors.append(
                f"after {seconds:.0f} s {told} of {charts} charts have data, {drawn} are drawn, {loading} are loading"
            )
            return
        page.wait_for_timeout(POLL_MS)


def _note(response: Response, seen: Seen) -> None:
    """Keep what a chart's query answered; other answers only where they are errors of the server."""
    if "/api/v1/chart/data" not in response.url:
        if response.status >= 500:
            seen.errors.append(f"{response.status} {response.url}")
    elif not response.ok:
        seen.errors.append(f"chart {_chart(response)}: {response.status} {response.text()[:300]}")
    elif chart := _chart(response):
        seen.rows[chart] = max(result.get("rowcount") or 0 for result in response.json()["result"])


def _chart(response: Response) -> int:
    """Id of the chart that asked; 0 for a filter's list of values."""
    asked = json.loads(response.request.post_data or "{}")
    return (asked.get("form_data") or {}).get("slice_id") or 0
