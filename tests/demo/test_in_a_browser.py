"""The demo's mails in a real browser, as wide as a telephone and as wide as a mail window."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from digest.demo.account import Account
from digest.demo.show import show

#: Shows the mail in a frame of the wanted width, since no window of chromium is narrower than 500 px, and puts
#: what it measures there in its place.
_FRAME = """<!doctype html>
<body style="margin:0"><iframe width="{width}" height="900" style="border:0" srcdoc="{mail}"></iframe>
<script>
addEventListener("load", () => {{
  const inside = document.querySelector("iframe").contentWindow, page = inside.document;
  const sizes = [...page.querySelectorAll("h1, h2, p, a")].filter(e => e.textContent.trim())
    .map(e => parseFloat(inside.getComputedStyle(e).fontSize));
  const report = {{window: inside.innerWidth, page: page.documentElement.scrollWidth,
                  headings: page.querySelectorAll("h2").length, smallest: Math.min(...sizes)}};
  document.body.innerHTML = "<pre id=report>" + JSON.stringify(report) + "</pre>";
}});
</script>
"""


@pytest.fixture(scope="module")
def chromium() -> str:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs chromium (Debian package chromium)")
    return program


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mail of four papers."""
    out = tmp_path_factory.mktemp("demo") / "out"
    show(out, Account(Console(file=io.StringIO())))
    return out / "mails" / "2026-03-02" / "vera.html"


def measured(chromium: str, page: Path, width_px: int, folder: Path) -> dict[str, Any]:
    framed = folder / "page.html"
    mail = escape(page.read_text(encoding="utf-8"))
    framed.write_text(_FRAME.format(width=width_px, mail=mail), encoding="utf-8")
    done = subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
            "--window-size=1000,900", "--virtual-time-budget=2000", "--dump-dom", framed.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.search(r'<pre id="report">(.*?)</pre>', done.stdout)
    assert found, done.stdout[-500:]
    report: dict[str, Any] = json.loads(unescape(found[1]))
    return report


@pytest.mark.parametrize("width_px", [375, 700])
def test_a_mail_fits_its_window(chromium: str, page: Path, tmp_path: Path, width_px: int) -> None:
    """Nothing has to be scrolled sideways, every paper has its heading, and no text is smaller than 12 px."""
    report = measured(chromium, page, width_px, tmp_path)
    assert report["window"] == width_px
    assert report["page"] <= width_px
    assert report["headings"] == 4
    assert report["smallest"] >= 12
