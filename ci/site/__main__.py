"""Check a site that Sphinx has built; exits with 1 where anything is wrong, and says what.

    python -m sphinx -W -n docs site && python -m ci.site site
    python -m ci.site site --files               by parsing alone, without a browser
    python -m ci.site site --shots FOLDER        every page, width and theme as a picture there
    python -m ci.site site how_to/nn.html ...    only these pages in the browser
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

from ci.site.pages import faults_of, folder_faults, read_pages
from ci.site.server import serve


def browser_faults(site: Path, names: list[str], shots: Path | None, chromium_at: str | None) -> Iterator[str]:
    from ci.site import browser

    with serve(site) as origin, browser.chromium(chromium_at or browser.CHROMIUM) as chromium:
        print(f"Chromium {chromium.version}", flush=True)
        yield from browser.page_faults(chromium, origin, names, shots)
        yield from browser.search_faults(chromium, origin)
        yield from browser.missing_page_faults(chromium, origin)
        yield from browser.switcher_faults(chromium, origin)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ci.site", description="Check a site that Sphinx has built.")
    parser.add_argument("site", type=Path, help="the folder that Sphinx has built")
    parser.add_argument("pages", nargs="*", help="look at these in the browser; without, at all")
    parser.add_argument("--files", action="store_true", help="no browser")
    parser.add_argument("--shots", type=Path, metavar="FOLDER", help="pictures of the pages are written there")
    parser.add_argument("--chromium", metavar="PATH", help="of a Chromium; without, Debian's")
    given = parser.parse_args(argv)

    start = time.monotonic()
    pages = read_pages(given.site)
    links = sum(len(page.links) for page in pages.values())
    if unknown := set(given.pages) - pages.keys():
        parser.error(f"no such page: {', '.join(sorted(unknown))}")
    count = 0
    folders = {str(Path.cwd()), str(given.site.resolve()), sys.prefix, gettempdir() + "/ipykernel"}
    for fault in [*faults_of(given.site, pages), *folder_faults(given.site, pages, folders)]:
        print(fault, flush=True)
        count += 1
    if not given.files:
        if given.shots:
            given.shots.mkdir(parents=True, exist_ok=True)
        for fault in browser_faults(given.site, given.pages or list(pages), given.shots, given.chromium):
            print(fault, flush=True)
            count += 1
    seconds = time.monotonic() - start
    print(f"{len(pages)} pages, {links} links, {count} faults, {seconds:.0f} s")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
