"""A nucleus that sees another /sys/fs/cgroup than this machine has, by a mount namespace of its own."""
import os
import subprocess

NO_CGROUPS = "umount -l /sys/fs/cgroup || exit 1; mount -t tmpfs -o ro none /sys/fs/cgroup"


def programs_in_namespace(bin_dir, folder, change):
    """A folder of programs whose sedge-nucleus starts after the shell command `change` in a mount namespace of its own; None
    when this machine does not let us."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "sh", "-c", change], capture_output=True).returncode != 0:
        return None
    programs = os.path.join(folder, "bin")
    os.makedirs(programs)
    for name in os.listdir(bin_dir):
        os.symlink(os.path.join(bin_dir, name), os.path.join(programs, name))
    nucleus = os.path.join(programs, "sedge-nucleus")
    os.unlink(nucleus)
    with open(nucleus, "w", encoding="ascii") as f:
        f.write(f"#!/bin/sh\nexec unshare -m sh -c '{change}; exec {bin_dir}/sedge-nucleus \"$@\"' sedge-nucleus \"$@\"\n")
    os.chmod(nucleus, 0o755)
    return programs
