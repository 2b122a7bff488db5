"""What the bench says and leaves behind."""

import json
from xml.etree import ElementTree

from tests.bench.figures import Curve, Figure, Missing
from tests.bench.output import line, quantity, table, write

REACHED = Figure(4, "/call/state", 620.0, "requests/s", "bare", 1000.0, at_least=0.6)
NOT = Figure(2, "desk call", 20.0, "ms", "FreeSWITCH", 40.0, at_most=0.25)
PLAIN = Figure(6, "memory per stream", 12.3456, "KiB")
AWAY = Missing(1, "fsapp beside Genesis", "it does not start")
WRONG = Missing(5, "the rest of the workload", "AssertionError: twice", failed=True)


def test_the_table_has_a_line_for_each_figure_and_each_that_is_missing():
    heading, *rows = table([REACHED, NOT, PLAIN], [AWAY, WRONG]).splitlines()
    assert heading.split() == ["#", "what", "figure", "beside", "ratio", "goal", "reached"]
    assert [row[0] for row in rows] == ["4", "2", "6", "1", "5"]
    assert rows[0].split()[-4:] == ["0.62", "≥", "0.6", "yes"]
    assert rows[1].split()[-4:] == ["0.50", "≤", "0.25", "NO"]
    assert rows[2].endswith("12.3 KiB")
    assert rows[3] == "1  fsapp beside Genesis: left out: it does not start"
    assert rows[4] == "5  the rest of the workload: FAILED: AssertionError: twice"


def test_columns_begin_below_their_headings():
    heading, *rows = table([REACHED, NOT]).splitlines()
    for row in rows:
        assert row[heading.index("reached") :] in ("yes", "NO")


def test_three_digits_are_read_whatever_the_size():
    values = (0.12345, 1.2345, 12.345, 123.45, 12345.0)
    assert [quantity(value, "ms") for value in values] == [
        "0.12 ms",
        "1.23 ms",
        "12.3 ms",
        "123 ms",
        "12345 ms",
    ]


def test_a_line_says_what_stands_beside():
    assert line(NOT) == "desk call  20.0 ms  FreeSWITCH: 40.0 ms  0.50  ≤ 0.25  NO"


def test_the_json_has_the_same_and_the_machine(tmp_path):
    curve = Curve(3, "memory", "Memory", "calls", "MiB", {"": [(10, 50.0), (1000, 90.0)]})
    written = write(tmp_path / "results", [REACHED, NOT], [AWAY], [curve])
    assert [path.name for path in written] == ["bench.json", "memory.svg"]
    document = json.loads(written[0].read_text("utf-8"))
    assert [one["reached"] for one in document["figures"]] == [True, False]
    assert document["figures"][1]["ratio"] == 0.5
    assert document["missing"] == [AWAY.document()]
    assert document["machine"]["processors"] >= 1


def test_a_picture_has_a_line_through_every_point(tmp_path):
    lines = {"fsapp": [(10, 5.0), (40, 4.0), (100, 3.0)], "other": [(10, 6.0), (40, 6.0)]}
    [_, path] = write(tmp_path, [], [], [Curve(1, "cpu", "CPU & time", "calls/s", "ms", lines)])
    picture = ElementTree.fromstring(path.read_text("utf-8"))
    drawn = [line.get("points", "").split() for line in picture.findall(".//{*}polyline")]
    assert [len(points) for points in drawn] == [3, 2]
    height = [float(point.partition(",")[2]) for point in drawn[0]]
    assert height == sorted(height)  # smaller values lie lower in the picture: a larger y
    words = [text.text for text in picture.findall(".//{*}text")]
    assert {"CPU & time", "fsapp", "other", "10", "40", "100"} <= set(words)
