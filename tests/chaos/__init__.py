"""The bot under faults, kills and full disks: how much of what people said gets exactly one whole answer."""
