"""Whose files native code is loaded from: whoever may write a library, or a folder above it, decides what this process does.

Files and folders of the user and of root that nobody else may write are trusted. Above them a folder for temporary files may be
open to all, if it is sticky: nobody removes or renames in it what belongs to others.
"""

import os
import stat
from pathlib import Path


def objection(path: str | Path, code: str | Path | None = None) -> str:
    """Why native code is not loaded from a path, in half a sentence; "" where only the user and root could have put it there.

    path: a file or a folder, which need not be there yet: what does not exist is judged by the folders above it.
    code: a Python file of this process. Whoever may write that and its folder runs code here anyway, so that they are trusted
    with what lies below the folder.
    """
    if os.name != "posix":  # there are no kernels
        return ""
    real, owners, writers, top = Path(os.path.realpath(path)), {0, os.geteuid()}, 0, None
    if code is not None:
        top = Path(os.path.realpath(code)).parent
        owners.add(os.stat(top).st_uid)
        writers = os.stat(top).st_mode
    for place in (real, *real.parents):
        if place == top:
            break
        try:
            status = os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            return f"{place} cannot be looked at: {error.strerror}"
        if status.st_uid not in owners:
            return f"{place} belongs to another user ({_user(status.st_uid)})"
        sticky = place != real and stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        mode = status.st_mode & ~writers
        others = mode & stat.S_IWOTH or (mode & stat.S_IWGRP and not _is_alone(place, status))
        if others and not sticky:
            return f"{place} can be written by others"
    return ""


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _is_alone(place: Path, status: os.stat_result) -> bool:
    """Whether the group has its owner as the only member, as where each user has a group of the same name.

    An access list shows as the group's permissions too, and may name anybody.
    """
    import grp
    import pwd

    try:
        user, group = pwd.getpwuid(status.st_uid), grp.getgrgid(status.st_gid)
    except KeyError:
        return False
    if hasattr(os, "listxattr") and any("acl" in name for name in os.listxattr(place)):
        return False
    return group.gr_gid == user.pw_gid and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}
