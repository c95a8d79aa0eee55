"""Pure translators between the vocabulary and the wire formats that several providers share."""
