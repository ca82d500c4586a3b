from __future__ import annotations

import pytest

from pipeline.layers.candidate import Candidate
from pipeline.layers.grounding import uncopied
from pipeline.layers.markup import without_markup
from pipeline.layers.question import MAX_DATA_CHARS
from pipeline.settings import MAX_CV_BYTES


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("**Languages:** Python, Go", "Languages: Python, Go"),
        ("__Cook__ at *Old Inn*, _2019_", "Cook at Old Inn, 2019"),
        ("### **Cook**, *Old Inn* (2019–2025)", "### Cook, Old Inn (2019–2025)"),
        ("* Ran `make test`", "- Ran make test"),
        ("[ada@example.org](mailto:ada@example.org)", "ada@example.org"),
        ("[+31 10 555](tel:+3110555) · <ada@example.org>", "+31 10 555 · ada@example.org"),
        ("[LinkedIn](https://l.example/ada)", "LinkedIn (https://l.example/ada)"),
        ("[l.example/ada](https://www.l.example/ada/)", "l.example/ada"),
        ("![Ada](ada.png) C\\# and 5\\*\\", "Ada C# and 5*"),
        ("snake_case_names, 2 * 3 * 4, C++ and C*", "snake_case_names, 2 * 3 * 4, C++ and C*"),
        ("less < more > less", "less < more > less"),
    ],
)
def test_markup_is_taken_off_and_nothing_else(line: str, text: str) -> None:
    assert without_markup(line) == text


@pytest.mark.parametrize(
    "markdown",
    [
        "# Ada\nada@example.org\n\n## Experience\n- Cooked",
        "# **Ada**\n[ada@example.org](mailto:ada@example.org)\n\n# Experience\n* Cooked",
        "Ada\n===\nada@example.org\n\nExperience\n----------\n+ Cooked",
        "# Ada\nada@example.org\n---\n## **Experience**\n- Cooked",
    ],
)
def test_no_model_sees_the_contact_however_headings_are_made(markdown: str) -> None:
    candidate = Candidate.parse(markdown)
    assert (candidate.name, candidate.contact) == ("Ada", ("ada@example.org",))
    heading, line = candidate.lines.values()
    assert (heading.lstrip("# "), line) == ("Experience", "- Cooked")
    assert list(candidate.lines)[-1] == len(markdown.splitlines())


def test_the_longest_cv_fits_into_a_prompt_with_its_numbers() -> None:
    markdown = f"{'x' * 49}\n" * (MAX_CV_BYTES // 50)
    assert len(Candidate.parse(markdown).numbered()) < MAX_DATA_CHARS


def test_what_is_copied_without_its_markup_is_copied() -> None:
    candidate = Candidate.parse("# Ada\n\n## Skills\n\n- **Languages:** Python, [Go](https://go.dev)")
    assert uncopied("Languages: Python, Go", (5,), candidate) == []


@pytest.mark.parametrize(
    ("text", "is_copied"),
    [
        ("Assistant Manager", True),
        ("Manager", False),
        ("Founder", False),
        ("Co-Founder", True),
        ("Engineer", False),
        ("Engineer Intern", True),
        ("Baker", True),
        ("Smart Ltd", True),
        ("art", False),
        ("2019–2024", True),
        ("20", False),
    ],
)
def test_a_copy_is_of_whole_words_and_promotes_nobody(text: str, is_copied: bool) -> None:
    line = "Assistant Manager, Co-Founder, Engineer Intern and Baker, Smart Ltd (2019–2024)"
    assert (uncopied(text, (1,), Candidate.parse(line)) == []) is is_copied
