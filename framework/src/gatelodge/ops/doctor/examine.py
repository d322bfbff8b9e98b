"""All checks in the order in which their causes depend on each other: machine, name, edge, issuer, realm, linked accounts."""

from collections.abc import Sequence
from dataclasses import dataclass

from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, Severity, not_checked
from gatelodge.ops.doctor.findings import (
    account_pages,
    account_sign_in,
    audience,
    basic_scope,
    buffering,
    certificate,
    clock,
    configuration,
    dns,
    issuer,
    machine,
    offline_role,
    open_routes,
    permissions,
    ports,
    provider_redirects,
    registration,
    running,
    vault_key,
    versions,
)

__all__ = ["CHECKS", "Report", "examine"]

CHECKS: tuple[Check, ...] = tuple(
    module.CHECK
    for module in (
        machine,
        versions,
        permissions,
        configuration,
        dns,
        running,
        ports,
        certificate,
        clock,
        issuer,
        open_routes,
        buffering,
        registration,
        audience,
        basic_scope,
        offline_role,
        account_pages,
        account_sign_in,
        provider_redirects,
        vault_key,
    )
)


@dataclass(frozen=True, slots=True)
class Report:
    """One run: the URL looked at, and each check with its finding, in order."""

    mcp_url: str
    findings: Sequence[tuple[Check, Finding]]

    def count(self, severity: Severity) -> int:
        """How many findings are of this severity."""
        return sum(finding.severity is severity for _, finding in self.findings)

    @property
    def healthy(self) -> bool:
        """Whether nothing has to be mended now."""
        return not self.count(Severity.PROBLEM)

    def document(self) -> dict[str, object]:
        """The JSON form."""
        findings = [
            {
                "check": check.name,
                "title": check.title,
                "severity": finding.severity.value,
                "cause": finding.cause,
                "fix": finding.fix,
                "command": finding.command,
            }
            for check, finding in self.findings
        ]
        return {"mcp_url": self.mcp_url, "healthy": self.healthy, "findings": findings}


async def examine(facts: Facts, checks: Sequence[Check] = CHECKS) -> Report:
    """Run the checks one after the other; one that cannot be made does not keep the others from it."""
    findings: list[tuple[Check, Finding]] = []
    asleep = facts.record is not None and not facts.record.state.running
    for check in checks:
        try:
            finding = not_checked("the stack does not run") if check.live and asleep else await check.examine(facts)
        except GatelodgeError as error:
            finding = not_checked(error.detail)
        findings.append((check, finding))
    return Report(facts.mcp_url, findings)
