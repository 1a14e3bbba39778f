"""Tries every way out that it knows, and says which was open."""

import json
import socket

ADDRESSES = [
    (socket.AF_INET, ("192.0.2.1", 80)),
    (socket.AF_INET, ("169.254.169.254", 80)),
    (socket.AF_INET, ("172.17.0.1", 2375)),
    (socket.AF_INET, ("8.8.8.8", 53)),
    (socket.AF_INET6, ("2001:db8::1", 80)),
    (socket.AF_UNIX, "/var/run/docker.sock"),
    (socket.AF_UNIX, "/run/docker.sock"),
]
opened = []
for family, address in ADDRESSES:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try:
            with socket.socket(family, kind) as one:
                one.settimeout(1)
                one.connect(address)
                one.send(b"hello")
                opened.append(str(address))
        except OSError:
            pass
for name in ("pypi.org", "host.docker.internal", "example.com", "registry-1.docker.io"):
    try:
        opened.append("%s is %s" % (name, socket.getaddrinfo(name, 443)[0][4][0]))
    except OSError:
        pass
for kind in (socket.SOCK_RAW, getattr(socket, "SOCK_PACKET", socket.SOCK_RAW)):
    for family in (socket.AF_INET, getattr(socket, "AF_PACKET", socket.AF_INET)):
        try:
            socket.socket(family, kind, socket.IPPROTO_ICMP).close()
            opened.append("a raw socket")
        except OSError:
            pass
print("::observe opened=%s" % json.dumps(opened))
