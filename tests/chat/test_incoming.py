"""Addresses: conversations are told apart by topic, while every topic of a chat shares its rate budget."""

from itertools import combinations

from chat.incoming import Address

GROUP = Address("telegram", "-100555", message="8", private=False)
TOPIC = Address("telegram", "-100555", "3", message="9", private=False)


def test_topics_and_chats_and_messengers_are_different_conversations() -> None:
    addresses = [GROUP, TOPIC, Address("telegram", "-100555", "4"), Address("telegram", "7"), Address("discord", "7")]
    for one, other in combinations(addresses, 2):
        assert one.conversation != other.conversation


def test_every_message_of_a_topic_is_of_one_conversation() -> None:
    assert TOPIC.conversation == Address("telegram", "-100555", "3", message="10", private=False).conversation


def test_every_topic_of_a_chat_shares_its_budget_and_no_other_chat_does() -> None:
    assert GROUP.budget == TOPIC.budget
    assert GROUP.budget != Address("telegram", "-100556").budget
    assert GROUP.budget != Address("discord", "-100555").budget
