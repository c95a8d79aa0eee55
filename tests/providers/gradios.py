"""What the tests of Gradio share: a provider for a stand-in app."""

from typing import Any

from providers.base import Provider
from providers.gradio import Gradio, GradioSettings
from tests.providers.asking import KEY
from tests.servers.gradio import GradioServer

# For tests/providers/cases.py: what the protocol can't express.
GRADIO_CANNOT: dict[Any, str] = {  # of `Ability`, which cases.py has
    "an endless answer": "differences build on the text so far, so it is kept, and ends at a million characters",
}


def gradio_at(server: GradioServer, **settings: object) -> Gradio:
    given = {"base_url": server.url, "hub_url": server.url, "api_key": KEY, **settings}
    return Gradio("local", GradioSettings.model_validate(given))


def make_gradio(server: object, **settings: object) -> Provider:
    assert isinstance(server, GradioServer)
    return gradio_at(server, **settings)
