"""Runs a command and ends it, with everything it started, once standard input closes.

Standard input is a pipe from the program that asked, so it closes however that program ends.
Usage: guard.py SCRATCH COMMAND ARGUMENT...   SCRATCH is removed at the end; "" removes nothing.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading

scratch, command = sys.argv[1], sys.argv[2:]
child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)


def signal_all(number):
    try:
        os.killpg(child.pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def end_when_abandoned():
    sys.stdin.buffer.read()
    signal_all(signal.SIGTERM)
    try:
        child.wait(timeout=5)
    except subprocess.TimeoutExpired:
        signal_all(signal.SIGKILL)


signal.signal(signal.SIGTERM, lambda *_: signal_all(signal.SIGTERM))
threading.Thread(target=end_when_abandoned, daemon=True).start()
code = child.wait()
signal_all(signal.SIGKILL)
if scratch:
    shutil.rmtree(scratch, ignore_errors=True)
os._exit(code if code >= 0 else 128 - code)
