"""The engine: builds stores, answers questions, writes neighbours and matrices."""
