"""`digest bench delivery` at a small size: what it measures adds up. Its times are for operators, not for tests."""

from __future__ import annotations

import base64
import email
import email.policy
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import dkim
import playwright
import pytest
import structlog
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from typer.testing import CliRunner

from digest.bench import bars, contenders, deliverer, delivering, floor, nodemailer, sites
from digest.bench.contenders import CONTENDERS, FLOOR, FLOOR_PLAIN, NODEMAILER, PLAIN, RSA
from digest.bench.deliverer import Delivered
from digest.bench.delivery import Measured, Options
from digest.bench.memory import MemoryMeasured
from digest.bench.plain import PlainPipeline
from digest.bench.planning import Measured as Planning
from digest.bench.signed import SignedPipeline
from digest.bench.sink import HOST, BenchError, program, sink
from digest.bench.sites import FIRST_DAY, Site
from digest.bench.slow import EACH, KEPT, ONE, OURS, SlowMeasured
from digest.cli.app import app
from digest.cli.bench_delivery import _print
from digest.cli.output import console
from digest.compose.dkim import private_key
from digest.compose.message import Message
from digest.deliver.delivery import Status
from digest.errors import UsageError
from digest.relay.session import _wire_bytes
from digest.settings import Settings, packaged
from digest.store.ledger import Balance

SMALL = [
    "--readers", "40", "--rounds", "1", "--connections", "3", "--pipeline-mails", "2", "--slow-mails", "8",
    "--slow-connections", "4", "--planning", "100",
]  # fmt: skip
TEMPLATES = packaged("templates") / "email"
README = Path(__file__).parents[2] / "README.md"


@pytest.fixture(autouse=True)
def _log_is_put_back() -> Iterator[None]:
    """A command sends its log to its own standard error, which is closed when the command is over."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An installation of a few readers, whose relay is not there."""
    made = sites.build(tmp_path / "site", port=1, readers=12, connections=2)
    yield made
    made.app.database.close()


needs_sink = pytest.mark.skipif(
    program("smtp-sink") is None, reason="needs smtp-sink (Debian package postfix)"
)


@needs_sink
def test_machine_contract() -> None:
    """`--json` prints one document: each rate with its range, each ratio, sizes, and what was not measured and why."""
    result = CliRunner().invoke(app, ["bench", "delivery", *SMALL, "--skip", "memory", "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    _check_documented(document)
    assert set(document) == {
        "rounds", "readers", "connections", "floor_connections", "message_bytes", "rates", "not_measured", "ratios",
        "peak_rss_bytes", "slow_relay", "memory", "planning",
    }  # fmt: skip
    assert (document["rounds"], document["readers"], document["connections"]) == (1, 40, 3)
    assert 60_000 < document["message_bytes"] < 65_000
    assert list(document["rates"]) == [name for name in CONTENDERS if name not in document["not_measured"]]
    assert "--node-modules" in document["not_measured"][NODEMAILER]
    assert all(0 < low <= median <= high for low, median, high in document["rates"].values())
    assert set(document["floor_connections"]) == {FLOOR, FLOOR_PLAIN}
    assert set(document["floor_connections"].values()) <= set(floor.CONNECTIONS)
    _check_ratios(document)
    slow = document["slow_relay"]
    assert (slow["delay_ms"], slow["connections"], slow["mails"], len(slow["rates"])) == (20, 4, 8, 4)
    assert document["memory"] is None
    assert document["peak_rss_bytes"] > 10_000_000
    assert document["planning"]["readers"] == 100
    assert document["planning"]["ratios"]["select_vs_scoring"] > 0


def _check_documented(document: dict[str, Any]) -> None:
    """The README's row names every key."""
    (row,) = [
        line for line in README.read_text(encoding="utf-8").splitlines() if "| `bench delivery` |" in line
    ]
    inner = [document[name] for name in ("ratios", "slow_relay", "planning")]
    names = {*document, *(name for each in inner for name in each)}
    assert {name for name in names if f'"{name}"' not in row} == set()
    assert {name for name in document["rates"] if f"`{name}`" not in row} == set()


def _check_ratios(document: dict[str, Any]) -> None:
    """The ratios are those of the medians; what has no side to hold up against is null."""
    ratios, rates = document["ratios"], document["rates"]
    assert set(ratios) == {
        "rsa_vs_floor", "rsa_vs_b", "plain_vs_smtp_source", "plain_vs_a", "plain_vs_floor", "rsa_vs_nodemailer",
        "slow_vs_smtplib", "slow_vs_smtplib_per_mail", "slow_vs_smtplib_one",
    }  # fmt: skip
    assert ratios["rsa_vs_nodemailer"] is None
    assert ratios["rsa_vs_floor"] == rates[RSA][1] / rates[FLOOR][1]
    assert ratios["plain_vs_floor"] == rates[PLAIN][1] / rates[FLOOR_PLAIN][1]


@needs_sink
def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each number of readers is planned and delivered by a process of its own; the highest peak counts for the run."""
    asked: list[tuple[int, bool]] = []

    def deliver(settings: Settings, *, messages: int, plan: bool) -> Delivered:
        asked.append((messages, plan))
        return Delivered(sent=messages, took_s=1.0, peak_rss_bytes=1000 * messages)

    monkeypatch.setattr("digest.bench.memory.deliver", deliver)
    args = ["--memory", "9,5", "--only", "memory", "--json"]
    result = CliRunner().invoke(app, ["bench", "delivery", *args])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert asked == [(5, True), (9, True)]
    assert document["memory"] == {"readers": [5, 9], "peak_rss_bytes": [5000, 9000], "more_bytes": 4000}
    assert document["peak_rss_bytes"] == 9000


@needs_sink
def test_single_parts() -> None:
    """`--only` measures what it names, `--skip` leaves out; what was left out is null, and no reason is given."""
    args = ["--only", "floor_plain", "--only", "a", "--skip", "a", "--json"]
    result = CliRunner().invoke(app, ["bench", "delivery", *SMALL, *args])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert (list(document["rates"]), document["not_measured"]) == ([FLOOR_PLAIN], {})
    assert [document[name] for name in ("slow_relay", "memory", "planning", "peak_rss_bytes")] == [None] * 4


@pytest.mark.parametrize("args", [["--only", "x"], ["--skip", "x"], ["--memory", "5"], ["--memory", "a,b"]])
def test_what_cannot_be_asked_for(args: list[str]) -> None:
    """A name that nothing has, and sizes that are none, are refused before anything is measured."""
    result = CliRunner().invoke(app, ["bench", "delivery", *args])
    assert isinstance(result.exception, UsageError)


def test_told_to_people(capsys: pytest.CaptureFixture[str]) -> None:
    """One table of rates, one of what was found beside its bar, met or missed, and what was not measured."""
    measured = Measured(
        rates={FLOOR: [3000.0], RSA: [2400.0]},
        missing={NODEMAILER: "node is not installed"},
        message_bytes=63_000,
        floor_connections={FLOOR: 8},
        peak_rss_bytes=150_000_000,
        slow=SlowMeasured(
            mails=64, connections=64, rates={name: [100.0] for name in (OURS, KEPT, EACH, ONE)}
        ),
        memory=MemoryMeasured(readers=(10, 1000), peaks=(130_000_000, 150_000_000)),
        planning=Planning(picks=9, compared=9, seconds={"select": (0.5,), "scoring": (0.25,)}),
    )
    found = {line.words: (line.found, line.met) for line in bars.lines(measured)}
    assert found == {
        "ours with RSA, of the floor": ("0.80", True),
        "slow relay: ours, times smtplib over as many connections": ("1.00", False),
        "slow relay: times smtplib, as many threads, a connection a mail": ("1.00", None),
        "slow relay: times smtplib over one connection": ("1.00", None),
        "peak memory, 1,000 readers": ("150 MB", True),
        "more than with 10 readers": ("20 MB", False),
        "choosing everyone's papers, times the scoring alone": ("2.00", True),
    }
    _print(console(), Options(), measured)
    shown = capsys.readouterr().out
    for words in (
        "messages per second",
        "2,400",
        "MISSED",
        "at least 0.75",
        "node is not installed",
        "63,000",
    ):
        assert words in shown


def test_told_of_planning_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no mail was sent, nothing is said of rates and sizes."""
    planning = Planning(picks=9, compared=9, seconds={"select": (4.0,), "scoring": (1.0,)})
    _print(console(), Options(), Measured(rates={}, missing={}, planning=planning))
    shown = capsys.readouterr().out
    assert "4.00" in shown
    assert "messages per second" not in shown
    assert "bytes" not in shown


def test_told_of_one_rate_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing stands beside anything, there is no table of bars."""
    _print(console(), Options(), Measured(rates={FLOOR: [1.0]}, missing={}, message_bytes=63_000))
    shown = capsys.readouterr().out
    assert "messages per second" in shown
    assert "beside the bars" not in shown


def test_programs_that_are_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What another program or package is wanted for is left out, and the reason says how to have it."""
    monkeypatch.setattr("digest.bench.contenders.program", lambda _name: None)
    monkeypatch.setattr("digest.bench.signed.find_spec", lambda _name: None)
    monkeypatch.setattr("shutil.which", lambda _name: "/usr/bin/node")
    found = contenders.missing(tmp_path)
    assert {name: words in found[name] for name, words in _HOW.items()} == dict.fromkeys(_HOW, True)
    assert nodemailer.missing(None) is not None
    monkeypatch.setattr("shutil.which", lambda _name: None)
    assert nodemailer.missing(tmp_path) == "node is not installed"


_HOW = {
    "smtp_source": "Debian package postfix",
    "b": "the extra `test`",
    "nodemailer": "has no nodemailer and no juice",
}


def test_without_smtp_sink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where smtp-sink is missing, the error names the package that has it."""
    monkeypatch.setattr("digest.bench.sink.program", lambda _name: None)
    with pytest.raises(BenchError, match="Debian package postfix"), sink():
        pass


def test_same_digests(site: Site) -> None:
    """Ours and the plain pipeline mail the same papers to the same reader under the same subject."""
    site.plan(FIRST_DAY)
    planned = site.planned(FIRST_DAY, 12)
    pipeline = PlainPipeline(site, TEMPLATES)
    for digest, ready in zip(planned, site.ready(FIRST_DAY, 12), strict=True):
        ours = _parsed(ready.data)
        theirs = pipeline.message(digest)
        # What the composer vouches for, the relay would have found so.
        assert ready.sound
        assert _wire_bytes(ready) == _wire_bytes(replace(ready, sound=False))
        for header in ("To", "Subject", "Message-ID", "Date"):
            assert ours[header] == theirs[header]
        assert _text(ours).split() == _text(theirs).split()
    assert len({digest.picks for digest in planned}) == 12
    assert all(len(digest.picks) == sites.PAPERS for digest in planned)


@needs_sink
def test_the_plain_pipeline_that_signs(tmp_path: Path) -> None:
    """Its mails are those of the plain pipeline, verify by dkimpy, and each is put down as sent."""
    with sink() as port:
        site = sites.build(tmp_path / "site", port=port, readers=3, connections=2)
        site.plan(FIRST_DAY)
        digests = site.planned(FIRST_DAY, 3)
        pipeline = SignedPipeline(site, TEMPLATES, ledger=tmp_path / "b.db")
        data = pipeline.signed(digests[0])
        assert dkim.verify(data, dnsfunc=_dns(site))
        assert not dkim.verify(data.replace(b"Subject: ", b"Subject: x"), dnsfunc=_dns(site))
        assert (
            _text(_parsed(data)).split() == _text(PlainPipeline(site, TEMPLATES).message(digests[0])).split()
        )
        for rounds in (1, 2):
            pipeline.send(digests, host=HOST, port=port)
            assert pipeline.sent() == 3 * rounds
        pipeline.close()
        site.app.database.close()


def test_ours_signs_as_planned(site: Site) -> None:
    """What is planned as signed has a signature that dkimpy verifies; the rest has none."""
    site.plan(FIRST_DAY, count=2, signed=True)
    site.plan(FIRST_DAY.replace(day=2), count=2)
    signed, plain = site.ready(FIRST_DAY, 2), site.ready(FIRST_DAY.replace(day=2), 2)
    assert all(dkim.verify(message.data, dnsfunc=_dns(site)) for message in signed)
    assert not any(b"DKIM-Signature" in message.data for message in plain)


def test_the_floor_signs(site: Site) -> None:
    """The floor's signature is one over the headers and the hash of the body, by the key that signs ours."""
    key = load_pem_private_key(site.key_pem, password=None)
    assert isinstance(key, RSAPrivateKey)
    message = Message(sender="a@example.org", recipient="b@example.org", data=b"A: b\r\n\r\nbody\r\n")
    data = floor.signing(site.key_pem)(message).data
    first, second, rest = data.split(b"\r\n", 2)
    body_hash, signature = first.partition(b"bh=")[2].rstrip(b";"), second.partition(b" b=")[2]
    signed = b"A: b" + body_hash
    key.public_key().verify(base64.b64decode(signature), signed, PKCS1v15(), hashes.SHA256())
    assert rest == message.data


def test_ledger_is_checked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rate counts only if every digest was sent; the ledger after a round says so."""
    contenders.check(site, sent=0)
    with pytest.raises(BenchError, match="of 6 digests 0 were sent"):
        contenders.check(site, sent=6)
    monkeypatch.setattr(sites.Site, "balance", lambda _site: Balance(eligible=6, statuses={Status.SENT: 5}))
    with pytest.raises(BenchError, match="of 5 digests 5 were sent"):
        contenders.check(site, sent=5)


def test_relay_that_is_gone(site: Site) -> None:
    """The floor fails where a message was not taken, and smtp-source where it reaches nobody."""
    site.plan(FIRST_DAY)
    with pytest.raises(BenchError, match="of 3 messages the relay took 0"):
        floor.send(1, site.ready(FIRST_DAY, 2), 3, 2)


@needs_sink
def test_a_delivering_process(tmp_path: Path) -> None:
    """It delivers when it is told to, and says how many and its peak of memory; without a word it delivers nothing."""
    with sink() as port:
        site = sites.build(tmp_path, port=port, readers=4, connections=2)
        site.plan(FIRST_DAY)
        request = json.dumps({"settings": json.loads(site.app.settings.model_dump_json()), "plan": False})
        alone, told = io.StringIO(), io.StringIO()
        delivering.serve(io.StringIO(f"{request}\n"), alone)
        assert (alone.getvalue(), site.balance().statuses[Status.SENT]) == ('{"ready": true}\n', 0)
        delivering.serve(io.StringIO(f"{request}\ndeliver\n"), told)
        done = json.loads(told.getvalue().splitlines()[1])
        assert (done["sent"], site.balance().statuses[Status.SENT]) == (4, 4)
        assert done["peak_rss_bytes"] > 10_000_000
        site.app.database.close()


@needs_sink
def test_a_delivering_process_that_plans(tmp_path: Path) -> None:
    """With `plan` it plans the readers who are due, each with ten papers, signed, as the settings have it."""
    with sink() as port:
        site = sites.build(tmp_path, port=port, readers=4, connections=2, due=True)
        settings = json.loads(site.app.settings.model_dump_json())
        delivering.serve(io.StringIO(json.dumps({"settings": settings, "plan": True}) + "\n"), io.StringIO())
        planned = site.planned(site.app.clock().date(), 4)
        assert [len(delivery.picks) for delivery in planned] == [10] * 4
        assert {delivery.signed_by for delivery in planned} == {sites.SELECTOR}
        site.app.database.close()


def test_a_delivering_process_that_fails(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    """Where it ends before its time, or does not send all, the bench ends with an error."""
    with pytest.raises(BenchError, match="of 5 digests 0 were sent"):
        deliverer.deliver(site.app.settings, messages=5)
    wrong = site.app.settings.model_copy(update={"zone": "nowhere"})
    with pytest.raises(BenchError, match="the delivering process ended"):
        deliverer.deliver(wrong, messages=5)
    assert "zone" in capfd.readouterr().err


def test_seeds(tmp_path: Path) -> None:
    """Papers come from the dumps named; a folder without papers is refused, and so is a database in use."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchError, match="no dump with papers"):
        sites.build(tmp_path / "a", port=1, readers=1, connections=1, seeds=tmp_path / "empty")
    used = f"sqlite:///{tmp_path / 'a' / 'digest.db'}"
    with pytest.raises(BenchError, match="in use"):
        sites.build(tmp_path / "b", port=1, readers=1, connections=1, database_url=used)


#: What the script asks of nodemailer, by which each mail becomes a line of a file; and a juice that leaves a mark.
_FAKES = {
    "nodemailer": """
        const { appendFileSync } = require("node:fs");
        exports.createTransport = ({ pool, dkim }) => ({
          isIdle: () => pool && dkim.privateKey.startsWith("-----BEGIN"),
          close: () => {},
          sendMail: (mail, done) => {
            if (mail.to.startsWith("reader3@")) return done(new Error("refused"));
            appendFileSync(process.env.SEEN, JSON.stringify(mail) + "\\n");
            setImmediate(done, null);
          },
        });""",
    "juice": 'module.exports = (html) => html.replace("<body", "<body data-inlined");',
}


def test_nodemailer(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script fills each digest in, inlines it and hands it over; what nodemailer refuses ends the bench."""
    for name, code in _FAKES.items():
        (tmp_path / "node_modules" / name).mkdir(parents=True)
        (tmp_path / "node_modules" / name / "index.js").write_text(code)
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    monkeypatch.setenv("PATH", str(Path(playwright.__file__).parent / "driver"), prepend=":")
    modules = tmp_path / "node_modules"
    assert nodemailer.missing(modules) is None
    site.plan(FIRST_DAY)
    digests, pipeline = site.planned(FIRST_DAY, 3), PlainPipeline(site, TEMPLATES)
    how: dict[str, Any] = {"key_pem": site.key_pem, "modules": modules, "port": 1, "folder": tmp_path}
    assert nodemailer.rate(pipeline, digests[:2], **how) > 0
    seen = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    assert len(seen) == nodemailer._WARM + 2
    for digest, mail in zip(digests[:2], seen, strict=False):
        theirs = pipeline.message(digest)
        assert (mail["to"], mail["subject"]) == (digest.recipient, theirs["Subject"])
        assert mail["text"].split() == _text(theirs).split()
        assert "data-inlined" in mail["html"]
        assert "[[" not in mail["html"]
    with pytest.raises(BenchError, match=r"nodemailer failed: .*refused"):
        nodemailer.rate(pipeline, digests, **how)


def _dns(site: Site) -> Any:
    """The record of the key, whatever is asked."""
    record = private_key(sites.SELECTOR, site.key_pem).record.encode()
    return lambda _name, timeout=5: record


def _parsed(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _text(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())
