# SPDX-License-Identifier: GPL-2.0-only
"""``fake_switch.py DIR on|off``: what a lab's own power command is to a real machine."""

import socket
import sys

with socket.socket(socket.AF_UNIX) as switch:
    switch.connect(f"{sys.argv[1]}/switch")
    switch.sendall(sys.argv[2].encode())
    said = switch.recv(100).decode()
sys.exit(None if said == "ok" else said)
