from __future__ import annotations

from pipeline.layers.paper import Block, Kind, Paper

HOSTILE = "<script>x</script> [a](javascript:b) `c` # d"
PAPER = Paper(
    "T & <b>",
    (
        Block(Kind.TITLE, "Cook"),
        Block(Kind.ITEM, "One"),
        Block(Kind.ITEM, "Two"),
        Block(Kind.PARAGRAPH, HOSTILE),
        Block(Kind.ITEM, "Three"),
    ),
)


def test_markdown_has_lists_and_no_markup_of_others() -> None:
    assert PAPER.as_markdown() == (
        "# Cook\n\n- One\n- Two\n\n"
        r"\<script\>x\</script\> \[a\](javascript:b) \`c\` \# d"
        "\n\n- Three\n"
    )


def test_html_is_escaped_and_loads_nothing() -> None:
    html = PAPER.as_html()
    assert "<title>T &amp; &lt;b&gt;</title>" in html
    assert "<h1>Cook</h1>\n<ul>\n<li>One</li>\n<li>Two</li>\n</ul>\n<p>&lt;script&gt;" in html
    assert html.count("<ul>") == html.count("</ul>") == 2
    assert "<script" not in html
    assert "src=" not in html


def test_text_is_as_it_was_written() -> None:
    assert PAPER.as_text() == f"Cook\n\nOne\n\nTwo\n\n{HOSTILE}\n\nThree\n"
