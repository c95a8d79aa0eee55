"""The playground's page in a real browser: headless Chromium, driven over its DevTools protocol."""
