"""Connects to an address outside."""
import socket

with socket.create_connection(("192.0.2.1", 80), timeout=2):
    print("connected")
