"""What a Gradio app says of itself in `GET /config`, and how a question goes into it: pure translators, no I/O.

Seen on 4.44.1, 5.50.0, 6.31.0 and modelscope_studio 0.5.2. An app is components and functions over them; three shapes
of chat are known, the first being that of the two Qwen Spaces:

    [textbox, chatbot, …] → […, chatbot, …]    the question beside the history
    [chatbot, …] → [chatbot, …]                the question is the history's last entry ("user, then bot")
    [textbox, state, …] → [text, …]            gr.ChatInterface's own function: its history is the server's, per session
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from chat.errors import Garbled, ModelNotFound
from chat.messages import Message, Role
from providers.base import JsonValue, ReplyRequest

# pairs: [["q", "a"]]; modelscope: the same with {"text", "files"} for each side; messages: role and content;
# parts: the same with content as a list; none: there is no place for history, so it is told in the question
HistoryForm = Literal["pairs", "modelscope", "messages", "parts", "none"]

OLD_PROTOCOLS = ("ws", "sse", "sse_v1")  # before 4.20: another way to queue, or no differences

_TEXT_INPUTS = ("textbox", "multimodaltextbox")
_TEXT_OUTPUTS = ("textbox", "markdown", "json")
_CHOICES = ("radio", "dropdown")


@dataclass(frozen=True, slots=True)
class Field:
    """A component that a function takes: its type, its label, and what it holds until somebody changes it."""

    kind: str
    label: str = ""
    value: JsonValue = None
    choices: tuple[str, ...] = ()

    @property
    def is_chatbot(self) -> bool:
        """Whether it holds a conversation."""
        return self.kind.endswith("chatbot")


@dataclass(frozen=True, slots=True)
class ChatFunction:
    """The function that answers. `output`: which of its outputs holds the conversation; `prefix`: before `/queue`."""

    fn_index: int
    form: HistoryForm
    fields: tuple[Field, ...]
    output: int
    prefix: str = ""
    title: str = ""

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of its field for the model's size; empty where there is none, or it names none."""
        return next((field.choices for field in self.fields if field.kind in _CHOICES), ())


def read_config(config: JsonValue, wanted: int | None = None, documented: int | None = None) -> ChatFunction:
    """The function that chats: `wanted` and no other if given, else `documented` if it is as good as any.

    Raises `Garbled` where there is none, or what is wanted doesn't chat: somebody must look at the config.
    """
    if not isinstance(config, dict) or not isinstance(config.get("dependencies"), list):
        raise Garbled(f"not the /config of a Gradio app: {str(config)[:200]}")
    if config.get("protocol") in OLD_PROTOCOLS:
        raise Garbled(f"Gradio {config.get('version')} is too old: it must be 4.20 or newer")
    found = [ranked for entry in _dicts(config["dependencies"]) if (ranked := _ranked(config, entry))]
    fitting = [each for each in found if wanted is None or each[1].fn_index == wanted]
    if not fitting:
        known = ", ".join(str(function.fn_index) for _, function in found) or "none"
        asked = "no function" if wanted is None else f"no function {wanted}"
        raise Garbled(f"the app has {asked} that chats; those that do (fn_index): {known}")
    return min(fitting, key=lambda each: (each[0], each[1].fn_index != documented))[1]


def join_data(function: ChatFunction, request: ReplyRequest, system: str, model: str) -> list[JsonValue]:
    """The inputs of the function in their order: question, history, system prompt, model; the rest as the app has it.

    A parameter of the request goes into the field of that label. A system prompt without a field of its own is told
    with the first message, and history without a place in the question.
    """
    places = _places(function)
    turns = _merged(request.messages)
    if system and "system" not in places:
        turns[0] = Message(turns[0].role, f"{system}\n\n{turns[0].text}")
    parameters = {_plain(name): value for name, value in request.parameters.items()}
    given: dict[str, JsonValue] = {"question": _question(function, turns), "system": system, "model": model}
    given["history"] = history_value(function.form, turns[:-1] if "question" in places else turns)
    return [
        given[place] if given.get(place) not in ("", None) else parameters.get(_plain(field.label), field.value)
        for place, field in zip(places, function.fields, strict=True)
    ]


def history_value(form: HistoryForm, turns: Sequence[Message]) -> JsonValue:
    """A conversation as the app's chatbot takes it. Where the oldest question was left out, an empty one stands."""
    if form in ("messages", "parts"):
        return [{"role": turn.role, "content": _content(form, turn.text)} for turn in turns]
    pairs: list[list[JsonValue]] = []
    for turn in turns:
        if turn.role == "user":
            pairs.append([_side(form, turn.text), None])
            continue
        if not pairs:
            pairs.append([_side(form, ""), None])
        pairs[-1][1] = _side(form, turn.text)
    return [*pairs]


def entries_before(form: HistoryForm, messages: Sequence[Message]) -> int:
    """How many questions the history holds before the one that is asked."""
    turns = _merged(messages)[:-1]
    pairs = history_value("pairs", turns)
    if form in ("pairs", "modelscope") and isinstance(pairs, list):
        return len(pairs)
    return sum(turn.role == "user" for turn in turns)


def chosen(model: str, choices: Sequence[str], aliases: Sequence[str]) -> str:
    """The choice that a model's name stands for; the first for one of `aliases`. Raises `ModelNotFound`."""
    if model in choices or not choices:
        return model
    if model and model not in aliases:
        raise ModelNotFound(f"there are: {', '.join(choices)}")
    return choices[0]


def _ranked(config: Mapping[str, JsonValue], entry: Mapping[str, JsonValue]) -> tuple[int, ChatFunction] | None:
    """The function, and how likely it is the one to ask (0 = most); None if it doesn't chat."""
    inputs, outputs = _fields(config, entry.get("inputs")), _fields(config, entry.get("outputs"))
    fn_index = entry.get("id")
    if not inputs or not isinstance(fn_index, int) or entry.get("backend_fn") is False:
        return None
    kinds = entry.get("types")
    streams = isinstance(kinds, dict) and kinds.get("generator") is True
    chatbots = [number for number, field in enumerate(outputs) if field.is_chatbot]
    typed = inputs[0].kind in _TEXT_INPUTS
    second = inputs[1] if len(inputs) > 1 else Field("")
    if chatbots and typed and second.is_chatbot:
        rank, output, form = (0 if streams else 3), chatbots[0], _form(config, second)
    elif chatbots and inputs[0].is_chatbot and streams:
        rank, output, form = 1, chatbots[0], _form(config, inputs[0])
    elif typed and second.kind == "state" and outputs and outputs[0].kind in _TEXT_OUTPUTS:
        rank, output, form = (2 if streams else 4), 0, "none"
    else:
        return None
    return rank, ChatFunction(fn_index, form, inputs, output, _text(config, "api_prefix"), _text(config, "title"))


def _fields(config: Mapping[str, JsonValue], ids: JsonValue) -> tuple[Field, ...]:
    components = {each.get("id"): each for each in _dicts(config.get("components"))}
    return tuple(_field(components.get(each, {})) for each in ids) if isinstance(ids, list) else ()


def _field(component: Mapping[str, JsonValue]) -> Field:
    props = component.get("props")
    props = props if isinstance(props, dict) else {}
    kind, choices = _text(component, "type"), props.get("choices")
    if kind == "chatbot" and props.get("type"):
        kind = f"{props['type']} chatbot"
    listed = choices if isinstance(choices, list) else []
    values = (choice[-1] if isinstance(choice, list) and choice else choice for choice in listed)  # [label, value]
    return Field(kind, _text(props, "label"), props.get("value"), tuple(v for v in values if isinstance(v, str)))


def _form(config: Mapping[str, JsonValue], chatbot: Field) -> HistoryForm:
    if "modelscope" in chatbot.kind:
        return "modelscope"
    if chatbot.kind == "chatbot":  # a `type` is named by 4.44 and 5 only
        major = _text(config, "version").partition(".")[0]
        return "parts" if major.isdecimal() and int(major) >= 6 else "pairs"
    return "messages" if chatbot.kind.startswith("messages") else "pairs"


def _places(function: ChatFunction) -> list[str]:
    """What each field is for; empty: nothing that a question fills."""
    places = [""] * len(function.fields)
    for number, field in enumerate(function.fields):
        place = _place(number, field)
        if place and place not in places:
            places[number] = place
    return places


def _place(number: int, field: Field) -> str:
    label = field.label.lower()
    if field.is_chatbot:
        return "history"
    if field.kind in _TEXT_INPUTS and number == 0:
        return "question"
    if field.kind == "textbox" and (not label or "system" in label or "instruction" in label):
        return "system"
    return "model" if field.kind in _CHOICES else ""


def _question(function: ChatFunction, turns: Sequence[Message]) -> JsonValue:
    text = turns[-1].text
    if function.form == "none" and len(turns) > 1:
        names = {"user": "User", "assistant": "Assistant"}
        text = "\n".join(f"{names[turn.role]}: {turn.text}" for turn in turns) + "\nAssistant:"
    return {"text": text, "files": []} if function.fields[0].kind == "multimodaltextbox" else text


def _side(form: HistoryForm, text: str) -> JsonValue:
    return {"text": text, "files": []} if form == "modelscope" else text


def _content(form: HistoryForm, text: str) -> JsonValue:
    return [{"type": "text", "text": text}] if form == "parts" else text


def _merged(messages: Sequence[Message]) -> list[Message]:
    """Question and answer by turns: what one side says in a row is one text."""
    turns: list[Message] = []
    for message in messages:
        role: Role = message.role
        if turns and turns[-1].role == role:
            turns[-1] = Message(role, f"{turns[-1].text}\n\n{message.text}")
        else:
            turns.append(Message(role, message.text))
    return turns


def _plain(label: str) -> str:
    return label.strip().lower().replace(" ", "_")


def _text(fields: Mapping[str, JsonValue], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _dicts(values: JsonValue) -> list[dict[str, JsonValue]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
