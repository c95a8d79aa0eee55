"""WHAT IS REMEMBERED: the inbox, the turns made of it, and the history."""
