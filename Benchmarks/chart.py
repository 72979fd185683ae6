"""An SVG bar chart of the rates, for light and dark pages."""
from html import escape

WIDTH, LABEL, BAR, GAP, HEADING = 760, 150, 20, 6, 34
STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #24292f; }
    .heading { font-weight: 600; }
    rect { fill: #8c959f; }
    .SQLite { fill: #0969da; }
    .PostgreSQL { fill: #1a7f37; }
    @media (prefers-color-scheme: dark) {
        text { fill: #e6edf3; }
        rect { fill: #6e7681; }
        .SQLite { fill: #4493f8; }
        .PostgreSQL { fill: #3fb950; }
    }"""


def chart(rows: list[dict]) -> str:
    """One group of bars per scenario; everything but the service is gray."""
    fastest = max(row["rate"] for row in rows)
    shapes, y = [], 0
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        shapes.append(f'<text class="heading" x="0" y="{y + 22}">{escape(scenario)}</text>')
        y += HEADING
        for row in rows:
            if row["scenario"] == scenario:
                length = max(1, row["rate"] / fastest * (WIDTH - LABEL - 70))
                kind = row["target"] if row["target"] in ("SQLite", "PostgreSQL") else "compared"
                shapes += [
                    f'<text x="{LABEL - 10}" y="{y + 15}" text-anchor="end">{escape(row["target"])}</text>',
                    f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{length:.0f}" height="{BAR}" rx="3"/>',
                    f'<text x="{LABEL + length + 8:.0f}" y="{y + 15}">{row["rate"]:,.0f}</text>',
                ]
                y += BAR + GAP
    content = "\n    ".join(shapes)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" role="img">
    <title>Requests per second, 64 connections</title>
    <style>{STYLE}
    </style>
    {content}
</svg>
"""
