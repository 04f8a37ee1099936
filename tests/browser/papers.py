"""Invented papers of a few fields, so that a choice of topics makes a difference that can be seen."""

from __future__ import annotations

import datetime as dt

from tests.factories import arxiv_id, daily_papers

#: By topic of the packaged taxonomy: title, and what the abstract says.
_FIELDS: dict[str, tuple[tuple[str, str], ...]] = {
    "robotics": (
        (
            "Folding Forty Towels with One Robot Arm",
            (
                "Laundry hides most of itself. We teach a robot arm the manipulation of cloth from the word "
                "“failed” alone; after two weeks it folds towels that it has not seen in 41 seconds."
            ),
        ),
        (
            "A Quadruped That Opens Doors",
            (
                "Legged robots walk well and open doors badly. A quadruped learns robotic manipulation with the "
                "gripper on its back, and gets through 93 of 100 doors of an office."
            ),
        ),
        (
            "Grasping What Rolls Away",
            (
                "Robot grasping is tested on objects that stay where they are. Ours roll. A dexterous hand learns "
                "to be there first."
            ),
        ),
    ),
    "speech-recognition": (
        (
            "Speech Recognition in the Kitchen",
            (
                "Automatic speech recognition fails beside a running tap. We add the tap to the training data, "
                "and halve the word error rate of three public systems."
            ),
        ),
        (
            "Whispered Speech Recognition Without Whispered Data",
            (
                "Whispers have no pitch. We take the pitch out of ordinary speech, and speech recognition of "
                "whispers follows without one hour of new recordings."
            ),
        ),
        (
            "Streaming ASR That Admits It Did Not Hear",
            (
                "An ASR system that asks again is better than one that guesses. We measure by how much, over "
                "400 hours of transcription."
            ),
        ),
    ),
    "quantisation": (
        (
            "Four-Bit Quantization of Models That Never Asked for It",
            (
                "Post-training quantization to four bits costs little where the outliers are kept. We say which "
                "to keep, in one pass over 128 sentences."
            ),
        ),
        (
            "When Low-Bit Weights Forget Names",
            (
                "Quantized language models lose rare names first. We count which, and show that 0.3 % of the "
                "weights at full precision bring them back."
            ),
        ),
    ),
    "medical-imaging": (
        (
            "Chest X-Ray Reports That Say What Is Not There",
            (
                "Radiology reports are full of findings that are absent. A model that writes them down is trusted "
                "more, and is wrong less often, in a study with eleven radiologists."
            ),
        ),
        (
            "Counting Cells Under a Cheap Microscope",
            (
                "Microscopy of plant cells with a lens of plastic: cell segmentation holds up to the point at "
                "which a person gives up."
            ),
        ),
    ),
    "surveys": (
        (
            "A Survey of Surveys of Large Language Models",
            (
                "There are now more surveys of large language models than a person can read. This survey reads "
                "them, and finds that they cite each other."
            ),
        ),
    ),
}
TOPICS = tuple(_FIELDS)
_AUTHORS = ("Ingrid Solheim", "Kofi Mensah", "Mira Okonkwo", "Tomás Rivera-Lindqvist", "Aiko Tanabe")
#: What tells the papers of one day from those of another, as no paper is news twice.
_DAYS = (
    "",
    "Again: ",
    "Revisited: ",
    "More on ",
    "Beyond ",
    "Towards ",
    "Rethinking ",
    "Notes on ",
    "Against ",
)


def titles(topic: str, day: int) -> list[str]:
    """Titles of the papers of a topic that come out on a day, counted from 0."""
    return [_DAYS[day] + title for title, _ in _FIELDS[topic]]


def dump(day: int, date: dt.date) -> bytes:
    """An answer of the daily-papers API that lists every field's papers.

    Args:
        day: Number of the day, from 0 to 8; each has titles of its own.
        date: That it is dated with.
    """
    told = [(topic, title, text) for topic, papers in _FIELDS.items() for title, text in papers]
    rows = [
        {
            "title": _DAYS[day] + title,
            "id": arxiv_id(_DAYS[day] + title),
            "summary": text,
            "upvotes": 60 - 3 * place,
            "authors": (_AUTHORS[place % 5], _AUTHORS[(place + 2 + day) % 5]),
        }
        for place, (_topic, title, text) in enumerate(told)
    ]
    return daily_papers(rows, day=date)
