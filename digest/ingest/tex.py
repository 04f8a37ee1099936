"""TeX that scrapers leave in titles and abstracts, turned into what a person would have typed.

Every rule is one substitution on the whole text behind a cheap `in` test: 97 % of the texts hold no
backslash, and pay for none of the rules that want one. What is unknown or doubtful stays as it is:
pylatexenc lost here, because it deletes text after an unescaped `%` and around `$5`.
"""

from __future__ import annotations

import re
import unicodedata

_ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "H": "\u030b", "v": "\u030c", "c": "\u0327", "u": "\u0306", "k": "\u0328", "r": "\u030a", "d": "\u0323",
}  # fmt: skip

_GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon "
    "phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega varepsilon vartheta varphi"
)
_GREEK = dict(zip(_GREEK_NAMES.split(), "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩεθφ", strict=True))

_LETTERS = {
    "o": "ø", "O": "Ø", "ss": "ß", "L": "Ł", "l": "ł", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "aa": "å",
    "AA": "Å",
}  # fmt: skip

_ABBREVIATIONS = {"eg": "e.g.", "ie": "i.e.", "etc": "etc.", "etal": "et al.", "cf": "cf.", "wrt": "w.r.t."}

_SYMBOLS = {
    "times": "×", "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥", "neq": "≠", "ne": "≠", "approx": "≈",
    "pm": "±", "cdot": "·", "infty": "∞", "rightarrow": "→", "to": "→", "leftarrow": "←", "uparrow": "↑",
    "downarrow": "↓", "ell": "ℓ", "in": "∈", "sum": "∑", "ldots": "…", "dots": "…", "cdots": "…", "ll": "≪",
    "gg": "≫", "degree": "°", "LaTeX": "LaTeX", "TeX": "TeX", "log": "log", "exp": "exp", "max": "max",
    "min": "min", "sin": "sin", "cos": "cos", "ln": "ln",
}  # fmt: skip

_MACROS = _GREEK | _LETTERS | _SYMBOLS

_FONTS = (
    r"textit|textbf|texttt|textsc|textrm|textsf|textsl|emph|underline|mbox|"
    r"mathbf|mathrm|mathcal|mathbb|mathsf|mathit|mathfrak|boldsymbol|operatorname"
)

_SUPERSCRIPTS = str.maketrans("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ")

_ESCAPE = re.compile(r"\\([%&_#$])")
_ACCENT_BRACED = re.compile(r"\\([\"'`^~=.Hvcukrd])\{(\\[ij]|[A-Za-z])\}")
_ACCENT_BARE = re.compile(r"\\([\"'`^~])(?:\\([ij])(?![A-Za-z])|([A-Za-z]))")
# `it\'s` and `say \"use it\"` are quotes that some program escaped, not accents.
_QUOTE_USE = re.compile(r"[A-Za-z.,!?]\\[\"'](?![A-Za-z{\\])|[A-Za-z]\\'(?:s|m|d|t|re|ve|ll)\b")
_GROUP = re.compile(r"\{\\([A-Za-z]+)\}")
_MACRO = re.compile(r"\\([A-Za-z]+)(?:\{\}|(?![A-Za-z{]))")
_ABBREVIATION = re.compile(r"\\(eg|ie|etc|etal|cf|wrt)(?![A-Za-z])\.?")
# `\sim` before a number says "about" and clings to it, apart from a word before it, lest it read as a tie.
_SIM_ABOUT = re.compile(r"(?: |(?<=[A-Za-z.,;:)\]]))\\sim ?(?=\d)")
_SIM_NUMBER = re.compile(r"\\sim ?(?=\d)")
_SIM_MACRO = re.compile(r" ?\\sim(?![A-Za-z]) ?")
_FONT = re.compile(rf"(?:\\text|\\url|\\?\b(?:{_FONTS}))\{{([^{{}}]*)\}}")
_FONT_SWITCH = re.compile(r"\{\\?(?:rm|bf|it|em|tt|sc) ([^{}]*)\}")
_RATIO = re.compile(r"\\frac\{(\w+)\}\{(\w+)\}")
_SIZING = re.compile(r"\\(?:left|right|bigl|bigr|big|Big)(?=[()\[\]|])")
_PARENS = re.compile(r"\\\( ?([^()\n]*(?:\([^()]*\)[^()]*)*?) ?\\\)")
_DOLLARS = re.compile(r"\$(?![\s$])([^$\n]{1,200})(?<![\s\\])\$(?![\d{$])")
_DOLLARS_MACRO = re.compile(r"\$(\\[A-Za-z]+)\$")
_MATHS = re.compile(r"[\\^_={}<>]|^\S+$")

_DEGREES = re.compile(r"\^(?:\\circ(?![A-Za-z])|\{\\circ\})")
_ORDINAL = re.compile(r"(?<=\d)\^\{(th|st|nd|rd)\}")
_FRACTION = re.compile(r"\^\{\{?(\w+)\}?/\{?(\w+)\}?\}")
_RAISED_GROUP = re.compile(r"\^\{([^{}]*)\}")
_RAISED = re.compile(r"(?<=[\w)\]|}])\^([+-]?\d+|n(?![a-z]))")
_LOWERED_GROUP = re.compile(r"_\{(\w+)\}")
_BASE_GROUP = re.compile(r"\{(\w+)\}(?=\^)")
_SUPERSCRIPT = re.compile(r"[+-]?\d+|n")

_TIMES = re.compile(r"(?<=\d)times(?: (?=\d)|(?![a-z]))|(?<=[A-Z])times(?=[A-Z0-9])")
_TIMES_LETTER = re.compile(r"(?<![A-Za-z\\])([A-Za-z])times ?(?=[A-Za-z0-9](?![A-Za-z]))")
_SIM = re.compile(r"(?<=\d)sim(?=\d)|(?<![^\s(\[])sim[ !]?(?=\d)(?!\d? ?real)")
_COMPARED = re.compile(r"(?<= )(leq|geq|neq)(?= )")
_TIE = re.compile(r"(?<=[A-Za-z.,;:)\]])~+ ?(?=[^\s~])")
_QUOTED = re.compile(r"``([^`']{1,200})''")


# Apart, and each starting with its literal: together they are 10 times as slow.
_LOST_TIMES = re.compile(r"times(?:(?<=[\dA-Z]times)|(?<=[^A-Za-z][a-z]times)|(?<=^[a-z]times))")
_LOST_SIM = re.compile(r"sim[ !\d]")


def lost_markup(text: str) -> bool:
    """Tell whether `times` or `sim` may stand where a scraper dropped a backslash; quick to say no."""
    return bool(("times" in text and _LOST_TIMES.search(text)) or ("sim" in text and _LOST_SIM.search(text)))


def plain(text: str) -> str:
    """Apply every rule once; the caller repeats until nothing changes, and keeps URLs out of the way."""
    if "$" in text:
        text = _DOLLARS.sub(_undollared, _DOLLARS_MACRO.sub(_undollared_macro, text))
    if "\\" in text:
        text = _without_macros(text)
    if "{" in text:
        text = _FONT_SWITCH.sub(r"\1", _FONT.sub(r"\1", text))
    if "^" in text or "_{" in text:
        text = _with_scripts(text)
    return _without_lost_markup(text)


def _without_macros(text: str) -> str:
    """Escapes, accents and known macros; what is not known keeps its backslash."""
    text = _SIZING.sub("", _PARENS.sub(r"\1", _ESCAPE.sub(r"\1", text)))
    text = _RATIO.sub(r"\1/\2", text)
    text = _ACCENT_BRACED.sub(_accented, text)
    if _ACCENT_BARE.search(text) and not _QUOTE_USE.search(text):
        text = _ACCENT_BARE.sub(_accented_bare, text)
    text = _ABBREVIATION.sub(lambda match: _ABBREVIATIONS[match[1]], text)
    text = _DEGREES.sub("°", text)
    text = _GROUP.sub(_named, text)
    if "\\sim" in text:
        text = _SIM_NUMBER.sub("~", _SIM_ABOUT.sub(" ~", text))
        text = _SIM_MACRO.sub(" ~ ", text)
    return _MACRO.sub(_named, text)


def _accented(match: re.Match[str]) -> str:
    """Compose letter and accent, if there is such a character."""
    return _composed(match[0], match[1], match[2])


def _accented_bare(match: re.Match[str]) -> str:
    return _composed(match[0], match[1], match[2] or match[3])


def _composed(given: str, accent: str, letter: str) -> str:
    one = unicodedata.normalize("NFC", letter.removeprefix("\\") + _ACCENTS[accent])
    return one if len(one) == 1 else given


def _named(match: re.Match[str]) -> str:
    return _MACROS.get(match[1], match[0])


def _undollared(match: re.Match[str]) -> str:
    """Only what looks like mathematics loses its dollars; two prices in one sentence do not."""
    return match[1] if _MATHS.search(match[1]) else match[0]


def _undollared_macro(match: re.Match[str]) -> str:
    """A lone macro may stand right before a number, as in `$\\sim$5`."""
    return match[1] if match[1] == "\\sim" or match[1][1:] in _MACROS else match[0]


def _with_scripts(text: str) -> str:
    text = _BASE_GROUP.sub(r"\1", text)
    if "^{" in text:
        text = _FRACTION.sub(r"^(\1/\2)", _ORDINAL.sub(r"\1", text))
        text = _RAISED_GROUP.sub(_raised, text)
    text = _RAISED.sub(lambda match: match[1].translate(_SUPERSCRIPTS), text)
    return _LOWERED_GROUP.sub(r"_\1", text)


def _raised(match: re.Match[str]) -> str:
    inner = match[1]
    if _SUPERSCRIPT.fullmatch(inner):
        return inner.translate(_SUPERSCRIPTS)
    return f"^{inner}" if inner.isalnum() else f"^({inner})"


def _without_lost_markup(text: str) -> str:
    """Words that stand where a scraper dropped the backslash, and the ties of TeX."""
    if lost_markup(text):
        if "times" in text:
            text = _TIMES_LETTER.sub(r"\1×", _TIMES.sub("×", text))
        if "sim" in text:
            text = _SIM.sub("~", text)
    if "eq " in text:
        text = _COMPARED.sub(lambda match: _SYMBOLS[match[1]], text)
    if "~" in text:
        text = _TIE.sub(" ", text)
    if "``" in text:
        text = _QUOTED.sub(r'"\1"', text)
    return text
