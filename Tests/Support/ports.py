"""Ports for servers that must be told theirs. As a program, prints one."""
import random
import socket

# Below the kernel's range of ephemeral ports: no connection takes one of these for its own end while a server is down.
PORTS = range(10_000, 32_000)


def free_port() -> int:
    """A port of the loopback interface on which nothing listens."""
    while True:
        with socket.socket() as probe:
            # As servers do it: a port whose last connections are still closing is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", random.choice(PORTS)))
            except OSError:
                continue
            return probe.getsockname()[1]


if __name__ == "__main__":
    print(free_port())
