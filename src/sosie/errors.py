"""The errors a user can meet: each says what was wrong, where, and what to do."""


class SosieError(Exception):
    """Base of every error that is told to the user as one clear message, never as a traceback."""


class CatalogueError(SosieError):
    """The catalogue, or a file that goes with it, can't be used as it is."""


class PictureError(SosieError):
    """A picture can't be opened: missing, damaged, too large or not a picture at all."""


class EncoderError(SosieError):
    """An encoder can't be made, fitted, loaded or run."""


class StoreError(SosieError):
    """The store is missing, damaged, locked, full or of another version."""


class BusyError(StoreError):
    """Another process is writing to the store, and was waited for as long as was allowed; try again later."""


class QuestionError(SosieError):
    """A question can't be answered as asked: unknown id, field, signal or a malformed filter."""


class TruthError(SosieError):
    """What answers are to be judged by (labels, pairs, judgements, links, events, a run) can't be used."""


class ConfigError(SosieError):
    """A setting is unknown or out of range."""


class TrainingError(SosieError):
    """A network can't be trained as asked: its data, its recipe, or what became of the run."""
