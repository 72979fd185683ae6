"""The yardstick of a delivery: a process that only writes to each of many sockets."""
import os
import resource
import select
import socket
import time

from Benchmarks.rounds import Case, Sample
from Benchmarks.streams import AT_ONCE, TIMEOUT, connect

# As long as the event of a message in these benchmarks.
EVENT = b"x" * 330
DONE = b"."


def bare_writes_case(scenario: str, subscribers: int) -> Case:
    """A case whose CPU time is the kernel's for one write to one subscriber, so Python's own is left out."""
    def run(seconds: int) -> Sample:
        with socket.create_server(("127.0.0.1", 0), backlog=2 * AT_ONCE) as listener:
            listener.settimeout(TIMEOUT)
            child = os.fork()
            if child == 0:
                try:
                    read(listener.getsockname()[1], subscribers)
                finally:
                    os._exit(0)
            connections = [listener.accept()[0] for _ in range(subscribers)]
        for connection in connections:
            connection.settimeout(TIMEOUT)
        start, before, rounds = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_stime, 0
        while (elapsed := time.perf_counter() - start) < seconds:
            for connection in connections:
                connection.sendall(EVENT)
            if connections[0].recv(1) != DONE:
                raise RuntimeError("the reading process ended")
            rounds += 1
        cpu = resource.getrusage(resource.RUSAGE_SELF).ru_stime - before
        for connection in connections:
            connection.close()
        os.waitpid(child, 0)
        return Sample(rate=rounds * subscribers / elapsed, server_cpu=cpu * 1e6 / (rounds * subscribers))
    return Case("bare writes", scenario, run)


def read(port: int, count: int) -> None:
    """Connects `count` times, and reports each round in which every connection has received an event."""
    epoll = select.epoll()
    connections = {}
    for _ in range(count):
        connection = connect(port)
        connections[connection.fileno()] = connection
        epoll.register(connection, select.EPOLLIN)
    first, received = next(iter(connections.values())), 0
    while True:
        for file, _ in epoll.poll(-1, 512):
            data = connections[file].recv(4096)
            if not data:
                return
            received += len(data)
        if received == count * len(EVENT):
            received = 0
            first.sendall(DONE)
