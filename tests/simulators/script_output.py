"""What a MethodSCRIPT instrument sends, read by the manual's rule and not by the product's."""

PREFIXES = {"a": -18, "f": -15, "p": -12, "n": -9, "u": -6, "m": -3, " ": 0, "k": 3, "M": 6, "i": 0}


def values(line: str) -> dict[str, float]:
    """Decode a package; statuses and ranges are left out."""
    assert line.startswith("P")
    return {
        part[:2]: (int(part[2:9], 16) - 2**27) * 10.0 ** PREFIXES[part[9]]
        for part in line[1:].split(";")
    }


def packages(lines: list[str]) -> list[dict[str, float]]:
    """Decode the packages among some lines."""
    return [values(line) for line in lines if line.startswith("P")]
