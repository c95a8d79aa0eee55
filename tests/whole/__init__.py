"""The whole program over real sockets: bot.py as a subprocess between the stand-ins."""
