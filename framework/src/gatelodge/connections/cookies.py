"""The two cookies of these pages: the session's id, and a sign-in under way.

Invariant: no script reads them, no other host or path of this one can set them (``__Host-`` on https), and no page of
another site sends them along but by a plain visit (``SameSite=Lax``, which the ways back from a provider need).
"""

from starlette.requests import Request
from starlette.responses import Response

from gatelodge.connections.place import Place

__all__ = ["SESSION", "SIGN_IN", "forget", "given", "keep"]

SESSION = "session"
SIGN_IN = "sign-in"


def given(request: Request, place: Place, name: str) -> str | None:
    """The cookie's value; None without one."""
    return request.cookies.get(place.cookie(name)) or None


def keep(response: Response, place: Place, name: str, value: str, *, seconds: float) -> None:
    """Have the browser keep a cookie."""
    response.set_cookie(
        place.cookie(name),
        value,
        max_age=int(seconds),
        path="/",
        secure=place.secure,
        httponly=True,
        samesite="lax",
    )


def forget(response: Response, place: Place, name: str) -> None:
    """Take it back."""
    response.delete_cookie(place.cookie(name), path="/", secure=place.secure, httponly=True, samesite="lax")
