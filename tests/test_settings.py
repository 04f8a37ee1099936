"""Settings: the file, then the environment, then secret files; what is unknown is an error that names it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from digest import settings as digest_settings
from digest.cli import app as _app  # noqa: F401 - registers the commands
from digest.cli.app import app
from digest.errors import SettingsError
from digest.settings import BounceSettings, Settings, load, packaged

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no digest.toml of whoever runs the tests is read."""
    for name in [name for name in os.environ if name.upper().startswith("DIGEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes digest.toml where the test stands; returns its path."""

    def to_file(text: str) -> Path:
        path = tmp_path / "digest.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def test_defaults() -> None:
    """Without file and variables every setting has a default, and sending is off."""
    found = load()
    assert (found.base_url, found.sender, found.relay.url, found.zone) == ("", "", "", "UTC")
    assert found.database_url == "sqlite:///digest-data/digest.db"
    assert found.dump_folder == Path("digest-data/dumps")
    assert (found.sender_name, found.sender_address, found.relay.password()) == ("digest", "", None)
    assert (found.edition.hour, found.mail.hour, found.delivery.ambiguous) == (6, 7, "resend")


def test_the_file_here(write: Write) -> None:
    """`digest.toml` where the command runs is read without being named."""
    write('zone = "Europe/Berlin"\n[relay]\nurl = "smtp://mail.example.org"\n')
    found = load()
    assert (found.zone, str(found.tzinfo)) == ("Europe/Berlin", "Europe/Berlin")
    assert found.relay.url == "smtp://mail.example.org"


def test_a_named_file(write: Write, tmp_path: Path) -> None:
    """A file that is named is read in place of the one here, and has to be there."""
    write('zone = "Europe/Berlin"')
    other = tmp_path / "other.toml"
    with pytest.raises(SettingsError, match=r"other\.toml: no such file"):
        load(other)
    other.write_text('data_dir = "elsewhere"')
    assert (load(other).zone, load(other).data_dir) == ("UTC", Path("elsewhere"))


def test_the_environment_goes_first(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable outdoes the same setting of the file, and leaves the rest of its section."""
    write('zone = "Europe/Berlin"\n[relay]\nurl = "smtp://file.example.org"\nconnections = 3\n')
    monkeypatch.setenv("DIGEST_RELAY__URL", "smtp://variable.example.org")
    monkeypatch.setenv("digest_delivery__ambiguous", "park")
    monkeypatch.setenv("DIGEST_DATA_DIR", "/var/lib/digest")
    found = load()
    assert (found.relay.url, found.relay.connections) == ("smtp://variable.example.org", 3)
    assert (found.zone, found.delivery.ambiguous) == ("Europe/Berlin", "park")
    assert found.database_url == "sqlite:////var/lib/digest/digest.db"
    monkeypatch.setenv("DIGEST_ZONE", "Asia/Tokyo")
    monkeypatch.setenv("DIGEST_DATABASE__URL", "postgresql://db.example.org/digest")
    monkeypatch.setenv("DIGEST_DUMPS__FOLDER", "/srv/dumps")
    assert load().zone == "Asia/Tokyo"
    assert load().database_url == "postgresql://db.example.org/digest"
    assert load().dump_folder == Path("/srv/dumps")


def test_no_dotenv(tmp_path: Path) -> None:
    """A `.env` that lies about is not read."""
    (tmp_path / ".env").write_text("DIGEST_ZONE=Asia/Tokyo\n")
    assert load().zone == "UTC"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("colour = 1", "colour: unknown setting"),
        ("[relay]\nuri = 1", "relay.uri: unknown setting"),
        ("[realy]\nurl = 1", "realy: unknown setting"),
        ("zone = ", "digest.toml: "),
        ('zone = "Europe/Belrin"', "zone: .*Europe/Belrin.* not a time zone; did you mean Europe/Berlin"),
        ('base_url = "digest.example.org"', "base_url: has to start with https://"),
        ('sender = "Digest"', "sender: its address cannot be used"),
        ('sender = "Digest <digest@localhost>"', "sender: its address cannot be used"),
        ("[edition]\nhour = 24", "edition.hour: .*less than or equal to 23"),
        ('[edition]\nsearch_url = "javascript:alert(1)"', r"edition.search_url: has to start with https://"),
        ('[delivery]\nambiguous = "hope"', "delivery.ambiguous: .*'resend' or 'park'"),
        ("[relay]\nconnections = 0", "relay.connections: "),
        ("[relay]\nconnections = 257", "relay.connections: "),
        ('relay = "smtp://mail.example.org"', "relay: "),
        ('[log]\nlevel = "loud"', "log.level: "),
        (
            'base_url = "https://digest.example.org/sub"',
            "base_url: has to be a scheme, a host and at most a port",
        ),
        ('base_url = "https://me@digest.example.org"', "base_url: has to be a scheme, a host"),
        ('base_url = "https://"', "base_url: has to be a scheme, a host"),
        ('base_url = "https://dïgest.example"', "base_url: .*punycode"),
        ("[web]\nport = 65536", "web.port: "),
        ('[web]\nhosts = ["http://digest.lan"]', "web.hosts: 'http://digest.lan' is not a name such as"),
        ('[web]\nhosts = ["*"]', "web.hosts: "),
        ('[web]\nhosts = [""]', "web.hosts: "),
        ('[web]\nhosts = "digest.lan"', "web.hosts: "),
        ('[web]\nproxies = ["proxy.lan"]', "web.proxies: 'proxy.lan' .*give an address, or a network"),
        ('[web]\nproxies = ["10.0.0.1/8"]', "web.proxies: 10.0.0.1/8 has host bits set"),
        ('[web]\nmetrics_from = ["grafana.lan"]', "web.metrics_from: 'grafana.lan' .*give an address, or a"),
        ('admin = "nobody"', "admin: cannot be mailed to: "),
        ('admin = "Ops <ops@example.org>"', "admin: cannot be mailed to: "),
        ('[web]\nlimits_url = "memcached://localhost"', "web.limits_url: has to start with memory://"),
        ("[web]\nsignups_per_hour = 0", "web.signups_per_hour: "),
        ("[web]\nbody_cap_bytes = 1023", "web.body_cap_bytes: "),
    ],
)
def test_what_the_file_may_not_say(write: Write, text: str, named: str) -> None:
    """Whatever is unknown or out of range is an error that names the setting."""
    write(text)
    with pytest.raises(SettingsError, match=named):
        load()


def test_all_mistakes_at_once(write: Write) -> None:
    """All mistakes of a file are told, one a line."""
    write('colour = 1\nzone = "Nowhere/Land"\n[relay]\nuri = "x"\n')
    with pytest.raises(SettingsError) as caught:
        load()
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "zone",
        "relay.uri",
        "colour",
    ]


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        (
            "DIGEST_REALY__URL",
            "x",
            "DIGEST_REALY__URL: unknown; sections are ADMIN, BASE_URL, BOUNCES, DATABASE",
        ),
        ("DIGEST_URL", "x", "DIGEST_URL: unknown"),
        ("digest_colour", "x", "digest_colour: unknown"),
        ("DIGEST_", "x", "DIGEST_: unknown"),
        ("DIGEST_RELAY__URI", "x", "relay.uri: unknown setting"),
        ("DIGEST_RELAY__CONNECTIONS", "many", "relay.connections: "),
        ("DIGEST_RELAY", "smtp://mail.example.org", "relay"),
        ("DIGEST_ZONE", "Mars/Olympus", "zone: .*not a time zone"),
        ("DIGEST_ZONE__NAME", "UTC", "DIGEST_ZONE__NAME: unknown"),
    ],
)
def test_what_the_environment_may_not_say(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, named: str
) -> None:
    """A variable that is mistyped is an error too, be it the section or the setting."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=named):
        load()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://digest.example.org/", "https://digest.example.org"),
        ("http://digest.lan", "http://digest.lan"),
        ("https://digest.example.org:8443/", "https://digest.example.org:8443"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("", ""),
    ],
)
def test_base_url(given: str, kept: str) -> None:
    """Where readers reach the service: the web, without a slash at its end."""
    assert Settings(base_url=given).base_url == kept


def test_who_is_answered_and_believed() -> None:
    """Names are kept in small letters, as Host is compared; an address is a network of one."""
    web = Settings(web={"hosts": ("Digest.LAN:8000", "[::1]"), "proxies": ("10.0.0.0/8", "2001:db8::1")}).web
    assert web.hosts == ("digest.lan:8000", "[::1]")
    assert [str(network) for network in web.trusted] == ["10.0.0.0/8", "2001:db8::1/128"]


def test_the_search_page() -> None:
    """The page of papers that came without one is the operator's to choose."""
    assert Settings(edition={"search_url": "https://example.org/?q={title}"}).edition.search_url.endswith(
        "{title}"
    )


@pytest.mark.parametrize(
    ("given", "name", "address"),
    [
        ("Digest of Ours <digest@example.org>", "Digest of Ours", "digest@example.org"),
        ("digest@example.org", "The Lab", "digest@example.org"),
        ("", "The Lab", ""),
    ],
)
def test_the_sender(given: str, name: str, address: str) -> None:
    """The From has a name and an address; without a name it is the service's."""
    found = Settings(sender=given, mail={"name": "The Lab"})
    assert (found.sender_name, found.sender_address) == (name, address)


@pytest.mark.parametrize(
    ("content", "password"), [("secret", "secret"), ("two words\r\n", "two words"), (" edge \n", " edge ")]
)
def test_the_password_file(tmp_path: Path, content: str, password: str) -> None:
    """The password is the file's line; a line end does not belong to it, blanks do."""
    path = tmp_path / "password"
    path.write_bytes(content.encode())
    assert Settings(relay={"password_file": path}).relay.password() == password


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot read"), (b"\n", "is empty"), (b"\xff", "cannot read")]
)
def test_password_files_that_will_not_do(tmp_path: Path, content: bytes | None, said: str) -> None:
    """A password file that is absent, empty or no text is an error when the password is wanted."""
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"relay\.password_file: .*{said}"):
        _ = Settings(relay={"password_file": path}).relay.password()


def test_what_travels_with_the_program() -> None:
    """Templates and the taxonomy are found, beside a checkout or in a wheel."""
    assert (packaged("config") / "topics.toml").is_file()
    assert (packaged("templates") / "email").is_dir()


def test_what_travels_in_a_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a wheel they lie inside the package."""
    inside = tmp_path / "_data" / "config"
    inside.mkdir(parents=True)
    monkeypatch.setattr(digest_settings, "files", lambda _package: tmp_path)
    assert packaged("config") == inside
    assert packaged("templates") == tmp_path.parent / "templates"


def test_every_setting_is_described() -> None:
    """Each setting says what it means: the example file and the README are held against it."""
    described = []
    for name, field in Settings.model_fields.items():
        nested = getattr(field.annotation, "model_fields", None)
        described += [(f"{name}.{key}", each.description) for key, each in (nested or {}).items()]
        described += [] if nested else [(name, field.description)]
    assert len(described) > 25
    assert [name for name, description in described if not description] == []


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_config_shows_no_password(write: Write, tmp_path: Path, form: list[str]) -> None:
    """`digest config` shows what is in force, and no password, be it of a URL or of a file."""
    (tmp_path / "password").write_text("hush-file")
    write(
        '[database]\nurl = "postgresql://digest:hush-url@db.example.org/digest"\n'
        '[relay]\nurl = "smtps://digest@mail.example.org"\npassword_file = "password"\n'
        '[relays.second]\nurl = "smtps://digest:hush-relay@mail2.example.org"\npassword_file = "password"\n'
        '[bounces]\nmailbox = "imaps://bounces:hush-box@mail3.example.org/INBOX"\n'
        '[web]\nlimits_url = "redis://:hush@hush@redis.example.org/0"\nhosts = ["digest.lan"]\n'
    )
    result = CliRunner().invoke(app, ["config", *form])
    assert result.exit_code == 0, result.output
    assert "hush" not in result.output
    assert "db.example.org" in result.output
    assert "smtps://digest:***@mail2.example.org" in result.output
    assert "imaps://bounces:***@mail3.example.org/INBOX" in result.output
    assert "password" in result.output
    assert "redis://:***@redis.example.org/0" in result.output
    assert '"digest.lan"' in result.output
    if form:
        assert (
            json.loads(result.stdout)["database"]["url"]
            == "postgresql+psycopg://digest:***@db.example.org/digest"
        )


def test_who_signs(write: Write, tmp_path: Path) -> None:
    """Without a selector the relay signs; keys lie in the data folder unless a folder is named."""
    found = load()
    assert (found.dkim.signed_by, found.dkim_folder) == ("", Path("digest-data/dkim"))
    write('dkim.selector = "2026a"\ndkim.keys = "keys"')
    assert (load().dkim.signed_by, load().dkim_folder) == ("2026a", Path("keys"))
    write('[dkim]\nselector = "2026a"\ned25519_selector = "2026e"')
    assert load().dkim.signed_by == "2026a 2026e"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('selector = ""', "is not a name such as 2026a"),
        ('selector = "../key"', "is not a name such as 2026a"),
        ('selector = "2026A"', "lower-case"),
        ('ed25519_selector = "2026e"', "needs selector: many receivers know RSA alone"),
        ('selector = "a"\ned25519_selector = "a"', "are one name"),
    ],
)
def test_selectors_that_cannot_be(write: Write, text: str, says: str) -> None:
    """A selector is a name in the DNS and of a file, and the second signature stands beside the first."""
    write(f"[dkim]\n{text}")
    with pytest.raises(SettingsError, match=f"^dkim.*{says}"):
        load()


def test_name_servers(write: Write) -> None:
    """A name server is an address, with a port behind it where it is not 53."""
    assert load().dns.addresses == []
    write('dns.servers = ["127.0.0.1", "127.0.0.1:5353", "[::1]", "[2001:db8::1]:54"]')
    assert load().dns.addresses == [("127.0.0.1", 53), ("127.0.0.1", 5353), ("::1", 53), ("2001:db8::1", 54)]


@pytest.mark.parametrize(
    "server", ["", "dns.example.org", "::1", "127.0.0.1:0", "127.0.0.1:99999", "300.1.1.1", "[x]:53"]
)
def test_name_servers_that_cannot_be(write: Write, server: str) -> None:
    """A name would have to be looked up first."""
    write(f'dns.servers = ["{server}"]')
    with pytest.raises(SettingsError, match=r"dns\.servers: .* is not an address such as 127\.0\.0\.1"):
        load()


# -- what comes back -------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", ["seen", "delete", "move:Done", "move:Bounces/Done"])
def test_what_is_done_with_a_mail(after: str) -> None:
    """Mail that was ours is marked, deleted, or moved to a folder that is named."""
    assert BounceSettings(after=after).after == after


@pytest.mark.parametrize("after", ["", "keep", "move:", "move: ", "move:a\r\nb", "deleted"])
def test_what_cannot_be_done_with_a_mail(after: str) -> None:
    """Anything else is refused when the settings are read, not when the mail was dealt with."""
    with pytest.raises(ValidationError, match="seen, delete or move:FOLDER"):
        BounceSettings(after=after)


@pytest.mark.parametrize("domain", ["example", "a b.example", "bounces.example.org.", "@example.org"])
def test_a_domain_of_return_paths(domain: str) -> None:
    """It is a full name, and is kept in small letters."""
    assert BounceSettings(domain="Bounces.Example.org").domain == "bounces.example.org"
    with pytest.raises(ValidationError, match="such as bounces"):
        BounceSettings(domain=domain)


def test_the_secrets_of_bounces(tmp_path: Path) -> None:
    """The mailbox needs a password; the webhook is off without a secret, and takes no short one."""
    with pytest.raises(SettingsError, match="password_file is not set"):
        _ = BounceSettings().password
    assert BounceSettings().webhook_secret is None
    secret = tmp_path / "secret"
    given = BounceSettings(password_file=secret, webhook_secret_file=secret)
    with pytest.raises(SettingsError, match=r"bounces\.password_file: cannot read"):
        _ = given.password
    secret.write_text("short\n")
    assert given.password == "short"
    with pytest.raises(SettingsError, match="at least 32 characters"):
        _ = given.webhook_secret
    secret.write_text("x" * 32)
    assert given.webhook_secret == b"x" * 32
    secret.write_text("")
    with pytest.raises(SettingsError, match="is empty"):
        _ = given.webhook_secret
