"""The bench measures; what it computes to compare with is held to promises here."""
