"""A daemon thread that never ends, and one that is waited for."""
import threading
import time

threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()


def work():
    time.sleep(0.2)
    print("the other thread was waited for")


threading.Thread(target=work).start()
