"""`make coverage`: what the native tests have run of the core, per folder below src, as a table; and the lines that they have not.

Tests that stand in a file below src are not counted: they run by themselves. Neither is src/proxy, which exists in Wasm only
and is tested there.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    counts = counts_of(Path(sys.argv[1]).read_text())
    folders: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    missing: dict[str, list[int]] = {}
    for path, lines in sorted(counts.items()):
        own = {line: count for line, count in lines.items() if line < tests_begin(path)}
        folder = folders[str(Path(path).parent) if Path(path).parent != Path("src") else "src"]
        folder[0] += sum(count > 0 for count in own.values())
        folder[1] += len(own)
        if lost := [line for line, count in own.items() if count == 0]:
            missing[path] = lost
    for path, lines in missing.items():
        print(f"{path}: not run: {', '.join(ranges(lines))}")
    total = [sum(numbers) for numbers in zip(*folders.values(), strict=True)]
    print("\n| folder | lines | run |\n|---|---|---|")
    for name, (run, all_lines) in [*folders.items(), ("all", total)]:
        print(f"| `{name}` | {all_lines} | {percent(run, all_lines)} |")


def counts_of(lcov: str) -> dict[str, dict[int, int]]:
    """How often each line with code was run, by file."""
    counts: dict[str, dict[int, int]] = {}
    lines: dict[int, int] = {}
    for record in lcov.splitlines():
        kind, _, value = record.partition(":")
        if kind == "SF":
            path = Path(value).resolve()
            lines = {}
            if path.is_relative_to(ROOT / "src") and not path.is_relative_to(ROOT / "src/proxy"):
                lines = counts.setdefault(str(path.relative_to(ROOT)), {})
        elif kind == "DA":
            line, count = value.split(",")[:2]
            lines[int(line)] = lines.get(int(line), 0) + int(count)
    return counts


def tests_begin(path: str) -> int:
    """The line on which the tests of a file begin, which stand at its end."""
    lines = (ROOT / path).read_text().splitlines()
    return lines.index("#[cfg(test)]") + 1 if "#[cfg(test)]" in lines else len(lines) + 1


def ranges(lines: list[int]) -> list[str]:
    """Lines that follow one another as one: 3, 7-9."""
    found: list[list[int]] = []
    for line in sorted(lines):
        if found and line == found[-1][1] + 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return [str(first) if first == last else f"{first}-{last}" for first, last in found]


def percent(run: int, lines: int) -> str:
    """Rounded down, so that 100 % means all of them."""
    return f"{1000 * run // lines / 10:.1f} %"


if __name__ == "__main__":
    main()
