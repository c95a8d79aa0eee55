"""Formulas become text that can be read, whatever they are: in little time, in about as many characters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messengers.formulas import is_formula
from messengers.latex import readable

COMMANDS = ("sqrt", "overline", "underline", "frac", "hat", "binom", "mathbf", "substack", "cancel", "begin", "text")


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\sqrt{2+\sqrt{2+\sqrt{2}}}", "√(2+√(2+√2))"),
        (r"\sqrt{x}, \sqrt{10}, \sqrt[3]{x+1}", "√x, √10, ∛(x+1)"),
        (r"\sqrt{x^2}", "√x²"),
        (r"\sqrt{\bar x}", "√x\u0304"),
        (r"\overline{a\overline{b}}", "a\u0305b\u0305"),
        (r"\overline{\underline{a}}", "a\u0305\u0332"),
        (r"\begin{bmatrix}1 & 2\\3 & 40\end{bmatrix}", "⎡1   2⎤\n⎣3  40⎦"),
    ],
)
def test_roots_and_lines_are_readable_in_each_other(latex: str, text: str) -> None:
    assert readable(latex).replace("\u0332\u0305", "\u0305\u0332") == text


@pytest.mark.parametrize(
    "text",
    [
        *("f(x)", "n!", "2n", "(a,b)", "a+b", "x > 0", "0 < x < 1", "1/n", "n - 1", "-x", "|x|", "x'", "f: A", "x1"),
        *("sin(x)", "O(n)", "ABC", "2(n+1)", "0.5x", "αβ", "x"),
    ],
)
def test_short_formulas_are_formulas(text: str) -> None:
    assert is_formula(text)


@pytest.mark.parametrize(
    "text",
    [
        *("5", "1,000", "5 to ", "10, and ", "5 or 6", "5/kg", "5/h, 6", "20/m", "100", "5 a day, 6", "5, or 7", "3/5"),
        *(
            "HOME",
            "name",
            "the",
            "a month",
            "a b",
            "(a",
            "a) b(c",
            "(this).hide()",
            "{a}/",
            "",
            " ",
            "|",
            "+",
            "if(x) ",
        ),
    ],
)
def test_prices_variables_and_words_are_none(text: str) -> None:
    assert not is_formula(text)


def assert_bounded(latex: str) -> None:
    assert len(readable(latex)) <= 4 * len(latex) + 200


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("levels", [25, 200, 20_000])
def test_a_formula_that_only_goes_deeper_neither_explodes_nor_takes_long(command: str, levels: int) -> None:
    assert_bounded(f"\\{command}{{" * levels + "x" + "}" * levels)
    assert_bounded(f"\\{command}{{" * levels)
    assert_bounded(f"\\{command}" * levels)


@pytest.mark.parametrize(
    "rows",
    ["a" * 2000 + r"\\a" * 800, "&" * 2000 + r"\\a" * 800, r"a\\" * 800 + r"\end{matrix}\begin{matrix}ab" * 40],
)
def test_a_matrix_of_mostly_nothing_stays_as_it_is(rows: str) -> None:
    assert_bounded(r"\begin{matrix}" + rows)


PIECES = st.sampled_from(
    [
        *(f"\\{command}{brace}" for command in COMMANDS for brace in ("", "{", "{a+b}")),
        *(
            "{",
            "}",
            "[",
            "]",
            "^",
            "_",
            "^{",
            "_{",
            "&",
            r"\\",
            "\\",
            " ",
            "\n",
            "x",
            "12",
            "(",
            "|",
            "é",
            "😀",
            "\u0305",
        ),
        *(r"\left", r"\right", r"\not", r"\sum", r"\alpha", r"\tag{1}", r"\phantom{", "{matrix}", "{align}", r"\end"),
    ]
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(PIECES, min_size=1, max_size=12).map("".join), st.integers(1, 40))
def test_no_formula_grows_beyond_measure(piece: str, times: int) -> None:
    assert_bounded(piece * times)
