"""Paths that try to leave their template (catalogue of attacks, M14) and to reach other hosts (M13)."""

import re

import pytest
from proxy_desk import ProxyDesk
from results import record

from gatelodge.connections.api_paths import PathRefused, canonical, fill, segments

# Each is put where an owner's name belongs: /repos/{here}/r, or stands for the whole path.
IN_A_PLACE = (
    *("..", ".", "...", "%2e%2e", "%2E%2e", ".%2e", "%2e", "%252e%252e", "%25%32%65", "..%2f", "%2f", "%2F..", "%252f"),
    *("..;", "a;b", "..;a=b", "%3b", "\\", "..\\", "%5c", "%5C..", "%255c", "a\\b", "%00", "a%00b", "%0d%0a", "%0a"),
    *("%0d%0aHost:%20evil", "a?b", "%3f", "a#b", "%23", "%", "%2", "%zz", "%u002e", "%c0%ae", "%c0%af", "%e0%80%af"),
    *("%f0%80%80%af", "%ff", "%ed%a0%80", "%ef%bc%8f", "%e2%88%95", "%e2%81%84", "%e2%a7%b8", "%ef%bc%8e%ef%bc%8e"),
    *("%e2%80%a4%e2%80%a4", "%ef%bc%85", "%ef%bd%9b%e2%80%8b", "%e2%80%8b", "%e2%80%ae", "%ef%bb%bf", "%7f", "%c2%85"),
    *("%e2%80%a8", "%f3%a0%81%81", "\u2215", "\uff0f", "a b", "\x00", "\r\n", "\t", "", "%20", "%2e%20", ". .", "..."),
)
WHOLE = (
    *("", "user", "//user", "//evil.example/user", "///user", "/user/", "/user//", "/./user", "/x/../user", "/user/.."),
    *("http://evil.example/user", "https://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1:1/", "@evil.example"),
    *("/@evil.example/../user", "/user?x=1", "/user#x", "/user%3fx", "/user HTTP/1.1\r\nHost: evil", "/user\r\nx: y"),
    *("/http://169.254.169.254/", "/user/%2e%2e/%2e%2e/admin", "/repos/o/r/../../../user/emails", "*", "/*", "/user;x"),
    *(
        "\\\\evil.example\\user",
        "/\\evil.example",
        "/%5cevil.example",
        "/%2fevil.example",
        "/.",
        "/..",
        "/%00",
        "/" * 3000,
    ),
    *("/repos/o/r/contents/../../../../user/emails", "/repos/o/r/contents/a/%2e%2e/b", "/repos/o/r/contents//etc"),
    *("/repos/o/r/contents/a%2fb", "/repos/o/r/contents/", "/repos/o/r/contents", "http:/evil.example", "/USER"),
    *("/[::ffff:127.0.0.1]/", "http://0x7f.1/", "http://127.1/user", "http://[64:ff9b::7f00:1]/", "/user\u2028"),
)
ALLOWED = {
    "/repos/o/r": "/repos/o/r",
    "/repos/O%2Do/r": "/repos/O-o/r",
    "/repos/o%20o/r": "/repos/o%20o/r",
    "/repos/@a:b/r": "/repos/@a:b/r",
    "/repos/%7Ba%7D/r": "/repos/%7Ba%7D/r",
    "/repos/%c3%bc/r": "/repos/%C3%BC/r",
    "/repos/a.b/..c": "/repos/a.b/..c",
    "/repos/o/r/contents/a/b%20c/d.md": "/repos/o/r/contents/a/b%20c/d.md",
    "/%75ser": "/user",
    "/repos/%26a%3Db%22/r": "/repos/&a=b%22/r",
}


async def test_the_upstream_sees_a_template_with_encoded_values_and_nothing_else(desk: ProxyDesk) -> None:
    tricks = [f"/repos/{trick}/r" for trick in IN_A_PLACE] + list(WHOLE)
    refused = 0
    for path in tricks:
        response = await desk.call("github", path=path)
        assert (response.status_code, response.json()["error"]) == (403, "proxy_refused"), path
        assert path not in response.text or path in {"", "*", "user", "/.", "/.."}, "nothing is reflected"
        refused += 1
    assert desk.raw.asked == []
    assert desk.raw.connections == 0
    for path, sent in ALLOWED.items():
        desk.raw.asked.clear()
        assert (await desk.call("github", path=path)).status_code == 200, path
        assert desk.raw.targets in ([f"GET {sent}"], []), "the same request again comes from the cache"
    assert refused == len(tricks) >= 60
    record(
        11,
        "proxy paths",
        tried=len(tricks),
        passed=refused,
        figure="0 connections to any host",
        command=".venv/bin/pytest framework/tests/proxy/test_paths.py",
        negative_control="with the check of segments taken out the upstream is asked for the paths as they came",
    )


async def test_values_of_the_query_stay_values(desk: ProxyDesk) -> None:
    hostile = "x&admin=1#?/../\r\nHost: evil\u2028é%00"
    assert (await desk.call("github", path="/search/issues", query={"q": hostile, "a&b=c": "d"})).status_code == 200
    (asked,) = desk.raw.asked
    value = "x%26admin%3D1%23%3F%2F..%2F%0D%0AHost%3A+evil%E2%80%A8%C3%A9%2500"
    assert asked.target == f"/search/issues?q={value}&a%26b%3Dc=d"
    assert re.fullmatch(r"GET /search/issues\?[\x21-\x7e]+ HTTP/1\.1", asked.line)


def test_a_filled_template_keeps_each_value_in_its_place() -> None:
    assert fill("/repos/{owner}/{repo}/issues/{number}", owner="o", repo="ü b", number=7) == (
        "/repos/o/%C3%BC%20b/issues/7"
    )
    assert fill("/repos/{o}/{r}/contents/{path...}", o="o", r="r", path="a/b c") == "/repos/o/r/contents/a/b%20c"
    for value in (
        "",
        "..",
        "a/b",
        "a%2fb",
        "a?b",
        "a#b",
        "a;b",
        "a\\b",
        "\x00",
        "a\nb",
        "\uff0e\uff0e",
        "a\uff0fb",
        "\ud800",
    ):
        with pytest.raises(PathRefused):
            fill("/repos/{owner}", owner=value)
    for value in ("a/../b", "/a", "a//b", "a/"):
        with pytest.raises(PathRefused):
            fill("/x/{path...}", path=value)
    with pytest.raises(PathRefused):
        fill("/x/{path...}", path="/".join(["ab"] * 2000))
    with pytest.raises(KeyError):
        fill("/x/{path}")


def test_the_sent_spelling_of_a_path_is_its_own_sent_spelling() -> None:
    for path, sent in ALLOWED.items():
        assert canonical(path) == sent
        assert canonical(sent) == sent
        assert segments(sent) == segments(path)
