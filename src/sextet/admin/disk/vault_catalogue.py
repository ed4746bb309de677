"""Which commands there are about the stored data of a peer: database, system key, backup, snapshot."""

from __future__ import annotations

from sextet.admin.catalogue import Command, Parameter

PURGE_NAME = "clusterdb-destroy-and-purge-data"  # the script of the original, by the name that people know
_PASSPHRASE = Parameter(name="passphrase", help="Of the backup; asked for without it.", kind="value", required=True)
_FILE = Parameter(name="file", help="A backup on this peer: a path, or a name that `backup list` shows.", required=True)

DATABASE_STATUS = Command(
    name="database status", help="Say whether the database and the system key of this peer are well."
)
DATABASE_CHECK = Command(
    name="database check", help="Read everything that is stored, compare it with what was written, and say the result."
)
DATABASE_RECOVER = Command(
    name="database recover",
    help="Put a whole database in the place of a damaged one: from memory while running, else from the primary.",
    writes=True,
    confirm="Make the database of this peer anew? The damaged one is kept.",
)
SYSTEM_KEY_UPDATE = Command(
    name="cluster force-system-key-update",
    help="Make a new system key here and on every other peer, and encrypt all stored secrets again.",
    writes=True,
)
PURGE = Command(
    name=PURGE_NAME,
    help="LAST RESORT: destroy this peer's database, history and cluster key; as dangerous as it sounds.",
    parameters=(Parameter(name="system", help="This system's host name, typed out.", kind="value", required=True),),
    writes=True,
    confirm="Destroy the configuration, the history and the cluster key of this peer, and restart it as a new system?",
)
BACKUP_CREATE = Command(
    name="backup create",
    help="Write an encrypted backup of this peer: configuration, certificate and key.",
    parameters=(_PASSPHRASE,),
    writes=True,
)
BACKUP_LIST = Command(name="backup list", help="List the backups that are kept on this peer.")
BACKUP_VERIFY = Command(
    name="backup verify",
    help="Decrypt a backup, check it whole, and show what restoring it would change.",
    parameters=(_FILE, _PASSPHRASE),
    writes=True,
)
BACKUP_RESTORE = Command(
    name="backup restore",
    help="Replace the configuration of this stand-alone peer with that of a backup, and restart.",
    parameters=(_FILE, _PASSPHRASE),
    writes=True,
    confirm="Replace the configuration of this peer and restart it now? Calls that pass it end.",
)
SNAPSHOT_CREATE = Command(
    name="snapshot create",
    help="Pack a system snapshot for support, without secrets: status, logs or full.",
    parameters=(Parameter(name="kind", help="status, logs or full; full without it."),),
    writes=True,
)
SNAPSHOT_LIST = Command(name="snapshot list", help="List the snapshots that are kept on this peer.")

COMMANDS = tuple(value for value in list(globals().values()) if isinstance(value, Command))
