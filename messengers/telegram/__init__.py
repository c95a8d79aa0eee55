"""Telegram: raw polling, and replies by edits, on aiogram's methods and types. Importing just this is cheap."""
