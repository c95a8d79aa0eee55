"""Discord, by discord.py: the gateway takes in, REST answers."""
