"""Does a configuration make sense as a whole? All rules of `model/validation/` together, all problems at once."""

from __future__ import annotations

from sextet.model.config import Document, read
from sextet.model.schema import Problem, Refused
from sextet.model.sections import Root
from sextet.model.settings.clustering import Clustering
from sextet.model.validation.bandwidth import links
from sextet.model.validation.clustering import enforce, mappings, peer_list, primary_moved
from sextet.model.validation.dialplan import rules, transforms
from sextet.model.validation.h350 import h350
from sextet.model.validation.interfaces import network
from sextet.model.validation.local_zone import membership, subzones
from sextet.model.validation.names import names
from sextet.model.validation.policy import call_policy, findme
from sextet.model.validation.policy_services import policy_services
from sextet.model.validation.protocols import protocols
from sextet.model.validation.registration import policy
from sextet.model.validation.users import administrators
from sextet.model.validation.zones import access_rules, zones


def check(document: Document, before: Root | None = None) -> Root:
    """Build the typed value and judge it as a whole; raises Refused with everything that is wrong."""
    whole, wrong = read(document)
    known = {problem.field for problem in wrong}
    wrong += [problem for problem in problems(whole, before) if problem.field not in known]
    if wrong:
        raise Refused(*wrong)
    return whole


def problems(whole: Root, before: Root | None = None) -> list[Problem]:
    """Judge a configuration whose single settings are right; `before` is the one it replaces, if any."""
    return [
        *peer_list(whole.clustering),
        *primary_moved(whole.clustering, before.clustering if before else Clustering()),
        *network(whole.interfaces, whole.clustering),
        *enforce(whole.clustering),
        *mappings(whole.clustering),
        *protocols(whole),
        *names(whole),
        *h350(whole),
        *policy(whole.registration),
        *subzones(whole),
        *membership(whole),
        *links(whole),
        *zones(whole, before),
        *access_rules(whole),
        *transforms(whole.transforms),
        *rules(whole),
        *call_policy(whole),
        *policy_services(whole),
        *findme(whole),
        *administrators(whole, before),
    ]
