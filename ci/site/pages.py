"""Faults that the files of a site show by themselves: dead links, pictures without words, headings out of order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

#: of every page, whatever its address: an error page is shown in the place of any other
NO_PAGES = ("_static/", "_sources/")
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
#: what a page loads by itself; a link (`a`) leaves the site only where a reader follows it
LOADED = dict.fromkeys(("img", "script", "iframe", "source", "video"), "src") | {"link": "href", "object": "data"}


@dataclass
class Page:
    """What a page has, in its order."""

    title: str = ""
    language: str = ""
    ids: Counter[str] = field(default_factory=Counter)
    links: list[str] = field(default_factory=list)
    silent_links: list[str] = field(default_factory=list)  # without a text
    loaded: list[str] = field(default_factory=list)
    headings: list[int] = field(default_factory=list)
    pictures_without_words: list[str] = field(default_factory=list)
    robots: list[str] = field(default_factory=list)


class PageParser(HTMLParser):
    """Fill a `Page`. A drawing within the page (`svg`) has a role and a title, or is hidden from readers."""

    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.in_title = self.in_main = False
        self.link: tuple[str, bool] | None = None  # its address, and whether it has said something
        self.drawings: list[list[object]] = []  # open ones: what they are, and whether they have words

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        page = self.page
        if given.get("id"):
            page.ids[given["id"]] += 1
        if given.get("aria-label") or given.get("alt") or (given.get("title") and tag != "a"):
            self.say()
        if tag == "html":
            page.language = given.get("lang", "")
        elif tag == "main":
            self.in_main = True
        elif tag == "title":
            if self.drawings:
                self.drawings[-1][1] = bool(self.drawings[-1][2])
            else:
                self.in_title = True
        elif tag == "meta" and given.get("name") == "robots":
            page.robots.append(given.get("content", ""))
        elif tag == "a" and "href" in given:
            self.link = (given["href"], bool(given.get("aria-label")))
            page.links.append(given["href"])
        elif tag in HEADINGS and self.in_main:
            page.headings.append(int(tag[1]))
        elif tag == "svg":
            hidden = given.get("aria-hidden") == "true"
            role = given.get("role") == "img"
            self.drawings.append([given.get("class", "svg"), hidden or (role and bool(given.get("aria-label"))), role])
        elif tag == "img" and not given.get("alt", "").strip():
            page.pictures_without_words.append(given.get("src", ""))
        address = given.get(LOADED.get(tag, ""), "")
        if address and not (tag == "link" and given.get("rel") in ("canonical", "alternate")):
            page.loaded.append(address)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag == "svg":
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self.in_title = False
        elif tag == "main":
            self.in_main = False
        elif tag == "a" and self.link:
            address, said = self.link
            if not said:
                self.page.silent_links.append(address)
            self.link = None
        elif tag == "svg" and self.drawings:
            name, worded, _ = self.drawings.pop()
            if not worded:
                self.page.pictures_without_words.append(f"svg {name}")

    def handle_data(self, data: str) -> None:
        if self.in_title:
            self.page.title += data
        if data.strip():
            self.say()

    def say(self) -> None:
        if self.link:
            self.link = (self.link[0], True)


def parse(text: str) -> Page:
    parser = PageParser()
    parser.feed(text)
    parser.close()
    return parser.page


def read_pages(site: Path) -> dict[str, Page]:
    """The pages of a site by their paths in it; templates among the static files are none."""
    paths = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    found = {name: parse((site / name).read_text("utf-8")) for name in paths if not name.startswith(NO_PAGES)}
    if not found:
        raise SystemExit(f"no page in {site}")
    return found


def faults_of(site: Path, pages: dict[str, Page]) -> Iterator[str]:
    """One sentence for each fault of the files."""
    titles = Counter(page.title.strip() for page in pages.values())
    for name, page in pages.items():
        title = page.title.strip()
        if not title or titles[title] > 1:
            yield f"{name}: title {title!r} on {titles[title]} pages"
        if not page.language:
            yield f"{name}: html without lang"
        for content in page.robots:
            yield f"{name}: robots are told {content!r}"
        for picture in page.pictures_without_words:
            yield f"{name}: picture without a text for those who do not see it: {picture}"
        for address in page.silent_links:
            yield f"{name}: link without a text: {address}"
        for identifier, count in page.ids.items():
            if count > 1:
                yield f"{name}: {count} elements have the id {identifier!r}"
        yield from heading_faults(name, page.headings)
        for address in page.loaded:
            if urlsplit(address).scheme not in ("", "data") or urlsplit(address).netloc:
                yield f"{name}: loads from elsewhere: {address}"
        for address in sorted({*page.links, *page.loaded}):
            yield from link_faults(site, pages, name, address)


def folder_faults(site: Path, pages: Iterable[str], folders: Iterable[str]) -> Iterator[str]:
    """Pages that name a folder of the machine they were built on, as a warning in a notebook does."""
    for name in pages:
        text = (site / name).read_text("utf-8")
        for folder in folders:
            if folder in text:
                yield f"{name}: names a folder of this machine: {folder}"


def heading_faults(name: str, headings: list[int]) -> Iterator[str]:
    if headings.count(1) != 1 or headings[0] != 1:
        yield f"{name}: headings begin with {headings[:1]} and {headings.count(1)} are h1; wanted one, first"
    for above, heading in pairwise(headings):
        if heading > above + 1:
            yield f"{name}: h{heading} below h{above}"


def link_faults(site: Path, pages: dict[str, Page], name: str, address: str) -> Iterator[str]:
    parts = urlsplit(address)
    if parts.scheme in ("http", "https", "mailto", "data"):
        return
    if parts.scheme or parts.netloc or parts.path.startswith("/"):
        yield f"{name}: link to no place of a site: {address}"  # file:, javascript:, or the root of a host
        return
    path, anchor = urldefrag(urljoin(f"http://site/{name}", address))
    target = unquote(urlsplit(path).path).lstrip("/")
    if target == "" or target.endswith("/"):
        target += "index.html"
    if parts.path.count("../") > name.count("/"):
        yield f"{name}: link out of the site: {address}"
    elif not (site / target).is_file():
        yield f"{name}: dead link: {address}"
    elif anchor and target in pages and unquote(anchor) not in pages[target].ids:
        yield f"{name}: no such anchor: {address}"
