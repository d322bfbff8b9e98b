"""What a sign-in page of the authorization server holds: its forms and the message a person would read.

Invariant: parsing never fails; a page of another shape is a page without forms.
Not here: which form to send and where it may go (``browser``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

__all__ = ["Form", "Page", "parse_page"]

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
# Where Keycloak's login theme writes what it wants the person to know; a person reads in this order.
_MESSAGE_CLASSES = frozenset({"kc-feedback-text", "pf-m-error", "pf-v5-c-alert__title", "instruction"})
_MESSAGE_IDS = ("kc-error-message", "input-error")
_TITLE_ID = "kc-page-title"
_TEXT_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Form:
    """One HTML form: where it goes (as written, maybe relative), its fields and its buttons."""

    action: str
    method: str
    # Values of hidden inputs are session codes of the sign-in in progress.
    fields: Mapping[str, str] = field(repr=False)
    buttons: tuple[str, ...] = ()
    password_field: str | None = None

    @property
    def asks_consent(self) -> bool:
        """Whether the form is the accept-or-cancel question."""
        return {"accept", "cancel"} <= set(self.buttons)


@dataclass(frozen=True, slots=True)
class Page:
    """The forms of a page, its heading and its first visible message (both short, one line, maybe empty)."""

    title: str
    message: str
    forms: tuple[Form, ...]

    @property
    def login(self) -> Form | None:
        """The form that asks for a password."""
        return next((form for form in self.forms if form.password_field), None)

    @property
    def consent(self) -> Form | None:
        """The form that asks for consent."""
        return next((form for form in self.forms if form.asks_consent), None)

    @property
    def says(self) -> str:
        """What a person would read on it, in one line."""
        return self.message or self.title or "a page without a message"


def parse_page(html: str) -> Page:
    """Read one page."""
    parser = _PageParser()
    parser.feed(html)
    parser.close()
    return Page(parser.text("title"), parser.text("message"), tuple(parser.forms))


class _PageParser(HTMLParser):
    """Collects forms, and the text inside the elements that carry a message."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self._open: list[tuple[str, str | None]] = []
        self._texts: dict[str, list[str]] = {"title": [], "message": []}
        self._form: dict[str, str] | None = None
        self._fields: dict[str, str] = {}
        self._buttons: list[str] = []
        self._password: str | None = None

    def text(self, kind: str) -> str:
        """What was collected, white space collapsed and cut short."""
        return " ".join(" ".join(self._texts[kind]).split())[:_TEXT_LIMIT]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form part; remember whether text below is a message."""
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = values
            self._fields, self._buttons, self._password = {}, [], None
        elif tag in ("input", "button"):
            self._control(tag, values)
        if tag not in _VOID:
            self._open.append((tag, _kind(values)))

    def handle_endtag(self, tag: str) -> None:
        """Close the element; close the form."""
        if tag == "form" and self._form is not None:
            self.forms.append(
                Form(
                    action=self._form.get("action", ""),
                    method=self._form.get("method", "get").lower(),
                    fields=self._fields,
                    buttons=tuple(self._buttons),
                    password_field=self._password,
                )
            )
            self._form = None
        # Unclosed elements (<p>, <li>) end with what encloses them.
        if any(open_tag == tag for open_tag, _ in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Keep text that belongs to a message."""
        if self._open and self._open[-1][0] in ("script", "style"):
            return
        for kind in {kind for _, kind in self._open if kind}:
            self._texts[kind].append(data)

    def _control(self, tag: str, values: Mapping[str, str]) -> None:
        name = values.get("name", "")
        if self._form is None or not name:
            return
        if tag == "button" or values.get("type") == "submit":
            self._buttons.append(name)
            return
        kind = values.get("type", "text").lower()
        if kind in ("checkbox", "radio"):
            return
        self._fields[name] = values.get("value", "")
        if kind == "password":
            self._password = name


def _kind(values: Mapping[str, str]) -> str | None:
    """Whether an element's text is the heading, a message or neither."""
    identity = values.get("id", "")
    if identity == _TITLE_ID:
        return "title"
    # "input-error-container-…" encloses "input-error-…": either way the text is collected once.
    if identity.startswith(_MESSAGE_IDS) or _MESSAGE_CLASSES & set(values.get("class", "").split()):
        return "message"
    return None
