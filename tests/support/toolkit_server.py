"""django-oauth-toolkit on loopback: a refresh token that was replaced works for ten more minutes.

Run as a program: prints its port, ends when standard input does. `POST /mint` makes a link without a browser.
"""

# mypy: disable-error-code="import-untyped"

import os
import sys
import threading
from datetime import timedelta
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, URLResolver, include, path


class Threads(ThreadingMixIn, WSGIServer):
    """One thread a connection."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """No line for each request."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass


def mint(request: HttpRequest) -> HttpResponse:
    """A link without a browser."""
    from django.contrib.auth.models import User
    from django.utils.timezone import now
    from oauth2_provider.models import AccessToken, Application, RefreshToken
    from oauthlib.common import generate_token

    person, _ = User.objects.get_or_create(username="person")
    client = Application.objects.get()
    ends = now() + timedelta(seconds=3600)
    access = AccessToken.objects.create(
        user=person, application=client, token=generate_token(), expires=ends, scope="read"
    )
    refresh = RefreshToken.objects.create(user=person, application=client, token=generate_token(), access_token=access)
    return JsonResponse({"access_token": access.token, "refresh_token": refresh.token, "expires_in": 3600})


def known(request: HttpRequest) -> HttpResponse:
    """Whether an access token is good."""
    from django.utils.timezone import now
    from oauth2_provider.models import AccessToken

    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    return JsonResponse({"good": AccessToken.objects.filter(token=token, expires__gt=now()).exists()})


# Filled when Django is set up: the package's views need its models.
urlpatterns: list[URLPattern | URLResolver] = []


def main() -> None:
    """Configure, migrate, serve."""
    # Nothing here outlives the run.
    options = {"timeout": 30, "init_command": "PRAGMA synchronous=OFF; PRAGMA journal_mode=WAL"}
    apps = ["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"]
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1], "OPTIONS": options}},
        INSTALLED_APPS=apps,
        MIGRATION_MODULES={app.rpartition(".")[2]: None for app in apps},
        ROOT_URLCONF=__name__,
        SECRET_KEY="only for tests",
        ALLOWED_HOSTS=["127.0.0.1"],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        OAUTH2_PROVIDER={
            "ROTATE_REFRESH_TOKEN": True,
            "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": 600,
            "REFRESH_TOKEN_REUSE_PROTECTION": True,
            "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
            "PKCE_REQUIRED": False,
            "SCOPES": {"read": "Read"},
        },
    )
    django.setup()
    call_command("migrate", verbosity=0, run_syncdb=True)
    from oauth2_provider.models import Application

    Application.objects.create(
        client_id="form",
        client_secret=os.environ["CLIENT_SECRET"],
        client_type="confidential",
        authorization_grant_type="authorization-code",
        redirect_uris="http://127.0.0.1/callback",
        name="gatelodge",
    )
    urlpatterns.extend([path("mint", mint), path("known", known), path("o/", include("oauth2_provider.urls"))])
    server = make_server("127.0.0.1", 0, get_wsgi_application(), Threads, Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)  # noqa: T201 - how its starter learns the port
    sys.stdin.read()


if __name__ == "__main__":
    main()
