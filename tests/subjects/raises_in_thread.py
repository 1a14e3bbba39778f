"""An exception in a thread ends the thread, not the script."""
import threading


def work():
    raise RuntimeError("lost in a thread")


thread = threading.Thread(target=work)
thread.start()
thread.join()
print("went on")
