"""A curve as SVG: lines over a logarithmic x axis, the y axis from nothing to the highest point.

By hand, because a plotting library for four lines would be the largest thing in the environment.
"""

import math
from html import escape

from tests.bench.figures import Curve

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 170, 40, 50
COLOURS = ("#0b62a3", "#b5480b", "#2c7a2c", "#7a3d9c", "#8a6d00", "#555555")


class Scale:
    """Where a point of the curve lies on the picture."""

    def __init__(self, curve: Curve) -> None:
        points = [point for line in curve.lines.values() for point in line]
        self.xs = sorted({x for x, _ in points})
        self.highest = max((y for _, y in points), default=1) or 1
        self._low, self._high = math.log(self.xs[0]), math.log(self.xs[-1])

    def x(self, value: float) -> float:
        share = (math.log(value) - self._low) / ((self._high - self._low) or 1)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.highest * (HEIGHT - TOP - BOTTOM)


def text(x: float, y: float, words: str, anchor: str = "middle", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(words)}</text>'


def rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#bbb"/>'


def axes(curve: Curve, scale: Scale) -> list[str]:
    drawn_axes = [text(WIDTH / 2, 22, curve.title, more='font-size="15"')]
    for x in scale.xs:
        drawn_axes.append(rule(scale.x(x), TOP, scale.x(x), HEIGHT - BOTTOM))
        drawn_axes.append(text(scale.x(x), HEIGHT - BOTTOM + 18, f"{x:,.0f}"))
    for step in range(5):
        value = scale.highest * step / 4
        drawn_axes.append(rule(LEFT, scale.y(value), WIDTH - RIGHT, scale.y(value)))
        drawn_axes.append(text(LEFT - 6, scale.y(value) + 4, f"{value:.3g}", "end"))
    drawn_axes.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, curve.x))
    drawn_axes.append(text(14, TOP - 10, curve.y, "start"))
    return drawn_axes


def lines(curve: Curve, scale: Scale) -> list[str]:
    drawn_lines = []
    for number, (name, points) in enumerate(curve.lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = " ".join(f"{scale.x(x):.1f},{scale.y(y):.1f}" for x, y in points)
        drawn_lines.append(
            f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        place = WIDTH - RIGHT + 12, TOP + 20 * number + 10
        drawn_lines.append(text(*place, name, "start", f'fill="{colour}"'))
    return drawn_lines


def drawn(curve: Curve) -> str:
    """The whole file. Every line needs a point, every x must be above 0."""
    scale = Scale(curve)
    body = "\n".join([*axes(curve, scale), *lines(curve, scale)])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )
