"""Several processes at one address, each with a socket of its own, over which Linux spreads the connections.

At a socket that they share, whichever process wakes first takes all connections that came at once, and the others idle.
"""

import socket
import sys

import uvicorn
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from sosie.errors import SosieError

SPREADS = sys.platform == "linux"  # elsewhere the last of the sockets would get all


class Spread(Multiprocess):
    """Processes that are watched, each started with its own of the sockets."""

    def init_processes(self) -> None:
        """Start one process a socket. What takes the place of a dead one listens at all of them."""
        for one in self.sockets:
            process = Process(self.config, [one])
            process.start()
            self.processes.append(process)


def listen(config: uvicorn.Config) -> None:
    """Listen with as many processes as the settings say, until told to stop. Raises SosieError: taken already."""
    sockets = sockets_at(config.host, config.port, config.workers)
    if config.workers > 1:
        Spread(config, sockets).run()
    else:
        uvicorn.Server(config).run(sockets)


def sockets_at(host: str, port: int, count: int) -> list[socket.socket]:
    """A socket for each of some processes, bound to one address; port 0 takes a free one.

    Raises SosieError where somebody else listens there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound: list[socket.socket] = []
    try:
        with socket.socket(family) as alone:  # sockets that share an address would join a stranger's without a word
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind((host, port))
        for _ in range(count if SPREADS else 1):
            one = socket.socket(family)
            bound.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if count > 1 and SPREADS:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind((host, port))
            one.set_inheritable(True)
            port = one.getsockname()[1]
    except OSError as error:
        for one in bound:
            one.close()
        raise SosieError(f"can't listen at {host}:{port} ({error.strerror}); choose another --port.") from error
    return bound if SPREADS else bound * count
