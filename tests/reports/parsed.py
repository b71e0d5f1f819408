"""A page as a file: its elements and texts, and what it must never hold."""

from __future__ import annotations

from html.parser import HTMLParser

# Elements that fetch, run or send something.
_ACTIVE = {"script", "img", "iframe", "object", "embed", "video", "audio", "form", "base", "source"}


class Parsed(HTMLParser):
    """Elements and texts of a page; `open` must be empty at its end."""

    VOID = frozenset({"meta", "link", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.cells: list[list[str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)
        if self.open and {"td", "th"} & set(self.open):
            self.cells[-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def require_self_contained(text: str) -> None:
    """The page is one small file that refers to nothing."""
    assert len(text.encode()) < 1_500_000
    parsed = Parsed(text)
    assert parsed.open == []
    assert not _ACTIVE & {tag for tag, _ in parsed.elements}
    for tag, attributes in parsed.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("href", "src", "xlink:href", "action", "srcset", "poster"):
                assert (value or "").startswith(("#", "data:,")), (tag, value)
    # Names of XML's dialects are no addresses that a browser fetches; nothing else looks like one.
    rest = text.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xlink", "")
    assert "://" not in rest
    assert "@import" not in rest
    assert "url(" not in rest.replace("url(#", "")
    identifiers = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
