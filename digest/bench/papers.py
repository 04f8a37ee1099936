"""Ten invented papers with whole abstracts, as a dump: what the bench mails when it is given no seeds."""

from __future__ import annotations

import datetime as dt
import json

from digest.sources.dump import RawDump

#: What a paper is about, where it is tried, and what its method is called.
_PAPERS = (
    ("Long-context language models", "summaries of court records", "Ferry"),
    ("Video diffusion", "clips of one minute", "Tidewater"),
    ("Reward models", "answers with a proof", "Plumb"),
    ("Robot manipulation", "kitchens that it has never seen", "Latch"),
    ("Speech recognition", "meetings in four languages", "Murmur"),
    ("3D Gaussian splatting", "streets filmed from a bicycle", "Cobble"),
    ("Code generation", "repositories of a million lines", "Trellis"),
    ("Retrieval-augmented generation", "questions over two documents", "Almanac"),
    ("Graph neural networks", "molecules of a thousand atoms", "Lattice"),
    ("Quantisation", "models of eight billion weights", "Gravel"),
)
#: About 150 characters each: together about as long as an abstract gets on arXiv, so that ten papers make a mail of 63 KB.
_SENTENCES = (
    "{topic} has grown quickly, and yet on {task} the best published systems still make errors that a person would call careless rather than hard.",
    "We trace most of these errors to one cause: what is learned early in training is kept, although later examples contradict it (§2, ≈ 60 % of cases).",
    "We present {name}, a method that revisits early decisions whenever the loss on a small held-out set stops falling for a thousand steps in a row.",
    "{name} needs no further labels, adds less than three per cent to the time of training, and fits into existing code with some forty changed lines.",
    "On {task} it lowers the error rate from 17.4 % to 11.9 %, and on four further benchmarks it is the first or the second best of nine methods compared.",
    "The gain holds over model sizes from 125 million to 30 billion parameters, where it follows a power law with an exponent of −0.07 ± 0.01.",
    "Ablations show that when to revisit matters more than how: a fixed schedule keeps only a third of the gain, a random one keeps none of it at all.",
    "We also report what did not work, among it a learned schedule, larger batches after each visit, and a second model that votes on what to forget.",
    "A study with 48 annotators finds that readers prefer the answers of {name} in 63 % of the pairs, and that they name “consistency” as the reason.",
    "Where the held-out set is drawn from another year than the training data, {name} loses 0.8 points, and every method that we compare it with more than 2.",
    "We measured cost as well: at 30 billion parameters the visits take 4 hours of 160, and the memory that {name} needs beyond the model is 1.2 GB a device.",
    "Of 400 failures that remain on {task}, told apart by hand, 212 lack a fact, and 57 we cannot explain.",
    "Code, weights, and all logs of training are available under a permissive licence, together with the evaluation set and the annotators' guidelines.",
)
_AUTHORS = ("Ada Example", "Bela Muster", "Chiara Esempio", "Dag Eksempel", "Elif Örnek", "Fen Lì")


def invented(now: dt.datetime) -> RawDump:
    """A daily-papers answer of ten papers, submitted on the day of `now`."""
    rows = [_row(place, *paper, now=now) for place, paper in enumerate(_PAPERS)]
    return RawDump(name="invented.json", data=json.dumps(rows).encode(), modified_at=now)


def _row(place: int, topic: str, task: str, name: str, *, now: dt.datetime) -> dict[str, object]:
    identifier = f"9901.{place + 10_000}"
    return {
        "paper": {
            "id": identifier,
            "title": f"{name}: {topic} that learns to forget, tried on {task}",
            "summary": " ".join(_SENTENCES).format(topic=topic, task=task, name=name),
            "authors": [{"name": author} for author in _AUTHORS[: 2 + place % 5]],
            "upvotes": 200 - 7 * place,
            "submittedOnDailyAt": now.isoformat(),
            "githubRepo": f"https://github.com/example/{name.lower()}",
        },
        "publishedAt": now.isoformat(),
        "numComments": place,
    }
