"""Whose script decides about a call: the administrator's, and those of the people with a FindMe ID (facts 7.6, 7.7)."""

from __future__ import annotations

from sextet.call.alias import key
from sextet.call.pattern import Unusable, Variables
from sextet.call.policy import find_me, rules
from sextet.call.policy.cpl import Script
from sextet.call.policy.cpl_reading import BadScript, read
from sextet.model.sections import Root
from sextet.model.settings.policy import LOCAL_CPL

ADMINISTRATOR = ""  # the name of his script; FindMe IDs are never empty


def of_config(config: Root, variables: Variables) -> dict[str, Script]:
    """Give the administrator's script, where there is one, and by FindMe ID those of people; raises Unusable."""
    scripts = {key(person.findme_id): find_me.script_of(person) for person in find_me.people_of(config.findme)}
    policy = config.call_policy
    if policy.mode == LOCAL_CPL:
        try:
            scripts[ADMINISTRATOR] = (
                read(policy.script, variables) if policy.script.strip() else rules.script_of(policy.rules, variables)
            )
        except BadScript as error:
            raise Unusable(f"call policy: {error}") from error
    return scripts
