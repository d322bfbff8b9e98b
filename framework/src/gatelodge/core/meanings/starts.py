"""Meanings of what ends a start or a command; no request is answered with these."""

from gatelodge.core.meanings.meaning import INTERNAL, Meaning

__all__ = ["STARTS"]

STARTS: dict[str, Meaning] = {
    "settings_invalid": Meaning(
        500,
        INTERNAL,
        "The configuration is not usable.",
        "A variable is missing, misspelt, or has a value that cannot be meant.",
        "Set the named variables and start again.",
    ),
    "tool_undeclared": Meaning(
        500,
        INTERNAL,
        "A tool has no access rule.",
        "A tool, prompt, resource or route was added without @requires or @public.",
        "Add @requires(...) or @public below the tool's decorator.",
    ),
    "corpus_unreadable": Meaning(
        500,
        INTERNAL,
        "The document folder cannot be read.",
        "The folder is not there, or this user may not read it.",
        "Set the variable to a readable folder.",
    ),
    "stack_port_busy": Meaning(
        500,
        INTERNAL,
        "A port is in use.",
        "Another stack or program listens on it.",
        "Stop what uses it, or choose another by the named option.",
    ),
    "stack_download": Meaning(
        500,
        INTERNAL,
        "A part could not be downloaded or is not the pinned one.",
        "There is no way to the network, or what came has another digest.",
        "Check the network and run the command again.",
    ),
    "stack_disk": Meaning(
        500,
        INTERNAL,
        "A folder cannot be written or the disk is full.",
        "The disk is full, or the folder belongs to another user.",
        "Free room or fix the permissions, then run again.",
    ),
    "stack_part_failed": Meaning(
        500,
        INTERNAL,
        "A part of the stack did not start.",
        "The part ended by itself, or was not ready in time.",
        "Read its log file, named in the message.",
    ),
    "stack_running": Meaning(
        500,
        INTERNAL,
        "The stack is already running.",
        "It was started before with the same state folder.",
        "gatelodge status shows it; gatelodge down stops it.",
    ),
    "realm_refused": Meaning(
        500,
        INTERNAL,
        "Keycloak refused a realm change.",
        "The realm's files say what this Keycloak does not take, or the account may not change it.",
        "Read the answer in the message and Keycloak's log.",
    ),
    "link_failed": Meaning(
        500,
        INTERNAL,
        "A client could not be linked.",
        "One step of registration, sign-in or token exchange failed.",
        "The message names the step that failed.",
    ),
    "vault_key": Meaning(
        500,
        INTERNAL,
        "The vault's key is not usable.",
        "It is missing, too short, or not the key that the stored credentials were sealed with.",
        "Set GATELODGE_VAULT_KEY or GATELODGE_VAULT_KEY_FILE to the key in use.",
    ),
}
