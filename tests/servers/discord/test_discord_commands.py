"""The stand-in Discord's commands: where they are offered, what they take, what Discord refuses to register."""

import discord
import pytest
from discord import app_commands

from tests.servers.discord_client import Recorder, code_of, offer
from tests.servers.discord_server import Channel, DiscordServer, Upload
from tests.servers.discord_world import MANAGE_GUILD


async def test_commands_are_where_they_are_offered_and_take_what_they_declare(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    async def did(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("x")

    await offer(bot, did, everywhere=False)
    anna = server.person()
    for name, options in (("nothing", {}), ("model", {"name": 5}), ("model", {"other": "x"})):
        with pytest.raises(LookupError):
            anna.slash(general, name, options)
    await anna.slash(anna.dm, "model").answered()


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Model", "description": "x"},
        {"name": "m" * 33, "description": "x"},
        {"name": "model", "description": ""},
        {"name": "model", "description": "x" * 101},
        {"name": "model", "description": "x", "description_localizations": {"xx": "x"}},
        {"name": "model", "description": "x", "contexts": [3]},
        {
            "name": "model",
            "description": "x",
            "options": [{"type": 3, "name": f"o{n}", "description": "x"} for n in range(26)],
        },
        {"name": "Ask about this", "type": 3, "description": "x"},
    ],
)
async def test_wrong_commands_are_refused_and_nothing_changes(
    server: DiscordServer, bot: Recorder, wrong: dict[str, object]
) -> None:
    with pytest.raises(discord.HTTPException) as refused:
        await bot.http.bulk_upsert_global_commands(server.application_id, [wrong])
    assert refused.value.code == 50035
    assert server.commands.registered() == []


async def test_what_is_typed_is_proposed_for_and_25_proposals_are_the_most(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    how_many = 25

    @bot.commands.command(name="model", description="Choose")
    async def model(interaction: discord.Interaction, name: str) -> None: ...

    @model.autocomplete("name")
    async def propose(_: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=f"{typed} {number}", value=str(number)) for number in range(how_many)]

    await bot.commands.sync()
    typing = server.person().autocomplete(general, "model", "name", "gp")
    await typing.answered()
    assert (len(typing.choices), typing.choices[0]) == (25, {"name": "gp 0", "value": "0"})
    how_many = 26
    too_many = server.person().autocomplete(general, "model", "name", "gp")
    await too_many.wait_for(lambda one: one.refused)


async def test_files_subcommands_and_messages_are_resolved(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    """A message in the menu comes with its content, whatever the intents."""
    admin = app_commands.Group(name="admin", description="Rule")

    @admin.command(name="read", description="Read a file")
    async def read(interaction: discord.Interaction, file: discord.Attachment) -> None:
        await interaction.response.send_message((await file.read()).decode())

    @bot.commands.context_menu(name="Ask about this")
    async def ask(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_message(f"about {message.content}")

    bot.commands.add_command(admin)
    await bot.commands.sync()
    anna = server.person()
    used = anna.slash(general, "admin read", {"file": Upload("a.txt", b"inside")})
    await used.said("inside")
    aimed = anna.context_menu(server.person("Boris").say(general, "the weather"), "Ask about this")
    await aimed.said("about the weather")


async def test_a_command_for_those_with_a_permission_is_not_offered_to_others(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    @bot.commands.command(name="admin", description="Rule")
    @app_commands.default_permissions(manage_guild=True)
    async def admin(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("hello, boss", ephemeral=True)

    await bot.commands.sync()
    anna, boris = server.person("Anna"), server.person("Boris")
    server.guild().join(boris, server.guild().role("owners", MANAGE_GUILD))
    with pytest.raises(LookupError):
        anna.slash(general, "admin")
    await boris.slash(general, "admin").said("hello, boss")


async def test_an_overwrite_must_keep_the_command_that_starts_an_activity(server: DiscordServer, bot: Recorder) -> None:
    launch, mine = server.commands.enable_activities(), {"name": "model", "description": "x"}
    assert bot.application_id
    assert await code_of(bot.http.bulk_upsert_global_commands(bot.application_id, [mine])) == 50240
    await bot.http.bulk_upsert_global_commands(bot.application_id, [mine, launch])
    assert [command["id"] for command in server.commands.registered() if command["type"] == 4] == [launch["id"]]


async def test_with_an_endpoint_set_interactions_do_not_come_by_the_gateway(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    server.commands.overwrite(None, [{"name": "model", "description": "x"}])
    server.places.endpoint_url = "https://bot.test/interactions"
    server.person().slash(general, "model")
    server.person().say(general, "hello")
    await bot.hears()
    assert "INTERACTION_CREATE" not in bot.log
