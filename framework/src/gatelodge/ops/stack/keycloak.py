"""Keycloak as a process of one checkout: a home of links into the shared cache, a database of its own.

Java is started as ``kc.sh`` starts it, but directly: the script keeps Java as a child and would leave it behind.
"""

import shutil
from contextlib import suppress
from pathlib import Path

from gatelodge.ops.stack.failures import guarded_disk
from gatelodge.ops.stack.options import StackOptions
from gatelodge.ops.stack.ports import Ports

__all__ = ["keycloak_command", "prepare_home"]

_PROGRAMS = ("bin", "conf", "lib", "providers", "themes", "version.txt")
_FORK_JOIN = "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory"
_JVM = (
    # Serial collector and the first compiler only: a third less memory and start-up time on a small machine.
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xms64m",
    "-Xmx512m",
    "-XX:MetaspaceSize=96M",
    "-XX:MaxMetaspaceSize=256m",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dfile.encoding=UTF-8",
    "-Dstdout.encoding=UTF-8",
    "-Dstderr.encoding=UTF-8",
    "-Djava.security.egd=file:/dev/urandom",
    "-Djdk.tls.rejectClientInitiatedRenegotiation=true",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--add-opens=java.base/java.security=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
    "-Duser.language=en",
    "-Duser.country=US",
    f"-Djava.util.concurrent.ForkJoinPool.common.threadFactory={_FORK_JOIN}",
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    "-Dpicocli.disable.closures=true",
    "-Dquarkus-log-max-startup-records=10000",
)


def prepare_home(home: Path, distribution: Path) -> None:
    """Make the checkout's Keycloak home, its scratch folder empty. Raises: DiskRefused."""
    with guarded_disk(home, "Keycloak's home"):
        for name in _PROGRAMS:
            link = home / name
            with suppress(FileNotFoundError):
                link.unlink()
            link.symlink_to(distribution / name)
        (home / "data").mkdir(exist_ok=True)
        # Left behind by a process that was killed.
        shutil.rmtree(home / "tmp", ignore_errors=True)
        (home / "tmp").mkdir()


def keycloak_command(java: Path, home: Path, options: StackOptions, ports: Ports) -> tuple[str, ...]:
    """The command line: production mode, internal ports on loopback, the public URL as the only host name."""
    distribution = (home / "lib").resolve().parent
    # The two DB_CLOSE settings: Keycloak closes the database itself, on its own orderly stop.
    database = f"jdbc:h2:file:{home / 'data' / 'keycloak'};NON_KEYWORDS=VALUE;DB_CLOSE_ON_EXIT=FALSE;DB_CLOSE_DELAY=0"
    return (
        str(java),
        *_JVM,
        f"-Djava.io.tmpdir={home / 'tmp'}",
        f"-Dkc.home.dir={home}",
        f"-Djboss.server.config.dir={home / 'conf'}",
        "-cp",
        str(distribution / "lib" / "quarkus-run.jar"),
        "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
        "start",
        "--optimized",
        # One node: no cluster listener on every interface, and no half-minute wait for a killed member to answer.
        "--cache=local",
        "--http-enabled=true",
        "--http-host=127.0.0.1",
        f"--http-port={ports.keycloak}",
        f"--http-management-port={ports.management}",
        f"--hostname={options.public_base}",
        "--proxy-headers=xforwarded",
        "--proxy-trusted-addresses=127.0.0.1",
        f"--db-url={database}",
    )
