"""How config.yaml becomes settings: reading it, judging each value, saying every mistake. config.py is the door."""
