"""How a CPL document becomes a script: read once, everything that is wrong with it found, nothing in it believed.

Only what facts 7.6 lists is there; what RFC 3880 has besides is refused by its name, so that nobody believes that it
works. Documents with a DOCTYPE are refused before they are parsed: entities could blow them up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import cast
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from sextet.call.alias import of_uri
from sextet.call.pattern import NO_VARIABLES, Pattern, Variables, compiled, filled_in
from sextet.call.policy.cpl import (
    RANDOM,
    AddLocation,
    AddressSwitch,
    Comparison,
    Node,
    ProxyNode,
    Reject,
    Result,
    Rule,
    RuleSwitch,
    Script,
    Test,
)
from sextet.model.expression import ALIAS_MAX, flaw
from sextet.model.settings.policy import SCRIPT_MAX

CPL = "urn:ietf:params:xml:ns:cpl"  # RFC 3880 11
TAA = "http://www.tandberg.net/cpl-extensions"
NODES_MAX = 10_000
DEPTH_MAX = 60  # far below what Python's recursion takes
PROBLEMS_MAX = 20  # nobody reads more at once
TIMEOUT_MAX_S = 86_400  # facts 7.6
FIELDS = (
    "unauthenticated-origin",
    "authenticated-origin",
    "origin",
    "originating-zone",
    "originating-user",
    "registered-origin",
    "destination",
    "original-destination",
)
SUBFIELDS = ("address-type", "user", "host", "tel", "alias-type")
COMPARISONS = ("is", "contains", "subdomain-of", "regex")
RESULTS = ("busy", "noanswer", "redirection", "failure", "default")
STATUSES = {"busy": 486, "notfound": 404, "reject": 603, "error": 500}  # RFC 3880 6.3
PHRASES = {486: "Busy Here", 404: "Not Found", 603: "Decline", 500: "Server Internal Error", 403: "Forbidden"}
NOT_SUPPORTED = (
    "time-switch",
    "string-switch",
    "language-switch",
    "priority-switch",
    "redirect",
    "mail",
    "log",
    "sub",
    "subaction",
    "lookup",
    "remove-location",
    "incoming",
    "outgoing",
)
SOURCE = "source-url-for-message"  # of taa:location: who is shown as calling
REASON_MAX = 120
_DOCUMENT = re.compile(r"<(\w+:)?cpl[\s>]")


class BadScript(Exception):
    """The document is no script that can be used; carries every problem as a sentence."""

    def __init__(self, *problems: str) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def read(text: str, variables: Variables = NO_VARIABLES) -> Script:
    """Read a document; raises BadScript with everything that is wrong with it."""
    root = _parsed(text)
    reading = _Reading(variables)
    routed = reading.routed(root)
    script = reading.output(routed, 0) if routed is not None else None
    if reading.problems:
        raise BadScript(*reading.problems[:PROBLEMS_MAX])
    return Script(root=script, proxies=tuple(reading.proxies))


def read_answer(text: str) -> Script:
    """Read what a policy service says, or its default CPL: a document, or only the node that it holds."""
    if "<" not in text:
        raise BadScript("The answer holds no CPL; it must be a CPL document, or a node of one such as <proxy/>.")
    if not _DOCUMENT.search(text):
        text = f'<cpl xmlns="{CPL}" xmlns:taa="{TAA}"><taa:routed>{text}</taa:routed></cpl>'
    return read(text)


def _parsed(text: str) -> Element:
    if len(text) > SCRIPT_MAX:
        raise BadScript(f"The script has {len(text)} characters; it may have {SCRIPT_MAX}.")
    if "<!" in text.replace("<!--", ""):
        raise BadScript("The script has a DOCTYPE or another declaration; remove it.")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise BadScript(f"The script is not well-formed XML ({error}); correct it there.") from error
    if sum(1 for _ in root.iter()) > NODES_MAX:
        raise BadScript(f"The script has more than {NODES_MAX} elements; make it smaller.")
    return root


class _Reading:
    """Reads elements and gathers what is wrong with them."""

    def __init__(self, variables: Variables) -> None:
        self.problems: list[str] = []
        self.proxies: list[ProxyNode] = []
        self._variables = variables
        self._readers: dict[str, Callable[[Element, int], Node]] = {
            "address-switch": self._address_switch,
            "taa:rule-switch": self._rule_switch,
            "taa:location": self._location,
            "proxy": self._proxy,
            "reject": self._reject,
        }

    def routed(self, root: Element) -> Element | None:
        if _name(root) != "cpl":
            self._wrong(f"The root is <{_name(root)}>; it must be <cpl> in the namespace {CPL}.")
            return None
        found = [child for child in root if _name(child) == "taa:routed"]
        for child in root:
            if _name(child) != "taa:routed":
                self._unknown(child, "cpl")
        if len(found) != 1:
            self._wrong(
                f"There are {len(found)} <taa:routed> in the script; there must be one, in the namespace {TAA}."
            )
            return None
        return found[0]

    def output(self, parent: Element, depth: int) -> Node:
        """Read the one node that an output leads to; none is allowed."""
        if depth > DEPTH_MAX:
            self._wrong(f"The script is nested more than {DEPTH_MAX} deep; make it flatter.")
            return None
        nodes: list[Node] = []
        for child in parent:
            reader = self._readers.get(_name(child))
            if reader is None:
                self._unknown(child, _name(parent))
            else:
                nodes.append(reader(child, depth + 1))
        if len(nodes) > 1:
            self._wrong(
                f"<{_name(parent)}> holds {len(nodes)} nodes side by side; it leads to one, nest the others in it."
            )
        return nodes[0] if nodes else None

    def _address_switch(self, element: Element, depth: int) -> Node:
        given = self._attributes(element, "field", "subfield")
        field, subfield = given.get("field", ""), given.get("subfield", "")
        if field not in FIELDS:
            self._wrong(f"<address-switch> has the field {field!r}; choose one of {', '.join(FIELDS)}.")
        if subfield and subfield not in SUBFIELDS:
            self._wrong(f"<address-switch> has the subfield {subfield!r}; choose one of {', '.join(SUBFIELDS)}.")
        cases: list[tuple[Test, Node]] = []
        others: dict[str, Node] = {}
        for child in element:
            match _name(child):
                case "address":
                    cases.append((self._test(child), self.output(child, depth)))
                case "otherwise" | "not-present" as name:
                    self._attributes(child)
                    others[name] = self.output(child, depth)
                case _:
                    self._unknown(child, "address-switch")
        return AddressSwitch(
            field=field,
            subfield=subfield,
            cases=tuple(cases),
            not_present=others.get("not-present"),
            otherwise=others.get("otherwise"),
        )

    def _test(self, element: Element) -> Test:
        given = self._attributes(element, *COMPARISONS)
        if len(given) != 1:
            self._wrong(f"<address> has {len(given)} comparisons; give it one of {', '.join(COMPARISONS)}.")
            return Test(how="is")
        how, text = next(iter(given.items()))
        pattern = self._pattern(text, "address") if how == "regex" else None
        return Test(how=cast(Comparison, how), text=filled_in(text, self._variables), pattern=pattern)

    def _rule_switch(self, element: Element, depth: int) -> Node:
        self._attributes(element)
        rules = []
        for child in element:
            if _name(child) != "taa:rule":
                self._unknown(child, "taa:rule-switch")
                continue
            given = self._attributes(child, *FIELDS)
            tests = ((name, self._pattern(text, "taa:rule")) for name, text in given.items())
            known = tuple((name, pattern) for name, pattern in tests if pattern is not None)
            rules.append(Rule(tests=known, then=self.output(child, depth)))
        return RuleSwitch(rules=tuple(rules))

    def _location(self, element: Element, depth: int) -> Node:
        known = ("clear", "url", "priority", "regex", "replace", SOURCE, f"{SOURCE}-regex", f"{SOURCE}-replace")
        given = self._attributes(element, *known)
        pattern = self._rewriting(given, "url", "regex", "replace")
        source = self._rewriting(given, SOURCE, f"{SOURCE}-regex", f"{SOURCE}-replace")
        return AddLocation(
            clear=self._yes(given.get("clear", "no"), "clear"),
            alias=_alias(filled_in(given.get("url", ""), self._variables)),
            priority=self._priority(given.get("priority", "1.0")),
            pattern=pattern,
            replace=filled_in(given.get("replace", ""), self._variables),
            source=_alias(filled_in(given.get(SOURCE, ""), self._variables)),
            source_pattern=source,
            source_replace=filled_in(given.get(f"{SOURCE}-replace", ""), self._variables),
            then=self.output(element, depth),
        )

    def _rewriting(self, given: Mapping[str, str], whole: str, regex: str, replace: str) -> Pattern | None:
        """Read a pattern that goes with its replacement, and not with the whole value."""
        if whole in given and regex in given:
            self._wrong(f"<taa:location> has both {whole} and {regex}; keep one of them.")
        if (regex in given) != (replace in given):
            self._wrong(f"<taa:location> needs {regex} and {replace} together; add the other one.")
        return self._pattern(given[regex], "taa:location") if regex in given else None

    def _proxy(self, element: Element, depth: int) -> Node:
        given = self._attributes(element, "timeout", "stop-on-busy")
        number = len(self.proxies)
        self.proxies.append(ProxyNode(number=number))
        outputs: dict[Result, Node] = {}
        failures: dict[int, Node] = {}
        for child in element:
            name = _name(child)
            if name not in RESULTS:
                self._unknown(child, "proxy")
                continue
            status = self._attributes(child, *(("status",) if name == "failure" else ())).get("status", "")
            if status:
                failures[self._failure(status, failures)] = self.output(child, depth)
                continue
            if name in outputs:
                self._wrong(f"<proxy> has two <{name}>; keep one.")
            outputs[cast(Result, name)] = self.output(child, depth)
        node = ProxyNode(
            number=number,
            timeout_s=self._timeout(given.get("timeout", "0")),
            stop_on_busy=self._yes(given.get("stop-on-busy", "yes"), "stop-on-busy"),
            outputs=outputs,
            failures=failures,
        )
        self.proxies[number] = node
        return node

    def _failure(self, text: str, before: Mapping[int, Node]) -> int:
        status = int(text) if text.isascii() and text.isdigit() and len(text) == 3 else 0
        if not 400 <= status <= 699:
            self._wrong(f"<failure> has the status {text!r}; give it 400 to 699, or none for all.")
        if status in before:
            self._wrong(f"<proxy> has two <failure> for {status}; keep one.")
        return status

    def _reject(self, element: Element, depth: int) -> Node:
        given = self._attributes(element, "status", "reason")
        text = given.get("status", "")
        status = STATUSES.get(text, int(text) if text.isascii() and text.isdigit() and len(text) == 3 else 0)
        if not 400 <= status <= 699:
            self._wrong(f"<reject> has the status {text!r}; give it 400 to 699, or one of {', '.join(STATUSES)}.")
        for child in element:
            self._unknown(child, "reject")
        reason = "".join(c for c in given.get("reason", "") if c.isprintable() and c not in '"\\')[:REASON_MAX]
        return Reject(status, reason or PHRASES.get(status, "Rejected by Call Policy"))

    def _attributes(self, element: Element, *known: str) -> Mapping[str, str]:
        for name in element.attrib:
            if name not in known:
                listed = f"; it may have {', '.join(known)}" if known else "; it has none"
                self._wrong(f"<{_name(element)}> has the attribute {_local(name)!r}{listed}.")
        return {name: value for name, value in element.attrib.items() if name in known}

    def _pattern(self, text: str, element: str) -> Pattern | None:
        wrong = flaw(text)
        if wrong:
            self._wrong(f"<{element}>: {wrong}")
            return None
        try:
            return compiled("Regex", text, self._variables)
        except ValueError as error:
            self._wrong(f"<{element}>: {error}.")
            return None

    def _priority(self, text: str) -> float:
        if text == "random":
            return RANDOM
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0.0 <= value <= 1.0:
            self._wrong(f"<taa:location> has the priority {text!r}; give it 0.0 to 1.0, or random.")
        return value

    def _timeout(self, text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else -1
        if not 0 <= value <= TIMEOUT_MAX_S:
            self._wrong(f"<proxy> has the timeout {text!r}; give it 1 to {TIMEOUT_MAX_S} seconds.")
        return value

    def _yes(self, text: str, attribute: str) -> bool:
        if text not in ("yes", "no"):
            self._wrong(f"{attribute} is {text!r}; it is yes or no.")
        return text == "yes"

    def _unknown(self, element: Element, parent: str) -> None:
        name = _name(element)
        plain = name.removeprefix("taa:")
        if plain in NOT_SUPPORTED:
            self._wrong(f"<{name}> is not supported; remove it from <{parent}>.")
        else:
            self._wrong(f"<{name}> may not stand in <{parent}>; remove it, or correct its name or namespace.")

    def _wrong(self, sentence: str) -> None:
        if sentence not in self.problems:
            self.problems.append(sentence)


def _name(element: Element) -> str:
    """Write a name as people do: taa: for the original's extensions, nothing for CPL's own."""
    namespace, brace, local = element.tag.rpartition("}")
    match namespace.lstrip("{") if brace else CPL:
        case "urn:ietf:params:xml:ns:cpl":
            return local
        case "http://www.tandberg.net/cpl-extensions":
            return f"taa:{local}"
        case other:
            return f"{other}:{local}"


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _alias(url: str) -> str:
    return of_uri(url.removeprefix("h323:"))[:ALIAS_MAX]
