"""Free ports for servers that cannot choose one themselves. As a program, prints one."""
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


if __name__ == "__main__":
    print(free_port())
