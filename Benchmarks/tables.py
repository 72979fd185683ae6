"""The figures as Markdown that is also readable on a terminal."""

HEADINGS = ["", "requests/s", "p50 ms", "p99 ms", "server CPU µs", "PostgreSQL CPU µs", "resident MiB"]


def section(result: dict) -> str:
    parts = [
        f"{result['measured_on']}, {result['rounds']} rounds of {result['seconds']} s. "
        + ", ".join(f"{name} {value}" for name, value in result["machine"].items()) + ".",
        table(HEADINGS, [figures(row) for row in result["rows"]]),
        table(["aim", "ratio", "bound", ""], [
            [aim["name"], f"{aim['ratio']:.2f}", aim["bound"], "reached" if aim["reached"] else "MISSED"]
            for aim in result["aims"]
        ]),
    ]
    if proofs := result.get("durability"):
        parts.append(table(["writes one by one", "synchronisations", "counted", ""], [
            [f"{proof['writes']} on {proof['database']}", str(proof["syncs"]), proof["counted"],
             "reached" if proof["reached"] else "MISSED"]
            for proof in proofs
        ]))
    return "\n\n".join(parts)


def figures(row: dict) -> list[str]:
    def number(name: str, scale: float = 1, digits: int = 0) -> str:
        return "" if row[name] is None else f"{row[name] * scale:,.{digits}f}"

    return [
        f"{row['target']}: {row['scenario']}", number("rate"), number("p50", 1e-3, 1), number("p99", 1e-3, 1),
        number("server_cpu"), number("database_cpu"), number("resident_mib"),
    ]


def table(headings: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in [headings, *rows]) for column in range(len(headings))]
    lines = [headings, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines)
