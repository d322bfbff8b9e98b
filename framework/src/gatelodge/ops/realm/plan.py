"""What has to be done so that a realm says what its files say: an ordered list of steps, each with a reason.

Pure. Invariants: only a thing that these files made is deleted; of a thing that is there, only the fields that the files
name are changed; the plan of a realm that was just applied is empty. Not here: doing it (``steps``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gatelodge.ops.realm.memory import UNFINISHED, Memory, digest, fingerprint
from gatelodge.ops.realm.patches import patches
from gatelodge.ops.realm.placeholders import is_placeholder
from gatelodge.ops.realm.servers import MANAGED
from gatelodge.ops.realm.step import Change, Step
from gatelodge.ops.realm.things import KINDS, Key, Thing, canonical, is_secret, things_of

__all__ = [
    "CHANGED_THERE",
    "REMOVED_THERE",
    "UNKNOWN",
    "UNKNOWN_SECRET",
    "Plan",
    "differences",
    "made_here",
    "make_plan",
    "remembered",
]

_Json = Mapping[str, Any]

# Reasons that say who made the difference.
CHANGED_THERE, REMOVED_THERE = "changed in Keycloak", "was removed in Keycloak"
UNKNOWN, UNKNOWN_SECRET = "differs from the files", "the secret is another one"

# A person's object of these kinds is not taken over: it could be given new redirects or a new secret that way.
_NOT_ADOPTED = frozenset({"client", "identity-provider"})


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order. ``intent`` is remembered before the first of them, ``memory`` after the last."""

    realm: str
    steps: tuple[Step, ...]
    conflicts: tuple[str, ...] = ()
    intent: Memory = field(default=Memory(), repr=False)
    memory: Memory = field(default=Memory(), repr=False)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps and not self.conflicts


def make_plan(wanted: _Json, present: _Json | None, *, account: str = "", all_clients: bool = False) -> Plan:
    """The steps from ``present`` to ``wanted``, both RealmRepresentations; None: the realm is not there.

    ``account`` is the client id of the desk. ``all_clients``: give clients that people made the server scopes too.
    """
    name = wanted["realm"]
    things = things_of(wanted)
    if present is None:
        reason = "the realm is not there; made whole"
        return Plan(name, (Step("create", "realm", name, (), reason, things[Key("realm", name)]),))
    there = things_of(present)
    before = Memory.of(present.get("attributes") or {})
    ours = made_here(things, there, before, account)
    blocked = {key for key in things if key.kind in _NOT_ADOPTED and key in there and key not in ours}
    conflicts = (*map(_conflict, sorted(blocked)), *_known_secrets(things, there))
    kept = {key: thing for key, thing in things.items() if key not in blocked and thing.parent not in blocked}
    writes = [*_creates(kept, there, before), *_updates(kept, there, ours, before)]
    leaving = {key for key in ours if key not in things}
    gone = [thing for key, thing in there.items() if key in leaving and thing.parent not in leaving]
    assigned = _assigned(things)
    lost = {key.name for key in leaving if key.kind == "client-scope"}
    given = before.given or {}
    staying = [one for one in present.get("clients", ()) if Key("client", one["clientId"]) not in leaving]
    clients = list(patches(staying, assigned, given, lost, account=account, everyone=all_clients))
    steps = [*sorted(writes, key=_rank), *clients, *sorted(map(_deletion, gone), key=_last_first)]
    made = {str(key): digest_of(thing) for key, thing in kept.items() if key not in there or key in ours}
    memory = Memory(fingerprint(wanted), made, assigned)
    if not steps and before != memory:
        steps.append(Step("update", "memory", name, (), "nothing else differs; noted in the realm that it was checked"))
    intent = Memory(UNFINISHED, {**(before.made or _marked(there)), **made}, before.given)
    return Plan(name, tuple(steps), conflicts, intent, memory)


def made_here(wanted: Mapping[Key, Thing], there: Mapping[Key, Thing], memory: Memory, account: str) -> frozenset[Key]:
    """The things of a present realm that these files made, the realm itself and the desk's ``account`` among them."""
    always = {Key("realm", key.name) for key in wanted if key.kind == "realm"} | {Key("client", account)}
    made = {key for key, thing in there.items() if _made(thing, memory, key in wanted)}
    return frozenset(made | (always & there.keys() & wanted.keys()))


def remembered(realm: _Json) -> dict[str, str]:
    """The realm attributes of a realm that is made whole from ``realm``."""
    things = things_of(realm)
    assigned = _assigned(things)
    made = {str(key): digest_of(thing) for key, thing in things.items()}
    return Memory(fingerprint(realm), made, assigned).attributes()


def _assigned(things: Mapping[Key, Thing]) -> dict[str, str]:
    return {key.name: thing.fields["assigned"] for key, thing in things.items() if key.kind == "assignment"}


def digest_of(thing: Thing) -> str:
    """Digest of what the files say of a thing, without its secrets."""
    return digest({name: canonical(value) for name, value in thing.fields.items() if not is_secret(name)})


def differences(wanted: Thing, present: Thing) -> tuple[Change, ...]:
    """The fields of ``wanted`` that ``present`` has not."""
    return tuple(
        Change(name, present.fields.get(name), value)
        for name, value in wanted.fields.items()
        if canonical(value) != canonical(present.fields.get(name))
    )


def _made(thing: Thing, memory: Memory, wanted: bool) -> bool:
    if memory.made is not None:
        return str(thing.key) in memory.made and thing.marked is not False
    if thing.marked is not None or thing.key.kind == "identity-provider":
        return thing.marked is True
    # A stamp without a list: a release that made what it wanted by name, and listed nothing.
    return wanted and memory.stamp is not None


def _conflict(key: Key) -> str:
    return (
        f"{key.kind} {key.name}: is there, and these files did not make it; rename it in the file, or remove it there"
    )


def _known_secrets(wanted: Mapping[Key, Thing], there: Mapping[Key, Thing]) -> Iterator[str]:
    for key, thing in there.items():
        text = str(thing.fields.get("secret", ""))
        if is_placeholder(text) and key in wanted and "secret" not in wanted[key].fields:
            yield f"client {key.name}: its secret in Keycloak is the text {text}, which anyone can know; set that variable"


def _creates(wanted: Mapping[Key, Thing], there: Mapping[Key, Thing], memory: Memory) -> Iterator[Step]:
    for key, thing in wanted.items():
        if key in there:
            continue
        removed = str(key) in (memory.made or {}) and memory.stamp != UNFINISHED
        reason = REMOVED_THERE if removed else "new in the files"
        changes = tuple(Change(name, None, value) for name, value in thing.fields.items() if canonical(value) != "")
        yield Step("create", key.kind, key.name, changes, reason, thing)


def _updates(
    wanted: Mapping[Key, Thing], there: Mapping[Key, Thing], ours: frozenset[Key], memory: Memory
) -> Iterator[Step]:
    for key, thing in wanted.items():
        if key not in there:
            continue
        changes = differences(thing, there[key])
        if key not in ours:
            # Not to be deleted one day as if it were ours.
            changes = tuple(change for change in changes if change.name != f"attributes.{MANAGED}")
        if changes:
            secret = all(is_secret(change.name) for change in changes)
            why = UNKNOWN_SECRET if secret else _why(thing, key in ours, memory)
            yield Step("update", key.kind, key.name, changes, why, thing, there[key])


def _why(thing: Thing, ours: bool, memory: Memory) -> str:
    last = (memory.made or {}).get(str(thing.key))
    if not ours:
        return "was there before; only the files' fields"
    if last is None or memory.stamp == UNFINISHED:
        return UNKNOWN
    return CHANGED_THERE if last == digest_of(thing) else "changed in the files"


def _deletion(thing: Thing) -> Step:
    return Step("delete", thing.key.kind, thing.key.name, (), "gone from the files, which made it", None, thing)


def _marked(there: Mapping[Key, Thing]) -> dict[str, str]:
    return {str(key): "" for key, thing in there.items() if thing.marked}


def _last_first(step: Step) -> tuple[int, str]:
    return -_rank(step), step.name


def _rank(step: Step) -> int:
    return next(index for index, kind in enumerate(KINDS) if kind == step.kind)
