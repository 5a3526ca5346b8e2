from xml.etree import ElementTree

import pytest

from hypernode.cli.svg import COLOURS, Panel, Series, compute_ticks, draw

SVG = "{http://www.w3.org/2000/svg}"


def parse(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def panel(*series: Series, **fields: object) -> Panel:
    return Panel("A & B", "x < 1", "y", series, **fields)  # type: ignore[arg-type]  # fields of a panel


@pytest.mark.parametrize(
    ("least", "most", "ticks"),
    [
        (0, 6, [0, 1, 2, 3, 4, 5, 6]),
        (0, 100, [0, 20, 40, 60, 80, 100]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
        (0, 0.03, [0, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03]),
        (0, 0, [0, 0.2]),
        (7, 7, [6, 8]),
    ],
)
def test_ticks_are_round_numbers_that_cover_the_values(least: float, most: float, ticks: list[float]) -> None:
    assert compute_ticks(least, most) == ticks


def test_a_line_goes_through_its_points_in_its_own_colour() -> None:
    root = parse(draw("t", [panel(Series("one", [(0, 0), (10, 100)]), Series("two", [(0, 50), (10, 50)]))]))
    lines = root.findall(f".//{SVG}polyline")
    assert [line.get("stroke") for line in lines] == list(COLOURS[:2])
    # the plot is 70 to 740 across and 254 down to 52
    assert lines[0].get("points") == "70,254 740,52"
    assert lines[1].get("points") == "70,153 740,153"


def test_bars_begin_at_0_also_below_it() -> None:
    root = parse(draw("t", [panel(Series("", [(1, 2), (2, -2)], "bars"))]))
    bars = [p for p in root.findall(f".//{SVG}path") if p.get("stroke-width")]
    begins = {(p.get("d") or "").split(" ")[1].split("V")[0] for p in bars}
    assert begins == {"153"}
    assert len(bars) == 2


def test_points_have_no_line_and_a_mark_has_its_name() -> None:
    drawn = draw("t", [panel(Series("s", [(1, 1), (2, 2)], "points"), mark=("bar of 18 %", 1.5))])
    root = parse(drawn)
    assert not root.findall(f".//{SVG}polyline")
    assert len(root.findall(f".//{SVG}circle")) == 2
    assert "bar of 18 %" in drawn


def test_words_are_escaped_and_panels_stand_below_each_other() -> None:
    drawn = draw("1 < 2", [panel(Series("<b>", [(0, 1)])), panel(Series("", []))])
    root = parse(drawn)
    assert root.get("height") == "600"
    assert "1 &lt; 2" in drawn
    assert "&lt;b&gt;" in drawn
    assert "nothing to show" in drawn


def test_the_same_values_give_the_same_text() -> None:
    chart = [panel(Series("s", [(0.1, 1 / 3), (2, 3)]))]
    assert draw("t", chart) == draw("t", chart)


def test_a_value_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        draw("t", [panel(Series("s", [(0, float("inf"))]))])


def test_a_spread_is_an_upright_line_and_the_axis_covers_it() -> None:
    series = Series("", [(1.0, 5.0), (2.0, 6.0)], spread=[(1.0, 2.0, 40.0)])
    drawn = draw("spread", [Panel("p", "x", "y", [series])])
    assert ">40</text>" in drawn
    assert drawn.count('opacity="0.5"') == 1
