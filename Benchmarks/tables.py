"""Formats figures as Markdown tables that are also readable on a terminal."""

# Column title: key in the result, factor, digits after the decimal point.
TIMES = {"p50 ms": ("p50", 1e-3, 1), "p99 ms": ("p99", 1e-3, 1)}
RESIDENT = {"resident MiB": ("resident_mib", 1, 0)}
REQUESTS = {
    "requests/s": ("rate", 1, 0), **TIMES,
    "server CPU µs": ("server_cpu", 1, 0), "to constant": ("relative_cpu", 1, 2),
    "PostgreSQL CPU µs": ("database_cpu", 1, 0), **RESIDENT,
}
DELIVERIES = {
    "deliveries/s": ("rate", 1, 0), **TIMES,
    "server CPU µs": ("server_cpu", 1, 1), "generator CPU µs": ("generator_cpu", 1, 1), **RESIDENT,
}
REPLIES = {
    "tokens/s": ("rate", 1, 0), **TIMES,
    "server CPU µs": ("server_cpu", 1, 0), "PostgreSQL CPU µs": ("database_cpu", 1, 0),
    "disk to text": ("disk_ratio", 1, 1), "reader's bytes to text": ("wire_ratio", 1, 1),
}
HELD = {
    "count": ("count", 1, 0), "MiB before": ("mib_before", 1, 1), "MiB after": ("mib_after", 1, 1),
    "KiB each": ("kib_each", 1, 2), "open files before": ("files_before", 1, 0), "after": ("files_after", 1, 0),
}


def section(result: dict) -> str:
    parts = [
        f"{result['measured_on']}, {result['rounds']} rounds of {result['seconds']} s. "
        + ", ".join(f"{name} {value}" for name, value in result["machine"].items()) + "."
    ]
    if rows := result.get("deliveries"):
        parts.append(figures("", DELIVERIES, {case(row): row for row in rows}))
    if rows := result.get("replies"):
        parts.append(figures("per token", REPLIES, {case(row): row for row in rows}))
    parts.append(figures("", REQUESTS, {case(row): row for row in result["rows"]}))
    if rows := result.get("held"):
        parts.append(figures("resident", HELD, {row["what"]: row for row in rows}))
    parts.append(table(["target", "value", "bound", "moonshot", ""], [
        [aim["name"], f"{aim['value']:.2f}", aim["bound"], str(aim.get("moonshot") or ""), verdict(aim)]
        for aim in result["aims"]
    ]))
    if proofs := result.get("durability"):
        parts.append(table(["writes one by one", "synchronizations", "counted", ""], [
            [f"{proof['writes']} on {proof['database']}", str(proof["syncs"]), proof["counted"], verdict(proof)]
            for proof in proofs
        ]))
    if proofs := result.get("slow"):
        parts.append(table(["a slow subscriber's entries", "before it was disconnected", "after it resumed", ""], [
            [str(proof["posts"]), str(proof["before"]), str(proof["after"]), verdict(proof)] for proof in proofs
        ]))
    return "\n\n".join(parts)


def case(row: dict) -> str:
    return f"{row['target']}: {row['scenario']}"


def verdict(judged: dict) -> str:
    if judged["reached"]:
        return "reached"
    return f"missed: {reason}" if (reason := judged.get("reason")) else "MISSED"


def figures(heading: str, columns: dict[str, tuple[str, float, int]], rows: dict[str, dict]) -> str:
    def number(row: dict, name: str, scale: float, digits: int) -> str:
        return "" if row.get(name) is None else f"{row[name] * scale:,.{digits}f}"

    return table([heading, *columns], [
        [name, *(number(row, *column) for column in columns.values())] for name, row in rows.items()
    ])


def table(headings: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in [headings, *rows]) for column in range(len(headings))]
    lines = [headings, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines)
