"""No secret in anything that comes out of the bot, whatever fails; and what else must hold in all that it sends.

One bot, started once, with every kind of secret in its config: see outputs.py for what it goes through.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chat.secrecy import SHORTEST_SECRET
from tests.security.outputs import BASE_PASSWORD, KEY, PASSWORD, PROXY_PASSWORD, SAID, VERBS, Outputs, lived
from texts import Texts

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

PLACES = {
    "the log and the terminal", "Telegram", "Discord", "page", "the models", "data/bot.db", "/metrics", "/healthz",
    *(f"bot.py {verb}" for verb in VERBS),
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outputs(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Outputs]:
    async with lived(tmp_path_factory.mktemp("lived")) as outputs:
        yield outputs


async def test_no_configured_secret_is_in_any_output(outputs: Outputs) -> None:
    known = {outputs.telegram.token, outputs.discord.token, KEY, PASSWORD, BASE_PASSWORD, PROXY_PASSWORD}
    assert known <= outputs.secrets
    assert {place for place in PLACES if not outputs.texts.get(place)} == set(), "each of them said something"
    tails = {secret.partition(":")[2] for secret in known} - {""}  # the part of Telegram's token that is secret
    long = {secret for secret in outputs.secrets | tails if len(secret) >= SHORTEST_SECRET}
    wanted = {form for secret in long for form in (secret, secret.replace(":", "%3A"))}
    found = {(place, form) for place, text in outputs.texts.items() for form in wanted if form in text}
    assert found == set()


async def test_the_failures_that_bring_a_secret_along_did_happen(outputs: Outputs) -> None:
    """Else the test above could not fail."""
    log = outputs.texts["the log and the terminal"]
    for word in ("[secret]", "[key]", "RequestRefused", "BadKey", "CutOff", "Overloaded", "can't be used", "DEBUG"):
        assert word in log
    assert "[key]" in outputs.texts["bot.py dead list"]
    assert "Traceback" not in log


async def test_the_log_at_info_has_nothing_that_people_or_models_said(outputs: Outputs) -> None:
    assert "WARNING" in outputs.log_at_info
    assert [word for word in SAID if word in outputs.log_at_info] == []
    assert [word for word in SAID if word in outputs.texts["data/bot.db"]], "they are searched for as they were said"


async def test_an_address_that_somebody_says_is_never_fetched(outputs: Outputs) -> None:
    assert "from-a-person" in outputs.texts["the models"]
    assert "in-a-file" in outputs.texts["the models"]
    assert outputs.fetched == []


async def test_telegram_is_never_asked_to_parse_or_to_preview_anything(outputs: Outputs) -> None:
    shown = [call.fields for call in outputs.telegram.calls if "text" in call.fields and "chat_id" in call.fields]
    assert len(shown) > 10
    for fields in (call.fields for call in outputs.telegram.calls):
        assert not any("parse_mode" in name for name in fields)
    for fields in shown:
        assert '"is_disabled":true' in str(fields["link_preview_options"]).replace(" ", "").replace("'", '"').lower()


async def test_every_text_for_discord_pings_nobody_and_shows_no_preview(outputs: Outputs) -> None:
    bodies = [call.body for call in outputs.discord.calls if isinstance(call.body, dict) and "content" in call.body]
    assert any("@everyone" in body["content"] for body in bodies)
    for body in bodies:
        assert body["allowed_mentions"]["parse"] == []
        assert body["flags"] & 4  # SUPPRESS_EMBEDS


async def test_whoever_knows_the_pages_password_is_no_admin(outputs: Outputs) -> None:
    refusal = Texts.load("en").of("en").say("access.page", command="admin")
    assert refusal.partition(" ")[2] in outputs.texts["page"]
