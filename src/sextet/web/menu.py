"""Which pages are there, under the names and in the order that trained administrators know."""

from __future__ import annotations

from dataclasses import dataclass

# Names that say something only below their heading.
VAGUE = ("Accounts", "Configuration", "Links", "Pipes", "Policy", "Rules")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu; `above` is the heading within its group, where there is one."""

    group: str
    above: str
    name: str
    path: str

    @property
    def heading(self) -> str:
        """Give the name as it reads outside the menu, where nothing stands above it."""
        if self.name not in VAGUE:
            return self.name
        above = self.above or self.group
        return f"{above} {self.name if self.name.isupper() else self.name.lower()}"

    @property
    def trail(self) -> str:
        return " › ".join(word for word in (self.group, self.above) if word)


MENU = (
    Entry("Status", "", "Overview", "/status/overview"),
    Entry("Status", "System", "Resource usage", "/status/system/resource-usage"),
    Entry("Status", "", "Registrations", "/status/registrations"),
    Entry("Status", "", "Registration history", "/status/registration-history"),
    Entry("Status", "", "Calls", "/status/calls"),
    Entry("Status", "", "Call history", "/status/call-history"),
    Entry("Status", "", "Search history", "/status/search-history"),
    Entry("Status", "", "Local zone", "/status/local-zone"),
    Entry("Status", "", "Zones", "/status/zones"),
    Entry("Status", "Bandwidth", "Links", "/status/bandwidth/links"),
    Entry("Status", "Bandwidth", "Pipes", "/status/bandwidth/pipes"),
    Entry("Status", "", "Policy services", "/status/policy-services"),
    Entry("Status", "", "H.350 directory", "/status/h350"),
    Entry("Status", "", "Alarms", "/status/alarms"),
    Entry("Status", "Logs", "Event log", "/status/logs/event"),
    Entry("Status", "Logs", "Configuration log", "/status/logs/configuration"),
    Entry("Status", "Logs", "Network log", "/status/logs/network"),
    Entry("System", "", "Administration", "/system/administration"),
    Entry("System", "Network interfaces", "IP", "/system/network-interfaces/ip"),
    Entry("System", "", "DNS", "/system/dns"),
    Entry("System", "", "Time", "/system/time"),
    Entry("System", "", "Clustering", "/system/clustering"),
    Entry("Configuration", "Protocols", "H.323", "/configuration/protocols/h323"),
    Entry("Configuration", "Protocols", "SIP", "/configuration/protocols/sip"),
    Entry("Configuration", "Registration", "Configuration", "/configuration/registration"),
    Entry("Configuration", "Registration", "Allow list", "/configuration/registration/allow-list"),
    Entry("Configuration", "Registration", "Deny list", "/configuration/registration/deny-list"),
    Entry("Configuration", "Authentication", "Policy", "/configuration/authentication"),
    Entry("Configuration", "Authentication", "Local database", "/configuration/authentication/local-database"),
    Entry("Configuration", "Authentication", "H.350 directory", "/configuration/authentication/h350"),
    Entry("Configuration", "Local zone", "Default subzone", "/configuration/local-zone/default-subzone"),
    Entry("Configuration", "Local zone", "Subzones", "/configuration/local-zone/subzones"),
    Entry("Configuration", "Local zone", "Membership rules", "/configuration/local-zone/membership-rules"),
    Entry("Configuration", "Local zone", "Traversal subzone", "/configuration/local-zone/traversal-subzone"),
    Entry("Configuration", "Zones", "Zones", "/configuration/zones"),
    Entry("Configuration", "Zones", "Default Zone", "/configuration/default-zone"),
    Entry("Configuration", "Zones", "Access rules", "/configuration/default-zone/access-rules"),
    Entry("Configuration", "", "Domains", "/configuration/domains"),
    Entry("Configuration", "Dial plan", "Configuration", "/configuration/dial-plan"),
    Entry("Configuration", "Dial plan", "Transforms", "/configuration/dial-plan/transforms"),
    Entry("Configuration", "Dial plan", "Search rules", "/configuration/dial-plan/search-rules"),
    Entry("Configuration", "Dial plan", "Policy services", "/configuration/dial-plan/policy-services"),
    Entry("Configuration", "Dial plan", "Dial plan tests", "/configuration/dial-plan/tests"),
    Entry("Configuration", "Bandwidth", "Configuration", "/configuration/bandwidth"),
    Entry("Configuration", "Bandwidth", "Links", "/configuration/bandwidth/links"),
    Entry("Configuration", "Bandwidth", "Pipes", "/configuration/bandwidth/pipes"),
    Entry("Configuration", "Call policy", "Configuration", "/configuration/call-policy"),
    Entry("Configuration", "Call policy", "Rules", "/configuration/call-policy/rules"),
    Entry("Users", "", "Administrator accounts", "/users/administrators"),
    Entry("Users", "FindMe", "Configuration", "/users/findme"),
    Entry("Users", "FindMe", "Accounts", "/users/findme/accounts"),
    Entry("Maintenance", "", "Upgrade", "/maintenance/upgrade"),
    Entry("Maintenance", "", "Logging", "/maintenance/logging"),
    Entry("Maintenance", "", "Options", "/maintenance/options"),
    Entry("Maintenance", "Tools", "Check pattern", "/maintenance/tools/check-pattern"),
    Entry("Maintenance", "Tools", "Check bandwidth", "/maintenance/tools/check-bandwidth"),
    Entry("Maintenance", "Tools", "Locate", "/maintenance/tools/locate"),
    Entry("Maintenance", "Security", "Server certificate", "/maintenance/security/server-certificate"),
    Entry("Maintenance", "Security", "Trusted CA certificate", "/maintenance/security/trusted-ca"),
    Entry("Maintenance", "Security", "CRL", "/maintenance/security/crl"),
    Entry("Maintenance", "", "Backup and restore", "/maintenance/backup"),
    Entry("Maintenance", "", "Configuration history", "/maintenance/history"),
    Entry("Maintenance", "Diagnostics", "Preflight check", "/maintenance/diagnostics/preflight"),
    Entry("Maintenance", "Diagnostics", "Diagnostic logging", "/maintenance/diagnostics/logging"),
    Entry("Maintenance", "Diagnostics", "System snapshot", "/maintenance/diagnostics/snapshot"),
    Entry("Maintenance", "", "Maintenance mode", "/maintenance/mode"),
    Entry("Maintenance", "", "Restart options", "/maintenance/restart"),
)
BY_PATH = {entry.path: entry for entry in MENU}


def entry_of(path: str) -> Entry | None:
    """Find the line under which a page stands: itself, or the list that it belongs to."""
    while path:
        if path in BY_PATH:
            return BY_PATH[path]
        path = path.rpartition("/")[0]
    return None
