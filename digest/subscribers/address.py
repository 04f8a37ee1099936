"""E-mail addresses: the one form that is stored, and the key by which two are the same."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

from digest.errors import AddressError

#: RFC 5321 4.5.3.1.3 with erratum 1690. Asked before anything is parsed: the parser is quadratic.
LONGEST = 254

# A comma or an angle bracket would make one recipient two in a header, a line break a new header,
# and NUL cuts a string short in what stands behind the relay. A quoted local part may hold all of them.
_REFUSED = {
    "\r": "an address is one line",
    "\n": "an address is one line",
    "\0": "it holds a NUL character",
    ",": "it holds a comma; give one address at a time",
    "<": "give the bare address, without a name and angle brackets",
    ">": "give the bare address, without a name and angle brackets",
    '"': "a quoted part before the @ is not supported",
    # An address holds no encoded word (RFC 2047 5), but programs on the way decode one all the same, to a line break too.
    "=?": "it holds an encoded word, which no address may",
}


def normalise(text: str) -> str:
    """Check an address and give the form that is stored and mailed.

    The local part stays as it was given, for its server may tell capitals apart (RFC 5321 2.4); the
    domain is lower case, and in punycode where it is international. A local part beyond ASCII is
    refused: it needs SMTPUTF8 from every server on the way. That also keeps look-alike letters from
    being folded into one account; a domain's look-alikes have a punycode of their own. Nothing is
    looked up. Names under `.test` are taken, for trials; `.local`, `.invalid` and the other reserved
    names are not.

    Args:
        text: What a person gave; blanks around it are dropped.

    Returns:
        ASCII, at most 254 characters.

    Raises:
        AddressError: It cannot be mailed; the reason is for the person who gave it.
    """
    bare = text.strip(" \t")
    if len(bare) > LONGEST:
        raise AddressError(bare[:LONGEST] + "…", f"it is longer than {LONGEST} characters")
    for refused, reason in _REFUSED.items():
        if refused in bare:
            raise AddressError(bare, reason)
    return _parsed(bare)


def address_key(address: str) -> str:
    """The identity of an address: two that differ in case alone are one subscriber.

    Servers that tell capitals apart are all but extinct, and one person with two capitalisations
    would get two mails. Dots and `+tags` count: what they mean is each server's own affair.

    Args:
        address: As `normalise` gave it.
    """
    return address.casefold()


def _parsed(bare: str) -> str:
    try:
        parts = validate_email(
            bare, allow_smtputf8=False, strict=True, check_deliverability=False, test_environment=True
        )
    except EmailNotValidError as error:
        raise AddressError(bare, str(error)) from error
    return f"{parts.local_part}@{parts.ascii_domain}"
