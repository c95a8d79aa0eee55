"""The playground: a page in the browser that is one more messenger."""
