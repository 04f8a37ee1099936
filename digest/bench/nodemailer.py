"""nodemailer beside ours: what is handed to its script, and what it took."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from digest.bench.plain import PlainPipeline
from digest.bench.sink import HOST, BenchError
from digest.bench.sites import DOMAIN, SELECTOR
from digest.deliver.delivery import Delivery

#: Digests that the script fills in and sends again and again.
_TEMPLATES = 50
_CONNECTIONS = 8
_WARM = 20
_MOST_S = 600.0
_PACKAGES = ("nodemailer", "juice")


def missing(modules: Path | None) -> str | None:
    """Why it cannot be measured, or None: nothing is fetched for it."""
    if shutil.which("node") is None:
        return "node is not installed"
    if modules is None:
        return "give --node-modules DIR, where `npm install nodemailer juice` has put them"
    absent = [name for name in _PACKAGES if not (modules / name).is_dir()]
    return f"{modules} has no {' and no '.join(absent)}" if absent else None


def rate(
    pipeline: PlainPipeline,
    digests: Sequence[Delivery],
    *,
    key_pem: bytes,
    modules: Path,
    port: int,
    folder: Path,
) -> float:
    """Let nodemailer mail as many digests, DKIM-signed; returns messages per second, its own start left out.

    Args:
        digests: What they are made of: the first of them, again and again.
        key_pem: What they are signed with.
        modules: A `node_modules` folder with nodemailer and juice.
        folder: For the file that the script reads.

    Raises:
        BenchError: It failed.
    """
    spec = {
        "modules": str(modules.absolute()),
        "host": HOST,
        "port": port,
        "connections": _CONNECTIONS,
        "warm": _WARM,
        "mails": len(digests),
        "from": pipeline.sender,
        "dkim": {"domainName": DOMAIN, "keySelector": SELECTOR, "privateKey": key_pem.decode()},
        "templates": [
            {"own": pipeline.own(digest), **pipeline.unfilled(digest)} for digest in digests[:_TEMPLATES]
        ],
    }
    written = folder / "nodemailer.json"
    written.write_text(json.dumps(spec), encoding="utf-8")
    done = subprocess.run(  # noqa: S603 - our own script
        [str(shutil.which("node")), str(Path(__file__).with_suffix(".mjs")), str(written)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_MOST_S,
    )
    if done.returncode:
        raise BenchError(f"nodemailer failed: {_error(done.stderr)}")
    found = json.loads(done.stdout)
    return float(found["sent"] / found["tookS"])


def _error(words: str) -> str:
    """The line of node's words that names the error, among lines of code and of the stack."""
    return next((line for line in words.splitlines() if "Error: " in line), words.strip()[-200:])
