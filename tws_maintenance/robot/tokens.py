"""The CSRF tokens of a page of the robot: in its head, and in the form of its login."""

from dataclasses import dataclass
from html.parser import HTMLParser


@dataclass
class Tokens:
    """`page` stands in `<meta name="csrf-token">`, `form` in a hidden field; "" for none."""

    page: str = ""
    form: str = ""


class _Finder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found = Tokens()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the first of each."""
        values = {name: value or "" for name, value in attrs}
        if tag == "meta" and values.get("name") == "csrf-token":
            self.found.page = self.found.page or values.get("content", "")
        if tag == "input" and values.get("name") == "csrf_token":
            self.found.form = self.found.form or values.get("value", "")


def find_tokens(page: str) -> Tokens:
    """Return the tokens of a page, whatever else it holds."""
    finder = _Finder()
    finder.feed(page)
    return finder.found
