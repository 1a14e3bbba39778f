"""Waits for what never comes."""
import time

print("waiting")
time.sleep(3600)
