"""Changes single places of a YAML text, and leaves every other character as it is: comments, order, layout.

PyYAML says where each node begins and ends in the text. Nothing here says that the result reads as meant:
whoever changes a text reads it again and compares.
"""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from newsletter_bandit.settings.yaml_text import scalar

Path = Sequence[str]


class UnclearError(Exception):
    """The text is laid out in a way that no change here knows."""


class Document:
    """A YAML text whose root is a mapping.

    A path names the keys from the root on; () is the root itself.

    Args:
      text: as it stands in the file.

    Attributes:
      text: the same, with the changes made so far.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def append(self, path: Path, item: str) -> None:
        """Adds a text as the last item of the list at ``path``; raises `UnclearError` if there is none."""
        found = self._list(path)
        if found.flow_style:
            self._insert_into_flow(found, scalar(item), [_end(each) for each in found.value])
        else:
            self._insert_line(_end(found), f"{' ' * found.start_mark.column}- {scalar(item)}")

    def remove(self, path: Path, item: str) -> None:
        """Removes a text from the list at ``path``, which must hold another item as well."""
        found = self._list(path)
        self._cut(found, [(each.start_mark.index, _end(each)) for each in found.value], _place(found, item))

    def replace(self, path: Path, item: str, new: str) -> None:
        """Puts another text in the place of an item of the list at ``path``."""
        found = self._list(path)
        self._overwrite(found.value[_place(found, item)], new)

    def put(self, path: Path, key: str, value: str, after: str | None = None) -> None:
        """Adds an entry to the mapping at ``path``.

        Args:
          path: of the mapping.
          key: one that it does not have yet.
          value: as YAML writes it, on one line.
          after: key behind whose entry it goes; None for the end.
        """
        found, entry = self._mapping(path), f"{scalar(key)}: {value}"
        ends = [_end(own) for name, own in found.value if after in (None, name.value)]
        if found.flow_style:
            self._insert_into_flow(found, entry, ends)
        elif not ends:
            raise UnclearError(after)
        else:
            self._insert_line(ends[-1], f"{' ' * found.start_mark.column}{entry}")

    def drop(self, path: Path, key: str) -> None:
        """Removes an entry from the mapping at ``path``, which must have another one as well."""
        found = self._mapping(path)
        names = [name.value for name, _ in found.value]
        self._cut(found, [(name.start_mark.index, _end(own)) for name, own in found.value], names.index(key))

    def rename_key(self, path: Path, key: str, new: str) -> None:
        """Gives an entry of the mapping at ``path`` another key."""
        (name,) = (name for name, _ in self._mapping(path).value if name.value == key)
        self._overwrite(name, new)

    def set_text(self, path: Path, new: str) -> None:
        """Puts another text in the place of the one at ``path``."""
        self._overwrite(self._node(path), new)

    def _node(self, path: Path) -> yaml.Node:
        node = yaml.compose(self.text, Loader=yaml.SafeLoader)
        for key in path:
            entries = node.value if isinstance(node, yaml.MappingNode) else []
            node = next((own for name, own in entries if name.value == key), None)
        if node is None:
            raise UnclearError(".".join(path))
        return node

    def _list(self, path: Path) -> yaml.SequenceNode:
        node = self._node(path)
        if not isinstance(node, yaml.SequenceNode):
            raise UnclearError(".".join(path))
        return node

    def _mapping(self, path: Path) -> yaml.MappingNode:
        node = self._node(path)
        if not isinstance(node, yaml.MappingNode):
            raise UnclearError(".".join(path))
        return node

    def _overwrite(self, node: yaml.Node, new: str) -> None:
        self.text = self.text[: node.start_mark.index] + scalar(new) + self.text[_end(node) :]

    def _insert_into_flow(self, node: yaml.CollectionNode, entry: str, ends: Sequence[int]) -> None:
        at = ends[-1] if ends else node.start_mark.index + 1
        self.text = self.text[:at] + (f", {entry}" if node.value else entry) + self.text[at:]

    def _insert_line(self, index: int, line: str) -> None:
        """Adds a line below the one that holds ``index``."""
        end = self._line_end(index)
        newline = "\r\n" if "\r\n" in self.text else "\n"
        self.text = self.text[:end] + newline + line + self.text[end:]

    def _cut(self, node: yaml.CollectionNode, parts: Sequence[tuple[int, int]], place: int) -> None:
        """Takes away one of the parts, from its beginning to its end, with its comma or its lines."""
        if len(parts) < 2:
            raise UnclearError("the only entry")
        begin, end = parts[place]
        if not node.flow_style:
            begin = self.text.rfind("\n", 0, begin) + 1
            end = self.text.find("\n", end) + 1 or len(self.text)
        elif place + 1 < len(parts):
            end = parts[place + 1][0]
        else:
            begin = parts[place - 1][1]
        self.text = self.text[:begin] + self.text[end:]

    def _line_end(self, index: int) -> int:
        end = self.text.find("\n", index)
        end = len(self.text) if end < 0 else end
        return end - 1 if end > index and self.text[end - 1] == "\r" else end


def _place(node: yaml.SequenceNode, item: str) -> int:
    return [each.value for each in node.value].index(item)


def _end(node: yaml.Node) -> int:
    """Index behind the node's last character; that of a block ends behind the blank lines that follow it."""
    if isinstance(node, yaml.ScalarNode):
        if node.style in ("|", ">"):
            raise UnclearError("a block of text")
        return int(node.end_mark.index)
    assert isinstance(node, yaml.CollectionNode)
    if node.flow_style:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)
