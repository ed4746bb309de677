"""Every alarm the system can raise, with the original's number, title and severity (facts 4.3).

`UUID` is fixed per type: the three that the guide's logs show, and for the others one derived from the number.
Numbers 6xxxx are ours, where the original has none.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "alert", "error", "warning", "notice"]
_SEEN = {  # guide, "日誌詳細資訊"
    20004: "3bca6888-f622-11df-93be-07cc953d7b99",
    20006: "0f96695e-d954-4f6f-85c1-2ef1eae6f764",
    20007: "e2b8e3d1-b731-4d7d-b606-4682a8f0c2e6",
}
_NAMESPACE = uuid.UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")  # RFC 4122 appendix C, OIDs


@dataclass(frozen=True, slots=True)
class AlarmType:
    """One kind of alarm: `text` says what is wrong in general, the raised alarm's detail what was measured."""

    number: int
    title: str
    text: str
    action: str
    severity: Severity = "warning"
    page: str = ""  # where the action begins, for a link; "" where that is no page

    @property
    def uuid(self) -> str:
        return _SEEN.get(self.number) or str(uuid.uuid5(_NAMESPACE, f"sextet.{self.number}"))


DATABASE_FAILURE = AlarmType(15005, "Database failure", "The database is damaged: what is in force goes on, and no change can be stored", "Run `sextet database recover`, or remove this peer from the cluster, restore a backup, and add it again.", page="/maintenance/backup")
DATABASE_LOAD_FAILED = AlarmType(15008, "Failed to load database", "The database did not load; some configuration is lost", "Restore the configuration from a backup, or let the primary send it again.", page="/maintenance/backup")
APPLICATION_FAILED = AlarmType(15010, "Application failed", "An unexpected software error was detected in a part of this system", "See the detail; the part is started again by itself. Contact support if it repeats.", "error", page="/status/logs/event")
SOFTWARE_ERROR = AlarmType(15019, "Application failed", "An unexpected software error was detected in sextetd itself", "Restart this peer, and report what the detail and the journal of the host say.", "critical", page="/maintenance/restart")
FACTORY_RESET_STARTED = AlarmType(15009, "Factory reset started", "A factory reset of this peer has started", "Wait until it has ended, then set this peer up again.", "alert", page="/maintenance/restart")
FACTORY_RESET_FAILED = AlarmType(15013, "Factory reset failed", "The factory reset of this peer failed; nothing was reset", "Upgrade the peer with the release package (tar.gz), or put the package into the factory-reset folder; then restart, or run `sextet factory-reset run`.", "alert", page="/maintenance/restart")
MAINTENANCE_MODE = AlarmType(15015, "Maintenance mode", "This peer is in maintenance mode and takes no calls or registrations", "Restart this peer, or turn maintenance mode off, once the work is done.", page="/maintenance/mode")
BOOT_MISMATCH = AlarmType(15018, "Boot selection mismatch", "Another version of the software runs than was chosen", "See the detail and the event log; choose again on Maintenance > Upgrade, then restart this peer.", "critical", page="/maintenance/upgrade")
CERTIFICATE_CHANGED = AlarmType(15028, "Restart required", "Server certificate and key have been changed, however a restart is required for this to take effect", "Restart this peer: Maintenance > Restart options.", page="/maintenance/restart")
RESTORE_FAILED = AlarmType(15023, "Restore failed", "A backup was not restored; the configuration from before is in force", "See the detail and the event log, then try again.", "error", page="/maintenance/backup")
INVALID_CLUSTER = AlarmType(20003, "Invalid cluster configuration", "The cluster configuration is invalid", "Check the Clustering page: this system's own address must be in the list, once.", page="/system/clustering")
COMMUNICATION_FAILURE = AlarmType(20004, "Cluster communication failure", "The system is unable to communicate with one or more of the cluster peers", "Check the clustering configuration and the cause shown for each peer.", page="/system/clustering")
INVALID_PEER_ADDRESS = AlarmType(20005, "Invalid peer address", "One or more peer addresses are not valid", "Correct the Peer address fields on the Clustering page.", page="/system/clustering")
DATABASE_COMMUNICATION_FAILURE = AlarmType(20006, "Cluster database communication failure", "The database is unable to replicate with one or more of the cluster peers", "Check the clustering configuration; the database catches up by itself when the peer is reachable.", page="/system/clustering")
RESTART_REQUIRED = AlarmType(20007, "Restart required", "Cluster configuration has been changed, however a restart is required for this to take effect", "Restart this peer: Maintenance > Restart options.", page="/maintenance/restart")
VERSIONS_DIFFER = AlarmType(20008, "Cluster replication error", "Automatic replication of configuration is switched off while an upgrade is in progress", "Wait until the upgrade has completed: upgrade the primary first, then the others, one at a time (Maintenance > Upgrade).", page="/maintenance/upgrade")
REPLICATION_ERROR = AlarmType(20009, "Cluster replication error", "An error occurred during automatic replication of configuration", "Mend what the detail names; this peer then takes the configuration over by itself, or by `sextet cluster force-config-update`.", page="/system/clustering")
CONFIGURATION_CONFLICT = AlarmType(20011, "Cluster replication error", "The configuration of this peer conflicts with the primary's, manual synchronisation of configuration is required", "Look at the edits that were set aside, make those you need again on the primary, then dismiss them.", page="/maintenance/history")
SETTINGS_DIFFER = AlarmType(20012, "Cluster replication error", "This peer's cluster settings differ from the primary's", "Make the cluster settings of this peer the same as the primary's.", page="/system/clustering")
FILE_NOT_FOUND = AlarmType(20014, "Cluster replication error", "The configuration file of the primary or of this peer was not found", "On the peer that raises it run `sextet database recover`: the file is written anew from what is in force.", page="/maintenance/backup")
NOT_IN_LIST = AlarmType(20015, "Cluster replication error", "The local system is not in the list of peers", "Add this system's own address to the peer list.", page="/system/clustering")
PRIMARY_UNREACHABLE = AlarmType(20016, "Cluster replication error", "The configuration primary is unreachable", "Repair the connection to the primary, or make another peer the primary.", page="/system/clustering")
PRIMARY_INCONSISTENT = AlarmType(20017, "Cluster replication error", "The configuration primary ID is inconsistent, manual synchronisation of configuration is required", "Choose the same configuration primary on every peer.", page="/system/clustering")
H323_OFF = AlarmType(20018, "Invalid clustering configuration", "H.323 mode must be turned On - clustering uses H.323 communications between peers", "Turn H.323 mode on: Configuration > Protocols > H.323.", page="/configuration/protocols/h323")
NO_CLUSTER_NAME = AlarmType(20019, "Cluster name not configured", "A cluster is configured without a cluster name", "Enter the cluster name on the Clustering page.", page="/system/clustering")
TLS_RESTART_REQUIRED = AlarmType(20020, "Restart required", "The TLS verification mode differs from the running one", "Restart this peer: Maintenance > Restart options.", page="/maintenance/restart")
PORTS_UNREACHABLE = AlarmType(20021, "Cluster communication failure", "There is no TCP connection to a peer's cluster port", "Check that the port is open between the peers in every firewall.", page="/maintenance/diagnostics/preflight")
INCONSISTENT_CLUSTER = AlarmType(20024, "Cluster configuration error", "The cluster is in an inconsistent state: peers that list each other belong to two clusters", "Take the peer with the other cluster key out of the lists, clear its own list, and add it again as a new peer.", page="/system/clustering")
DATABASE_SYNC_FAILED = AlarmType(20025, "Failed to synchronize database", "The synchronisation of the database failed on a peer", "See the alarms of the peer that is named, mend what they name, and restart it.", "critical", page="/system/clustering")
STORE_FROZEN = AlarmType(20026, "Failed to recover ClusterDB log server", "The server of this peer's live rows is frozen", "It is ended and started again by itself; contact support if this stays or repeats.", "critical", page="/status/logs/event")
TIME_NOT_VALIDATED = AlarmType(25002, "Date and time not validated", "The correct date and time could not be obtained or do not agree with the other peers", "Check the time configuration: System > Time, and the NTP client of the host.", page="/system/time")
NTP_CLIENT_FAILED = AlarmType(25020, "NTP client failure", "The host's NTP client does not do its work", "Start the NTP client of the host, with the servers of System > Time.", page="/system/time")
NTP_SERVER_LOST = AlarmType(25021, "NTP server not available", "An NTP server cannot be reached", "Check System > Time and System > DNS, and the way to the server.", page="/system/time")
PORTS_CHANGED = AlarmType(25008, "Restart required", "Port or protocol configuration has been changed, however a restart is required for this to take effect", "Restart this peer: Maintenance > Restart options.", page="/maintenance/restart")
NETWORK_CHANGED = AlarmType(25010, "Restart required", "IP configuration has been changed, however a restart is required for this to take effect", "Restart this peer: Maintenance > Restart options.", page="/maintenance/restart")
PORT_CONFLICT = AlarmType(25018, "Port conflict", "Two functions want the same port", "Choose another port, or end the program that has this one.", page="/configuration/protocols/sip")
WEB_PORT_CHANGED = AlarmType(25026, "Restart required", "The port of web administration has been changed, however a restart is required for this to take effect", "Restart this peer: Maintenance > Restart options.", page="/maintenance/restart")
VERBOSE_LOGS = AlarmType(25019, "Verbose log levels configured", "More is logged than normal operation needs", "Stop diagnostic logging, or set the log level to 1 or 2: Maintenance > Logging.", page="/maintenance/logging")
TLS_PERMISSIVE = AlarmType(40049, "Cluster TLS permissive", "Cluster TLS verification mode permits invalid certificates", "Set the TLS verification mode to Enforce once every certificate line is Valid.", "notice", page="/system/clustering")
CALL_POLICY_FAILED = AlarmType(45001, "Failed to load Call Policy file", "A call policy script could not be used: one that was saved, and the policy from before is in force; or the answer of a policy service, and its default CPL held", "Correct what the detail says: the script in Configuration > Call policy, or what the policy service answers.", page="/configuration/call-policy")
DIRECTORY_FAILED = AlarmType(35012, "Failed to connect to the H.350 directory", "The LDAP server that is asked for the passwords of devices cannot be used: devices whose names are not in the local database are answered with 503 once their last known password is an hour old", "Check its address, port, encryption, certificate and log-in: Status > H.350 directory shows what each peer measures.", page="/status/h350")
INSECURE_PASSWORD = AlarmType(40005, "Insecure password in use", "An administrator account still has the password that was made for the first log-in", "Change it: Users > Administrator accounts.", "error", page="/users/administrators")
ZONE_PEER_DOWN = AlarmType(45010, "Configuration warning", "An address of a zone or a server of a policy service does not work: calls pass over it", "Check its address, port, transport and certificates, and the way to it: Status > Zones and Status > Policy services show what each peer measures.", page="/status/zones")
ACCESS_RULES_WITHOUT_TLS = AlarmType(40033, "Configuration warning", "Default Zone access rules are in use while SIP over UDP or TCP is on, which shows no certificate", "Turn UDP and TCP mode Off, or do not use the access rules: requests over them are refused.", page="/configuration/protocols/sip")
NO_COMMON_NAME = AlarmType(40052, "Certificate error", "The server certificate has no common name", "Upload a new server certificate with a common name (CN).", page="/maintenance/security/server-certificate")
CERTIFICATE_EXPIRED = AlarmType(40068, "Server certificate validity", "The server certificate has expired or expires today", "Upload a new server certificate.", "critical", page="/maintenance/security/server-certificate")
CERTIFICATE_EXPIRES = AlarmType(40069, "Server certificate validity", "The server certificate is about to expire", "Upload a new server certificate.", "alert", page="/maintenance/security/server-certificate")
RMS_NEAR = AlarmType(30001, "Capacity warning", "The rich media sessions in use are close to the licensed limit", "Add licences: Maintenance > Options.", page="/status/system/resource-usage")
CALLS_NEAR_PHYSICAL = AlarmType(30003, "Capacity warning", "The calls on this peer are close to what one system carries", "Spread the calls over more peers.", page="/status/system/resource-usage")
CALLS_NEAR_CLUSTER = AlarmType(30004, "Capacity warning", "The calls are close to what the cluster carries", "Add a peer (up to four add capacity), or a larger capacity class on every peer.", page="/status/system/resource-usage")
REGISTRATIONS_NEAR = AlarmType(30010, "Capacity warning", "The registrations are close to what the cluster carries", "Add a peer (up to four add capacity), or a larger capacity class on every peer.", page="/status/system/resource-usage")
LICENCES_LOST_HOURS = AlarmType(30012, "License usage of lost cluster peer", "A cluster peer has been unavailable for hours; its licences will leave the pool", "Repair the lost peer, or remove it from the peer list and move its licences to another peer.", page="/system/clustering")
LICENCES_LOST_HOURS_MANY = AlarmType(30013, "License usage of lost cluster peer", "Several cluster peers have been unavailable for hours; their licences will leave the pool", "Repair the lost peer, or remove it from the peer list and move its licences to another peer.", page="/system/clustering")
LICENCES_LOST_DAYS = AlarmType(30014, "License usage of lost cluster peer", "A cluster peer has been unavailable for days; its licences will leave the pool", "Repair the lost peer, or remove it from the peer list and move its licences to another peer.", page="/system/clustering")
LICENCES_LOST_DAYS_MANY = AlarmType(30015, "License usage of lost cluster peer", "Several cluster peers have been unavailable for days; their licences will leave the pool", "Repair the lost peer, or remove it from the peer list and move its licences to another peer.", page="/system/clustering")
LICENCES_GONE = AlarmType(30016, "Licenses of lost cluster peer have been taken off the license pool", "A cluster peer has been unavailable for 14 days; its licences cannot be used any more", "Repair the lost peer, or remove it from the peer list and move its licences to another peer.", page="/system/clustering")
LICENCES_GONE_MANY = AlarmType(30017, "Licenses of lost cluster peer have been taken off the license pool", "Several cluster peers have been unavailable for 14 days; their licences cannot be used any more", "Repair the lost peer, or remove it from the peer list and move its licences to another peer.", page="/system/clustering")
RMS_FULL = AlarmType(30020, "Call license limit reached", "All rich media session licences are in use: further calls with other organisations are refused", "Add licences: Maintenance > Options.", page="/status/system/resource-usage")
CALLS_FULL = AlarmType(30022, "Call capacity limit reached", "This peer, or the whole cluster, carries as many calls as it may: further calls are refused", "Spread the calls over more peers, or choose a larger capacity class on every peer.", page="/status/system/resource-usage")
ROOMS_NEAR = AlarmType(30026, "Approaching room system license limit", "The room system registrations are close to the licensed limit", "Add licences: Maintenance > Options.", page="/status/system/resource-usage")
PEERS_REGISTRATIONS_FULL = AlarmType(30027, "Capacity warning", "One or more peers carry as many registrations as one system may", "Spread the registrations evenly over the peers.", page="/status/system/resource-usage")
ROOMS_FULL = AlarmType(30028, "Room system registrations limit reached", "All room system licences are in use: further room systems are refused", "Add licences: Maintenance > Options.", page="/status/system/resource-usage")
DESKTOPS_NEAR = AlarmType(30029, "Approaching desktop system license limit", "The desktop system registrations are close to the licensed limit", "Add licences: Maintenance > Options.", page="/status/system/resource-usage")
UNIT_REGISTRATIONS_FULL = AlarmType(30030, "Capacity warning", "This peer, or the whole cluster, carries as many registrations as it may: further ones are refused", "Spread the registrations evenly over the peers, or choose a larger capacity class on every peer.", page="/status/system/resource-usage")
DESKTOPS_FULL = AlarmType(30031, "Desktop system license limit reached", "All desktop system licences are in use: further desktop systems are refused", "Add licences: Maintenance > Options.", page="/status/system/resource-usage")
SYSTEM_KEY_FAILED = AlarmType(40055, "Failed to update key file", "The system key file was not updated and may be in an inconsistent state", "Run ForceSystemKeyUpdate (`sextet cluster force-system-key-update`), in a cluster on a peer without this alarm.")
PROTOCOLS_OFF = AlarmType(45003, "Configuration warning", "Both H.323 and SIP mode are Off: no calls are possible", "Turn SIP mode or H.323 mode on: Configuration > Protocols.", page="/configuration/protocols/sip")
DEFAULT_ZONE_LINK_MISSING = AlarmType(45002, "Configuration warning", "The default link between the Default Subzone and the Default Zone is missing: calls between endpoints and unknown systems find no way", "Run `xcommand DefaultLinksAdd`, or add the link: Configuration > Bandwidth > Links.", page="/configuration/bandwidth/links")
CLUSTER_LINK_MISSING = AlarmType(45006, "Configuration warning", "The default link between the Default Subzone and the Cluster Subzone is missing: calls between endpoints of two peers find no way", "Run `xcommand DefaultLinksAdd`, or add the link: Configuration > Bandwidth > Links.", page="/configuration/bandwidth/links")
TRAVERSAL_LINK_MISSING = AlarmType(45007, "Configuration warning", "The default link between the Default Subzone and the Traversal Subzone is missing: traversal calls find no way", "Run `xcommand DefaultLinksAdd`, or add the link: Configuration > Bandwidth > Links.", page="/configuration/bandwidth/links")
TRAVERSAL_ZONE_LINK_MISSING = AlarmType(45008, "Configuration warning", "The default link between the Traversal Subzone and the Default Zone is missing: traversal calls with unknown systems find no way", "Run `xcommand DefaultLinksAdd`, or add the link: Configuration > Bandwidth > Links.", page="/configuration/bandwidth/links")
DISK_FULL = AlarmType(60901, "Configuration cannot be stored", "The last change of the configuration could not be written to disk", "Free space on the disk that is named; the system keeps working with the configuration it has.", "critical")
MIRROR_REPAIRED = AlarmType(60902, "Live data differed from a peer's", "A copy of another peer's registrations or calls differed and was fetched again", "Nothing to do; report it if it repeats.", "notice")
START_FILE_DIFFERS = AlarmType(60903, "Bootstrap file differs", "The bootstrap file of this peer does not say what it was started with, or cannot be used", "Correct the file, or restart this peer to follow it; a file that cannot be used would prevent the next start.", page="/maintenance/restart")
SYSLOG_UNREACHABLE = AlarmType(60921, "Remote syslog server unreachable", "Lines of the log cannot be sent to a remote syslog server", "Check the server, its certificate and the way to it; lines that do not fit the queue are counted and lost.", page="/maintenance/logging")

TYPES: dict[int, AlarmType] = {value.number: value for value in list(globals().values()) if isinstance(value, AlarmType)}
