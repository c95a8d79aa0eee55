"""The real llama.cpp server (xllamacpp) with a tiny model of random weights, made on the spot: its words mean nothing.

Run by an environment that has xllamacpp and gguf, not the tests' own: `python llama_server.py --port N --model FILE`.
Told not to stop (`ignore_eos`, no `max_tokens`), it goes on for ever: the context is shifted.
"""
# mypy: ignore-errors

import argparse
import signal
from pathlib import Path

import gguf
import numpy as np
import xllamacpp

WIDTH, HEADS, LAYERS, HIDDEN, CONTEXT = 64, 4, 2, 128, 512
WORDS = ("the", "a", "of", "and", "to", "in", "is", "it", "you", "that", "was", "for", "on", "are", "with", "as", "one")
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


def vocabulary() -> tuple[list[bytes], list[float], list[int]]:
    """A sentencepiece vocabulary: the special tokens, every byte, letters and a few words."""
    letters = [chr(number) for number in range(32, 127)]
    words = [f"\u2581{word}" for word in WORDS]
    normal = list(dict.fromkeys(["\u2581", *letters, *words]))
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{number:02X}>" for number in range(256)), *normal]
    kinds = [UNKNOWN, CONTROL, CONTROL, *([BYTE] * 256), *([NORMAL] * len(normal))]
    return [token.encode() for token in tokens], [-float(number) for number in range(len(tokens))], kinds


def write_model(file: Path) -> None:
    """Less than a megabyte of random weights in the form of a Llama."""
    random = np.random.default_rng(7)
    writer = gguf.GGUFWriter(file, "llama")
    describe(writer)
    for name, shape in shapes().items():
        weights = np.ones(shape) if len(shape) == 1 else random.normal(0, 0.2, shape)
        writer.add_tensor(f"{name}.weight", weights.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def describe(writer: gguf.GGUFWriter) -> None:
    tokens, scores, kinds = vocabulary()
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)


def shapes() -> dict[str, tuple[int, ...]]:
    """The tensors: what belongs to the vocabulary, and to each layer."""
    tokens, _, _ = vocabulary()
    found = {"token_embd": (len(tokens), WIDTH), "output": (len(tokens), WIDTH), "output_norm": (WIDTH,)}
    for layer in range(LAYERS):
        part = f"blk.{layer}"
        found |= {f"{part}.attn_{name}": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
        found |= {f"{part}.{name}_norm": (WIDTH,) for name in ("attn", "ffn")}
        found |= {f"{part}.ffn_gate": (HIDDEN, WIDTH), f"{part}.ffn_up": (HIDDEN, WIDTH)}
        found[f"{part}.ffn_down"] = (WIDTH, HIDDEN)
    return found


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", type=Path, required=True)
    options = parser.parse_args()
    write_model(options.model)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(options.model)
    parameters.hostnames, parameters.port = ["127.0.0.1"], options.port
    parameters.n_ctx, parameters.n_parallel, parameters.n_predict, parameters.ctx_shift = 256, 1, -1, True
    parameters.cpuparams.n_threads = 1
    parameters.warmup = parameters.fit_params = False
    parameters.model_alias = {"tiny"}
    server = xllamacpp.Server(parameters)
    print(f"llama.cpp at {server.listening_address}", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
