"""A machine as an SVG: states in columns by their distance from the start, moves as numbered arrows with a legend."""

from enum import StrEnum
from typing import Any
from xml.sax.saxutils import escape

from app.cli.dev.machines.proof import final_states, start_of, states_of
from app.kernel.machines import Table

BOX_W, BOX_H, COLUMN_W, ROW_H, MARGIN = 150, 34, 240, 84, 30
LEGEND_ROW_H, LEGEND_COLUMN_W = 20, 430
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1d2733}.s{fill:#eef4fb;stroke:#4a7ab5}.f{fill:#e9f6ec;stroke:#3f8f57}"
    ".b{stroke-width:2.5}.a{fill:none;stroke:#8a97a6;stroke-width:1.3}.n{fill:#fff;stroke:#8a97a6}.k{font-size:11px}"
)


def _columns(table: Table[Any, Any]) -> dict[StrEnum, int]:
    distance, ahead = {start_of(table): 0}, [start_of(table)]
    while ahead:
        state = ahead.pop(0)
        for (source, _), (target, _) in table.items():
            if source is state and target not in distance:
                distance[target] = distance[state] + 1
                ahead.append(target)
    return distance


def _places(table: Table[Any, Any]) -> dict[StrEnum, tuple[int, int]]:
    columns, rows, places = _columns(table), dict[int, int](), {}
    for state in states_of(table):
        column = columns.get(state, 0)
        row = rows.get(column, 0)
        rows[column] = row + 1
        places[state] = (MARGIN + column * COLUMN_W, MARGIN + row * ROW_H + (column % 2) * ROW_H // 3)
    return places


def _arrow(start: tuple[int, int], end: tuple[int, int], number: int, lane: int) -> str:
    (x1, y1), (x2, y2) = start, end
    if start == end:
        x, y = x1 + BOX_W // 2, y1
        path = f"M{x - 22},{y} C{x - 34},{y - 30} {x + 34},{y - 30} {x + 22},{y}"
        at = (x, y - 22)
    elif x2 > x1:
        xs, xe, ys, ye = x1 + BOX_W, x2, y1 + BOX_H // 2 + lane * 6, y2 + BOX_H // 2
        path = f"M{xs},{ys} C{xs + 40},{ys} {xe - 40},{ye} {xe},{ye}"
        at = ((xs + xe) // 2, (ys + ye) // 2)
    else:
        xs, xe, below = x1 + BOX_W // 2 + lane * 8, x2 + BOX_W // 2 - lane * 8, max(y1, y2) + BOX_H + 16 + lane * 7
        ys, ye = (y1 + BOX_H, y2 + BOX_H) if x2 < x1 or y2 < y1 else (y1 + BOX_H, y2)
        path = f"M{xs},{ys} C{xs},{below} {xe},{below} {xe},{ye}"
        at = ((xs + xe) // 2, (ys + ye + 6 * below) // 8)
    marker = 'marker-end="url(#h)"'
    circle = f'<circle class="n" cx="{at[0]}" cy="{at[1]}" r="9"/>'
    text = f'<text class="k" x="{at[0]}" y="{at[1] + 4}" text-anchor="middle">{number}</text>'
    return f'<path class="a" d="{path}" {marker}/>{circle}{text}'


def draw(name: str, table: Table[Any, Any]) -> str:
    """Return a machine as a whole SVG document."""
    places, final, start = _places(table), final_states(table), start_of(table)
    edges: dict[tuple[StrEnum, StrEnum], list[str]] = {}
    for (source, action), (target, roles) in table.items():
        edges.setdefault((source, target), []).append(f"{action.value} ({', '.join(sorted(roles))})")
    bottom = max(y for _, y in places.values()) + BOX_H + 60
    per_column = -(-len(edges) // 2)
    width = max(max(x for x, _ in places.values()) + BOX_W + MARGIN, 2 * LEGEND_COLUMN_W + MARGIN)
    longest = max(len(", ".join(actions)) for actions in edges.values())
    width = max(width, 2 * MARGIN + 2 * (longest * 7 + 230))
    height = bottom + per_column * LEGEND_ROW_H + MARGIN
    arrows, legend, lanes = [], [], dict[StrEnum, int]()
    for number, ((source, target), actions) in enumerate(edges.items(), start=1):
        lane = lanes.get(source, 0)
        lanes[source] = lane + 1
        arrows.append(_arrow(places[source], places[target], number, lane % 5 - 2))
        x = MARGIN + (number - 1) // per_column * (width - 2 * MARGIN) // 2
        y = bottom + (number - 1) % per_column * LEGEND_ROW_H
        said = escape(f"{number}. {source.value} → {target.value}: {', '.join(actions)}")
        legend.append(f'<text x="{x}" y="{y}">{said}</text>')
    boxes = [
        f'<rect class="{"f" if state in final else "s"}{" b" if state is start else ""}" x="{x}" y="{y}"'
        f' width="{BOX_W}" height="{BOX_H}" rx="8"/>'
        f'<text x="{x + BOX_W // 2}" y="{y + 22}" text-anchor="middle">{state.value}</text>'
        for state, (x, y) in places.items()
    ]
    head = '<marker id="h" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{name}">',
            f'<style>{_STYLE}</style><defs>{head}<path d="M0,0 L8,4 L0,8 z" fill="#8a97a6"/></marker></defs>',
            *arrows,
            *boxes,
            *legend,
            "</svg>",
            "",
        ]
    )
