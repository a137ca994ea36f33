#!/usr/bin/env python3
"""Join this terminal to the serial console of the machine that `make gdb` started. ^] leaves.

usage: console.py SOCKET
"""
import os
import select
import socket
import sys
import termios
import tty

LEAVE = b"\x1d"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    link = socket.socket(socket.AF_UNIX)
    try:
        link.connect(sys.argv[1])
    except OSError as error:
        sys.exit(f"console: {sys.argv[1]}: {error.strerror}; start the machine first: make gdb")
    print("joined; ^] leaves")
    saved = termios.tcgetattr(0) if os.isatty(0) else None
    try:
        if saved:
            tty.setraw(0)
        while True:
            ready, _, _ = select.select([0, link], [], [])
            if link in ready:
                data = link.recv(4096)
                if not data:
                    break
                os.write(1, data)
            if 0 in ready:
                data = os.read(0, 1024)
                if not data or LEAVE in data:
                    break
                link.sendall(data)
    finally:
        if saved:
            termios.tcsetattr(0, termios.TCSADRAIN, saved)
        print()


if __name__ == "__main__":
    main()
