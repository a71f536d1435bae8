"""The check of the documentation's site, ci/site, finds each fault of a tiny site, and nothing in a whole one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from paths import ROOT

sys.path.insert(0, str(ROOT))

# E402: ci/ is found by the line above
from ci.site.pages import faults_of, folder_faults, read_pages
from ci.site.server import serve

#: a red square, 1 x 1
PIXEL = "data:image/gif;base64,R0lGODdhAQABAIAAAP8AAAAAACwAAAAAAQABAAACAkQBADs="
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><link rel="icon" href="data:,">
<meta name="color-scheme" content="light dark">{head}</head>
<body><main>{body}</main></body></html>
"""
WHOLE = f"""<h1 id="top">Cells</h1><p>Text and <a href="other.html#there">a link</a>.</p>
<h2>LSTM</h2><img src="{PIXEL}" alt="a red square"><svg role="img" width="9"><title>nothing</title></svg>
<svg aria-hidden="true" width="9"></svg><div style="overflow-x: auto"><div style="width: 3000px">wide</div></div>"""


def site(folder: Path, body: str = "", *, head: str = "", title: str = "Cells", above: str = WHOLE) -> Path:
    (folder / "index.html").write_text(PAGE.format(title=title, head=head, body=above + body), encoding="utf-8")
    other = PAGE.format(title="Other", head="", body='<h1 id="there">Other</h1><a href="index.html">back</a>')
    (folder / "other.html").write_text(other, encoding="utf-8")
    return folder


def files_of(folder: Path) -> list[str]:
    return list(faults_of(folder, read_pages(folder)))


def test_whole_site_has_no_fault_in_its_files(tmp_path):
    assert files_of(site(tmp_path)) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="gone.html">a</a>', "index.html: dead link: gone.html"),
        ('<a href="other.html#gone">a</a>', "index.html: no such anchor: other.html#gone"),
        ('<a href="#gone">a</a>', "index.html: no such anchor: #gone"),
        ('<a href="../x.html">a</a>', "index.html: link out of the site: ../x.html"),
        ('<a href="/x.html">a</a>', "index.html: link to no place of a site: /x.html"),
        ('<a href="file:///x.html">a</a>', "index.html: link to no place of a site: file:///x.html"),
        ('<a href="other.html"> </a>', "index.html: link without a text: other.html"),
        (f'<img src="{PIXEL}">', f"index.html: picture without a text for those who do not see it: {PIXEL}"),
        (f'<img alt=" " src="{PIXEL}">', f"index.html: picture without a text for those who do not see it: {PIXEL}"),
        ('<img alt="a" src="gone.png">', "index.html: dead link: gone.png"),
        ('<svg class="s" role="img"></svg>', "index.html: picture without a text for those who do not see it: svg s"),
        ("<svg><title>a</title></svg>", "index.html: picture without a text for those who do not see it: svg svg"),
        ("<h4>Gates</h4>", "index.html: h4 below h2"),
        ("<h1>Two</h1>", "index.html: headings begin with [1] and 2 are h1; wanted one, first"),
        ('<p id="top">a</p>', "index.html: 2 elements have the id 'top'"),
        ('<script src="https://x.invalid/a.js"></script>', "index.html: loads from elsewhere: https://x.invalid/a.js"),
        ('<img alt="a" src="//x.invalid/a.png">', "index.html: loads from elsewhere: //x.invalid/a.png"),
    ],
)
def test_fault_of_the_files_is_found(tmp_path, body, fault):
    found = files_of(site(tmp_path, body))
    assert fault in found
    assert all(one == fault or "//x.invalid" in one for one in found)


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"title": "Other"}, ["index.html: title 'Other' on 2 pages", "other.html: title 'Other' on 2 pages"]),
        ({"title": ""}, ["index.html: title '' on 1 pages"]),
        ({"head": '<meta name="robots" content="noindex">'}, ["index.html: robots are told 'noindex'"]),
        ({"above": ""}, ["index.html: headings begin with [] and 0 are h1; wanted one, first"]),
    ],
)
def test_fault_of_a_whole_page_is_found(tmp_path, given, faults):
    assert files_of(site(tmp_path, **given)) == faults


def test_folder_of_this_machine_is_found(tmp_path):
    folder = site(tmp_path, "<p>a warning in /srv/build/kernel.py</p>")
    found = list(folder_faults(folder, read_pages(folder), ["/srv/build", "/srv/other"]))
    assert found == ["index.html: names a folder of this machine: /srv/build"]


def test_folder_without_pages_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="no page in"):
        read_pages(tmp_path)


@pytest.fixture(scope="module")
def chromium():
    pytest.importorskip("playwright", reason="the browser's part wants playwright")
    from ci.site import browser

    if not Path(browser.CHROMIUM).exists():
        pytest.skip(f"the browser's part wants {browser.CHROMIUM}")

    with browser.chromium() as opened:
        yield opened


def seen(chromium: object, folder: Path) -> list[str]:
    from ci.site import browser

    with serve(folder) as origin:
        return [fault.replace(origin, "") for fault in browser.page_faults(chromium, origin, ["index.html"])]


def test_whole_site_has_no_fault_in_a_browser(chromium, tmp_path):
    assert seen(chromium, site(tmp_path)) == []


#: each with its fault, and where it shows
DRAWN = {
    "<script>console.error('e1')</script>": "console, error: e1",
    "<script>console.warn('w1')</script>": "console, warning: w1",
    "<script>nothing.at.all</script>": "script ended by nothing is not defined",
    '<img alt="a" src="http://x.invalid/a.png">': "asks another machine: http://x.invalid/a.png",
    '<script>fetch("http://127.0.0.2:9/").catch(() => 0)</script>': "asks another machine: http://127.0.0.2:9/",
    '<img alt="a" src="gone.png">': "404 for /gone.png",
    '<img alt="a" src="other.html">': "picture without pixels: /other.html",
    '<div style="width: 500px">a</div>': "400 pixels, dark: the page is 508 wide in a window of 400",
    '<div style="overflow: hidden"><p style="width: 1300px">a</p></div>': (
        "1280 pixels, dark: p ends at 1308 in a window of 1280"
    ),
    '<p style="color: #888; background: #fff">pale</p>': '400 pixels, light: contrast 3.54 of p in main: "pale"',
    "<style>@media (prefers-color-scheme: dark) { i { color: #444 } }</style><i>dim</i>": (
        '1280 pixels, dark: contrast 1.92 of i in main: "dim"'
    ),
}


def test_fault_in_a_browser_is_found(chromium, tmp_path):
    found = seen(chromium, site(tmp_path, "".join(DRAWN)))
    assert [fault for fault in DRAWN.values() if not any(one.endswith(fault) for one in found)] == [], found


def test_themes_and_search_that_are_not_there_are_faults(chromium, tmp_path):
    from ci.site import browser

    with serve(site(tmp_path)) as origin:
        found = [
            *browser.search_faults(chromium, origin, {"lstm": ("reference/",)}, wait=300),
            *browser.switcher_faults(chromium, origin, wait=300),
        ]
    assert [one.partition(":")[0] for one in found] == [
        "search for 'lstm', 400 pixels",
        "search for 'lstm', 1280 pixels",
        "theme switcher, 400 pixels",
        "theme switcher, 1280 pixels",
    ]


def test_page_that_is_not_there_is_answered_by_404_html(tmp_path):
    from urllib.error import HTTPError
    from urllib.request import urlopen

    (site(tmp_path) / "404.html").write_text("gone", encoding="utf-8")
    with serve(tmp_path) as origin:
        with pytest.raises(HTTPError) as caught:
            urlopen(f"{origin}/a/b.html")
        with caught.value as answer:
            assert (answer.code, answer.read()) == (404, b"gone")
