"""Free ports for servers that cannot choose one, and reserved ones for servers that restart. As a program, prints a free port."""
import random
import socket

# Below the kernel's ephemeral ports, so that no outgoing connection takes one while its server is down.
PORTS = range(10_000, 32_000)


def free_port() -> int:
    """A loopback port on which nothing listens."""
    while True:
        with socket.socket() as probe:
            # As servers do: a port whose last connections are still closing counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", random.choice(PORTS)))
            except OSError:
                continue
            return probe.getsockname()[1]


def reserve_port() -> socket.socket:
    """A socket that keeps a loopback port: it is bound but does not listen, so the port refuses connections.

    A server that sets SO_REUSEADDR can listen on the port at any time (on Linux). Meanwhile, the kernel gives the port to
    nobody who asks for any free one, and not to outgoing connections.
    """
    reservation = socket.socket()
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reservation.bind(("127.0.0.1", 0))
    return reservation


if __name__ == "__main__":
    print(free_port())
