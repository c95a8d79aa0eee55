"""Real Gradio apps in every version and form, each of the shape of the two Qwen Spaces (gradio_app.py)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.real.conftest import installed
from tests.real.programs import free_port, running
from tests.real.venvs import version_of

_OLD = (
    "gradio==4.44.1",
    "huggingface_hub<1",
    "pydantic<2.11",
    "fastapi==0.115.0",
    "starlette<0.39",
    'audioop-lts; python_version >= "3.13"',
)
_ENVIRONMENTS = {
    "gradio-4.44.1": _OLD,
    "gradio-5.50.0": ("gradio==5.50.0",),
    "gradio-6.31.0": ("gradio==6.31.0",),
    "modelscope_studio-0.5.2": ("modelscope_studio==0.5.2", *_OLD),
}


@dataclass(frozen=True)
class Kind:
    """A version and the form of its history, by the app's own word for it."""

    environment: str
    form: str

    def __str__(self) -> str:
        return f"{self.environment}-{self.form}"


KINDS = (
    Kind("gradio-4.44.1", "tuples"),
    Kind("gradio-4.44.1", "messages"),
    Kind("gradio-5.50.0", "tuples"),
    Kind("gradio-5.50.0", "messages"),
    Kind("gradio-6.31.0", "messages"),
    Kind("modelscope_studio-0.5.2", "modelscope"),
)
QUEUE = 2  # so many may wait, beside the one that is answered


@dataclass(frozen=True)
class App:
    """A running app. `described`: the versions that are really there."""

    kind: Kind
    url: str
    described: str

    @property
    def preset(self) -> str:
        return "qwen-2.5" if self.kind.form == "modelscope" else "qwen-2-72b"

    @property
    def prefix(self) -> str:
        return "" if "4.44" in self.described else "/gradio_api"


@contextmanager
def app_of(kind: Kind, logs: Path, *options: str) -> Iterator[App]:
    """Run one."""
    python = installed(kind.environment, *_ENVIRONMENTS[kind.environment])
    port = free_port()
    source = Path(__file__).with_name("gradio_app.py")
    command = [str(python), str(source), "--port", str(port), "--form", kind.form, "--queue", str(QUEUE), *options]
    described = f"gradio {version_of(python, 'gradio')}"
    if kind.form == "modelscope":
        described += f" with modelscope_studio {version_of(python, 'modelscope_studio')}"
    with running(command, port, "/config", logs / f"{kind}.log"):
        yield App(kind, f"http://127.0.0.1:{port}", f"{described}, {kind.form}")
