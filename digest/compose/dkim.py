"""DKIM: a signature over the body and over every header that we write.

A mail's signatures depend on the mail alone, its time of planning included, so a retry has them again byte by byte.
Header fields are canonicalised as `relaxed` asks, the body stays as it is (`simple`): it was made for the wire.

Source:
    RFC 6376; RFC 8463 for Ed25519; RFC 8301 for the least length of an RSA key.
"""

from __future__ import annotations

import hashlib
import re
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from digest.compose.message import Unsigned
from digest.errors import SettingsError

RSA, ED25519 = "rsa-sha256", "ed25519-sha256"
#: RFC 8301: shorter keys are refused, and longer ones need not be understood.
LEAST_BITS, MOST_BITS = 2048, 4096
#: Bytes of one string of a TXT record (RFC 1035).
_STRING = 255
#: Signed once more than they stand there, so that none can be added: a second From or Subject is what a reader would be
#: shown, a second Content-Type is another mail, and of a letter a List-Unsubscribe that it does not have ends a digest.
OVER_SIGNED = (
    *(b"from", b"to", b"cc", b"reply-to", b"subject", b"date", b"message-id"),
    *(b"mime-version", b"content-type", b"content-transfer-encoding"),
    *(b"list-id", b"list-unsubscribe", b"list-unsubscribe-post"),
)
#: RFC 5322 asks for lines of 78 at most.
_LINE = 78
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?){0,3}")
_BLANKS = re.compile(rb"[ \t]+")
_PKCS1, _SHA256 = padding.PKCS1v15(), Prehashed(hashes.SHA256())


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKey:
    """A private key, by the name under which its public half stands in the DNS."""

    selector: str
    algorithm: str  #: `RSA` or `ED25519`
    bits: int
    public: bytes  #: as `p=` of the record gives it, before base64
    sign: Callable[[bytes], bytes] = field(repr=False)  #: of a SHA-256 digest

    @property
    def record(self) -> str:
        """The TXT record that a verifier asks for at `SELECTOR._domainkey.DOMAIN`."""
        return f"v=DKIM1; k={self.algorithm.partition('-')[0]}; p={_base64(self.public).decode()}"


def is_selector(text: str) -> bool:
    """Whether a name can stand below `_domainkey` in the DNS; lower case alone, for a file is named by it."""
    return _SELECTOR.fullmatch(text) is not None


def record_name(selector: str, domain: str) -> str:
    """Where a verifier asks for the key of a selector."""
    return f"{selector}._domainkey.{domain}"


def txt_strings(text: str) -> list[str]:
    """The strings of a TXT record, which are joined again where it is read."""
    return [text[at : at + _STRING] for at in range(0, len(text), _STRING)]


def private_key(selector: str, pem: bytes) -> DkimKey:
    """The key of a PEM file.

    Raises:
        SettingsError: It is none, has a passphrase, is too short or of a kind that DKIM does not know.
    """
    try:
        # It checks the numbers too, which takes 25 ms, once a process: a damaged key would sign what nobody can verify.
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"DKIM key {selector!r}: is no PEM private key without passphrase") from error
    return made_key(selector, key)


def made_key(selector: str, key: object) -> DkimKey:
    """A key that `cryptography` holds; see `private_key`."""
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < LEAST_BITS:
            raise SettingsError(
                f"DKIM key {selector!r}: has {key.key_size} bits, and receivers want {LEAST_BITS} at least"
            )
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return DkimKey(
            selector=selector,
            algorithm=RSA,
            bits=key.key_size,
            public=public,
            sign=lambda digest: key.sign(digest, _PKCS1, _SHA256),
        )
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return DkimKey(
            selector=selector,
            algorithm=ED25519,
            bits=256,
            public=key.public_key().public_bytes_raw(),
            sign=key.sign,
        )
    raise SettingsError(f"DKIM key {selector!r}: is neither an RSA nor an Ed25519 key")


def dead_key(selector: str, algorithm: str) -> DkimKey:
    """A key whose signatures are as long as those of a real one, RSA of 2048 bits, and never verify."""
    length = 64 if algorithm == ED25519 else LEAST_BITS // 8
    return DkimKey(
        selector=selector,
        algorithm=algorithm,
        bits=8 * length,
        public=b"",
        sign=lambda _digest: bytes(length),
    )


class Dkim:
    """Signs the mails of one domain, each with the keys that it was planned with. Safe to share between threads.

    Args:
        domain: Of the sender's address.
        key: Gives the key of a selector; called once for each, by the first mail that wants it.
    """

    def __init__(self, domain: str, key: Callable[[str], DkimKey]) -> None:
        self._domain = domain.lower()
        self._key = key
        self._signers: dict[str, tuple[_Signer, ...]] = {}

    def headers(self, mail: Unsigned) -> bytes:
        """The signatures of a mail, one header for each key; they go in front of its headers.

        Args:
            mail: Without selectors there is no signature. Its headers are as we write them, folded at blanks; its body
                ends in one CRLF and no empty line, as `simple` wants it.

        Raises:
            SettingsError: A key cannot be had. Nothing is ever mailed unsigned for that.
        """
        if not mail.signed_by:
            return b""
        signers = self._signers.get(mail.signed_by)
        if signers is None:
            keys = [self._key(selector) for selector in mail.signed_by.split()]
            signers = tuple([_Signer(self._domain, key) for key in keys])
            self._signers[mail.signed_by] = signers
        names, fields = relaxed(mail.headers)
        hashed = b" t=%d; bh=%b;" % (int(mail.at.timestamp()), _base64(mail.body_hash))
        return b"".join([signer.header(names, fields, hashed) for signer in signers])


class _Signer:
    """Writes the header of one key; what is the same for all mails with the same headers is made once."""

    def __init__(self, domain: str, key: DkimKey) -> None:
        self._sign = key.sign
        about = ["v=1;", f"a={key.algorithm};", "c=relaxed/simple;", f"d={domain};", f"s={key.selector};"]
        self._about = _wrapped("DKIM-Signature:", [f" {tag}" for tag in about])
        self._starts: dict[tuple[bytes, ...], tuple[bytes, bytes]] = {}

    def header(self, names: tuple[bytes, ...], fields: bytes, hashed: bytes) -> bytes:
        """Sign canonical fields, and the body by its hash."""
        start = self._starts.get(names)
        if start is None:
            start = self._starts[names] = self._start(names)
        written, canonical = start
        # RFC 6376 section 3.7: the fields, then this header with an empty b=, without its CRLF.
        signed = hashlib.sha256(b"%b%b%b b=" % (fields, canonical, hashed))
        signature = _base64(self._sign(signed.digest()))
        rows = [signature[at : at + _LINE - 4] for at in range(0, len(signature), _LINE - 4)]
        return b"%b\r\n%b\r\n b=%b\r\n" % (written, hashed, b"\r\n ".join(rows))

    def _start(self, names: tuple[bytes, ...]) -> tuple[bytes, bytes]:
        """All before t=, as it is written and as it is signed."""
        listed = [name.decode() for name in (*names, *OVER_SIGNED)]
        wrapped = _wrapped(" h=", [f"{name}:" for name in listed[:-1]] + [f"{listed[-1]};"])
        written = f"{self._about}\r\n{wrapped}".encode("ascii")
        _, canonical = relaxed(written + b"\r\n")
        return written, canonical.removesuffix(b"\r\n")


def relaxed(headers: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """The names of header fields, in lower case, and the fields in canonical form (RFC 6376 section 3.4.2)."""
    names, fields = [], []
    for line in _unfolded(headers).split(b"\r\n")[:-1]:  # a regular expression takes twice as long
        name, _, value = line.partition(b":")
        name = name.rstrip(b" ").lower()
        names.append(name)
        fields.append(b"%b:%b\r\n" % (name, value.strip(b" ")))
    return tuple(names), b"".join(fields)


def _unfolded(headers: bytes) -> bytes:
    """Each field on one line, one blank between its words."""
    flat = headers.replace(b"\r\n ", b" ")
    # What we write folds before a blank, and has no two of them; so this is rare, and the check costs next to nothing.
    if b"  " in flat or b"\t" in flat:
        flat = _BLANKS.sub(b" ", flat.replace(b"\r\n\t", b" "))
    return flat


def _wrapped(start: str, pieces: Sequence[str]) -> str:
    """Pieces behind a start, on as many lines as it takes."""
    lines = [start]
    for piece in pieces:
        if len(lines[-1]) + len(piece) > _LINE:
            lines.append(f" {piece.lstrip()}")
        else:
            lines[-1] += piece
    return "\r\n".join(lines)


def _base64(data: bytes) -> bytes:
    return b2a_base64(data, newline=False)
