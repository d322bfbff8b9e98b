"""Whose credential it is: the three values that every row and every sealed value is bound to."""

from dataclasses import dataclass

__all__ = ["SERVICE", "Owner", "service"]

# The tenant of credentials that belong to no user.
SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Owner:
    """``tenant`` is the issuer's URL and ``user`` the subject; ``provider`` is the upstream's name."""

    tenant: str
    user: str
    provider: str

    @property
    def shown(self) -> str:
        """For operators' messages: no user is named, only that there is one."""
        return f"{self.provider} (service)" if self.tenant == SERVICE else f"{self.provider} (a user's)"


def service(provider: str) -> Owner:
    """The owner of a service's own credential."""
    return Owner(SERVICE, "", provider)
