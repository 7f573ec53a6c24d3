"""x"""


def describe() -> dict[str, object]:
    return {}
