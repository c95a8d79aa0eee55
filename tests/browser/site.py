"""The config of a bot with a playground and models that need no network."""

from typing import Any

from tests.servers.model import ModelServer


def config(port: int, model: ModelServer, **playground: str) -> dict[str, Any]:
    """The playground with a stand-in and a demo model, and one that draws."""
    return {
        "playground": {"listen": f"127.0.0.1:{port}", **playground},
        "storage": {"url": "sqlite:data/bot.db"},
        "providers": {
            "local": {"type": "openai", "base_url": model.url, "api_key": "sk-a-very-secret-key"},
            "offline": {"type": "offline", "words_per_second": 200},
        },
        "models": {
            "main": {"provider": "local", "model": "stand-in", "vision": True},
            "demo": {"provider": "offline", "model": "demo"},
        },
        "image_models": {"painter": {"provider": "offline", "model": "demo"}},
    }
