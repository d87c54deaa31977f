"""Servers on loopback for the demo and the tests: object store, MQTT broker, certificates. Standard library only."""
