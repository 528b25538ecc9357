"""Whole stories of customers, each a folder named as a sentence; see storyteller.py for its format.

The texts in a folder are what the story must come to. With METERHUB_TELL_STORIES=1 they are written instead
of compared: check each number by hand before keeping it.
"""

import os
from pathlib import Path

import pytest

from tests.billing.stories.storyteller import play

STORIES = sorted(path.parent for path in Path(__file__).parent.glob("*/story.json"))


@pytest.mark.parametrize("folder", STORIES, ids=lambda folder: folder.name)
def test_a_story_comes_to_the_documents_and_balances_it_tells(engine, folder):
    told = play(engine, folder)
    if os.environ.get("METERHUB_TELL_STORIES"):
        for name, content in told.items():
            (folder / name).write_text(content.strip() + "\n")
    for name, content in told.items():
        assert content.strip() == (folder / name).read_text().strip(), name
