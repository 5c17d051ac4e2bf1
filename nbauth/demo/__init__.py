"""An OpenID provider and a protected API on loopback, for people without a tenant and for the tests.

with DemoServer() as demo:
    Person("alice", ca_file=demo.ca_file).open(authorization_url)
"""

from __future__ import annotations

from nbauth.demo.person import Person, PersonStuckError
from nbauth.demo.server import DemoServer

__all__ = ["DemoServer", "Person", "PersonStuckError"]
