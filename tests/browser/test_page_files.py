"""The page's files, without a browser: what they weigh, and that each sentence they ask for exists."""

import re

from tests.browser.inventory import PAGE, asked_for, weight
from texts import Texts

MOST_BYTES = 100 * 1024


def test_the_whole_page_weighs_less_than_100_kb_uncompressed() -> None:
    """A kB here is 1024 bytes."""
    assert weight() < MOST_BYTES


def test_every_sentence_that_the_page_asks_for_exists_in_every_language_and_none_is_left_over() -> None:
    for code, sentences in Texts.load("en").section("page").items():
        wanted = asked_for(sentences)
        assert (code, wanted - set(sentences)) == (code, set())
        assert (code, set(sentences) - wanted) == (code, set())


def test_nothing_of_the_page_comes_from_elsewhere_and_nothing_is_written_into_it_that_its_policy_forbids() -> None:
    for file in PAGE.iterdir():
        content = file.read_text("utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", content)
        if file.suffix == ".html":
            assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*\ssrc=)", content)
            assert not re.search(r'(?:src|href)="(?:https?:)?//', content)
