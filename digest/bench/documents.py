"""Documents of every format for the bench: invented papers, all different, laid out as real dumps are.

Abstracts hold TeX, links and signs beyond ASCII about as often as those of 1,235 listed papers do (5 %, 33 % and
0.2 %), so that cleaning finds what it finds there.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

_SUBJECTS = (
    "Reward Models", "Video Diffusion", "Speech Recognition", "Robot Grasping", "Code Generation", "Graph Transformers",
    "Sparse Attention", "Tabular Learning", "Protein Design", "Image Compression", "Long-Context Retrieval",
)  # fmt: skip
_MANNERS = (
    "Without Labels", "at the Edge", "for Small Archives", "under Drift", "in One Pass", "by Careful Forgetting",
    "from Noisy Sensors", "with Few Examples", "over Many Languages", "in the Open", "on a Budget", "by Self-Play",
    "across Domains",
)  # fmt: skip
_NAMES = (
    "Ferry",
    "Tidewater",
    "Plumb",
    "Latch",
    "Murmur",
    "Cobble",
    "Trellis",
    "Almanac",
    "Lattice",
    "Gravel",
)
_SENTENCES = (
    "Systems that work well in a laboratory still fail in ways that a person would call careless rather than hard, and reports of such failures have grown with every new release.",
    "We trace most of these errors to one cause: what is learned early in training is kept, although later examples contradict it again and again.",
    "Earlier work has answered with more data, with larger models, or with filters that are written by hand for every new task and every new language.",
    "In this paper we ask instead when a decision should be revisited, and show that a loss on a small held-out set is enough to tell in practice.",
    "The method needs no further labels, adds less than three per cent to the time of training, and fits into existing code with some forty changed lines.",
    "On four benchmarks it is the first or the second best of nine methods compared, and it lowers the error rate of the strongest baseline from 17.4 to 11.9.",
    "The gain holds over model sizes from 125 million to 30 billion parameters, where it follows a power law that we fit on the smaller half of them.",
    "Ablations show that when to revisit matters more than how: a fixed schedule keeps only a third of the gain, and a random one keeps none of it at all.",
    "We also report what did not work, among it a learned schedule, larger batches after each visit, and a second model that votes on what to forget.",
)
_TEX = "Accuracy rises by 12.4\\% where the budget is fixed, and \\textit{never} falls below that of $k$-nearest neighbours."
_BEYOND_ASCII = "Un résumé étendu, with α = 0.05 and “quotes”, is given in the appendix."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paper:
    number: int
    title: str
    abstract: str

    @property
    def arxiv_id(self) -> str:
        """Its last digits are below 50,000: those above are of `filling`."""
        months, place = divmod(self.number, 49_999)
        return f"{10 + months // 12 % 80:02}{1 + months % 12:02}.{1 + place:05}"

    @property
    def authors(self) -> tuple[str, ...]:
        return tuple(f"{_NAMES[(self.number + each) % 10]} Example" for each in range(1 + self.number % 5))

    @property
    def votes(self) -> int:
        return self.number * 7 % 190


def _paper(number: int) -> _Paper:
    subject, manner = _SUBJECTS[number % 11], _MANNERS[number // 11 % 13]
    first = number % 5
    sentences = [
        f"{_NAMES[number % 10]}-{number} is a study of {subject.lower()} {manner.lower()}.",
        *_SENTENCES[first : first + 8],
    ]
    sentences += [_TEX] * (number % 20 == 0) + [_BEYOND_ASCII] * (number % 500 == 0)
    if number % 3 == 0:
        sentences.append(f"Code is available at https://github.com/example-org/paper-{number}.")
    return _Paper(
        number=number,
        title=f"{_NAMES[number % 10]}-{number}: {subject} {manner}",
        abstract=" ".join(sentences),
    )


def sized(name: str, *, size_bytes: int) -> tuple[bytes, int]:
    """Lay papers out in a format, one of `LAYOUTS`, until they take so much; gives how many they are, too."""
    parts: list[str] = []
    size = 0
    while size < size_bytes:
        parts.append(LAYOUTS[name].card(_paper(len(parts))))
        size += len(parts[-1])
    return _joined(name, parts), len(parts)


def document(name: str, *, papers: int, first: int = 0) -> bytes:
    """Lay so many papers out in a format; those of different numbers share neither id nor title."""
    return _joined(name, [LAYOUTS[name].card(_paper(number)) for number in range(first, first + papers)])


def _joined(name: str, parts: Iterable[str]) -> bytes:
    layout = LAYOUTS[name]
    return f"{layout.head}{layout.between.join(parts)}{layout.foot}".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    card: Callable[[_Paper], str]
    head: str = ""
    between: str = ""
    foot: str = ""


def _text_a(paper: _Paper) -> str:
    return f"{paper.title}\n{paper.abstract}\n"


def _text_b(paper: _Paper) -> str:
    return f"{paper.title}\n\n{paper.abstract}\n\n"


def _rendering(paper: _Paper) -> str:
    link = f"https://papers.example.org/papers/{paper.arxiv_id}"
    wrapped = "\n".join(_wrapped(paper.abstract, 110))
    return (
        f"[{paper.votes}]({link})\n\n### [{paper.title}]({link})\n\n{wrapped}\n\n"
        f"* {len(paper.authors)} authors\n\n·\nMar 2, 2026\n\n"
    )


def _wrapped(text: str, width: int) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


def _row(paper: _Paper) -> dict[str, object]:
    return {
        "paper": {
            "id": paper.arxiv_id,
            "title": paper.title,
            "summary": paper.abstract,
            "authors": [{"name": author, "hidden": False} for author in paper.authors],
            "upvotes": paper.votes,
            "publishedAt": "2026-03-01T09:00:00.000Z",
            "submittedOnDailyAt": "2026-03-02T09:00:00.000Z",
            "githubStars": paper.number % 5_000,
        },
        "publishedAt": "2026-03-02T09:00:00.000Z",
        "title": paper.title,
        "thumbnail": f"https://thumbnails.example.org/{paper.arxiv_id}.png",
        "numComments": paper.number % 7,
    }


def _json(paper: _Paper) -> str:
    return json.dumps(_row(paper), ensure_ascii=False)


def _props(paper: _Paper) -> str:
    return html.escape(_json(paper))


def _card(paper: _Paper) -> str:
    link = f"/papers/{paper.arxiv_id}"
    return (
        f'<article><a href="{link}"><img src="https://thumbnails.example.org/{paper.arxiv_id}.png" alt=""></a>'
        f'<div>Submitted by <img alt=""> {paper.authors[0].split()[0].lower()}</div><div><a href="/login"><div>{paper.votes}</div></a></div>'
        f'<h3><a href="{link}">{html.escape(paper.title)}</a></h3><p>{html.escape(paper.abstract)}</p>'
        f"<ul><li>{len(paper.authors)} authors</li></ul></article>\n"
    )


def _arxiv_atom(paper: _Paper) -> str:
    authors = "".join(f"<author><name>{author}</name></author>" for author in paper.authors)
    return (
        f"<entry><id>http://arxiv.org/abs/{paper.arxiv_id}v1</id><updated>2026-03-01T09:00:00Z</updated>"
        f"<published>2026-03-01T09:00:00Z</published><title>{html.escape(paper.title)}</title>"
        f"<summary>{html.escape(paper.abstract)}</summary>{authors}"
        '<arxiv:primary_category xmlns:arxiv="http://arxiv.org/schemas/atom" term="cs.LG"/><category term="cs.LG"/></entry>\n'
    )


def _arxiv_rss(paper: _Paper) -> str:
    return (
        f"<item><title>{html.escape(paper.title)}</title><link>https://arxiv.org/abs/{paper.arxiv_id}</link>"
        f"<description>arXiv:{paper.arxiv_id}v1 Announce Type: new \nAbstract: {html.escape(paper.abstract)}</description>"
        f'<guid isPermaLink="false">oai:arXiv.org:{paper.arxiv_id}v1</guid><category>cs.LG</category>'
        f"<arxiv:announce_type>new</arxiv:announce_type><dc:creator>{', '.join(paper.authors)}</dc:creator></item>\n"
    )


def _rss(paper: _Paper) -> str:
    return (
        f"<item><title>{html.escape(paper.title)}</title><link>https://journal.example.org/{paper.number}</link>"
        f"<description>{html.escape(paper.abstract)}</description><dc:creator>{paper.authors[0]}</dc:creator>"
        f"<dc:identifier>doi:10.5555/example.{paper.number}</dc:identifier></item>\n"
    )


def _feed_item(paper: _Paper) -> str:
    return json.dumps(
        {
            "id": f"https://arxiv.org/abs/{paper.arxiv_id}",
            "url": f"https://arxiv.org/abs/{paper.arxiv_id}",
            "title": paper.title,
            "content_text": paper.abstract,
            "authors": [{"name": author} for author in paper.authors],
        },
        ensure_ascii=False,
    )


_NAMESPACES = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom"'
_CHANNEL = f'<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" {_NAMESPACES}><channel>'
_DATE = "<pubDate>Mon, 02 Mar 2026 00:00:00 -0500</pubDate>"
_RSS_FOOT = "</channel></rss>\n"

#: By format; each is read as the format that it is named after.
LAYOUTS: Mapping[str, _Layout] = {
    "text-a": _Layout(head="new\nGet trending papers in your email inbox!\n", card=_text_a),
    "text-b": _Layout(head="Daily Papers\n\nMar 2\n\n", card=_text_b),
    "rendering": _Layout(head="# Daily Papers\n\nMar 2, 2026\n\n", card=_rendering),
    "daily-papers-json": _Layout(head="[", between=",\n", card=_json, foot="]\n"),
    "papers-page-html": _Layout(
        head='<!DOCTYPE html><html><body><div data-target="DailyPapers" data-props="{&quot;date&quot;:&quot;2026-03-02T00:00:00.000Z&quot;,&quot;dailyPapers&quot;:[',
        between=",",
        card=_props,
        foot=']}"></div></body></html>\n',
    ),
    "papers-cards-html": _Layout(
        head="<!DOCTYPE html><html><body><main>\n", card=_card, foot="</main></body></html>\n"
    ),
    "arxiv-atom": _Layout(
        head=(
            '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
            "<title>ArXiv Query: search_query=cat:cs.LG</title><id>http://arxiv.org/api/bench</id>"
            "<updated>2026-03-02T00:00:00-05:00</updated>\n"
        ),
        card=_arxiv_atom,
        foot="</feed>\n",
    ),
    "arxiv-rss": _Layout(
        head=f"{_CHANNEL}<title>cs.LG updates on arXiv.org</title><link>http://rss.arxiv.org/rss/cs.LG</link>{_DATE}\n",
        card=_arxiv_rss,
        foot=_RSS_FOOT,
    ),
    "rss": _Layout(
        head=f"{_CHANNEL}<title>Journal of Examples</title><link>https://journal.example.org/</link>{_DATE}\n",
        card=_rss,
        foot=_RSS_FOOT,
    ),
    "json-feed": _Layout(
        head='{"version": "https://jsonfeed.org/version/1.1", "title": "Papers", "items": [',
        between=",\n",
        card=_feed_item,
        foot="]}\n",
    ),
}
