"""`conversation: chain`: each chain of replies is a conversation, and its history is what Discord shows of it."""

from typing import Any

from chat.messages import Message
from messengers.base import MessageGone
from messengers.discord.chains import LONGEST, UNREADABLE, Chains
from tests.messengers.discord.incoming import FakeReception, discord_running
from tests.servers.discord_server import Channel, DiscordServer, Person

BOT = "99"


def said(number: int, text: str, answers: int = 0, author: str = "7") -> dict[str, Any]:
    name = {"id": author, "global_name": "Parley" if author == BOT else "Anna"}
    message: dict[str, Any] = {"id": str(number), "channel_id": "5", "content": text, "author": name}
    return message | ({"message_reference": {"message_id": str(answers)}} if answers else {})


class History:
    """Messages by id, and how often one was asked for."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.messages = {message["id"]: message for message in messages}
        self.asked: list[str] = []

    async def fetch(self, channel: str, message: str) -> dict[str, Any]:
        self.asked.append(message)
        if message not in self.messages:
            raise MessageGone("10008")
        found = self.messages[message]
        reference = found.get("message_reference", {}).get("message_id", "")
        return found | {"referenced_message": self.messages.get(reference)}

    def chains(self) -> Chains:
        chains = Chains(self.fetch)
        chains.bot_id = BOT
        return chains


STORY = (
    said(1, f"<@{BOT}> why?"),
    said(2, "because", 1, BOT),
    said(3, "of that", 2, BOT),
    said(4, "and then?", 3),
)


async def test_the_history_is_what_the_chain_says_with_parts_of_an_answer_as_one() -> None:
    chains = History(*STORY).chains()
    assert await chains.earlier("5", "4") == [
        Message("user", "Anna: why?"),
        Message("assistant", "because\nof that"),
    ]


async def test_what_came_by_is_not_asked_for_again_and_shows_its_newest_text() -> None:
    history = History()
    chains = history.chains()
    for message in STORY:
        chains.see(message)
    chains.see(said(2, "because, finally", 1, BOT))
    assert (await chains.earlier("5", "4") or [])[1] == Message("assistant", "because, finally\nof that")
    assert history.asked == []


async def test_a_chain_is_named_by_its_first_message_also_after_a_restart() -> None:
    chains = History(*STORY).chains()
    assert await chains.branch_for(STORY[0]) == "1"
    chains.note("3", "1")
    assert await chains.branch_for(STORY[3]) == "1"
    assert await History(*STORY).chains().branch_for(STORY[3]) == "1"
    assert await chains.branch_for(said(8, "something else")) == "8"


async def test_a_message_that_is_gone_ends_the_chain() -> None:
    history = History(*STORY[2:])
    assert await history.chains().earlier("5", "4") == [Message("user", UNREADABLE), Message("assistant", "of that")]
    assert await history.chains().branch_for(said(9, "x", 7)) == "7"
    assert await history.chains().earlier("5", "404") == []


async def test_a_chain_that_began_with_a_command_is_named_by_it_and_told_by_the_store() -> None:
    answer = said(2, "Paris.", 0, BOT) | {"interaction_metadata": {"id": "77"}}
    reply, further = said(3, "and of Spain?", 2), said(5, "why?", 4)
    history = History(answer, reply, said(4, "Madrid.", 3, BOT), further)
    assert await history.chains().branch_for(reply) == "77"
    assert await history.chains().branch_for(further) == "77", "also after a restart"
    assert await history.chains().earlier("5", "3") is None
    assert await history.chains().earlier("5", "5") is None


async def test_a_chain_is_told_as_far_as_its_latest_fifty_messages() -> None:
    long = [said(number, f"m{number}", number - 1) for number in range(1, 201)]
    told = await History(*long).chains().earlier("5", "200") or []
    assert told[0].text.startswith(f"Anna: m{200 - LONGEST}\n")
    assert told[-1].text.endswith("m199")


async def test_a_loop_of_replies_ends() -> None:
    chains = History(said(1, "a", 2), said(2, "b", 1)).chains()
    assert len(await chains.earlier("5", "1") or []) == 1


async def test_chains_part_the_conversation_and_direct_messages_and_threads_are_one_each(
    server: DiscordServer, reception: FakeReception, anna: Person, general: Channel
) -> None:
    reception.answer_with = "an answer"
    async with discord_running(server, reception, conversation="chain"):
        first = anna.say(general, "one", mention_bot=True)
        answer = await general.wait_for_text("an answer")
        anna.say(general, "two", mention_bot=True)
        anna.say(general, "more of one", reply_to=answer)
        thread = anna.thread(general)
        anna.say(thread, "in a thread", mention_bot=True)
        anna.say(anna.dm, "in private")
        await reception.takes(5)
        heard = {each.text: each for each in [await reception.hears(number) for number in range(1, 6)]}
        assert heard["one"].address.branch == heard["more of one"].address.branch == str(first.id)
        assert heard["two"].address.branch == heard["two"].address.message
        assert heard["in a thread"].address.branch == heard["in private"].address.branch == ""
        assert reception.discord
        chat = reception.discord.open(heard["more of one"].address)
        assert await chat.earlier() == [Message("user", "Anna: one"), Message("assistant", "an answer")]
        assert await reception.discord.open(heard["in private"].address).earlier() is None


async def test_a_command_begins_a_chain_of_its_own(
    server: DiscordServer, reception: FakeReception, anna: Person, general: Channel
) -> None:
    async with discord_running(server, reception, conversation="chain"):
        used = anna.slash(general, "ask", {"question": "why?"})
        said_by = await reception.hears()
        assert said_by.address.branch == str(used.id)
        assert said_by.address.room == f"discord:{general.id}"
        anna.slash(general, "model", {"name": "gpt"})
        assert (await reception.takes(2)).address.branch == ""
