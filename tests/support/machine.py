"""A device whose components take notes that the test reads, and wait at gates that the test opens."""
import os

from local import wait_until

from .database import rows
from .device import Device


class Machine(Device):
    """A device, a folder that every component may write to, and what is asked of both over and over."""

    def __init__(self, folder, bin_dir):
        super().__init__(folder, bin_dir)
        self.notes = os.path.join(folder, "notes")
        os.makedirs(self.notes)
        os.chmod(self.notes, 0o777)

    def note(self, word, file="trace"):
        """A script that adds a word to a file."""
        return f"echo {word} >> {self.notes}/{file}"

    def wait_for(self, file):
        """A script that waits until the test writes the file."""
        return f"until [ -e {self.notes}/{file} ]; do sleep 0.05; done"

    def noted(self, file="trace"):
        try:
            with open(os.path.join(self.notes, file), encoding="utf-8") as f:
                return f.read().split()
        except OSError:
            return []

    def wait_noted(self, *words, file="trace"):
        wait_until(lambda: self.noted(file) == list(words), 60, lambda: f"{words} in {file}, which has {self.noted(file)}")

    def open_gate(self, file):
        self.write(f"notes/{file}", "")

    def launches(self):
        return self.log().count(" main: launch. ")

    def failure(self, *merge, **more):
        """Detailed status, error stack and cause of a deployment that fails."""
        details = self.deploy_failing(*merge, **more)[1]
        return details["detailedDeploymentStatus"], details["deploymentErrorStack"], details["deploymentFailureCause"]

    def journal(self, query, *values):
        """Rows of the nucleus' database."""
        return rows(f"{self.root}/state/nucleus.db", query, *values)

    def reboot_is_due(self):
        """A step has asked for a reboot, and the journal does not know so far that the machine has been told."""
        return any("rebootFrom" in (row[0] or "") for row in self.journal("SELECT restart FROM deployment"))
