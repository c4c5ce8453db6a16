"""What the routes share: the open store, the settings, and questions answered beside the event loop."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sosie.config import Serving
from sosie.engine.questions import Answer
from sosie.engine.shop import Store
from sosie.types import Query


class Shop:
    """An open store that answers many at once."""

    def __init__(self, folder: Path, settings: Serving | None = None) -> None:
        self.store = Store(folder)
        self.settings = settings or self.store.snapshot.config.serve
        self._threads = ThreadPoolExecutor(self.settings.threads or os.cpu_count() or 2, "sosie-answer")

    async def ask(self, query: Query) -> Answer:
        """Answer a question in a thread. Raises QuestionError as the engine does."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.store.ask, query)

    def close(self) -> None:
        """Let the threads end once they have answered."""
        self._threads.shutdown()
