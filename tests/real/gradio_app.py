"""A real Gradio app of the shape of the two Qwen Spaces, run by tests/real with the Python of each version's venv.

    python gradio_app.py --port 7860 --form tuples|messages|modelscope [--login] [--queue 1]

A question is a script, as JSON: `steps` (the answer after each step, whole), `pause` (seconds before each), `fail`
(after how many steps it raises) and `error` ("shown" for gr.Error, else an exception that Gradio doesn't show);
`{"told": true}` answers with what the app was given. Gradio is no dependency of Parley: this file imports nothing else.
"""
# mypy: ignore-errors

import argparse
import json
import time

import gradio as gr

SIZES = ["72B", "32B", "14B", "7B", "3B", "1.5B", "0.5B"]
SIZES += ["Math-72B", "Math-7B", "Math-1.5B", "Coder-7B", "Coder-1.5B"]
DEFAULT_SYSTEM = "You are a helpful assistant."
PARTS = int(gr.__version__.split(".")[0]) >= 6  # messages whose content is a list of parts

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--form", choices=["tuples", "messages", "modelscope"], required=True)
parser.add_argument("--login", action="store_true")
parser.add_argument("--queue", type=int)
options = parser.parse_args()
MODELSCOPE = options.form == "modelscope"
MESSAGES = options.form == "messages" or PARTS


def with_answer(history, question, answer):
    if MESSAGES:
        return [*history, {"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return [*history, [question, answer]]


def plain(entry):
    """What the app was given of an entry, as one text; fails on any other form than its own, as real apps do."""
    if MESSAGES:
        content = entry["content"]
        assert isinstance(content, list) if PARTS else isinstance(content, str), content
        return [entry["role"], "".join(part["text"] for part in content) if PARTS else content]
    return [side.text if MODELSCOPE else side + "" for side in entry]


def steps_of(script, history, system, size):
    if script.get("told"):
        told = {"history": [plain(entry) for entry in history], "system": system, "size": size}
        return [json.dumps(told, ensure_ascii=False)]
    return script["steps"] * script.get("times", 1)


def chat(question, history, system, size=""):
    script = json.loads(question)
    for number, answer in enumerate(steps_of(script, history, system, size)):
        if number == script.get("fail"):
            break
        time.sleep(script.get("pause", 0))
        yield "", with_answer(history, question, answer), system
    if "fail" in script:
        raise gr.Error("the app's own words") if script.get("error") == "shown" else RuntimeError("hidden")


def whole(question, history):
    return with_answer(history, question, "not streamed")


def chatbot():
    if MODELSCOPE:
        import modelscope_studio as mgr

        return mgr.Chatbot()
    return gr.Chatbot() if PARTS else gr.Chatbot(type=options.form)


with gr.Blocks(title="An app") as app:
    radio = gr.Radio(SIZES, value="72B", label="size")
    math = gr.Radio(SIZES, label="Math")
    system_input = gr.Textbox(value=DEFAULT_SYSTEM, label="System")
    system_state = gr.Textbox(value=DEFAULT_SYSTEM, visible=False)
    talk = chatbot()
    textbox = gr.Textbox(label="Input")
    if MODELSCOPE:  # so that it has the documented function, 3
        for _ in range(3):
            radio.change(lambda chosen: chosen, [radio], [math])
    inputs = [textbox, talk, system_state, *([radio] if MODELSCOPE else [])]
    textbox.submit(chat, inputs, [textbox, talk, system_input], concurrency_limit=1)
    gr.Button("Clear").click(lambda: ("", []), [], [textbox, talk])
    gr.Button("Set").click(lambda system: (system, []), [system_input], [system_state, talk])
    gr.Button("Whole").click(whole, [textbox, talk], [talk])

app.queue(max_size=options.queue)
login = ("someone", "a password") if options.login else None
app.launch(server_name="127.0.0.1", server_port=options.port, quiet=True, auth=login)
