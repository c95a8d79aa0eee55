"""Telegram: raw polling, and replies by edits, on aiogram's methods and types. Importing this package imports no aiogram."""
