"""The relays that the settings name: one as it is, several as a pool."""

from __future__ import annotations

from pathlib import Path

import pytest

from digest.deliver.pace import Rate
from digest.errors import SettingsError
from digest.relay.dry import DryRelay
from digest.relay.pool import RelayPool
from digest.relay.smtp import SmtpRelay
from digest.relays import connections, hand_over_s, is_dry, relay_of
from digest.settings import Settings, load


def write(folder: Path, text: str) -> Settings:
    config = folder / "digest.toml"
    config.write_text(text, encoding="utf-8")
    return load(config)


TWO = """
[relay]
url = "smtp://127.0.0.1:2525"
password_file = "one"
ca_file = "ca.pem"
hello = "digest.example.org"
weight = 3
rate = "14/s"
connections = 6
messages_per_connection = 20
step_timeout_s = 5
dot_timeout_s = 50

[relays.second-site]
url = "smtps://mail2.example.org"
connections = 4
dot_timeout_s = 70
"""


def test_a_further_table_follows_the_first(tmp_path: Path) -> None:
    """What it does not say is as in `[relay]`; password, weight and rate are each relay's own."""
    first, second = write(tmp_path, TWO).relay_tables.values()
    assert (first.weight, first.rate) == (3, "14/s")
    assert (second.password_file, second.weight, second.rate) == (None, 1, None)
    assert (second.url, second.connections, second.dot_timeout_s) == ("smtps://mail2.example.org", 4, 70)
    assert (second.hello, second.messages_per_connection, second.step_timeout_s) == (
        "digest.example.org",
        20,
        5,
    )
    assert second.ca_file == Path("ca.pem")


def test_several_relays_are_a_pool(tmp_path: Path) -> None:
    """Named as in the settings, with weight, connections and rate of each."""
    settings = write(tmp_path, TWO.replace('password_file = "one"', "").replace('ca_file = "ca.pem"', ""))
    pool = relay_of(settings)
    assert isinstance(pool, RelayPool)
    first, second = pool.members
    assert (first.name, first.weight, first.connections, first.rate) == ("relay", 3, 6, Rate(14, 1.0))
    assert (second.name, second.weight, second.connections, second.rate) == ("relays.second-site", 1, 4, None)
    assert (first.relay.url.port, second.relay.url.host) == (2525, "mail2.example.org")
    assert (hand_over_s(settings), connections(settings), is_dry(settings)) == (75, 8, False)


def test_one_relay_is_itself(tmp_path: Path) -> None:
    """Without further tables, and without a rate, nothing stands between."""
    assert isinstance(relay_of(write(tmp_path, '[relay]\nurl = "smtp://127.0.0.1"\n')), SmtpRelay)
    assert isinstance(
        relay_of(write(tmp_path, '[relay]\nurl = "smtp://127.0.0.1"\nrate = "9/s"\n')), RelayPool
    )
    dry = write(tmp_path, '[relay]\nurl = "dry:"\n')
    assert isinstance(relay_of(dry), DryRelay)
    assert is_dry(dry)


@pytest.mark.parametrize(
    ("weights", "places", "count"),
    [
        ((1, 1), (8, 8), 16),
        ((3, 1), (8, 8), 10),
        ((3, 1), (6, 2), 8),
        ((1, 1), (1, 256), 2),
        ((1000, 1), (1, 1), 1),
    ],
)
def test_no_more_senders_than_keep_the_weights(
    weights: tuple[int, int], places: tuple[int, int], count: int
) -> None:
    """As many as the busiest relay for its weight can have, so that none is left turns of another."""
    settings = Settings.model_validate(
        {
            "relay": {"url": "smtp://a", "weight": weights[0], "connections": places[0]},
            "relays": {"b": {"url": "smtp://b", "weight": weights[1], "connections": places[1]}},
        }
    )
    assert connections(settings) == count


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[relay]\nurl = "smtp://a"\n[relays.b]\nweight = 2\n', "relays.b.url: has to be set"),
        (
            '[relay]\nurl = "smtp://a"\n[relays.b]\nurl = "smtp://b"\nhost = "b"\n',
            "relays.b.host: unknown setting",
        ),
        (
            '[relay]\nurl = "smtp://a"\n[relays.B]\nurl = "smtp://b"\n',
            "'B' is not a name of lower-case letters",
        ),
        ('[relay]\nurl = "smtp://a"\nrate = "14"\n', "relay.rate: '14' is not a rate such as 14/s"),
        (
            '[relay]\nurl = "smtp://a"\n[relays.b]\nurl = "smtp://b"\nrate = "0/s"\n',
            "relays.b.rate: '0/s' is not",
        ),
        (
            '[relay]\nurl = "smtp://a"\n[relays.b]\nurl = "http://b"\n',
            "relays.b.url is 'http://b'; it has to be",
        ),
        (
            '[relay]\nurl = "smtp://a"\n[relays.b]\nurl = "folder:b"\n',
            "relays.b.url: a relay with a rate, or one of",
        ),
        (
            '[relay]\nurl = "dry:"\n[relays.b]\nurl = "smtp://b"\n',
            "relay.url: a relay with a rate, or one of several",
        ),
        ('[relay]\nurl = "folder:x"\nrate = "9/s"\n', "relay.url: a relay with a rate"),
        ('[relay]\nurl = "dry:run"\n', "relay.url: nothing follows dry:"),
        (
            '[relay]\nurl = "smtp://a"\n[relays.b]\nurl = "smtps://me@b"\n',
            "relays.b.url with a user needs relays.b.pass",
        ),
        (
            '[relay]\nurl = "smtp://a"\n[relays.b]\nurl = "smtps://me@b"\npassword_file = "none"\n',
            "relays.b.password_file: cannot read none",
        ),
        (
            '[relay]\nurl = "smtp://a"\n[relays.b]\nurl = "smtps://b"\nca_file = "none"\n',
            "relays.b.ca_file none",
        ),
        (
            '[relay]\nurl = "smtp://a"\n[relays.b]\nurl = "smtps://me:hush@b"\n',
            "relays.b.url holds a password",
        ),
    ],
)
def test_what_cannot_be(tmp_path: Path, text: str, said: str) -> None:
    """An error names the table and the setting."""
    with pytest.raises(SettingsError) as caught:
        relay_of(write(tmp_path, text))
    assert said in str(caught.value)
    assert "hush" not in str(caught.value)


def test_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash of a name is an underscore there."""
    monkeypatch.setenv("DIGEST_RELAYS__SECOND_SITE__WEIGHT", "7")
    assert write(tmp_path, TWO).relays["second-site"].weight == 7
