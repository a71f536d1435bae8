"""Faults that show in a browser: every page in a narrow and a wide window, light and dark, and what a reader does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from shutil import which

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, Response, sync_playwright

#: Debian's, or what else there is of its kind
CHROMIUM = next(filter(None, map(which, ("chromium", "chromium-browser", "google-chrome"))), "/usr/bin/chromium")
WIDTHS = (400, 1280)
HEIGHT = 900
THEMES = ("light", "dark")
#: no name leads to another machine. (A route of playwright's would stop requests, too, but puts the cache out of work.)
NO_NAMES = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
LOOK = Path(__file__).with_name("look.js").read_text("utf-8")
#: the window has its width, and the theme's script, where there is one, has followed the reader's system
SETTLED = """([width, theme]) => innerWidth === width
    && [undefined, theme].includes(document.documentElement.dataset.theme)"""
WAIT_MILLISECONDS = 30_000  # of a machine that does other things, too
#: what is typed into the search box, and the beginnings of pages one of which is its first result
QUERIES = {
    "lstm_forward": ("reference/api/cyrnn.lstm_forward",),
    "nn.LSTM": ("reference/api/cyrnn.nn.LSTM",),
    "ragged": ("how_to/",),
    "PyTorch": ("how_to/from_pytorch", "tutorials/stream"),
    "quantize": ("how_to/", "reference/"),
}


class Watch:
    """What a page says and asks for while it is open, each fault once."""

    def __init__(self, page: Page, origin: str) -> None:
        self.origin, self.faults = origin, dict[str, None]()
        page.on("console", self.on_console)
        page.on("pageerror", lambda error: self.add(f"script ended by {error}"))
        page.on("request", self.on_request)
        page.on("requestfailed", self.on_failed)
        page.on("response", self.on_response)

    def add(self, fault: str) -> None:
        self.faults[fault.replace(self.origin, "")] = None

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.add(f"console, {message.type}: {message.text}")

    def on_request(self, request: Request) -> None:
        if not request.url.startswith((self.origin + "/", "data:", "blob:")):
            self.add(f"asks another machine: {request.url}")

    def on_failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the next page was asked for before all summaries were there
            self.add(f"failed request: {request.url}, {request.failure}")

    def on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.add(f"{response.status} for {response.url}")

    def take(self) -> list[str]:
        faults, self.faults = list(self.faults), {}
        return faults


@contextmanager
def chromium(executable: str = CHROMIUM) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[NO_NAMES])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: Browser, origin: str, width: int, wait: float = WAIT_MILLISECONDS) -> Iterator[tuple[Page, Watch]]:
    """A page of a reader who was never here, with no way to other machines."""
    context = browser.new_context(viewport={"width": width, "height": HEIGHT}, color_scheme="light")
    context.set_default_timeout(wait)
    page = context.new_page()
    try:
        yield page, Watch(page, origin)
    finally:
        context.close()


def page_faults(browser: Browser, origin: str, names: Iterable[str], shots: Path | None = None) -> Iterator[str]:
    """Visit all pages in each width and theme; `shots` gets a picture of each."""
    with window(browser, origin, WIDTHS[0]) as (page, watch):
        for name in names:
            page.goto(f"{origin}/{name}")
            for width, theme in product(WIDTHS, THEMES):
                page.set_viewport_size({"width": width, "height": HEIGHT})
                page.emulate_media(color_scheme=theme, reduced_motion="reduce")
                page.wait_for_function(SETTLED, arg=[width, theme])
                for fault in [*page.evaluate(LOOK), *watch.take()]:
                    yield f"{name}, {width} pixels, {theme}: {fault}"
                if shots:
                    path = shots / f"{name.removesuffix('.html').replace('/', '-')}-{width}-{theme}.png"
                    page.screenshot(path=path, full_page=True)


def search_faults(
    browser: Browser, origin: str, queries: dict[str, tuple[str, ...]] = QUERIES, wait: float = WAIT_MILLISECONDS
) -> Iterator[str]:
    """Type each query into the search box that the first page offers, and look at what is found first."""
    for width in WIDTHS:
        with window(browser, origin, width, wait) as (page, watch):
            for query, wanted in queries.items():
                where = f"search for {query!r}, {width} pixels"
                try:
                    page.goto(f"{origin}/index.html")
                    page.locator("button.search-button__button").locator("visible=true").first.click()
                    page.locator("#pst-search-dialog input[type=search]").fill(query)
                    page.keyboard.press("Enter")
                    page.wait_for_url("**/search.html?*")
                    first = page.locator("#search-results ul.search li a").first
                    first.wait_for()
                    address = first.get_attribute("href") or ""
                    path = address.partition("?")[0].partition("#")[0]
                    if not path.startswith(wanted):
                        yield f"{where}: first is {path}, wanted {' or '.join(wanted)}"
                except Error as error:
                    yield f"{where}: {error.message.splitlines()[0]}"
            for fault in watch.take():
                yield f"search, {width} pixels: {fault}"


def missing_page_faults(browser: Browser, origin: str) -> Iterator[str]:
    """What stands in for a page that is not there leads on, at any depth."""
    for name in ("gone.html", "how_to/gone.html", "reference/api/gone.html"):
        with window(browser, origin, WIDTHS[0]) as (page, watch):
            page.goto(f"{origin}/{name}")
            links = page.locator("main a").evaluate_all("links => links.map((link) => link.href)")
            if f"{origin}/index.html" not in links:
                yield f"{name}, which is not there: no link to the first page"
            for fault in watch.take():
                if name not in fault and "status of 404" not in fault:
                    yield f"{name}, which is not there: {fault}"


def switcher_faults(browser: Browser, origin: str, wait: float = WAIT_MILLISECONDS) -> Iterator[str]:
    """The theme switcher leads to light and dark, and the next page remembers it."""
    for width in WIDTHS:
        with window(browser, origin, width, wait) as (page, watch):
            try:
                page.goto(f"{origin}/index.html")
                grounds = {}
                for theme in THEMES:
                    if width < 960 and not page.locator("dialog#pst-primary-sidebar-modal").is_visible():
                        page.locator("button.primary-toggle").click()
                    page.locator("button.theme-switch-button").locator("visible=true").first.click()
                    page.locator(f"button.theme-change-button[data-mode={theme}]").locator("visible=true").first.click()
                    page.wait_for_function(f"document.documentElement.dataset.theme == '{theme}'")
                    page.reload()
                    if page.evaluate("document.documentElement.dataset.theme") != theme:
                        yield f"theme switcher, {width} pixels: {theme} is forgotten by the next page"
                    grounds[theme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
                if len(set(grounds.values())) != len(grounds):
                    yield f"theme switcher, {width} pixels: backgrounds {grounds}"
            except Error as error:
                yield f"theme switcher, {width} pixels: {error.message.splitlines()[0]}"
            for fault in watch.take():
                yield f"theme switcher, {width} pixels: {fault}"
