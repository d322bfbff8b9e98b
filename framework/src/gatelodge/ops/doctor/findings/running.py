"""Whether the stack of this checkout runs, with all its parts."""

from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, healthy, not_checked, problem
from gatelodge.ops.stack.record import RunState

__all__ = ["CHECK"]


async def _examine(facts: Facts) -> Finding:
    if facts.record is None or facts.layout is None:
        return not_checked("another place than a checkout's stack is looked at")
    state, message = facts.record.state, facts.record.message
    if state is RunState.FAILED:
        return problem(
            f"the last start failed: {message}",
            fix="The end of that part's log says why.",
            command=f"tail -n 30 {facts.layout.logs}/*.log",
        )
    if state is not RunState.READY:
        said = f"the stack is {state.value}" + (f": {message}" if message else "")
        return not_checked(said, fix="Start it and run this again.", command="gatelodge up")
    gone = [name for name, process in facts.record.processes.items() if not process.alive()]
    if gone:
        return problem(
            f"not running: {', '.join(gone)}",
            fix="The supervisor starts a part again; its log says why it ended.",
            command=f"tail -n 30 {facts.layout.log(gone[0])}",
        )
    return healthy(f"all {len(facts.record.processes)} parts run")


CHECK = Check("running", "The stack", _examine)
