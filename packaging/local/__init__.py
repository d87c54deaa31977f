"""Servers on loopback for the demo and the tests: object store, MQTT broker, certificates. Standard library only."""
from .broker import Broker
from .ca import CA
from .fetch import Fetch, FetchError
from .process import LocalError, Process, find_program, free_port, free_ports, wait_until
from .swift import Swift

__all__ = ["Broker", "CA", "Fetch", "FetchError", "LocalError", "Process", "Swift", "find_program", "free_port",
           "free_ports", "wait_until"]
