"""The stand-in Discord's commands, buttons and forms, answered by an unmodified discord.py client."""

import asyncio
import io

import discord
import pytest

from tests.servers.discord_client import Recorder, offer
from tests.servers.discord_server import CALLBACK, WEBHOOK_EDIT, Channel, DiscordServer, Fault, RateRules


async def test_a_command_is_registered_and_its_answer_is_shown(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    seen: list[discord.Interaction] = []

    async def did(interaction: discord.Interaction) -> None:
        seen.append(interaction)
        await interaction.response.send_message(f"chose {interaction.namespace.name}")

    await offer(bot, did)
    anna = server.person("Anna", locale="ru")
    role = server.guild().role("staff")
    server.guild().join(anna, role)
    used = anna.slash(general, "model", {"name": "gpt"})
    answer = await used.answered()
    assert (answer.type, used.text, general.last.text) == (4, "chose gpt", "chose gpt")
    told = seen[0]
    assert (told.user.id, told.locale, told.guild_locale) == (anna.id, discord.Locale.russian, discord.Locale("en-US"))
    assert isinstance(told.user, discord.Member)
    assert role.id in [one.id for one in told.user.roles]
    assert (told.context.guild, told.is_guild_integration(), told.is_user_integration()) == (True, True, False)
    assert [change.commands for change in server.commands.changes] == [("model",)]


async def test_thinking_is_shown_until_the_answer_is_edited_in(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    go_on = asyncio.Event()

    async def did(interaction: discord.Interaction) -> None:
        await interaction.response.defer(thinking=True)
        await go_on.wait()
        await interaction.edit_original_response(content="thought")
        await interaction.edit_original_response(content="thought more")
        await interaction.followup.send("and this")

    await offer(bot, did)
    used = server.person().slash(general, "model")
    await used.wait_for(lambda one: one.thinking)
    go_on.set()
    message = await used.said("thought more")
    await used.said("and this")
    assert message.texts == ["", "thought", "thought more"]
    assert [one.text for one in general.messages] == ["thought more", "and this"]


async def test_an_ephemeral_answer_is_seen_by_the_person_alone(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    """That is fixed with the first answer: the first follow-up to a public "thinking" is public."""

    async def did(interaction: discord.Interaction) -> None:
        if interaction.namespace.name:
            await interaction.response.defer(thinking=True)
            await interaction.followup.send("public", ephemeral=True)
        else:
            await interaction.response.send_message("for you", ephemeral=True)

    await offer(bot, did)
    anna, boris = server.person("Anna"), server.person("Boris")
    used = anna.slash(general, "model")
    await used.said("for you")
    assert used.ephemeral
    await bot.until(lambda client: client.heard)
    assert bot.heard[0].guild is None  # the trap: it arrives as if it were a direct message
    assert bot.heard[0].flags.ephemeral
    assert general.messages == boris.sees(general) == []
    assert [message.text for message in anna.sees(general)] == ["for you"]
    await anna.slash(general, "model", {"name": "x"}).said("public")
    assert [message.text for message in boris.sees(general)] == ["public"]


async def test_an_interaction_is_answered_once_and_within_three_seconds(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    codes: asyncio.Queue[int] = asyncio.Queue()

    async def did(interaction: discord.Interaction) -> None:
        if interaction.namespace.name:
            server.advance(3.5)
        for _ in range(2):
            try:
                await bot.http.request(
                    discord.http.Route("POST", f"/interactions/{interaction.id}/{interaction.token}/callback"),
                    json={"type": 4, "data": {"content": "here"}},
                )
            except discord.HTTPException as refused:
                codes.put_nowait(refused.code)

    await offer(bot, did)
    twice = server.person().slash(general, "model")
    assert await codes.get() == 40060
    late = server.person().slash(general, "model", {"name": "late"})
    assert [await codes.get(), await codes.get()] == [10062, 10062]
    assert late.missed
    assert not twice.missed


async def test_the_token_ends_after_fifteen_minutes(server: DiscordServer, bot: Recorder, general: Channel) -> None:
    kept: list[discord.Interaction] = []

    async def did(interaction: discord.Interaction) -> None:
        kept.append(interaction)
        await interaction.response.defer(thinking=True)

    await offer(bot, did)
    await server.person().slash(general, "model").answered()
    server.advance(899)
    await kept[0].edit_original_response(content="just in time")
    server.advance(2)
    with pytest.raises(discord.HTTPException) as refused:
        await kept[0].edit_original_response(content="too late")
    assert (refused.value.status, refused.value.code) == (401, 50027)
    assert general.last.text == "just in time"


async def test_where_only_the_person_installed_it_the_bot_has_five_follow_ups_and_nothing_else(
    server: DiscordServer, bot: Recorder
) -> None:
    codes: asyncio.Queue[int] = asyncio.Queue()

    async def did(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("first")
        try:
            for number in range(6):
                await interaction.followup.send(str(number))
        except discord.HTTPException as refused:
            codes.put_nowait(refused.code)
        try:
            assert interaction.channel_id
            await bot.get_partial_messageable(interaction.channel_id).send("by myself")
        except discord.HTTPException as refused:
            codes.put_nowait(refused.code)

    await offer(bot, did)
    anna = server.person("Anna")
    place = server.private(anna, server.person("Boris"))
    with pytest.raises(LookupError):
        anna.slash(place, "model")
    anna.install()
    used = anna.slash(place, "model")
    assert [await codes.get(), await codes.get()] == [40094, 50001]
    assert [message.text for message in used.messages] == ["first", "0", "1", "2", "3", "4"]
    strangers = server.guild("Strangers", has_bot=False).channel()
    other = anna.slash(strangers, "model")
    await other.answered()
    assert other.owners == {"1": str(anna.id)}


async def test_a_button_is_pressed_by_its_label_and_its_message_changed(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    class Stop(discord.ui.View):
        @discord.ui.button(label="Stop", custom_id="stop:1")
        async def stop_it(self, interaction: discord.Interaction, _: discord.ui.Button["Stop"]) -> None:
            await interaction.response.edit_message(content="stopped", view=None)

    await bot.text_channel(general).send("streaming", view=Stop(timeout=None))
    anna, shown = server.person(), general.last
    pressed = anna.press(shown, "Stop")
    assert (await pressed.answered()).type == 7
    assert (shown.text, shown.labels) == ("stopped", [])
    with pytest.raises(LookupError):
        anna.press(shown, "Stop")
    forged = anna.forge(shown, "stop:1")
    assert forged.kind == 3


async def test_a_form_is_shown_filled_in_and_answered(server: DiscordServer, bot: Recorder, general: Channel) -> None:
    class Form(discord.ui.Modal, title="System prompt"):
        text: discord.ui.TextInput["Form"] = discord.ui.TextInput(label="Text", custom_id="text")

        async def on_submit(self, interaction: discord.Interaction) -> None:
            await interaction.response.send_message(f"took {self.text.value}", ephemeral=True)

    async def did(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(Form())

    await offer(bot, did)
    anna = server.person()
    shown = anna.slash(general, "model")
    await shown.answered()
    assert shown.modal
    assert shown.modal["title"] == "System prompt"
    sent = anna.submit_modal(shown, {"text": "Be brief."})
    await sent.said("took Be brief.")
    with pytest.raises(LookupError):
        anna.submit_modal(shown, {"other": "x"})


async def test_follow_ups_carry_files_are_edited_and_deleted(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    done = asyncio.Event()

    async def did(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("see")
        rest = await interaction.followup.send(file=discord.File(io.BytesIO(b"rest"), "answer.md"), wait=True)
        await rest.edit(content="edited")
        await interaction.delete_original_response()
        done.set()

    await offer(bot, did)
    used = server.person().slash(general, "model")
    await used.said("edited")
    await done.wait()
    assert [(message.text, message.attachments[0].data) for message in used.messages] == [("edited", b"rest")]


async def test_edits_by_an_interactions_token_have_a_limit_of_their_own(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    """For each token, and apart from the limit over all."""
    kept: list[discord.Interaction] = []

    async def did(interaction: discord.Interaction) -> None:
        await interaction.response.defer(thinking=True)
        kept.append(interaction)

    await offer(bot, did)
    server.rates.rules = RateRules(overall=(1, 60.0)).with_limits(webhook_edit=(2, 0.2))
    for _ in range(2):
        await server.person().slash(general, "model").answered()
    for number in range(3):
        for interaction in kept:
            await interaction.edit_original_response(content=str(number))
    assert server.rates.refusals == []
    first, second = general.messages
    assert first.versions[-1].at - first.versions[1].at > 0.1
    assert second.texts == ["", "0", "1", "2"]


async def test_faults_hit_the_callback_and_the_webhook(server: DiscordServer, bot: Recorder, general: Channel) -> None:
    statuses: asyncio.Queue[int] = asyncio.Queue()

    async def did(interaction: discord.Interaction) -> None:
        try:
            await interaction.response.defer(thinking=True)
        except discord.HTTPException as error:
            statuses.put_nowait(error.status)
            return
        await interaction.edit_original_response(content="there")

    await offer(bot, did)
    server.faults.next(CALLBACK, Fault.refusal(404, 10062))
    lost = server.person().slash(general, "model")
    assert await statuses.get() == 404
    assert not lost.answer
    server.faults.next(WEBHOOK_EDIT, Fault.flood(0.05))
    await server.person().slash(general, "model").said("there")
    assert len(server.rates.refusals) == 1
