"""A picture of the ratios: a bar for each layer, up where tconv is ahead of the best peer, else down."""

from __future__ import annotations

from math import ceil, floor, log2
from xml.sax.saxutils import escape

from benchmarks.engines import ENGINES
from benchmarks.results import Results, best_peer, ratios

# Pixels. Colours stand out from white as from black, for the colour-blind too; the ground is left to the page.
STEP, BAR, LEFT, TOP, HEIGHT, NAMES = 13, 8, 40, 28, 260, 108
AHEAD, BEHIND, INK = "#3d8fd1", "#d9772b", "#7d8590"


def draw(results: Results) -> str:
    """An SVG of the time of the best peer over the time of the layer object, on a logarithmic axis, sorted."""
    found = sorted(ratios(results).items(), key=lambda item: -item[1][0])
    low = min(-1, floor(log2(min(least for _, (_, least, _) in found))))
    high = max(1, ceil(log2(max(greatest for _, (_, _, greatest) in found))))
    right = LEFT + STEP * len(found)

    def y(value: float) -> float:
        return TOP + HEIGHT * (high - log2(value)) / (high - low)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{max(right, 560) + 8}" height="{TOP + HEIGHT + NAMES}" '
        f'font-family="sans-serif" font-size="11" fill="{INK}" stroke-width="1">',
        f'<text x="4" y="14">time of the best peer / time of tconv (thin line: all rounds), {results["dtype"]}, '
        f"threads: {results['threads']}</text>",
    ]
    for power in range(low, high + 1):
        label, at = str(2**power) if power >= 0 else f"1/{2**-power}", y(2.0**power)
        lines.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{label}</text>')
        lines.append(f'<path d="M{LEFT} {at:.1f}H{right}" stroke="{INK}" stroke-opacity="{0.3 if power else 1}"/>')
    for place, (name, (middle, least, greatest)) in enumerate(found):
        x = LEFT + STEP * (place + 0.5)
        peer = ENGINES[best_peer(results["rows"][name]) or ""].title
        lines += [
            f"<g><title>{escape(name)}: {middle:.2f} ({least:.2f} to {greatest:.2f}), {escape(peer)}</title>",
            f'<rect x="{x - BAR / 2:.1f}" y="{min(y(middle), y(1)):.1f}" width="{BAR}" '
            f'height="{abs(y(middle) - y(1)):.1f}" fill="{AHEAD if middle >= 1 else BEHIND}"/>',
            f'<path d="M{x:.1f} {y(least):.1f}V{y(greatest):.1f}" stroke="{INK}"/>',
            f'<text transform="translate({x + 4:.1f} {TOP + HEIGHT + 6}) rotate(-90)" text-anchor="end">'
            f"{escape(name)}</text></g>",
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"
