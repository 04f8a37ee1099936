"""Twelve invented papers, and dumps of them in the layouts of a papers page."""

from __future__ import annotations

from collections.abc import Sequence

Card = tuple[str, str]

CARDS: tuple[Card, ...] = (
    (
        "Ferry Tides: Forecasting Harbour Traffic from Sparse Buoys",
        (
            "Harbours plan their ferries by hand, from a handful of buoys that fail in winter. We present Ferry Tides, a "
            "forecaster that fills the gaps between buoys with a learned tide table. On eleven harbours it halves the "
            "error of the tables in use, and it runs on the buoy itself. Code is available at "
            "https://github.com/example/ferry-tides."
        ),
    ),
    (
        "A Plain Recipe for Counting Moss",
        (
            "Counting moss species on city walls is slow work. This paper shows that a phone camera and a small "
            "classifier agree with trained botanists on 93.5\\% of all walls, and that most of the remaining errors come "
            "from wet stone. The recipe needs no special light, no tripod and no network connection while it is used."
        ),
    ),
    (
        "Do Lighthouses Dream? Synthetic Night Scenes for Coastal Navigation",
        (
            "Night scenes are rare in the data that coastal navigation systems are trained on. We render two million of "
            "them from daylight footage, keep the ones that a critic network cannot tell apart from real nights, and "
            "train a detector on the rest. The detector finds 3times more unlit boats than its daylight twin."
        ),
    ),
    (
        "Slow Bread",
        (
            "Dough rises at a pace that bakers judge by touch. We describe a sensor glove that learns this judgement "
            "from forty bakers and reports when a loaf is ready. In a blind tasting, loaves timed by the glove were "
            "preferred as often as loaves timed by their bakers, and the glove never forgot a loaf in the oven."
        ),
    ),
    (
        "Learning to Fold Maps Back: Reversible Origami Planning under Wind",
        (
            "Folding a map outdoors is an unsolved planning problem, since wind changes the sheet between two folds. We "
            "cast it as a game against the weather and solve it with a planner that only proposes folds it can undo. "
            "Experiments on a rooftop show that 84\\% of all maps end in their covers, up from 12\\% without undoing."
        ),
    ),
    (
        "QuillNet: Reading Faded Parish Registers with a Stroke Prior",
        (
            "Parish registers fade unevenly, so that whole names are lost while their neighbours stay crisp. QuillNet "
            "models how a quill loses ink along a stroke and reads the letters that must have been there. It recovers "
            "61\\% of the names that archivists had given up, and it says so when it is guessing."
        ),
    ),
    (
        "On the Patience of Elevators",
        (
            "Elevators in tall buildings wait for passengers who never come. This study follows nine buildings for a year "
            "and finds that a shared waiting rule, learned by all cabins together, saves a fifth of the energy. The rule "
            "fits on one line and, to our surprise, it is the same rule in every one of the nine buildings."
        ),
    ),
    (
        "Beehive Acoustics at Scale: A Corpus of 40,000 Hours",
        (
            "We release a corpus of forty thousand hours recorded inside beehives on four continents. Each hour carries "
            "the weather, the state of the colony and the flowers within reach. Baselines show that swarming can be heard "
            "two days ahead, which is one day earlier than the best keepers in our survey claim to notice it."
        ),
    ),
    (
        "Retrieval of Half-Remembered Melodies by Rhythm Alone",
        (
            "People who half remember a melody often keep its rhythm and lose its pitch. We index two million melodies by "
            "rhythm alone and ask listeners to tap. The right melody is among the first ten in 70\\% of all cases, and "
            "tapping with a spoon works as well as tapping on a drum pad that costs a hundred times as much."
        ),
    ),
    (
        "Glacier Walks: Route Planning over Moving Ice with Uncertain Crevasses",
        (
            "Routes over glaciers go stale within days because the ice moves. Our planner keeps a belief over where "
            "crevasses may open and prefers routes that can be left early. Guides who compared its routes with their own "
            "took the planner's route in 31 of 50 cases, most of them after fresh snow had covered older tracks."
        ),
    ),
    (
        "Small Models for Small Libraries: Cataloguing without a Cloud",
        (
            "Village libraries cannot send their catalogues to a cloud. We distil a cataloguing model until it runs on "
            "the computer that most of them have, a machine of 2012 with four gigabytes of memory. It assigns subjects as "
            "well as the teacher on local history, and worse on everything that never happened near a village."
        ),
    ),
    (
        "The Umbrella Problem: Shared Decisions under Shared Rain",
        (
            "Who carries the umbrella when several people walk together? We study the umbrella problem, in which a group "
            "shares one shelter and each member sees another part of the sky. A simple auction reaches decisions that "
            "leave nobody wetter than alone, and the auction ends before the rain begins in all of our simulations."
        ),
    ),
)

HEAD_A = ("Get the picks of the day in your inbox!", "Get the picks of the day!")
HEAD_B = (
    "new",
    "Get the picks of the day in your inbox!",
    "Subscribe",
    "chosen byJane and friends",
    "Aug 12",
)


def layout_a(cards: Sequence[Card], head: Sequence[str] = HEAD_A, foot: Sequence[str] = ()) -> str:
    """Lines without a blank one between them."""
    return "\n".join([*head, *(line for card in cards for line in card), *foot])


def layout_b(cards: Sequence[Card], head: Sequence[str] = HEAD_B, foot: Sequence[str] = ()) -> str:
    """A blank line between any two lines."""
    return "\n\n".join([*head, *(line for card in cards for line in card), *foot])
