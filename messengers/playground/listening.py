"""Where the playground listens, and which names mean this machine."""

import ipaddress


def host_and_port(listen: str) -> tuple[str, int]:
    """Take `127.0.0.1:8080` or `[::1]:8080` apart. Raises `ValueError` for anything else."""
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError(f"playground.listen must be host:port, like 127.0.0.1:8080, not {listen!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def is_loopback(name: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
